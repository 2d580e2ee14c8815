/* How finely a range is drawn: days, and for long ranges weeks or months. */
import { num, str, type Row } from '../api/queries';
import { addDays, dayNumber, dayText } from '../format';

export type Grain = 'day' | 'week' | 'month';

export function grainFor(from: string, to: string): Grain {
  const n = dayNumber(to) - dayNumber(from) + 1;
  return n <= 124 ? 'day' : n <= 800 ? 'week' : 'month';
}

const monday = (day: string) => dayText(dayNumber(day) - ((((dayNumber(day) + 3) % 7) + 7) % 7));

/* Every step of the range, whether or not it has data. */
export function steps(from: string, to: string, grain: Grain): string[] {
  const out: string[] = [];
  if (grain === 'month') {
    for (let day = `${from.slice(0, 8)}01`; day <= to; day = `${addDays(day, 32).slice(0, 8)}01`) out.push(day);
  } else {
    const step = grain === 'week' ? 7 : 1;
    for (let day = grain === 'week' ? monday(from) : from; day <= to; day = addDays(day, step)) out.push(day);
  }
  return out;
}

/* A column of the answer laid onto the steps: what is missing has no value. */
export function along(days: string[], rows: Row[], grain: Grain, column: string): (number | null)[] {
  const byDay = new Map(rows.map((row) => [str(row, grain), num(row, column)]));
  return days.map((day) => byDay.get(day) ?? null);
}
