/* The ground of a figure: what it means, how it is made, from which rows, and what moved it. */
import { num, questionUrl, str, type Answer, type Question } from '../../api/queries';
import type { Metric, Workspace } from '../../api/types';
import { change, full, showCount, showDay, showRange } from '../../format';
import { t } from '../../i18n';
import { Dialog } from '../../parts/Dialog';
import { ChangeTag, Dot, SampleBadge } from '../../parts/ui';
import { channelColors } from '../../state/colors';
import css from './Why.module.css';

export default function Why(props: {
  metric: Metric;
  totals: Answer;
  channels: Answer | undefined;
  question: Question;
  workspace: Workspace;
  onClose: () => void;
}) {
  const { metric, totals, channels, workspace } = props;
  const { currency } = workspace.tenant;
  const colors = channelColors(workspace.channels);
  const row = totals.rows[0];
  const value = num(row, metric.name);
  const before = num(row, `${metric.name}_previous`);
  const compared = totals.compare_from !== null && totals.compare_to !== null;
  const perChannel = (channels?.rows ?? []).filter((r) => num(r, metric.name) !== null);
  const facts: [string, React.ReactNode][] = [
    [t('why.formula'), <code key="f">{metric.formula === metric.name ? t('why.sum', { name: metric.label }) : `${metric.name} = ${metric.formula}`}</code>],
    [t('why.better'), metric.better > 0 ? t('why.higher') : metric.better < 0 ? t('why.lower') : t('why.neither')],
    [t('why.range'), showRange(totals.from!, totals.to!)],
    ...(compared
      ? ([[t('why.compared'), showRange(totals.compare_from!, totals.compare_to!)], [t('why.before'), full(before, metric.unit, currency)]] as [string, React.ReactNode][])
      : []),
    [t('why.channels'), props.question.filter ? props.question.filter.replace('channel=', '').split('|').map((c) => workspace.channels.find((x) => x.name === c)?.label ?? c).join(', ') : t('channels.all')],
    [t('why.cutoff'), workspace.data_to ? showDay(workspace.data_to) : t('value.none')],
    [t('why.rows'), t('why.rows.detail', { n: workspace.n_rows, accounts: showCount(workspace.accounts.length) })],
    [t('why.version'), workspace.version],
  ];
  return (
    <Dialog open side onClose={props.onClose} title={t('why.title', { metric: metric.label })} description={metric.help}>
      <div className={css.why}>
        <p className={css.whyValue}>
          <strong>{full(value, metric.unit, currency)}</strong>
          {compared && <ChangeTag change={change(value, before, metric)} />}
          {workspace.is_sample && <SampleBadge />}
        </p>
        {value === null && <p>{t('value.none')}</p>}
        <dl>
          {facts.map(([name, fact]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{fact}</dd>
            </div>
          ))}
        </dl>
        {perChannel.length > 0 && (
          <section>
            <h3>{t('why.byChannel')}</h3>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t('dimension.channel')}</th>
                  <th scope="col">{metric.label}</th>
                  {compared && <th scope="col">{t('why.change')}</th>}
                </tr>
              </thead>
              <tbody>
                {perChannel.map((r) => (
                  <tr key={str(r, 'channel')}>
                    <th scope="row">
                      <span className={css.swatchName}>
                        <Dot color={colors(str(r, 'channel'))} />
                        {workspace.channels.find((c) => c.name === r.channel)?.label ?? str(r, 'channel')}
                      </span>
                    </th>
                    <td>{full(num(r, metric.name), metric.unit, currency)}</td>
                    {compared && (
                      <td>
                        <ChangeTag change={change(num(r, metric.name), num(r, `${metric.name}_previous`), metric)} word={false} />
                      </td>
                    )}
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
        <p>
          <a href={questionUrl({ ...props.question, metrics: [metric.name] })}>{t('why.json')}</a>
        </p>
      </div>
    </Dialog>
  );
}
