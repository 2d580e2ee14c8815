/* All pages, on a phone: what the bar at the bottom has no room for. */
import { NavLink } from 'react-router-dom';
import { chooseLanguage, language, LANGUAGES, t } from '../i18n';
import { Dialog } from '../parts/Dialog';
import { Button, cx } from '../parts/ui';
import type { GROUPS } from './Shell';
import css from './Sheet.module.css';

export default function Sheet({ groups, shared, onClose }: { groups: typeof GROUPS; shared: string; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={t('nav.more.title')}>
      {groups.map((group) => (
        <section key={group.key} aria-label={t(group.key)}>
          <p className={css.group}>{t(group.key)}</p>
          <ul>
            {group.entries.map((entry) => (
              <li key={entry.to}>
                {entry.external ? (
                  <a className={css.link} href={entry.to}>
                    <entry.icon />
                    {t(entry.key)}
                  </a>
                ) : (
                  <NavLink className={({ isActive }) => cx(css.link, isActive && css.active)} to={entry.to + shared} end onClick={onClose}>
                    <entry.icon />
                    {t(entry.key)}
                  </NavLink>
                )}
              </li>
            ))}
          </ul>
        </section>
      ))}
      <section aria-label={t('language.label')}>
        <p className={css.group}>{t('language.label')}</p>
        <div className={css.languages}>
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <Button key={code} lang={code} look={code === language ? 'primary' : undefined} aria-pressed={code === language} onClick={() => chooseLanguage(code)}>
              {name}
            </Button>
          ))}
        </div>
      </section>
    </Dialog>
  );
}
