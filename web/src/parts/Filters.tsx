/* The one range control of the application, with comparison and channels. All of it lives in the address. */
import { useEffect, useId, useState } from 'react';
import type { Workspace } from '../api/types';
import { dayNumber, isDay, showDay, showRange } from '../format';
import { t, type Key } from '../i18n';
import { PRESETS, presetRange, useAddress, type Compare, type View } from '../state/address';
import { channelColors } from '../state/colors';
import css from './Filters.module.css';
import { CalendarIcon, DownIcon } from './icons';
import { Popover } from './Popover';
import { Button, cx, Dot, Field, inputClass } from './ui';

/* withChannels: false where the place already says the channel; withCompare: where nothing is compared. */
export function Filters(props: { workspace: Workspace; view: View; withChannels?: boolean; withCompare?: boolean }) {
  const { workspace, view, withChannels = true, withCompare = true } = props;
  return (
    <div className={css.filters} role="group" aria-label={t('filters.label')}>
      <RangeControl workspace={workspace} view={view} />
      {withCompare && <CompareControl view={view} />}
      {withChannels && workspace.channels.length > 1 && <ChannelControl workspace={workspace} view={view} />}
    </div>
  );
}

function RangeControl({ workspace, view }: { workspace: Workspace; view: View }) {
  const [, change] = useAddress();
  const [open, setOpen] = useState(false);
  const [from, setFrom] = useState(view.range.from);
  const [to, setTo] = useState(view.range.to);
  const errorId = useId();
  useEffect(() => {
    if (!open) return;
    setFrom(view.range.from);
    setTo(view.range.to);
  }, [open, view.range.from, view.range.to]);

  const error = !isDay(from) || !isDay(to) ? t('range.error.day') : from > to ? t('range.error.order') : null;
  const { preset } = view.range;
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      label={t('range.label')}
      trigger={
        <Button>
          <CalendarIcon />
          <span className="visually-hidden">{t('range.label')}: </span>
          {preset && <span className={css.presetName}>{t(`range.${preset}`)}</span>}
          <span className={preset ? css.days : undefined}>{showRange(view.range.from, view.range.to)}</span>
          <DownIcon />
        </Button>
      }
    >
      <ul className={css.choices}>
        {PRESETS.map((name) => {
          const r = presetRange(name, workspace.data_from!, workspace.data_to!);
          return (
            <li key={name}>
              <button
                type="button"
                className={cx(css.choice, preset === name && css.chosen)}
                aria-pressed={preset === name}
                onClick={() => {
                  change({ range: name === '30d' ? null : name, from: null, to: null, page: null });
                  setOpen(false);
                }}
              >
                <span>{t(`range.${name}`)}</span>
                <span className={css.hint}>{showRange(r.from, r.to)}</span>
              </button>
            </li>
          );
        })}
      </ul>
      <form
        className={css.custom}
        onSubmit={(event) => {
          event.preventDefault();
          if (error) return;
          change({ range: null, from, to, page: null });
          setOpen(false);
        }}
      >
        <Field label={t('range.from')}>
          <input className={inputClass} type="date" value={from} required onChange={(e) => setFrom(e.target.value)} aria-describedby={errorId} />
        </Field>
        <Field label={t('range.to')}>
          <input className={inputClass} type="date" value={to} required onChange={(e) => setTo(e.target.value)} aria-describedby={errorId} />
        </Field>
        <Button type="submit" look="primary" disabled={error !== null}>
          {t('action.apply')}
        </Button>
        <p id={errorId} className={css.hint} role={error ? 'alert' : undefined}>
          {error ?? t('range.extent', { from: showDay(workspace.data_from!), to: showDay(workspace.data_to!) })}
        </p>
      </form>
    </Popover>
  );
}

const COMPARES: Compare[] = ['previous', 'year', 'none'];
export const compareLabel = (compare: Compare, nDays: number): string =>
  compare === 'previous' ? t('compare.previous', { n: nDays }) : t(`compare.${compare}` as Key);

function CompareControl({ view }: { view: View }) {
  const [, change] = useAddress();
  return (
    <label className={css.select}>
      <span className="visually-hidden">{t('compare.label')}</span>
      <select value={view.compare} onChange={(e) => change({ compare: e.target.value === 'previous' ? null : e.target.value })}>
        {COMPARES.map((c) => (
          <option key={c} value={c}>
            {compareLabel(c, view.nDays)}
          </option>
        ))}
      </select>
      <DownIcon />
    </label>
  );
}

function ChannelControl({ workspace, view }: { workspace: Workspace; view: View }) {
  const [, change] = useAddress();
  const [open, setOpen] = useState(false);
  const colors = channelColors(workspace.channels);
  const chosen = new Set(view.channels);
  const set = (names: string[]) =>
    change({ channels: names.length === workspace.channels.length ? null : names.join(','), page: null });
  const label =
    view.channels.length === 0
      ? t('channels.all')
      : view.channels.length === 1
        ? workspace.channels.find((c) => c.name === view.channels[0])!.label
        : t('channels.some', { n: view.channels.length });
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      label={t('channels.label')}
      trigger={
        <Button>
          <span className="visually-hidden">{t('channels.label')}: </span>
          {label}
          <DownIcon />
        </Button>
      }
    >
      <button type="button" className={cx(css.choice, chosen.size === 0 && css.chosen)} aria-pressed={chosen.size === 0} onClick={() => set([])}>
        <span>{t('channels.all')}</span>
      </button>
      <ul className={css.choices}>
        {workspace.channels.map((c) => (
          <li key={c.name}>
            <label className={css.choice}>
              <input
                type="checkbox"
                checked={chosen.has(c.name)}
                onChange={(e) =>
                  set(
                    workspace.channels
                      .map((other) => other.name)
                      .filter((name) => (name === c.name ? e.target.checked : chosen.has(name))),
                  )
                }
              />
              <Dot color={colors(c.name)} />
              <span>{c.label}</span>
            </label>
          </li>
        ))}
      </ul>
    </Popover>
  );
}

/* True when the comparison range begins before there were data: the change then says little. */
export const comparesIntoNothing = (compareFrom: string | null, workspace: Workspace): boolean =>
  compareFrom !== null && workspace.data_from !== null && dayNumber(compareFrom) < dayNumber(workspace.data_from);
