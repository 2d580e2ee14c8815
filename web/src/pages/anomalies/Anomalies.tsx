/* What was not as its past lets expect: when, by how much, and which part explains it. */
import { lazy, Suspense, useMemo, useRef, useState, type ReactNode } from 'react';
import { Link } from 'react-router-dom';
import { anomaliesUrl, timelineUrl, useAnomalies, useTimeline, WATCHED_METRICS, type Anomaly, type Timeline } from '../../api/decide';
import type { Metric, Workspace } from '../../api/types';
import { addDays, apart, full, near, share, showDay, showWeekday } from '../../format';
import { rich, t, type Key } from '../../i18n';
import { Chart, type Band, type Series } from '../../parts/chart/Chart';
import { Filters } from '../../parts/Filters';
import { channelLabel, Gate, Lead, Waiting, type Ready } from '../../parts/Gate';
import { ExplorerIcon, LineIcon } from '../../parts/icons';
import { Select } from '../../parts/Select';
import { Button, cx, Dot, linkButtonClass, Notice, Panel, ProblemNotice, Skeleton } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { sharedSearch, useAddress } from '../../state/address';
import { channelColors } from '../../state/colors';
import { fileName } from '../../state/fileName';
import css from './Anomalies.module.css';

const Ground = lazy(() => import('../../parts/Ground'));

const SEVERITIES = ['', 'medium', 'high'] as const;
const RANK = { low: 0, medium: 1, high: 2 } as const;
const N_SHOWN = 30;
/* The Explorer opens on the week that ends with the incident: long enough to compare. */
const DAYS_BEFORE = 6;

export default function Anomalies() {
  return (
    <Gate title={t('nav.anomalies')} empty={t('decide.empty.anomalies')}>
      {(ready) => <Filled {...ready} />}
    </Gate>
  );
}

const dayOf = (a: Anomaly): string => a.ts.slice(0, 10);
const placeOf = (a: Anomaly): string => (a.entity.kind === 'total' ? 'total' : `${a.entity.kind}:${a.entity.id}`);

