/* What the days to come will bring, how sure that is, and how far such forecasts were off before. */
import { lazy, Suspense, useMemo, type ReactNode } from 'react';
import { FORECAST_METRICS, forecastUrl, useForecast, type Forecast as Made, type ForecastMetric } from '../../api/decide';
import type { Metric } from '../../api/types';
import { addDays, change as changeOf, full, near, share, showDay } from '../../format';
import { rich, t } from '../../i18n';
import { Chart, type Band, type Series } from '../../parts/chart/Chart';
import { channelLabel, ChannelSelect, Gate, Lead, oneChannel, Waiting, type Ready } from '../../parts/Gate';
import type { Fact } from '../../parts/Ground';
import { Select } from '../../parts/Select';
import { Button, cx, Notice, Panel, ProblemNotice } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { useAddress } from '../../state/address';
import { fileName } from '../../state/fileName';
import css from './Forecast.module.css';

const Ground = lazy(() => import('../../parts/Ground'));

const HORIZONS = [7, 14, 30, 60, 90, 180] as const;
const DEFAULT_METRIC: ForecastMetric = 'revenue';
const DEFAULT_HORIZON = 30;

export default function Forecast() {
  return (
    <Gate title={t('nav.forecast')} empty={t('decide.empty.forecast')}>
      {(ready) => <Filled {...ready} />}
    </Gate>
  );
}

function Filled({ workspace, metrics, view }: Ready) {
  const [params, change] = useAddress();
  const wanted = params.get('metric') as ForecastMetric;
  const name = FORECAST_METRICS.includes(wanted) ? wanted : DEFAULT_METRIC;
  const metric = metrics.find((m) => m.name === name)!;
  const wantedDays = Number(params.get('h'));
  const horizon = HORIZONS.find((h) => h === wantedDays) ?? DEFAULT_HORIZON;
  const channel = oneChannel(view);
  const whole = params.get('all') === '1';
  const url = forecastUrl({ metric: name, horizon, channel });
  const answer = useForecast(url);
  const made = answer.data;
  // While another metric is on its way the old one stays, as what it is.
  const shownMetric = metrics.find((m) => m.name === made?.metric) ?? metric;
  const sample = workspace.is_sample;

  return (
    <Page
      title={t('nav.forecast')}
      sample={sample}
      side={
        <>
          <Select
            label={t('forecast.metric')}
            value={name}
            options={FORECAST_METRICS.map((m) => [m, metrics.find((x) => x.name === m)?.label ?? m] as const)}
            onChange={(m) => change({ metric: m === DEFAULT_METRIC ? null : m })}
          />
          <ChannelSelect workspace={workspace} view={view} />
          <Select
            label={t('forecast.horizon')}
            value={String(horizon)}
            options={HORIZONS.map((h) => [String(h), t('forecast.horizon.days', { n: h })] as const)}
            onChange={(h) => change({ h: h === String(DEFAULT_HORIZON) ? null : h })}
          />
        </>
      }
    >
      {answer.isError && !answer.isPlaceholderData && !made ? (
        <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />
      ) : !made ? (
        <Waiting />
      ) : (
        <>
          {answer.isError && <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />}
          <Lead
            onWhy={() => change({ why: '1' }, true)}
            note={
              <>
                {made.completeness.text && <span>{made.completeness.text}</span>}
                {(name === 'roi' || name === 'roas') && <span>{t('forecast.ratio')}</span>}
                {view.channels.length > 1 && <span>{t('decide.several')}</span>}
              </>
            }
          >
            <Answer made={made} metric={shownMetric} />
          </Lead>
          {made.state === 'short' && <Notice kind="warn">{t('forecast.short')}</Notice>}
          <Fan
            made={made}
            metric={shownMetric}
            busy={answer.isPlaceholderData}
            sample={sample}
            whole={whole}
            onWhole={() => change({ all: whole ? null : '1' }, true)}
            place={channel ? channelLabel(workspace, channel) : t('channels.all')}
          />
          <div className={css.pair}>
            <Members made={made} sample={sample} busy={answer.isPlaceholderData} />
            <Tested made={made} metric={shownMetric} sample={sample} busy={answer.isPlaceholderData} />
          </div>
          {params.get('why') && (
            <Suspense>
              <Ground
                title={t('forecast.chart', { metric: shownMetric.label })}
                help={shownMetric.help}
                facts={groundOf(made, shownMetric)}
                made={made}
                workspace={workspace}
                api={url}
                onClose={() => change({ why: null }, true)}
              />
            </Suspense>
          )}
        </>
      )}
    </Page>
  );
}

