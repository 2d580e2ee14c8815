/* Everything by name: pages, campaigns, actions. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useId, useMemo, useState, type KeyboardEvent } from 'react';
import { useNavigate, useSearchParams } from 'react-router-dom';
import { ask, str, useWorkspace } from '../api/queries';
import { chooseLanguage, language, LANGUAGES, t } from '../i18n';
import { Dialog } from '../parts/Dialog';
import { cx, Dot, inputClass } from '../parts/ui';
import { filterText, sharedSearch } from '../state/address';
import { channelColors } from '../state/colors';
import { toggleTheme } from '../state/theme';
import css from './Palette.module.css';

interface Item {
  id: string;
  group: string;
  label: string;
  hint?: string;
  color?: string;
  run: () => void;
}

function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

export default function Palette({ onClose, onShortcuts }: { onClose: () => void; onShortcuts: () => void }) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const listId = useId();
  const { data: workspace } = useWorkspace();
  const wanted = useSettled(filterText(text), 150);

  const { data: found } = useQuery({
    queryKey: ['palette', wanted, workspace?.data_to],
    enabled: !!workspace?.has_data && wanted.length > 0,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      ask(
        {
          metrics: ['spend'],
          by: ['channel', 'campaign'],
          filter: `campaign~${wanted}`,
          from: workspace!.data_from!,
          to: workspace!.data_to!,
          sort: '-spend',
          limit: 8,
        },
        signal,
      ),
  });

  const items = useMemo<Item[]>(() => {
    const go = (to: string) => () => navigate(to);
    const shared = (more?: Record<string, string>) => sharedSearch(params, more);
    const fixed: Item[] = [
      { id: 'overview', group: t('palette.pages'), label: t('nav.overview'), run: go(`/${shared()}`) },
      { id: 'explorer', group: t('palette.pages'), label: t('nav.explorer'), run: go(`/explorer${shared()}`) },
      { id: 'forecast', group: t('palette.pages'), label: t('nav.forecast'), run: go(`/forecast${shared()}`) },
      { id: 'ctr', group: t('palette.pages'), label: t('nav.ctr'), run: go(`/ctr${shared()}`) },
      { id: 'anomalies', group: t('palette.pages'), label: t('nav.anomalies'), run: go(`/anomalies${shared()}`) },
      { id: 'budget', group: t('palette.pages'), label: t('nav.budget'), run: go(`/budget${shared()}`) },
      { id: 'experiments', group: t('palette.pages'), label: t('nav.experiments'), run: go(`/experiments${shared()}`) },
      { id: 'import', group: t('palette.pages'), label: t('nav.import'), run: go(`/import${shared()}`) },
      { id: 'docs', group: t('palette.pages'), label: t('nav.docs'), run: () => location.assign('/docs') },
      { id: 'theme', group: t('palette.actions'), label: t('theme.toggle'), run: toggleTheme },
      ...Object.entries(LANGUAGES)
        .filter(([code]) => code !== language)
        .map(([code, name]) => ({ id: `language-${code}`, group: t('palette.actions'), label: `${t('language.label')}: ${name}`, run: () => chooseLanguage(code) })),
      { id: 'shortcuts', group: t('palette.actions'), label: t('shortcuts.title'), run: onShortcuts },
    ];
    const needle = text.trim().toLowerCase();
    const matching = fixed.filter((item) => item.label.toLowerCase().includes(needle));
    const colors = channelColors(workspace?.channels ?? []);
    const campaigns: Item[] = needle
      ? (found?.rows ?? []).map((row) => ({
          id: `campaign-${str(row, 'channel')}-${str(row, 'campaign_id')}`,
          group: t('palette.campaigns'),
          label: str(row, 'campaign') || t('explorer.unnamed'),
          hint: workspace?.channels.find((c) => c.name === row.channel)?.label,
          color: colors(str(row, 'channel')),
          run: go(`/explorer${shared({ in: `${str(row, 'channel')}.${str(row, 'campaign_id')}`, range: 'all' })}`),
        }))
      : [];
    return [...matching, ...campaigns];
  }, [text, found, workspace, params, navigate, onShortcuts]);

  const at = Math.min(chosen, items.length - 1);
  const run = (item: Item | undefined) => {
    if (!item) return;
    onClose();
    item.run();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const step = event.key === 'ArrowDown' ? 1 : items.length - 1;
      if (items.length) setChosen((at + step) % items.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(items[at]);
    }
  };
  useEffect(() => {
    document.getElementById(`${listId}-${at}`)?.scrollIntoView({ block: 'nearest' });
  }, [at, listId]);

  return (
    <Dialog open onClose={onClose} title={t('palette.title')}>
      <input
        className={inputClass}
        autoFocus
        value={text}
        placeholder={t('palette.placeholder')}
        aria-label={t('palette.placeholder')}
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={items.length ? `${listId}-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        onChange={(e) => {
          setText(e.target.value);
          setChosen(0);
        }}
        onKeyDown={onKey}
      />
      <div className={css.list} role="listbox" id={listId} aria-label={t('palette.title')}>
        {items.map((item, i) => (
          <div key={item.id}>
            {item.group !== items[i - 1]?.group && (
              <p className={css.group} role="presentation">
                {item.group}
              </p>
            )}
            <div
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === at}
              className={cx(css.item, i === at && css.at)}
              onPointerMove={() => setChosen(i)}
              onClick={() => run(item)}
            >
              {item.color && <Dot color={item.color} />}
              <span className={css.name}>{item.label}</span>
              {item.hint && <span className={css.hint}>{item.hint}</span>}
            </div>
          </div>
        ))}
      </div>
      {items.length === 0 && (
        <p className={css.group} role="status">
          {t('palette.none')}
        </p>
      )}
    </Dialog>
  );
}