function Filled({ workspace, metrics, view }: Ready) {
  const [params, change] = useAddress();
  const { from, to } = view.range;
  const metric = WATCHED_METRICS.find((m) => m === params.get('metric')) ?? null;
  const severity = SEVERITIES.find((s) => s === params.get('severity')) ?? '';
  const wanted = params.get('where') ?? '';
  const sample = workspace.is_sample;

  const url = anomaliesUrl({ metric, channel: null, severity: null, from, to });
  const answer = useAnomalies(url);
  const all = answer.data;
  const shown = useMemo(
    () =>
      (all ?? [])
        .filter((a) => (severity ? RANK[a.severity] >= RANK[severity] : true) && (wanted ? placeOf(a) === wanted : true))
        .sort((a, b) => (dayOf(a) === dayOf(b) ? b.score - a.score : dayOf(a) < dayOf(b) ? 1 : -1)),
    [all, severity, wanted],
  );

  /* A chosen incident leads the picture; without one the filters do, and else the largest of all. */
  const chosen = shown.find((a) => a.id === params.get('incident'));
  const largest = useMemo(() => [...shown].sort((a, b) => RANK[b.severity] - RANK[a.severity] || b.score - a.score)[0], [shown]);
  const leading = chosen ?? (wanted || metric ? undefined : largest);
  const entity = leading ? placeOf(leading) : wanted || 'total';
  const seen = leading?.metric ?? metric ?? shown[0]?.metric ?? 'spend';
  const timeline = useTimeline(all || answer.isError ? timelineUrl({ metric: seen, entity, from, to }) : null);

  const nameOf = (a: Anomaly) => (a.entity.kind === 'total' ? t('anomalies.entity.total') : a.entity.kind === 'channel' ? channelLabel(workspace, a.entity.id) : a.entity.name);
  const places = useMemo<(readonly [string, string])[]>(() => {
    const campaigns = new Map((all ?? []).filter((a) => a.entity.kind === 'campaign').map((a) => [placeOf(a), a.entity.name]));
    if (wanted.startsWith('campaign:') && !campaigns.has(wanted)) campaigns.set(wanted, wanted.slice(9));
    return [['', t('anomalies.entity.all')], ['total', t('anomalies.entity.total')], ...workspace.channels.map((c) => [`channel:${c.name}`, c.label] as const), ...campaigns];
  }, [all, wanted, workspace.channels]);
  const entityName = (leading && nameOf(leading)) || (places.find(([p]) => p === entity)?.[1] ?? entity);

  const chartBox = useRef<HTMLDivElement>(null);
  const show = (a: Anomaly) => {
    change({ incident: a.id }, true);
    chartBox.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  };
  const metricOf = (name: string) => metrics.find((m) => m.name === name);
  const why = chosen ?? largest;

  return (
    <Page
      title={t('nav.anomalies')}
      sample={sample}
      side={
        <>
          <Select
            label={t('anomalies.metric')}
            value={metric ?? ''}
            options={[['', t('anomalies.metric.all')], ...WATCHED_METRICS.map((m) => [m, metricOf(m)?.label ?? m] as const)]}
            onChange={(m) => change({ metric: m || null, incident: null })}
          />
          <Select label={t('anomalies.entity')} value={wanted} options={places} onChange={(where) => change({ where: where || null, incident: null })} />
          <Select
            label={t('anomalies.severity')}
            value={severity}
            options={SEVERITIES.map((s) => [s, t(s ? `anomalies.severity.${s}` : 'anomalies.severity.all')] as const)}
            onChange={(s) => change({ severity: s || null, incident: null })}
          />
          <Filters workspace={workspace} view={view} withChannels={false} withCompare={false} />
        </>
      }
    >
      {answer.isError && !all ? (
        <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />
      ) : !all ? (
        <Waiting />
      ) : (
        <>
          <Lead onWhy={() => change({ why: '1' }, true)}>
            <Answer shown={shown} largest={largest} metricOf={metricOf} nameOf={nameOf} period={from === to ? t('period.day', { day: showDay(from) }) : t('period.range', { from: showDay(from), to: showDay(to) })} />
          </Lead>
          <div ref={chartBox}>
            {timeline.data && metricOf(timeline.data.metric) ? (
              <Course
                timeline={timeline.data}
                metric={metricOf(timeline.data.metric)!}
                name={entityName}
                sample={sample}
                busy={timeline.isPlaceholderData}
                chosen={chosen}
                onPick={(day) => {
                  const hit = shown.find((a) => dayOf(a) === day && a.metric === seen && placeOf(a) === entity);
                  if (hit) change({ incident: hit.id }, true);
                }}
              />
            ) : timeline.isError ? (
              <ProblemNotice error={timeline.error} onRetry={() => void timeline.refetch()} />
            ) : (
              <Skeleton height={364} />
            )}
          </div>
          {shown.length === 0 ? (
            <Notice actions={view.range.preset !== 'all' && <Button onClick={() => change({ range: 'all', from: null, to: null })}>{t('anomalies.none.all')}</Button>}>{t('anomalies.none.help')}</Notice>
          ) : (
            <Incidents shown={shown} chosen={chosen} workspace={workspace} metricOf={metricOf} nameOf={nameOf} sample={sample} busy={answer.isPlaceholderData} onShow={show} />
          )}
          {params.get('why') && (
            <Suspense>
              <Ground
                title={why ? t('anomalies.chart', { metric: metricOf(why.metric)?.label ?? why.metric, name: nameOf(why) }) : t('nav.anomalies')}
                facts={why ? groundOf(why, metricOf(why.metric), workspace) : []}
                made={{ method: why?.method ?? timeline.data?.method, data_from: timeline.data?.data_from ?? workspace.data_from, data_to: timeline.data?.data_to ?? workspace.data_to }}
                workspace={workspace}
                api={url}
                onClose={() => change({ why: null }, true)}
              >
                {why && <p>{why.summary}</p>}
              </Ground>
            </Suspense>
          )}
        </>
      )}
    </Page>
  );
}

const bold = (text: string): ReactNode => <strong>{text}</strong>;
type MetricOf = (name: string) => Metric | undefined;

/* "45% more" than expected; where nothing was expected only more or less. */
function sizeText(a: Anomaly): string {
  const size = a.value === null || a.expected === null ? null : apart(a.value, a.expected);
  const more = a.direction === 'up';
  return size === null ? t(more ? 'change.more' : 'change.less') : t(more ? 'anomalies.more' : 'anomalies.less', { size });
}

