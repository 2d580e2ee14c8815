/* What is asked of the division, as the address says it. */
import { useCallback, useEffect, useState } from 'react';
import type { By, PlanQuestion } from '../../api/decide';
import { full } from '../../format';
import { useAddress, type Changes } from '../../state/address';

export interface Bound {
  min?: number;
  max?: number;
  fixed?: number;
}
export interface Wish {
  by: By;
  objective: PlanQuestion['objective'];
  risk: PlanQuestion['risk'];
  total: number | null; /* null: what is spent now */
  change: number | null; /* of each budget, percent; null: no limit */
  bounds: Record<string, Bound>;
}

export const DEFAULT_CHANGE = 30;
const RISKS = ['mean', 'lower', 'thompson'] as const;

const amount = (text: string | undefined | null): number | undefined => {
  const value = text ? Number(text) : Number.NaN;
  return Number.isFinite(value) && value >= 0 ? value : undefined;
};

/* b=facebook~10~50,12~=30: at least 10 and at most 50; exactly 30. */
function readBounds(text: string | null): Record<string, Bound> {
  const out: Record<string, Bound> = {};
  for (const part of (text ?? '').split(',')) {
    const [id, low, high] = part.split('~');
    if (!id) continue;
    const fixed = low?.startsWith('=') ? amount(low.slice(1)) : undefined;
    const bound: Bound = fixed !== undefined ? { fixed } : { min: amount(low), max: amount(high) };
    if (bound.fixed !== undefined || bound.min !== undefined || bound.max !== undefined) out[id] = bound;
  }
  return out;
}
const boundsText = (bounds: Record<string, Bound>): string =>
  Object.entries(bounds)
    .map(([id, b]) => (b.fixed !== undefined ? `${id}~=${b.fixed}` : `${id}~${b.min ?? ''}~${b.max ?? ''}`))
    .join(',');

export function readWish(p: URLSearchParams): Wish {
  const change = p.get('max');
  const risk = RISKS.find((r) => r === p.get('risk'));
  return {
    by: p.get('by') === 'campaign' ? 'campaign' : 'channel',
    objective: p.get('aim') === 'conversions' ? 'conversions' : 'revenue',
    risk: risk ?? 'mean',
    total: amount(p.get('total')) ?? null,
    change: change === 'none' ? null : (amount(change) ?? DEFAULT_CHANGE),
    bounds: readBounds(p.get('b')),
  };
}

const writeWish = (w: Wish): Changes => ({
  by: w.by === 'channel' ? null : w.by,
  aim: w.objective === 'revenue' ? null : w.objective,
  risk: w.risk === 'mean' ? null : w.risk,
  total: w.total === null ? null : String(w.total),
  max: w.change === null ? 'none' : w.change === DEFAULT_CHANGE ? null : String(w.change),
  b: boundsText(w.bounds),
});

export function questionOf(w: Wish, channel: string | null): PlanQuestion {
  const pick = (name: keyof Bound) => {
    const entries = Object.entries(w.bounds).flatMap(([id, b]) => (b[name] === undefined ? [] : [[id, b[name]] as const]));
    return entries.length ? Object.fromEntries(entries) : undefined;
  };
  return {
    by: w.by,
    ...(channel ? { channel } : {}),
    ...(w.total === null ? {} : { total_budget: w.total }),
    objective: w.objective,
    risk: w.risk,
    constraints: {
      min: pick('min'),
      max: pick('max'),
      fixed: pick('fixed'),
      // Without a word the server allows what the total needs.
      ...(w.change === DEFAULT_CHANGE ? {} : { max_change: w.change === null ? null : w.change / 100 }),
    },
  };
}

/* Sentences of the library serve the command line too: they name its options, and amounts to the
 * millionth, which are shown as money. */
export const tidy = (text: string, currency: string): string =>
  text.replace(/ \(--[\w-]+\)/g, '').replace(/\d+\.\d{3,6}(?!\d)/g, (amount_) => full(Number(amount_), 'money', currency));

const ADDRESS_WAIT_MS = 250;

/* The wish moves with the slider; the address follows when the slider rests. */
export function useWish(): [Wish, (changes: Partial<Wish>) => void] {
  const [params, change] = useAddress();
  const [draft, setDraft] = useState<Wish | null>(null);
  const wish = draft ?? readWish(params);
  useEffect(() => {
    if (!draft) return;
    const timer = setTimeout(() => {
      change(writeWish(draft), true);
      setDraft(null);
    }, ADDRESS_WAIT_MS);
    return () => clearTimeout(timer);
  }, [draft, change]);
  const set = useCallback((changes: Partial<Wish>) => setDraft((old) => ({ ...(old ?? readWish(params)), ...changes })), [params]);
  return [wish, set];
}

/* A step that a hand can make out: about a two-hundredth of the way, and a round number. */
export function stepFor(top: number): number {
  if (!(top > 0)) return 1;
  const rough = top / 200;
  const power = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 5, 10].find((m) => m * power >= rough)! * power;
  return Math.max(nice, 0.01);
}
export const roundTo = (value: number, step: number): number => Number((Math.round(value / step) * step).toFixed(2));