const bold = (text: string): ReactNode => <strong>{text}</strong>;
const meanOf = (values: (number | null)[]): number | null => {
  const known = values.filter((v): v is number => v !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null;
};

/* The newest days may still grow: they are no measure for what comes. */
const complete = (made: Made) => made.history.slice(0, made.history.length - made.completeness.immature_days);

function Answer({ made, metric }: { made: Made; metric: Metric }) {
  const { currency } = made;
  const last = made.forecast[made.forecast.length - 1];
  if (made.state === 'empty' || !last || last.high80 === null || last.low80 === null) return <>{t('forecast.answer.empty', { metric: metric.label })}</>;
  if (made.state === 'constant') return <>{t('forecast.answer.constant', { metric: metric.label })}</>;
  const n = made.forecast.length;
  const mean = meanOf(made.forecast.map((f) => f.mean))!;
  const spread = last.high80 - last.low80;
  const show = (value: number) => bold(near(value, metric.unit, currency, spread));
  const earlier = complete(made).slice(-n);
  const moved = earlier.length === n ? changeOf(mean, meanOf(earlier.map((h) => h.value)), metric) : null;
  const parts = { n, days: n, metric: metric.label, mean: show(mean), change: bold(moved?.text.replace(/^[+−-]/, '') ?? ''), word: moved ? t(moved.direction > 0 ? 'change.more' : 'change.less') : '' };
  return (
    <>
      {rich(moved === null ? 'forecast.answer.plain' : moved.direction === 0 ? 'forecast.answer.same' : 'forecast.answer', parts)}{' '}
      {rich('forecast.answer.interval', { day: showDay(last.date), low: show(last.low80), high: show(last.high80) })}
    </>
  );
}

function Fan(props: { made: Made; metric: Metric; busy: boolean; sample: boolean; whole: boolean; onWhole: () => void; place: string }) {
  const { made, metric, whole } = props;
  const { days, series, bands, cut } = useMemo(() => {
    // A fan at the end of a year is a dot: as much past as tells the rhythm, unless all is wanted.
    const nShown = whole ? made.history.length : Math.max(56, 2 * made.forecast.length);
    const past = made.history.slice(-nShown);
    const nComplete = Math.max(0, past.length - made.completeness.immature_days);
    const gap = <T,>(n: number): (T | null)[] => Array.from({ length: n }, () => null);
    const f = made.forecast;
    const after = (pick: (x: (typeof f)[number]) => number | null) => [...gap<number>(past.length), ...f.map(pick)];
    const lines: Series[] = [
      { key: 'actual', label: t('forecast.actual', { metric: metric.label }), color: 'var(--s1)', values: [...past.map((h, i) => (i < nComplete ? h.value : null)), ...gap<number>(f.length)] },
      ...(nComplete < past.length
        ? [{ key: 'growing', label: t('forecast.growing'), color: 'var(--s1)', faint: true, values: [...past.map((h, i) => (i >= nComplete - 1 ? h.value : null)), ...gap<number>(f.length)] }]
        : []),
      { key: 'mean', label: t('forecast.mean'), color: 'var(--s1)', dashed: true, values: after((x) => x.mean) },
    ];
    const areas: Band[] = made.state === 'empty' ? [] : [
      { key: 'p95', label: t('forecast.band95'), color: 'var(--s1)', opacity: 0.12, low: after((x) => x.low95), high: after((x) => x.high95) },
      { key: 'p80', label: t('forecast.band80'), color: 'var(--s1)', opacity: 0.22, low: after((x) => x.low80), high: after((x) => x.high80) },
    ];
    return { days: [...past.map((h) => h.date), ...f.map((x) => x.date)], series: lines, bands: areas, cut: past.length < made.history.length };
  }, [made, metric, whole]);
  return (
    <Chart
      title={t('forecast.chart', { metric: metric.label })}
      note={t('forecast.note', { channel: props.place })}
      sample={props.sample}
      busy={props.busy}
      days={days}
      grain="day"
      series={series}
      bands={bands}
      unit={metric.unit}
      currency={made.currency}
      fileName={fileName(`forecast-${made.metric}`, props.sample, days[0] ?? '', days[days.length - 1] ?? '')}
      ownCsv
      height={340}
      actions={
        (cut || whole) && (
          <Button look="quiet" small aria-pressed={whole} className={cx(whole && css.pressed)} onClick={props.onWhole}>
            {t('forecast.history')}
          </Button>
        )
      }
    />
  );
}

function Members({ made, sample, busy }: { made: Made; sample: boolean; busy: boolean }) {
  const members = [...made.members].filter((m) => m.weight > 0).sort((a, b) => b.weight - a.weight);
  return (
    <Panel title={t('forecast.members')} sample={sample} busy={busy}>
      {members.length === 0 ? (
        <p className={css.nothing}>{t('forecast.members.none')}</p>
      ) : (
        <table className={css.members}>
          <thead>
            <tr>
              <th scope="col">{t('forecast.part')}</th>
              <th scope="col">{t('forecast.weight')}</th>
            </tr>
          </thead>
          <tbody>
            {members.map((m) => (
              <tr key={m.name} data-member={m.name}>
                <th scope="row">{m.words}</th>
                <td>
                  <span className={css.weight}>
                    <span className={css.bar} aria-hidden="true">
                      <span style={{ width: `${m.weight * 100}%` }} />
                    </span>
                    {share(m.weight)}
                  </span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function testedFacts(made: Made, metric: Metric): Fact[] {
  const b = made.backtest;
  const days = (n: number) => t('count.days', { n });
  const seasons: Fact = [t('forecast.seasons'), made.seasons.length ? made.seasons.map(days).join(', ') : t('forecast.seasons.none')];
  if (!b.windows) return [[t('forecast.windows'), t('forecast.windows.none')], seasons];
  return [
    [t('forecast.windows'), t('forecast.windows.n', { n: b.windows })],
    ...(b.mape !== null ? [[t('forecast.mape'), share(b.mape)] as Fact] : []),
    ...(b.rmse !== null ? [[t('forecast.rmse'), full(b.rmse, metric.unit, made.currency)] as Fact] : []),
    ...(b.error_in_money !== null ? [[t('forecast.money'), t('decide.perDay', { value: full(b.error_in_money, 'money', made.currency) })] as Fact] : []),
    ...(b.coverage80 !== null && b.coverage95 !== null
      ? [[t('forecast.coverage'), t('forecast.coverage.both', { low: share(b.coverage80), high: share(b.coverage95) })] as Fact]
      : []),
    seasons,
  ];
}

function Tested({ made, metric, sample, busy }: { made: Made; metric: Metric; sample: boolean; busy: boolean }) {
  return (
    <Panel title={t('forecast.tested')} sample={sample} busy={busy}>
      <dl className={css.facts} data-backtest="">
        {testedFacts(made, metric).map(([name, fact]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{fact}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

const groundOf = (made: Made, metric: Metric): Fact[] => [
  [t('forecast.horizon'), `${t('count.days', { n: made.forecast.length })}${made.forecast[0] ? `, ${showDay(made.forecast[0].date)} – ${showDay(addDays(made.forecast[0].date, made.forecast.length - 1))}` : ''}`],
  [t('why.formula'), metric.formula === metric.name ? t('why.sum', { name: metric.label }) : `${metric.name} = ${metric.formula}`],
  [
    t('forecast.members'),
    made.members
      .filter((m) => m.weight > 0)
      .map((m) => `${m.words} (${share(m.weight)})`)
      .join('; ') || t('forecast.members.none'),
  ],
  ...testedFacts(made, metric),
];