function Answer(props: { shown: Anomaly[]; largest: Anomaly | undefined; metricOf: MetricOf; nameOf: (a: Anomaly) => string; period: string }) {
  const { shown, largest, period } = props;
  if (!largest) return <>{t('anomalies.answer.none', { period })}</>;
  const nHigh = shown.filter((a) => a.severity === 'high').length;
  return (
    <>
      {t('anomalies.answer', { n: shown.length, period })} {nHigh > 0 && <>{t(nHigh === shown.length ? 'anomalies.answer.allHigh' : 'anomalies.answer.high', { n: nHigh })} </>}
      {rich('anomalies.answer.largest', {
        metric: bold(props.metricOf(largest.metric)?.label ?? largest.metric),
        name: bold(props.nameOf(largest)),
        day: showDay(dayOf(largest)),
        size: bold(sizeText(largest)),
      })}
    </>
  );
}

function Course(props: { timeline: Timeline; metric: Metric; name: string; sample: boolean; busy: boolean; chosen: Anomaly | undefined; onPick: (day: string) => void }) {
  const { timeline, metric, chosen } = props;
  const { days, series, bands } = useMemo(() => {
    const p = timeline.points;
    const at = chosen && chosen.metric === timeline.metric ? dayOf(chosen) : null;
    const lines: Series[] = [
      { key: 'value', label: t('anomalies.chart.value', { metric: metric.label }), color: 'var(--s1)', values: p.map((x) => x.value) },
      { key: 'expected', label: t('anomalies.chart.expected'), color: 'var(--s8)', faint: true, values: p.map((x) => x.expected) },
      { key: 'unusual', label: t('anomalies.chart.unusual'), color: 'var(--bad)', marks: 'circle', values: p.map((x) => (x.is_anomaly && x.date !== at ? x.value : null)) },
      ...(at ? [{ key: 'chosen', label: t('anomalies.chart.chosen'), color: 'var(--bad)', marks: 'diamond' as const, values: p.map((x) => (x.date === at ? x.value : null)) }] : []),
    ];
    const areas: Band[] = [{ key: 'band', label: t('anomalies.chart.band'), color: 'var(--s8)', opacity: 0.16, low: p.map((x) => x.low), high: p.map((x) => x.high) }];
    return { days: p.map((x) => x.date), series: lines, bands: areas };
  }, [timeline, metric, chosen]);
  return (
    <Chart
      title={t('anomalies.chart', { metric: metric.label, name: props.name })}
      note={timeline.points.every((x) => x.low === null) ? t('anomalies.chart.none') : undefined}
      sample={props.sample}
      busy={props.busy}
      days={days}
      grain="day"
      series={series}
      bands={bands}
      unit={metric.unit}
      currency={timeline.currency}
      fileName={fileName(`anomalies-${timeline.metric}`, props.sample, days[0] ?? '', days[days.length - 1] ?? '')}
      ownCsv
      height={300}
      onPick={(i) => days[i] && props.onPick(days[i]!)}
    />
  );
}

