/* Numbers, money, changes and days as people read them. No value is a dash, never a zero. */
import type { Metric, Unit } from './api/types';
import { locale, t } from './i18n';

export const NO_VALUE = '–';

const cache = new Map<string, Intl.NumberFormat>();
function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = JSON.stringify(options);
  let format = cache.get(key);
  if (!format) cache.set(key, (format = new Intl.NumberFormat(locale, options)));
  return format;
}

function money(value: number, currency: string, options: Intl.NumberFormatOptions): string {
  try {
    return numbers({ style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...options }).format(value);
  } catch {
    return `${numbers(options).format(value)} ${currency}`;
  }
}

const digits = (n: number) => ({ minimumFractionDigits: n, maximumFractionDigits: n });

/* All the digits that mean something: for tables, titles and screen readers. */
export function full(value: number | null, unit: Unit, currency: string): string {
  if (value === null) return NO_VALUE;
  switch (unit) {
    case 'money':
      return money(value, currency, digits(2));
    case 'ratio':
      /* Rates of a few in a hundred thousand have digits, too; what is rarer is next to nothing. */
      if (value > 0 && value < 1e-5) return `< ${numbers({ style: 'percent', maximumSignificantDigits: 1 }).format(1e-5)}`;
      if (value !== 0 && Math.abs(value) < 0.001) return numbers({ style: 'percent', maximumSignificantDigits: 3 }).format(value);
      return numbers({ style: 'percent', ...digits(Math.abs(value) < 0.02 ? 2 : 1) }).format(value);
    case 'factor':
      return numbers(digits(2)).format(value);
    default:
      return numbers({ maximumFractionDigits: Math.abs(value) < 1000 ? 1 : 0 }).format(value);
  }
}

/* The digits that an interval so wide leaves standing. */
export function near(value: number | null, unit: Unit, currency: string, spread: number): string {
  if (value === null) return NO_VALUE;
  if (unit === 'money') return spread >= 10 ? money(value, currency, { maximumFractionDigits: 0 }) : full(value, unit, currency);
  if (unit === 'ratio') return spread >= 0.1 ? numbers({ style: 'percent', maximumFractionDigits: 0 }).format(value) : full(value, unit, currency);
  if (unit === 'factor') return spread >= 2 ? numbers(digits(1)).format(value) : full(value, unit, currency);
  return numbers({ maximumFractionDigits: spread >= 10 ? 0 : 1 }).format(value);
}

/* Short, for cards and axes: 12.4K. */
export function compact(value: number | null, unit: Unit, currency: string): string {
  if (value === null) return NO_VALUE;
  const small = Math.abs(value) < 10_000;
  if (unit === 'money') {
    return small
      ? money(value, currency, Math.abs(value) < 1000 ? digits(2) : { maximumFractionDigits: 0 })
      : money(value, currency, { notation: 'compact', ...digits(1) });
  }
  if (unit === 'count' && !small) return numbers({ notation: 'compact', maximumFractionDigits: 1 }).format(value);
  return full(value, unit, currency);
}

/* For axes: no decimals that say nothing. */
export function tick(value: number, unit: Unit, currency: string): string {
  const short: Intl.NumberFormatOptions = { notation: 'compact', maximumFractionDigits: 1 };
  if (unit === 'money') return money(value, currency, { ...short, minimumFractionDigits: 0 });
  if (unit === 'ratio') return numbers({ style: 'percent', maximumFractionDigits: Math.abs(value) < 0.001 ? 3 : Math.abs(value) < 0.01 ? 2 : 1 }).format(value);
  return numbers(short).format(value);
}

/* Of measures without a unit: just so many decimals. */
export const fixed = (value: number, n: number): string => numbers(digits(n)).format(value);

/* How far a figure is from another, as a part of it, without a sign. */
export const apart = (value: number, from: number): string | null =>
  from === 0 ? null : numbers({ style: 'percent', maximumFractionDigits: Math.abs(value / from - 1) < 0.1 ? 1 : 0 }).format(Math.abs(value / from - 1));

