/* How figures of an experiment are said. */
import type { Answer, Metric, Variant } from '../../api/experiments';
import { fixed, NO_VALUE } from '../../format';
import { locale } from '../../i18n';

/* The variant the answer speaks of: the one decided on, else the likeliest to be best beside the control. */
export function subjectOf(made: Answer, metric: Metric): Variant {
  const others = metric.variants.filter((v) => !v.is_control);
  return others.find((v) => v.variant === made.variant) ?? others.reduce((best, v) => (v.p_best > best.p_best ? v : best));
}

/* What differences are divided by to be shares of the control's mean; 1 where it is 0. */
export const sizeOf = (metric: Metric, variant: Variant): number => (variant.relative ? metric.size : 1);

export const spreadOf = (variant: Variant): number => {
  const interval = variant.relative ?? variant.difference;
  return interval?.low != null && interval.high != null ? interval.high - interval.low : 1;
};

/* An effect with its sign; digits follow the width of the interval. */
export function signed(value: number | null, metric: Metric, spread: number): string {
  if (value === null) return NO_VALUE;
  const relative = metric.variants.some((v) => v.relative);
  const digits = spread < 0.05 ? 2 : 1;
  return new Intl.NumberFormat(locale, {
    signDisplay: 'exceptZero',
    ...(relative ? { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits } : { maximumSignificantDigits: 4 }),
  }).format(value);
}

export const small = (p: number): string => (p < 0.0001 ? `< ${fixed(0.0001, 4)}` : p >= 0.9995 ? '1' : p.toLocaleString(locale, { maximumSignificantDigits: 2 }));