function Incidents(props: {
  shown: Anomaly[];
  chosen: Anomaly | undefined;
  workspace: Workspace;
  metricOf: MetricOf;
  nameOf: (a: Anomaly) => string;
  sample: boolean;
  busy: boolean;
  onShow: (a: Anomaly) => void;
}) {
  const { shown, workspace, metricOf } = props;
  const [params] = useAddress();
  const [whole, setWhole] = useState(false);
  const colors = channelColors(workspace.channels);
  const visible = whole ? shown : shown.slice(0, N_SHOWN);
  const { currency } = workspace.tenant;

  const explorer = (a: Anomaly): string => {
    const day = dayOf(a);
    const shared = new URLSearchParams(params);
    for (const name of ['range', 'channels', 'compare']) shared.delete(name);
    const { channel } = a.entity;
    const place = a.entity.kind === 'campaign' ? channel && `${channel}.${a.entity.id}` : channel;
    const metricNames = [...new Set([a.metric, 'spend', 'revenue', 'roas', 'conversions', 'cpa', 'ctr'])].join(',');
    return `/explorer${sharedSearch(shared, { from: addDays(day, -DAYS_BEFORE), to: day, metrics: metricNames, chart: a.metric, ...(place ? { in: place } : {}) })}`;
  };

  return (
    <Panel title={t('anomalies.list')} note={t('anomalies.list.note', { n: shown.length })} sample={props.sample} busy={props.busy} flush>
      <ol className={css.list}>
        {visible.map((a) => {
          const metric = metricOf(a.metric);
          const unit = metric?.unit ?? 'count';
          const spread = (a.high ?? 0) - (a.low ?? 0);
          const show = (value: number | null) => near(value, unit, currency, spread);
          const { channel } = a.entity;
          return (
            <li key={a.id} className={cx(css.incident, a.id === props.chosen?.id && css.chosen)} data-incident={a.id} data-severity={a.severity}>
              <div className={css.head}>
                <span className={cx(css.severity, css[a.severity])}>
                  <span aria-hidden="true">{a.direction === 'up' ? '▲' : '▼'}</span> {t(`severity.${a.severity}` as Key)}
                </span>
                <h3>
                  {channel && <Dot color={colors(channel)} />}
                  {metric?.label ?? a.metric} · {props.nameOf(a)}
                </h3>
                <span className={css.day}>{showWeekday(dayOf(a))}</span>
              </div>
              <p className={css.line}>
                {rich('anomalies.line', {
                  metric: metric?.label ?? a.metric,
                  value: bold(show(a.value)),
                  size: bold(sizeText(a)),
                  expected: show(a.expected),
                  low: show(a.low),
                  high: show(a.high),
                })}{' '}
                {a.money && unit !== 'money' && <Money money={a.money} currency={currency} />}
              </p>
              <div className={css.causes}>
                {a.causes.length === 0 ? (
                  <span className={css.quiet}>{t('anomalies.causes.none')}</span>
                ) : (
                  <>
                    <span className={css.quiet}>{t('anomalies.causes')}</span>
                    <ol>
                      {a.causes.slice(0, 3).map((c) => (
                        <li key={`${c.dimension} ${c.value}`}>
                          <span className={css.bar} aria-hidden="true">
                            <span style={{ width: `${Math.min(100, Math.max(0, c.share * 100))}%` }} />
                          </span>
                          <span className={css.share}>{share(c.share)}</span>
                          <span className={css.cause}>{t('anomalies.cause', { dimension: dimensionText(c.dimension), value: c.dimension === 'channel' ? channelLabel(workspace, c.value) : c.value })}</span>
                        </li>
                      ))}
                    </ol>
                  </>
                )}
              </div>
              <div className={css.actions}>
                <Link className={linkButtonClass()} to={explorer(a)}>
                  <ExplorerIcon />
                  {t('anomalies.explorer')}
                </Link>
                <Button look="quiet" aria-pressed={a.id === props.chosen?.id} onClick={() => props.onShow(a)}>
                  <LineIcon />
                  {t('anomalies.timeline')}
                </Button>
              </div>
            </li>
          );
        })}
      </ol>
      {shown.length > visible.length && (
        <p className={css.more}>
          <Button small onClick={() => setWhole(true)}>
            {t('anomalies.more.rows', { n: shown.length - visible.length })}
          </Button>
        </p>
      )}
    </Panel>
  );
}

const dimensionText = (name: string): string => {
  const text = t(`dimension.${name}` as Key);
  return text.startsWith('dimension.') ? name : text;
};

function Money({ money, currency }: { money: NonNullable<Anomaly['money']>; currency: string }) {
  const spread = money.high - money.low;
  const lost = money.mean < 0;
  const show = (value: number) => near(Math.abs(value), 'money', currency, spread);
  return <>{t(lost ? 'anomalies.money.down' : 'anomalies.money.up', { value: show(money.mean), low: show(lost ? money.high : money.low), high: show(lost ? money.low : money.high) })}</>;
}

/* Small chances: below a hundredth of a percent only that. */
const chance = (p: number): string => (p < 0.0001 ? `< ${full(0.0001, 'ratio', '')}` : full(p, 'ratio', ''));

function groundOf(a: Anomaly, metric: Metric | undefined, workspace: Workspace): [string, ReactNode][] {
  const unit = metric?.unit ?? 'count';
  const { currency } = workspace.tenant;
  const show = (value: number | null) => full(value, unit, currency);
  return [
    [t('anomalies.day'), showWeekday(dayOf(a))],
    [t('anomalies.value'), show(a.value)],
    [t('anomalies.expected'), `${show(a.expected)} (${t('decide.range', { low: show(a.low), high: show(a.high) })})`],
    [t('anomalies.score'), full(a.score, 'factor', currency)],
    [t('anomalies.p'), chance(a.p_value)],
    [t('anomalies.q'), chance(a.q_value)],
  ];
}
