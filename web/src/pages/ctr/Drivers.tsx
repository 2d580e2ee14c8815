/* What moves the odds of a click: the fields by weight, and the values of the chosen one. */
import { useState } from 'react';
import type { Driver, Field, Level } from '../../api/ctr';
import { compact, full } from '../../format';
import { t, type Key } from '../../i18n';
import { Button, cx, Panel } from '../../parts/ui';
import { useAddress } from '../../state/address';
import css from './Ctr.module.css';

const N_SHOWN = 10;
/* Compared with what it belongs to, not with the average of all. */
export const isWithin = (field: Field): boolean => field === 'campaign' || field === 'ad_group' || field === 'ad';

/* A driver's part of the spread, as a factor that its values typically differ by. */
const swing = (driver: Driver): number => Math.exp(driver.importance);

export function Drivers({ drivers, sample }: { drivers: Driver[]; sample: boolean }) {
  const [params, change] = useAddress();
  const chosen = drivers.find((d) => d.field === params.get('field')) ?? drivers[0];
  const largest = Math.max(...drivers.map((d) => d.importance), 1e-9);
  if (!chosen)
    return (
      <Panel title={t('ctr.drivers')} sample={sample}>
        <p className={css.quiet}>{t('ctr.drivers.none')}</p>
      </Panel>
    );
  return (
    <Panel title={t('ctr.drivers')} note={t('ctr.drivers.note')} sample={sample}>
      <div className={css.drivers}>
        <ul className={css.fields}>
          {drivers.map((d) => (
            <li key={d.field}>
              <button
                type="button"
                className={cx(css.field, d.field === chosen.field && css.chosen)}
                aria-pressed={d.field === chosen.field}
                data-driver={d.field}
                onClick={() => change({ field: d.field === drivers[0]!.field ? null : d.field }, true)}
              >
                <span className={css.fieldName}>{t(`ctr.field.${d.field}` as Key)}</span>
                <span className={css.swing}>{t('ctr.driver.swing', { value: full(swing(d), 'factor', '') })}</span>
                <span className={css.bar} aria-hidden="true">
                  <span style={{ width: `${(100 * d.importance) / largest}%` }} />
                </span>
              </button>
            </li>
          ))}
        </ul>
        <Levels key={chosen.field} driver={chosen} />
      </div>
    </Panel>
  );
}

/* Strong and often seen first. */
const weight = (l: Level): number => Math.abs(Math.log(l.odds)) * Math.sqrt(l.impressions);

/* One scale for all rows, symmetric in the logarithm, so that twice and half are equally far. */
function scaleOf(levels: Level[]): (odds: number) => number {
  const far = Math.max(...levels.map((l) => Math.max(Math.abs(Math.log(l.low)), Math.abs(Math.log(l.high)))), 0.05);
  const end = Math.min(far, Math.log(10));
  return (odds) => 50 + (50 * Math.max(-end, Math.min(end, Math.log(odds)))) / end;
}

function Levels({ driver }: { driver: Driver }) {
  const [whole, setWhole] = useState(false);
  const sorted = [...driver.levels].sort((a, b) => weight(b) - weight(a));
  const shown = (whole ? sorted : sorted.slice(0, N_SHOWN)).sort((a, b) => b.odds - a.odds);
  const at = scaleOf(shown);
  const times = (odds: number) => full(odds, 'factor', '');
  const title = t('ctr.levels', { field: t(`ctr.field.${driver.field}` as Key) });
  return (
    <div className={css.levelsBox}>
      <table className={css.levels}>
        <caption>
          {title} <span>{t(isWithin(driver.field) ? 'ctr.levels.parent' : 'ctr.levels.average')}</span>
        </caption>
        <thead>
          <tr>
            <th scope="col">{t('ctr.level')}</th>
            <th scope="col" className={css.plotHead}>
              <span className="visually-hidden">{t('ctr.odds.interval')}</span>
              <span aria-hidden="true" className={css.one}>
                {t('ctr.times', { value: '1' })}
              </span>
            </th>
            <th scope="col">{t('ctr.odds')}</th>
            <th scope="col" className={css.wide}>
              {t('ctr.observed')}
            </th>
            <th scope="col" className={css.wide}>
              {t('ctr.impressions')}
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((l) => (
            <tr key={l.value} data-level={l.value}>
              <th scope="row" title={l.label}>
                {l.label}
              </th>
              <td className={css.plot}>
                <span className="visually-hidden">{t('ctr.odds.range', { low: times(l.low), high: times(l.high) })}</span>
                <span className={css.track} aria-hidden="true">
                  <span className={css.whisker} style={{ left: `${at(l.low)}%`, right: `${100 - at(l.high)}%` }} />
                  <span className={cx(css.dot, l.low > 1 && css.up, l.high < 1 && css.down)} style={{ left: `${at(l.odds)}%` }} />
                </span>
              </td>
              <td title={t('ctr.odds.range', { low: times(l.low), high: times(l.high) })}>
                <b>{t('ctr.times', { value: times(l.odds) })}</b>
              </td>
              <td className={css.wide}>{full(l.impressions > 0 ? l.clicks / l.impressions : null, 'ratio', '')}</td>
              <td className={css.wide}>{compact(l.impressions, 'count', '')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > N_SHOWN && (
        <Button small onClick={() => setWhole(!whole)}>
          {whole ? t('ctr.fewer') : t('ctr.more', { n: sorted.length - N_SHOWN })}
        </Button>
      )}
    </div>
  );
}
