/* The campaigns that return most and least for their money, each a step into the Explorer. */
import { Link } from 'react-router-dom';
import { num, str, type Answer, type Row } from '../../api/queries';
import type { Metric, Workspace } from '../../api/types';
import { full } from '../../format';
import { t } from '../../i18n';
import { Dot, Panel, Skeleton } from '../../parts/ui';
import { sharedSearch, useAddress } from '../../state/address';
import { channelColors } from '../../state/colors';
import css from './Overview.module.css';

const N_SHOWN = 5;
/* A campaign with less than this part of the spend says little. At most 200 can have more, so the
 * 200 with the most spend hold all that count. */
const PART_MIN = 0.005;

/* What "best" means where not everything is reported: return, else cost per conversion, else clicks. */
export function rankBy(rows: Row[]): 'roas' | 'cpa' | 'ctr' {
  if (rows.some((row) => (num(row, 'revenue') ?? 0) > 0)) return 'roas';
  return rows.some((row) => (num(row, 'conversions') ?? 0) > 0) ? 'cpa' : 'ctr';
}

export function rank(rows: Row[], totalSpend: number | null, metric: Metric): { best: Row[]; worst: Row[] } {
  const valued = rows.filter((row) => num(row, metric.name) !== null);
  const weighty = valued.filter((row) => (num(row, 'spend') ?? 0) >= (totalSpend ?? 0) * PART_MIN);
  const sorted = (weighty.length >= 2 ? weighty : valued).sort(
    (a, b) => (num(b, metric.name)! - num(a, metric.name)!) * (metric.better || 1),
  );
  // No campaign stands in both lists.
  const n = Math.min(N_SHOWN, Math.ceil(sorted.length / 2));
  return { best: sorted.slice(0, n), worst: sorted.slice(Math.max(n, sorted.length - N_SHOWN)).reverse() };
}

export function Campaigns(props: {
  answer: Answer | undefined;
  totalSpend: number | null;
  workspace: Workspace;
  metrics: Metric[] | undefined;
  sample: boolean;
  busy: boolean;
}) {
  const rows = props.answer?.rows ?? [];
  const metric = props.metrics?.find((m) => m.name === rankBy(rows));
  if (!props.answer || !metric)
    return (
      <div className={css.pair}>
        <Skeleton height={320} />
        <Skeleton height={320} />
      </div>
    );
  const { best, worst } = rank(rows, props.totalSpend, metric);
  return (
    <div className={css.pair}>
      <List {...props} title={t('overview.best')} metric={metric} rows={best} />
      <List {...props} title={t('overview.worst')} metric={metric} rows={worst} />
    </div>
  );
}

function List(props: { title: string; metric: Metric; rows: Row[]; workspace: Workspace; sample: boolean; busy: boolean }) {
  const { metric, workspace } = props;
  const [params] = useAddress();
  const colors = channelColors(workspace.channels);
  const { currency } = workspace.tenant;
  return (
    <Panel title={props.title} note={t('overview.by', { metric: metric.label })} sample={props.sample} busy={props.busy} flush>
      {props.rows.length === 0 ? (
        <p className={css.nothing}>{t('overview.campaigns.none')}</p>
      ) : (
        <ol className={css.campaigns}>
          {props.rows.map((row) => {
            const channel = str(row, 'channel');
            return (
              <li key={`${channel}.${str(row, 'campaign_id')}`}>
                <Link to={`/explorer${sharedSearch(params, { in: `${channel}.${str(row, 'campaign_id')}` })}`}>
                  <Dot color={colors(channel)} />
                  <span className={css.name} title={str(row, 'campaign')}>
                    {str(row, 'campaign') || t('explorer.unnamed')}
                  </span>
                  <span className={css.value}>
                    {metric.label} {full(num(row, metric.name), metric.unit, currency)}
                  </span>
                  <span className={css.detail}>
                    {t('overview.campaign.detail', {
                      channel: workspace.channels.find((c) => c.name === channel)?.label ?? channel,
                      spend: full(num(row, 'spend'), 'money', currency),
                    })}
                  </span>
                </Link>
              </li>
            );
          })}
        </ol>
      )}
    </Panel>
  );
}
