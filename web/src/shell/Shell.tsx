/* What stands around every page: the rail (a bar on phones), the palette, the shortcuts. */
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react';
import { Link, NavLink, useLocation, useNavigate, useSearchParams } from 'react-router-dom';
import { useWorkspace } from '../api/queries';
import { chooseLanguage, language, LANGUAGES, t, type Key } from '../i18n';
import { AnomaliesIcon, BudgetIcon, CtrIcon, DocsIcon, ExperimentsIcon, ExplorerIcon, ForecastIcon, HelpIcon, ImportIcon, LanguageIcon, MoreIcon, OverviewIcon, RailIcon, SearchIcon, ThemeIcon } from '../parts/icons';
import { cx, SampleBadge, Toasts } from '../parts/ui';
import { sharedSearch } from '../state/address';
import { read, write } from '../state/local';
import { toggleTheme } from '../state/theme';
import css from './Shell.module.css';

const Palette = lazy(() => import('./Palette'));
const Sheet = lazy(() => import('./Sheet'));
const Shortcuts = lazy(() => import('./Shortcuts'));

export interface Entry {
  to: string;
  key: Key;
  icon: () => ReactNode;
  external?: boolean;
  inBar?: boolean; /* stands in the bar of a phone; the others are in the sheet behind More */
}
export const GROUPS: { key: Key; entries: Entry[] }[] = [
  {
    key: 'nav.watch',
    entries: [
      { to: '/', key: 'nav.overview', icon: OverviewIcon, inBar: true },
      { to: '/explorer', key: 'nav.explorer', icon: ExplorerIcon, inBar: true },
    ],
  },
  {
    key: 'nav.understand',
    entries: [
      { to: '/forecast', key: 'nav.forecast', icon: ForecastIcon },
      { to: '/anomalies', key: 'nav.anomalies', icon: AnomaliesIcon, inBar: true },
      { to: '/ctr', key: 'nav.ctr', icon: CtrIcon },
    ],
  },
  {
    key: 'nav.decide',
    entries: [
      { to: '/budget', key: 'nav.budget', icon: BudgetIcon, inBar: true },
      { to: '/experiments', key: 'nav.experiments', icon: ExperimentsIcon },
    ],
  },
  { key: 'nav.reach', entries: [{ to: '/import', key: 'nav.import', icon: ImportIcon }] },
  { key: 'nav.run', entries: [{ to: '/docs', key: 'nav.docs', icon: DocsIcon, external: true }] },
];

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export function Shell({ children }: { children: ReactNode }) {
  const [narrow, setNarrow] = useState(() => read('rail') === 'narrow');
  const [window_, setWindow] = useState<'palette' | 'shortcuts' | 'sheet' | null>(null);
  const [params] = useSearchParams();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const { data: workspace } = useWorkspace();
  const shared = sharedSearch(params);

  useEffect(() => write('rail', narrow ? 'narrow' : 'wide'), [narrow]);

  useEffect(() => {
    let afterG = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setWindow((w) => (w === 'palette' ? null : 'palette'));
        return;
      }
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector('[role=dialog]')) return;
      if (Date.now() - afterG < 1200) {
        const to = { o: '/', e: '/explorer', f: '/forecast', a: '/anomalies', c: '/ctr', b: '/budget', x: '/experiments', i: '/import' }[event.key];
        afterG = 0;
        if (to) {
          navigate(to + sharedSearch(new URLSearchParams(location.search)));
          return;
        }
      }
      if (event.key === 'g') afterG = Date.now();
      else if (event.key === '?') setWindow('shortcuts');
      else if (event.key === 't') toggleTheme();
      else if (event.key === '[') setNarrow((n) => !n);
      else if (event.key === '/') {
        const search = document.querySelector<HTMLInputElement>('input[type=search]');
        if (search) {
          event.preventDefault();
          search.focus();
        }
      }
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [navigate]);

  // A new page is announced by its heading, and reading starts there.
  useEffect(() => {
    window.scrollTo(0, 0);
  }, [pathname]);

  const link = (entry: Entry) => {
    const inside = (
      <>
        <entry.icon />
        <span className={css.label}>{t(entry.key)}</span>
      </>
    );
    return entry.external ? (
      <a className={css.link} href={entry.to} title={t(entry.key)}>
        {inside}
      </a>
    ) : (
      <NavLink className={({ isActive }) => cx(css.link, isActive && css.active)} to={entry.to + shared} end title={t(entry.key)}>
        {inside}
      </NavLink>
    );
  };

  return (
    <div className={cx(css.shell, narrow && css.narrow)}>
      <a className={css.skip} href="#main">
        {t('nav.skip')}
      </a>
      <header className={css.rail}>
        <Link className={css.brand} to={`/${shared}`} aria-label={t('nav.home')}>
          <img src="/icon.svg" alt="" width="24" height="24" />
          <span className={css.label}>Winnow</span>
        </Link>
        <button type="button" className={css.search} onClick={() => setWindow('palette')} aria-keyshortcuts="Control+K" title={t('palette.title')}>
          <SearchIcon />
          <span className={css.label}>{t('palette.open')}</span>
          <kbd className={css.label}>{/Mac|iPhone|iPad/.test(navigator.platform) ? '⌘K' : 'Ctrl K'}</kbd>
        </button>
        <nav aria-label={t('nav.label')} className={css.nav}>
          {GROUPS.map((group) => (
            <div key={group.key}>
              <p className={css.group} id={group.key}>
                {t(group.key)}
              </p>
              <ul aria-labelledby={group.key}>
                {group.entries.map((entry) => (
                  <li key={entry.to} className={entry.inBar ? undefined : css.inSheet}>
                    {link(entry)}
                  </li>
                ))}
              </ul>
            </div>
          ))}
          <button type="button" className={cx(css.link, css.more)} aria-haspopup="dialog" onClick={() => setWindow('sheet')}>
            <MoreIcon />
            <span className={css.label}>{t('nav.more')}</span>
          </button>
        </nav>
        <div className={css.foot}>
          <label className={cx(css.link, css.language)} title={t('language.label')}>
            <LanguageIcon />
            <select aria-label={t('language.label')} value={language} onChange={(e) => chooseLanguage(e.target.value)}>
              {Object.entries(LANGUAGES).map(([code, name]) => (
                <option key={code} value={code} lang={code}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <div className={css.tools}>
            <button type="button" onClick={toggleTheme} title={t('theme.toggle')} aria-label={t('theme.toggle')}>
              <ThemeIcon />
            </button>
            <button type="button" onClick={() => setWindow('shortcuts')} title={t('shortcuts.title')} aria-label={t('shortcuts.title')}>
              <HelpIcon />
            </button>
            <button
              type="button"
              onClick={() => setNarrow(!narrow)}
              title={narrow ? t('rail.wide') : t('rail.narrow')}
              aria-label={narrow ? t('rail.wide') : t('rail.narrow')}
              className={css.railButton}
            >
              <RailIcon />
            </button>
          </div>
          {workspace && <p className={cx(css.version, css.label)}>{t('nav.version', { version: workspace.version })}</p>}
        </div>
      </header>
      <main id="main" className={css.main} tabIndex={-1}>
        {children}
      </main>
      <Suspense>
        {window_ === 'palette' && <Palette onClose={() => setWindow(null)} onShortcuts={() => setWindow('shortcuts')} />}
        {window_ === 'sheet' && <Sheet groups={GROUPS} shared={shared} onClose={() => setWindow(null)} />}
        {window_ === 'shortcuts' && <Shortcuts onClose={() => setWindow(null)} />}
      </Suspense>
      <Toasts />
    </div>
  );
}

export const Page = ({ title, sample, side, children }: { title: string; sample?: boolean; side?: ReactNode; children: ReactNode }) => {
  useEffect(() => {
    document.title = `${title} · Winnow`;
  }, [title]);
  return (
    <div className={css.page}>
      <div className={css.pageHead}>
        <h1>{title}</h1>
        {sample && <SampleBadge />}
        {side && <div className={css.side}>{side}</div>}
      </div>
      {children}
    </div>
  );
};
