/* A channel has one colour everywhere. The well-known ones have a wish; the rest take what is free,
 * and beyond eight hues there is only grey. */
import type { Channel } from '../api/types';

const WISHES: Record<string, number> = {
  facebook: 1,
  instagram: 2,
  google_ads: 3,
  tiktok: 4,
  telegram: 5,
  yandex_direct: 6,
  linkedin: 7,
  twitter: 8,
};
const N_HUES = 8;
export const OTHER = 'var(--s-other)';
export const hue = (i: number): string => `var(--s${(i % N_HUES) + 1})`;

export function channelColors(channels: readonly Channel[]): (name: string) => string {
  const taken = new Map<string, number>();
  const free = new Set(Array.from({ length: N_HUES }, (_, i) => i + 1));
  for (const { name } of channels) {
    const wish = WISHES[name];
    if (wish !== undefined && free.delete(wish)) taken.set(name, wish);
  }
  for (const { name } of [...channels].sort((a, b) => a.name.localeCompare(b.name))) {
    if (taken.has(name)) continue;
    const [next] = free;
    if (next === undefined) break;
    free.delete(next);
    taken.set(name, next);
  }
  return (name) => (taken.has(name) ? `var(--s${taken.get(name)})` : OTHER);
}
