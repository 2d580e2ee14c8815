/* What the spend of one place returns, with today's and the recommended point on it. */
import { useMemo } from 'react';
import type { Curve as Points, CurveEntity, PlanRow } from '../../api/decide';
import type { Unit } from '../../api/types';
import { near } from '../../format';
import { t } from '../../i18n';
import { Chart, type Band, type Series } from '../../parts/chart/Chart';
import { Select } from '../../parts/Select';
import { fileName } from '../../state/fileName';

const N_POINTS = 100;
const NO_DAYS: string[] = [];

/* Straight between the points that came; the curve is smooth and they are dense. */
function at(xs: number[], ys: number[], x: number): number {
  let hi = xs.findIndex((v) => v >= x);
  if (hi < 0) return ys[ys.length - 1] ?? 0;
  if (hi === 0) hi = 1;
  const [x0, x1] = [xs[hi - 1] ?? 0, xs[hi] ?? x];
  const [y0, y1] = [ys[hi - 1] ?? 0, ys[hi] ?? 0];
  return x1 === x0 ? y0 : y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}

/* The end of the axis keeps still while a slider moves the point: it only doubles. */
function reach(now: number, then: number, curve: Points): number {
  let top = 2 * (now || then || curve.x[curve.x.length - 1] || 1);
  while (then > top * 0.97) top *= 2;
  return top;
}

export function CurveChart(props: {
  entity: CurveEntity;
  row: PlanRow;
  rows: PlanRow[];
  unit: Unit;
  color: string;
  currency: string;
  sample: boolean;
  busy: boolean;
  onPick: (id: string) => void;
  day: string;
}) {
  const { entity, row, currency, color } = props;
  const { curve } = entity;
  const now = row.current_budget;
  const then = row.recommended_budget;
  const top = reach(now, then, curve);
  const show = (value: number) => near(value, 'money', currency, 100);
  const { xs, series, bands } = useMemo(() => {
    const grid = Array.from({ length: N_POINTS + 1 }, (_, i) => (top * i) / N_POINTS);
    const steps = [...new Set([...grid, now, then])].sort((a, b) => a - b);
    const along = (ys: number[]) => steps.map((x) => at(curve.x, ys, x));
    const point = (x: number) => steps.map((s) => (s === x ? at(curve.x, curve.mean, x) : null));
    const lines: Series[] = [
      { key: 'mean', label: t('budget.curve.mean'), color, values: along(curve.mean) },
      { key: 'now', label: t('budget.curve.now', { value: show(now) }), color: 'var(--s-other)', marks: 'circle', values: point(now) },
      { key: 'then', label: t('budget.curve.then', { value: show(then) }), color, marks: 'diamond', values: point(then) },
    ];
    const areas: Band[] = [{ key: 'band', label: t('budget.curve.band'), color, opacity: 0.16, low: along(curve.low), high: along(curve.high) }];
    return { xs: steps, series: lines, bands: areas };
    // show depends on the currency alone.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [curve, now, then, top, color, currency]);
  const amounts = useMemo(() => ({ values: xs, label: t('budget.curve.spend') }), [xs]);
  return (
    <Chart
      title={t('budget.curve', { name: entity.name })}
      note={entity.is_identified ? t('budget.curve.note') : t('budget.curve.unknown')}
      sample={props.sample}
      busy={props.busy}
      days={NO_DAYS}
      grain="day"
      amounts={amounts}
      series={series}
      bands={bands}
      unit={props.unit}
      currency={currency}
      fileName={fileName(`response-${entity.id}`, props.sample, props.day, '')}
      ownCsv
      height={296}
      actions={<Select label={t('budget.curve.of')} value={row.id} options={props.rows.map((r) => [r.id, r.name] as const)} onChange={props.onPick} />}
    />
  );
}
