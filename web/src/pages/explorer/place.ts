/* Where in channel -> campaign -> ad group -> ad we are, as the address says it. */
import type { Row } from '../../api/queries';
import { str } from '../../api/queries';
import { filterText, type View } from '../../state/address';

export const LEVELS = ['channel', 'campaign', 'ad_group', 'ad'] as const;
export type Level = (typeof LEVELS)[number];

export interface Place {
  channel: string | null;
  ids: string[]; /* campaign, ad group: as far as chosen */
  level: Level; /* what the rows are */
}

export const DEFAULT_METRICS = ['spend', 'revenue', 'roas', 'conversions', 'cpa', 'ctr'];
export const PAGE_ROWS = 100;
export const SELECTED_MAX = 8;

/* in=facebook.12.34; a part that is no id ends the path. */
export function readPlace(params: URLSearchParams): Place {
  const [channel, ...rest] = (params.get('in') ?? '').split('.');
  const ids: string[] = [];
  for (const id of rest.slice(0, 2)) {
    if (!/^\d+$/.test(id)) break;
    ids.push(id);
  }
  const depth = channel ? 1 + ids.length : 0;
  const wanted = LEVELS.indexOf(params.get('level') as Level);
  return { channel: channel || null, ids: channel ? ids : [], level: LEVELS[Math.max(depth, wanted)]! };
}

export const depthOf = (place: Place): number => (place.channel ? 1 + place.ids.length : 0);

/* The dimensions that rows of a level carry: all above it too, so that a row can be opened. */
export const dimensionsOf = (level: Level): string[] => LEVELS.slice(0, LEVELS.indexOf(level) + 1);

export function placeFilter(place: Place, view: View): string[] {
  const out: string[] = [];
  if (place.channel) out.push(`channel=${filterText(place.channel)}`);
  else if (view.channels.length) out.push(`channel=${view.channels.join('|')}`);
  if (place.ids[0]) out.push(`campaign_id=${place.ids[0]}`);
  if (place.ids[1]) out.push(`ad_group_id=${place.ids[1]}`);
  return out;
}

export const rowKey = (row: Row, level: Level): string =>
  level === 'channel' ? str(row, 'channel') : `${str(row, 'channel')}.${str(row, `${level}_id`)}`;

/* The address part of what a row contains; null where nothing lies below. */
export function inside(row: Row, level: Level): string | null {
  if (level === 'ad') return null;
  return [str(row, 'channel'), ...LEVELS.slice(1, LEVELS.indexOf(level) + 1).map((l) => str(row, `${l}_id`))].join('.');
}

/* Filter and dimensions for the chosen rows over time. */
export function selectionQuestion(keys: string[], level: Level): { filter: string; by: string[] } {
  if (level === 'channel') return { filter: `channel=${keys.map(filterText).join('|')}`, by: ['channel'] };
  const ids = keys.map((key) => key.slice(key.lastIndexOf('.') + 1)).filter((id) => /^\d+$/.test(id));
  return { filter: `${level}_id=${[...new Set(ids)].join('|')}`, by: ['channel', level] };
}
