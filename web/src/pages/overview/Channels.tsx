/* The channels side by side, and what part of the spend each takes. */
import { Link } from 'react-router-dom';
import { num, str, type Answer } from '../../api/queries';
import type { Metric, Workspace } from '../../api/types';
import { change, compact, full, share } from '../../format';
import { t } from '../../i18n';
import { DownloadIcon } from '../../parts/icons';
import { ChangeTag, Dot, LinkButton, Panel, Skeleton } from '../../parts/ui';
import { sharedSearch, useAddress } from '../../state/address';
import { channelColors, OTHER } from '../../state/colors';
import css from './Overview.module.css';

const channelLabel = (workspace: Workspace, name: string) =>
  workspace.channels.find((c) => c.name === name)?.label ?? name;

const SHARES_SHOWN = 8;

export function ShareOfSpend(props: { answer: Answer | undefined; workspace: Workspace; sample: boolean; busy: boolean }) {
  const { answer, workspace } = props;
  const colors = channelColors(workspace.channels);
  const { currency } = workspace.tenant;
  const rows = (answer?.rows ?? []).filter((row) => (num(row, 'spend') ?? 0) > 0);
  const total = rows.reduce((sum, row) => sum + num(row, 'spend')!, 0);
  const parts = rows.slice(0, SHARES_SHOWN).map((row) => ({
    name: str(row, 'channel'),
    label: channelLabel(workspace, str(row, 'channel')),
    color: colors(str(row, 'channel')),
    spend: num(row, 'spend')!,
    revenue: num(row, 'revenue') ?? 0,
  }));
  const left = rows.slice(SHARES_SHOWN);
  if (left.length)
    parts.push({
      name: '',
      label: t('channels.others'),
      color: OTHER,
      spend: left.reduce((sum, row) => sum + num(row, 'spend')!, 0),
      revenue: left.reduce((sum, row) => sum + (num(row, 'revenue') ?? 0), 0),
    });
  const revenue = (answer?.rows ?? []).reduce((sum, row) => sum + (num(row, 'revenue') ?? 0), 0);
  return (
    <Panel title={t('overview.share')} sample={props.sample} busy={props.busy}>
      {!answer ? (
        <Skeleton height={272} />
      ) : total === 0 ? (
        <p className={css.ground}>{t('overview.share.none')}</p>
      ) : (
        <>
          <div className={css.stack} aria-hidden="true">
            {parts.map((p) => (
              <span key={p.name} style={{ flex: `${p.spend / total} 1 0`, background: p.color }} />
            ))}
          </div>
          <table className={css.shares}>
            <thead>
              <tr>
                <th scope="col">{t('dimension.channel')}</th>
                <th scope="col">{t('metric.spend')}</th>
                <th scope="col">{t('overview.ofSpend')}</th>
                {revenue > 0 && <th scope="col">{t('overview.ofRevenue')}</th>}
              </tr>
            </thead>
            <tbody>
              {parts.map((p) => (
                <tr key={p.name}>
                  <th scope="row">
                    <span className={css.swatchName}>
                      <Dot color={p.color} />
                      {p.label}
                    </span>
                  </th>
                  <td title={full(p.spend, 'money', currency)}>{compact(p.spend, 'money', currency)}</td>
                  <td className={css.part}>{share(p.spend / total)}</td>
                  {revenue > 0 && <td>{share(p.revenue / revenue)}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </Panel>
  );
}

const COLUMNS = ['spend', 'revenue', 'roas', 'conversions', 'cpa'] as const;

export function Channels(props: {
  answer: Answer | undefined;
  workspace: Workspace;
  metrics: Metric[] | undefined;
  compared: boolean;
  sample: boolean;
  busy: boolean;
  csvUrl: string;
}) {
  const { answer, workspace, metrics } = props;
  const [params] = useAddress();
  const colors = channelColors(workspace.channels);
  const { currency } = workspace.tenant;
  const columns = COLUMNS.map((name) => metrics?.find((m) => m.name === name)).filter((m): m is Metric => m !== undefined);
  const highest = Math.max(0, ...(answer?.rows ?? []).map((row) => num(row, 'roas') ?? 0));
  return (
    <Panel
      title={t('overview.channels')}
      sample={props.sample}
      busy={props.busy}
      flush
      actions={
        <LinkButton look="quiet" small href={props.csvUrl} download title={t('chart.csv')} aria-label={t('chart.csv')}>
          <DownloadIcon />
          CSV
        </LinkButton>
      }
    >
      {!answer || columns.length === 0 ? (
        <div style={{ padding: 16 }}>
          <Skeleton height={240} />
        </div>
      ) : (
        <div className={css.scroll} tabIndex={0} role="region" aria-label={t('overview.channels')}>
          <table className={css.table}>
            <thead>
              <tr>
                <th scope="col">{t('dimension.channel')}</th>
                {columns.map((m) => (
                  <th key={m.name} scope="col" title={m.help}>
                    {m.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {answer.rows.map((row) => {
                const name = str(row, 'channel');
                return (
                  <tr key={name} data-channel={name}>
                    <th scope="row">
                      <Link to={`/explorer${sharedSearch(params, { in: name })}`}>
                        <Dot color={colors(name)} />
                        {channelLabel(workspace, name)}
                      </Link>
                    </th>
                    {columns.map((m) => {
                      const value = num(row, m.name);
                      const text = full(value, m.unit, currency);
                      return (
                        <td key={m.name} title={value === null ? t('value.none') : undefined}>
                          {m.name === 'roas' ? (
                            <span className={css.barCell}>
                              <span className={css.bar} aria-hidden="true">
                                <span style={{ width: highest > 0 ? `${((value ?? 0) / highest) * 100}%` : 0, background: colors(name) }} />
                              </span>
                              {text}
                            </span>
                          ) : (
                            text
                          )}
                          {props.compared && (
                            <span className={css.sub}>
                              <ChangeTag word={false} change={change(value, num(row, `${m.name}_previous`), m)} />
                            </span>
                          )}
                        </td>
                      );
                    })}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
