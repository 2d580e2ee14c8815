/* The variants side by side, each with its interval drawn on one scale. */
import type { ReactNode } from 'react';
import type { Answer, Metric, Variant } from '../../api/experiments';
import { full, NO_VALUE, share, showCount } from '../../format';
import { t, type Key } from '../../i18n';
import { cx, Panel } from '../../parts/ui';
import css from './Experiments.module.css';
import { signed, small, spreadOf } from './words';

const mean = (metric: Metric, value: number | null): string =>
  value === null ? NO_VALUE : metric.kind === 'rate' ? full(value, 'ratio', '') : full(value, 'factor', '');

const KINDS: Record<string, string | undefined> = { ship: css.good, worse: css.bad, blocked: css.bad };

export function Table({ made, metric, badge }: { made: Answer; metric: Metric; badge: ReactNode }) {
  const level = full(1 - made.alpha, 'ratio', '').replace(/\.0/, '');
  const ends = metric.variants.flatMap((v) => {
    const i = v.relative ?? v.difference;
    return i?.low != null && i.high != null ? [Math.abs(i.low), Math.abs(i.high)] : [];
  });
  const reach = Math.max(0, ...ends);
  const head = (key: Key, help?: Key) => (
    <th scope="col" title={help && t(help)}>
      {t(key)}
    </th>
  );
  return (
    <Panel title={t('exp.table', { metric: metric.metric })} actions={badge} flush>
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t('exp.table', { metric: metric.metric })}>
        <table className={css.table}>
          <thead>
            <tr>
              {head('exp.col.variant')}
              {head('exp.col.verdict')}
              {head('exp.col.n')}
              {head('exp.col.mean')}
              {head('exp.col.effect')}
              <th scope="col" className={css.wide} title={t('exp.col.interval.help')}>
                {t('exp.col.interval', { level })}
              </th>
              {head('exp.col.p', 'exp.col.p.help')}
              {head('exp.col.best')}
              {head('exp.col.loss', 'exp.col.loss.help')}
              {head('exp.col.shrunk', 'exp.col.shrunk.help')}
            </tr>
          </thead>
          <tbody>
            {metric.variants.map((v) => (
              <Row key={v.variant} variant={v} metric={metric} reach={reach} />
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Row({ variant: v, metric, reach }: { variant: Variant; metric: Metric; reach: number }) {
  const spread = spreadOf(v);
  const interval = v.relative ?? v.difference;
  const shrunk = v.shrunk && (v.relative ? v.shrunk.effect / metric.size : v.shrunk.effect);
  return (
    <tr data-variant={v.variant}>
      <th scope="row">
        {v.variant}
        {v.is_control && <small> {t('exp.control.mark')}</small>}
      </th>
      <td>{v.verdict && <span className={cx(css.verdict, KINDS[v.verdict])}>{t(`exp.verdict.${v.verdict}` as Key)}</span>}</td>
      <td>{showCount(v.n)}</td>
      <td>{mean(metric, v.mean)}</td>
      <td>{interval && signed(interval.effect, metric, spread)}</td>
      <td className={css.wide}>
        {interval &&
          (interval.low !== null && interval.high !== null ? (
            <>
              <Bar low={interval.low} high={interval.high} effect={interval.effect} reach={reach} />
              <span className={css.range}>
                {signed(interval.low, metric, spread)} … {signed(interval.high, metric, spread)}
              </span>
            </>
          ) : (
            t('exp.none')
          ))}
      </td>
      <td>{v.p_adjusted !== undefined && small(v.p_adjusted)}</td>
      <td>{share(v.p_best)}</td>
      <td>{full(v.loss_ratio, 'ratio', '')}</td>
      <td>{shrunk !== undefined && signed(shrunk, metric, spread)}</td>
    </tr>
  );
}

/* The interval on a scale that all variants share; the line is no effect. */
function Bar({ low, high, effect, reach }: { low: number; high: number; effect: number; reach: number }) {
  const at = (value: number) => `${50 + (50 * value) / (reach || 1)}%`;
  return (
    <span className={css.bar} aria-hidden="true">
      <span className={css.span} style={{ left: at(low), right: `calc(100% - ${at(high)})` }} />
      <span className={css.zero} />
      <span className={css.dot} style={{ left: at(effect) }} />
    </span>
  );
}
