/* The address is the state: range, comparison, channels and what each page adds to them. */
import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'react-router-dom';
import type { Workspace } from '../api/types';
import { addDays, dayNumber, isDay } from '../format';

export const PRESETS = ['7d', '14d', '30d', '90d', 'month', 'last_month', 'all'] as const;
export type Preset = (typeof PRESETS)[number];
export type Compare = 'previous' | 'year' | 'none';

export interface Range {
  from: string;
  to: string;
  preset: Preset | null; /* null: both days are given */
}

const monthStart = (day: string) => `${day.slice(0, 8)}01`;

/* A preset's days. They count back from the last day that has data, not from today. */
export function presetRange(preset: Preset, dataFrom: string, dataTo: string): Range {
  let from: string;
  let to = dataTo;
  if (preset === 'all') from = dataFrom;
  else if (preset === 'month') from = monthStart(dataTo);
  else if (preset === 'last_month') {
    to = addDays(monthStart(dataTo), -1);
    from = monthStart(to);
  } else from = addDays(dataTo, 1 - Number.parseInt(preset, 10));
  if (from < dataFrom && preset !== 'last_month') from = dataFrom;
  return { from, to, preset };
}

export interface View {
  range: Range;
  compare: Compare;
  channels: string[]; /* empty: all */
  nDays: number;
}

export function readView(p: URLSearchParams, workspace: Workspace): View | null {
  if (!workspace.has_data || !workspace.data_from || !workspace.data_to) return null;
  const from = p.get('from');
  const to = p.get('to');
  let range: Range;
  if (isDay(from) && isDay(to) && from <= to) range = { from, to, preset: null };
  else {
    const wanted = p.get('range') as Preset;
    range = presetRange(PRESETS.includes(wanted) ? wanted : '30d', workspace.data_from, workspace.data_to);
  }
  const compare = p.get('compare');
  const known = new Set(workspace.channels.map((c) => c.name));
  return {
    range,
    compare: compare === 'year' || compare === 'none' ? compare : 'previous',
    channels: (p.get('channels') ?? '').split(',').filter((c) => known.has(c)),
    nDays: dayNumber(range.to) - dayNumber(range.from) + 1,
  };
}

/* What pages share, so that a link to another page keeps the range. */
export const SHARED = ['range', 'from', 'to', 'compare', 'channels'] as const;
export function sharedSearch(p: URLSearchParams, more?: Record<string, string>): string {
  const next = new URLSearchParams();
  for (const name of SHARED) {
    const value = p.get(name);
    if (value) next.set(name, value);
  }
  for (const [name, value] of Object.entries(more ?? {})) next.set(name, value);
  const text = next.toString();
  return text ? `?${text}` : '';
}

export type Changes = Record<string, string | null>;

/* Address parts and a setter: null or '' removes a part. A change of what is looked at makes a
 * step for the Back button; typing does not (replace). */
export function useAddress(): [URLSearchParams, (changes: Changes, replace?: boolean) => void] {
  const [params, setParams] = useSearchParams();
  const change = useCallback(
    (changes: Changes, replace = false) =>
      setParams(
        (old) => {
          const next = new URLSearchParams(old);
          for (const [name, value] of Object.entries(changes)) {
            if (value) next.set(name, value);
            else next.delete(name);
          }
          return next;
        },
        { replace, preventScrollReset: true },
      ),
    [setParams],
  );
  return [params, change];
}

export function useView(workspace: Workspace | undefined): View | null {
  const [params] = useSearchParams();
  return useMemo(() => (workspace ? readView(params, workspace) : null), [params, workspace]);
}

/* Names go into filters; the filter's own signs must not. */
export const filterText = (text: string): string => text.replace(/[;|]/g, ' ').trim();
export const channelFilter = (channels: string[]): string[] =>
  channels.length ? [`channel=${channels.join('|')}`] : [];
