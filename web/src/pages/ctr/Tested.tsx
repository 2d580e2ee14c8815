/* How far the model can be trusted: what it predicted for days it had not seen, and what came. */
import { useMemo } from 'react';
import type { CtrModel } from '../../api/ctr';
import { fixed, full, share, showCount } from '../../format';
import { t, type Key } from '../../i18n';
import { Chart, type Band, type Series } from '../../parts/chart/Chart';
import type { Fact } from '../../parts/Ground';
import { cx, Panel } from '../../parts/ui';
import { fileName } from '../../state/fileName';
import css from './Ctr.module.css';

export function Badge({ badge }: { badge: CtrModel['calibration']['badge'] }) {
  return (
    <span className={cx(css.badge, css[badge])} data-badge={badge}>
      <span aria-hidden="true">{badge === 'good' ? '✓' : badge === 'poor' ? '!' : badge === 'fair' ? '≈' : '?'}</span> {t(`ctr.badge.${badge}` as Key)}
    </span>
  );
}

const NO_DAYS: string[] = [];

export function Reliability({ model, sample }: { model: CtrModel; sample: boolean }) {
  const bins = model.test?.bins;
  const { amounts, series, bands } = useMemo(() => {
    const rows = bins ?? [];
    const predicted = rows.map((b) => b.predicted);
    const lines: Series[] = [
      { key: 'ideal', label: t('ctr.reliability.ideal'), color: 'var(--s8)', faint: true, values: predicted },
      { key: 'seen', label: t('ctr.reliability.seen'), color: 'var(--s1)', marks: 'circle', values: rows.map((b) => b.observed) },
    ];
    const areas: Band[] = [{ key: 'band', label: t('ctr.reliability.band'), color: 'var(--s1)', opacity: 0.16, low: rows.map((b) => b.low), high: rows.map((b) => b.high) }];
    return { amounts: { values: predicted, label: t('ctr.reliability.predicted'), unit: 'ratio' as const }, series: lines, bands: areas };
  }, [bins]);
  if (!model.test || !bins || bins.length === 0)
    return (
      <Panel title={t('ctr.reliability')} sample={sample}>
        <p className={css.quiet}>{t('ctr.test.none')}</p>
      </Panel>
    );
  return (
    <Chart
      title={t('ctr.reliability')}
      note={t('ctr.reliability.note', { n: model.test.days })}
      sample={sample}
      days={NO_DAYS}
      grain="day"
      amounts={amounts}
      series={series}
      bands={bands}
      unit="ratio"
      currency=""
      fileName={fileName('ctr-predicted-and-seen', sample, model.data_from ?? '', model.data_to ?? '')}
      ownCsv
      height={300}
    />
  );
}

const nats = (value: number | null): string => (value === null ? full(null, 'ratio', '') : fixed(value, 5));

export function testFacts(model: CtrModel): Fact[] {
  const x = model.test;
  if (!x) return [];
  const gain = x.log_loss !== null && x.log_loss_base ? share(1 - x.log_loss / x.log_loss_base) : '';
  return [
    [t('ctr.test.days'), `${t('count.days', { n: x.days })}: ${t('ctr.test.clicks', { clicks: showCount(x.clicks), impressions: showCount(x.impressions) })}`],
    [t('ctr.test.ratio'), full(x.ratio, 'factor', '')],
    [t('ctr.test.ece'), x.ece === null ? full(null, 'ratio', '') : t('unit.points', { value: fixed(100 * x.ece, 3) })],
    [t('ctr.test.loss'), gain ? t('ctr.test.gain', { value: nats(x.log_loss), gain }) : nats(x.log_loss)],
    [t('ctr.test.loss.tree'), nats(x.log_loss_tree)],
    [t('ctr.test.loss.base'), nats(x.log_loss_base)],
    [t('ctr.test.auc'), full(x.auc, 'factor', '')],
    [t('ctr.test.drift'), full(x.drift, 'factor', '')],
  ];
}

export function Tested({ model, sample }: { model: CtrModel; sample: boolean }) {
  return (
    <Panel title={t('ctr.test')} sample={sample}>
      <p className={css.testHead}>
        <Badge badge={model.calibration.badge} />
      </p>
      {!model.test && <p className={css.quiet}>{t('ctr.test.none')}</p>}
      <dl className={css.facts} data-test="">
        {testFacts(model).map(([name, fact]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
