/* What the advertising cost and returned, in one sentence and then the evidence. */
import { lazy, Suspense, useMemo } from 'react';
import { num, questionUrl, useAnswer, useMetrics, useWorkspace, type Question } from '../../api/queries';
import type { Workspace } from '../../api/types';
import { showDay, today } from '../../format';
import { t } from '../../i18n';
import { Chart, type Series } from '../../parts/chart/Chart';
import { Filters, comparesIntoNothing } from '../../parts/Filters';
import { ProblemNotice, Skeleton } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { channelFilter, useAddress, useView, type View } from '../../state/address';
import { fileName } from '../../state/fileName';
import { along, grainFor, steps } from '../../state/grain';
import { Answer } from './Answer';
import { Campaigns } from './Campaigns';
import { Channels, ShareOfSpend } from './Channels';
import { Exports } from './Exports';
import { Kpis, KPI_NAMES } from './Kpis';
import { NoData, RemoveSample } from './Sample';
import css from './Overview.module.css';

const Why = lazy(() => import('./Why'));

export default function Overview() {
  const workspace = useWorkspace();
  const view = useView(workspace.data);
  if (workspace.isError && !workspace.data)
    return (
      <Page title={t('nav.overview')}>
        <ProblemNotice error={workspace.error} onRetry={() => void workspace.refetch()} />
      </Page>
    );
  if (!workspace.data)
    return (
      <Page title={t('nav.overview')}>
        <Skeleton height={48} />
        <Skeleton height={208} />
        <Skeleton height={340} />
      </Page>
    );
  if (!view)
    return (
      <Page title={t('nav.overview')}>
        <NoData />
      </Page>
    );
  return <Filled workspace={workspace.data} view={view} />;
}

function Filled({ workspace, view }: { workspace: Workspace; view: View }) {
  const [params, change] = useAddress();
  const metrics = useMetrics();
  const { from, to } = view.range;
  const grain = grainFor(from, to);
  const filter = channelFilter(view.channels).join(';') || undefined;
  const compare = view.compare;
  const base = { filter, from, to, compare };

  const totalsQuestion: Question = { ...base, metrics: KPI_NAMES };
  const dailyQuestion: Question = { ...base, metrics: KPI_NAMES, by: [grain] };
  const channelsQuestion: Question = {
    ...base,
    metrics: KPI_NAMES,
    by: ['channel'],
    sort: '-spend',
  };
  const campaignsQuestion: Question = {
    ...base,
    compare: 'none',
    metrics: ['spend', 'revenue', 'roas', 'conversions', 'cpa', 'ctr'],
    by: ['channel', 'campaign'],
    sort: '-spend',
    limit: 200,
  };
  const totals = useAnswer(totalsQuestion);
  const daily = useAnswer(dailyQuestion);
  const channels = useAnswer(channelsQuestion);
  const campaigns = useAnswer(campaignsQuestion);

  const sample = workspace.is_sample;
  const { currency } = workspace.tenant;
  const days = useMemo(() => steps(from, to, grain), [from, to, grain]);
  const compared = compare !== 'none';
  const hasEarlier = compared && (daily.data?.rows ?? []).some((row) => num(row, 'spend_previous') !== null);
  const series = useMemo<Series[]>(() => {
    const rows = daily.data?.rows ?? [];
    const line = (key: string, label: string, color: string, faint?: boolean): Series => ({
      key,
      label,
      color,
      faint,
      values: along(days, rows, grain, key),
    });
    const before = (name: string) => t('chart.before', { name });
    return [
      line('spend', t('metric.spend'), 'var(--s3)'),
      line('revenue', t('metric.revenue'), 'var(--s1)'),
      ...(hasEarlier
        ? [
            line('spend_previous', before(t('metric.spend')), 'var(--s3)', true),
            line('revenue_previous', before(t('metric.revenue')), 'var(--s1)', true),
          ]
        : []),
    ];
  }, [daily.data, days, grain, hasEarlier]);

  const failed = [totals, daily, channels, campaigns].find((q) => q.isError && !q.data);
  const why = params.get('why');
  const whyMetric = metrics.data?.metrics.find((m) => m.name === why);
  const first = totals.data?.rows[0];
  const partial = totals.data && comparesIntoNothing(totals.data.compare_from, workspace);

  return (
    <Page title={t('nav.overview')} sample={sample} side={<Filters workspace={workspace} view={view} />}>
      {failed && <ProblemNotice error={failed.error} onRetry={() => void failed.refetch()} />}
      <div className={css.lead}>
        <Answer
          totals={totals.data}
          channels={channels.data}
          metrics={metrics.data?.metrics}
          workspace={workspace}
          view={view}
        />
        <p className={css.ground}>
          {workspace.data_to! < today() && view.range.preset !== null && (
            <span>{t('overview.cutoff', { day: showDay(workspace.data_to!) })} </span>
          )}
          {partial && (
            <span>
              {t(totals.data!.compare_to! < workspace.data_from! ? 'overview.noEarlier' : 'overview.partial', {
                day: showDay(workspace.data_from!),
              })}{' '}
            </span>
          )}
          {sample && (
            <span className={css.sample}>
              {t('sample.help')} <RemoveSample />
            </span>
          )}
        </p>
      </div>
      <Kpis
        totals={first}
        daily={daily.data?.rows}
        days={days}
        grain={grain}
        metrics={metrics.data?.metrics}
        currency={currency}
        compared={compared}
        busy={totals.isPlaceholderData}
        onWhy={(name) => change({ why: name }, true)}
      />
      <div className={css.grid}>
        <div className={css.wide}>
          {daily.data ? (
            <Chart
              title={t('overview.chart')}
              note={grain === 'day' ? undefined : t(`grain.${grain}`)}
              sample={sample}
              busy={daily.isPlaceholderData}
              days={days}
              grain={grain}
              series={series}
              unit="money"
              currency={currency}
              csvUrl={questionUrl({ ...dailyQuestion, metrics: ['spend', 'revenue'] }, 'csv')}
              fileName={fileName('spend-and-revenue', sample, from, to)}
              height={272}
            />
          ) : (
            <Skeleton height={372} />
          )}
        </div>
        <ShareOfSpend answer={channels.data} workspace={workspace} sample={sample} busy={channels.isPlaceholderData} />
      </div>
      <Channels
        answer={channels.data}
        workspace={workspace}
        metrics={metrics.data?.metrics}
        compared={compared}
        sample={sample}
        busy={channels.isPlaceholderData}
        csvUrl={questionUrl(channelsQuestion, 'csv')}
      />
      <Campaigns
        answer={campaigns.data}
        totalSpend={num(first, 'spend')}
        workspace={workspace}
        metrics={metrics.data?.metrics}
        sample={sample}
        busy={campaigns.isPlaceholderData}
      />
      <Exports from={from} to={to} />
      {whyMetric && totals.data && (
        <Suspense>
          <Why
            metric={whyMetric}
            totals={totals.data}
            channels={channels.data}
            question={totalsQuestion}
            workspace={workspace}
            onClose={() => change({ why: null }, true)}
          />
        </Suspense>
      )}
    </Page>
  );
}