export const share = (value: number): string =>
  numbers({ style: 'percent', ...digits(1) }).format(value);

export interface Change {
  direction: 1 | 0 | -1;
  judgement: 'good' | 'bad' | 'none';
  text: string; /* "+12.0%" or "+0.3 pp" */
  word: string; /* "better", "worse", "more", "less", "unchanged" */
}

/* Ratios change by percentage points, everything else by percent of what it was. */
export function change(now: number | null, before: number | null, metric: Pick<Metric, 'unit' | 'better'>): Change | null {
  if (now === null || before === null) return null;
  let text: string;
  let delta: number;
  if (metric.unit === 'ratio') {
    delta = (now - before) * 100;
    text = t('unit.points', {
      value: numbers({ signDisplay: 'exceptZero', ...digits(Math.abs(delta) < 0.95 ? 2 : 1) }).format(delta),
    });
    if (Math.abs(delta) < 0.005) delta = 0;
  } else {
    if (before === 0) return null;
    delta = (now - before) / Math.abs(before);
    text = numbers({ style: 'percent', signDisplay: 'exceptZero', ...digits(1) }).format(delta);
    if (Math.abs(delta) < 0.0005) delta = 0;
  }
  const direction = delta > 0 ? 1 : delta < 0 ? -1 : 0;
  const judged = direction * metric.better;
  const judgement = judged > 0 ? 'good' : judged < 0 ? 'bad' : 'none';
  const word =
    direction === 0
      ? t('change.same')
      : judgement === 'good'
        ? t('change.better')
        : judgement === 'bad'
          ? t('change.worse')
          : direction > 0
            ? t('change.more')
            : t('change.less');
  return { direction, judgement, text, word };
}

/* ---- days: YYYY-MM-DD texts, counted without time zones ------------------------------------------ */

const MS_PER_DAY = 86_400_000;
export const dayNumber = (day: string): number => Math.round(Date.parse(`${day}T00:00:00Z`) / MS_PER_DAY);
export const dayText = (n: number): string => new Date(n * MS_PER_DAY).toISOString().slice(0, 10);
export const addDays = (day: string, n: number): string => dayText(dayNumber(day) + n);
export const isDay = (text: string | null): text is string =>
  text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) &&
  dayText(dayNumber(text)) === text;
export function today(): string {
  const now = new Date();
  return dayText(Math.floor((now.getTime() - now.getTimezoneOffset() * 60_000) / MS_PER_DAY));
}

const at = (day: string) => new Date(dayNumber(day) * MS_PER_DAY);
const days = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...options });
export const showDay = (day: string): string => days({ day: 'numeric', month: 'short', year: 'numeric' }).format(at(day));
export const showDayShort = (day: string): string => days({ day: 'numeric', month: 'short' }).format(at(day));
export const showWeekday = (day: string): string =>
  days({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }).format(at(day));
export const showRange = (from: string, to: string): string =>
  from === to
    ? showDay(from)
    : days({ day: 'numeric', month: 'short', year: 'numeric' }).formatRange(at(from), at(to));

/* A step of a chart: a day, the week that begins with it, or its month. */
export function showStep(day: string, grain: 'day' | 'week' | 'month'): string {
  if (grain === 'month') return days({ month: 'long', year: 'numeric' }).format(at(day));
  return grain === 'week' ? t('chart.week', { day: showDay(day) }) : showWeekday(day);
}
export const showStepShort = (day: string, grain: 'day' | 'week' | 'month'): string =>
  grain === 'month' ? days({ month: 'short', year: '2-digit' }).format(at(day)) : showDayShort(day);

export function showBytes(n: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return numbers({ style: 'unit', unit: units[i], unitDisplay: i ? 'short' : 'long', maximumFractionDigits: i ? 1 : 0 }).format(n);
}
export const showCount = (n: number): string => numbers({ maximumFractionDigits: 1 }).format(n);
