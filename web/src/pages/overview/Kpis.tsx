/* The eight figures, each with its change, its course, and a way to its ground. */
import { num, type Row } from '../../api/queries';
import type { Metric } from '../../api/types';
import { change, compact, full } from '../../format';
import { t } from '../../i18n';
import { ChangeTag, Skeleton } from '../../parts/ui';
import { along, type Grain } from '../../state/grain';
import css from './Overview.module.css';

export const KPI_NAMES = ['spend', 'revenue', 'roas', 'roi', 'conversions', 'cpa', 'ctr', 'cpm'] as const;

export function Kpis(props: {
  totals: Row | undefined;
  daily: Row[] | undefined;
  days: string[];
  grain: Grain;
  metrics: Metric[] | undefined;
  currency: string;
  compared: boolean;
  busy: boolean;
  onWhy: (name: string) => void;
}) {
  const { totals, metrics, currency } = props;
  return (
    <section aria-label={t('overview.kpis')} aria-busy={props.busy || !totals || undefined}>
      <ul className={css.kpis}>
        {KPI_NAMES.map((name) => {
          const metric = metrics?.find((m) => m.name === name);
          if (!totals || !metric)
            return (
              <li key={name} className={css.kpi}>
                <Skeleton width={64} height={18} />
                <Skeleton width={110} height={30} />
                <Skeleton width={90} height={14} />
              </li>
            );
          const value = num(totals, name);
          const exact = full(value, metric.unit, currency);
          return (
            <li key={name}>
              <button type="button" className={css.kpi} style={{ width: '100%', height: '100%' }} data-kpi={name} onClick={() => props.onWhy(name)} title={value === null ? t('value.none') : `${metric.label}: ${exact}`}>
                <span className={css.kpiLabel}>{metric.label}</span>
                <span className={css.kpiValue} data-value={value ?? ''}>
                  <span aria-hidden="true">{compact(value, metric.unit, currency)}</span>
                  <span className="visually-hidden">{value === null ? t('value.none') : exact}</span>
                </span>
                {props.compared && <ChangeTag change={change(value, num(totals, `${name}_previous`), metric)} />}
                {value === null && <span className={css.ground}>{t('value.none.short')}</span>}
                {props.daily && value !== null && <Spark values={along(props.days, props.daily, props.grain, name)} />}
                <span className="visually-hidden">{t('why.open')}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

const WIDTH = 100;
const HEIGHT = 32;

/* The course of a figure without scale: only its shape. Days without a value are gaps. */
function Spark({ values }: { values: (number | null)[] }) {
  const known = values.filter((v): v is number => v !== null);
  if (known.length < 3) return null;
  const low = Math.min(0, ...known);
  const high = Math.max(...known);
  const span = high - low || 1;
  const x = (i: number) => (i / (values.length - 1)) * WIDTH;
  const y = (v: number) => HEIGHT - 1 - ((v - low) / span) * (HEIGHT - 2);
  let line = '';
  values.forEach((v, i) => {
    if (v === null) return;
    line += `${values[i - 1] === null || i === 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
  });
  return (
    <svg className={css.spark} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={line} />
    </svg>
  );
}
