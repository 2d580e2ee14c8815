/* Each budget: what it is, what it should be, what that returns, and what keeps it from being better. */
import { useState } from 'react';
import type { By, PlanRow } from '../../api/decide';
import type { Unit, Workspace } from '../../api/types';
import { change, full, near } from '../../format';
import { t, type Key } from '../../i18n';
import { saveTable } from '../../parts/chart/csv';
import { channelLabel } from '../../parts/Gate';
import { DownloadIcon, LineIcon } from '../../parts/icons';
import { Button, ChangeTag, cx, Dot, Panel } from '../../parts/ui';
import { channelColors } from '../../state/colors';
import { fileName } from '../../state/fileName';
import { Bounds } from './Bounds';
import css from './Budget.module.css';
import { tidy, type Bound } from './plan';

const N_SHOWN = 50;
const MONEY = { unit: 'money', better: 0 } as const;

export const bindText = (bind: string): string => {
  const text = t(`bind.${bind}` as Key);
  return text.startsWith('bind.') ? bind : text;
};

export function Table(props: {
  rows: PlanRow[];
  by: By;
  unit: Unit;
  workspace: Workspace;
  currency: string;
  busy: boolean;
  chosen: string;
  bounds: Record<string, Bound>;
  onBound: (id: string, bound: Bound | undefined) => void;
  onPick: (id: string) => void;
}) {
  const { rows, by, unit, workspace, currency } = props;
  const [whole, setWhole] = useState(false);
  const colors = channelColors(workspace.channels);
  const shown = whole ? rows : rows.slice(0, N_SHOWN);
  const save = () =>
    saveTable(
      [t(`budget.col.name.${by}`), 'id', t('dimension.channel'), t('budget.col.now'), t('budget.col.then'), t('budget.col.return'), t('chart.low', { name: '80%' }), t('chart.high', { name: '80%' }), t('budget.col.marginal'), t('budget.col.bind'), t('budget.col.why')],
      rows.map((r) => [r.name, r.id, r.channel, r.current_budget, r.recommended_budget, r.expected_return.mean, r.expected_return.low, r.expected_return.high, r.marginal_return, bindText(r.bind), tidy(r.why, currency)]),
      fileName(`budget-by-${by}`, workspace.is_sample, workspace.data_to ?? '', ''),
    );
  return (
    <Panel
      title={t('budget.table')}
      sample={workspace.is_sample}
      busy={props.busy}
      flush
      actions={
        <Button look="quiet" small title={t('decide.csv')} aria-label={t('decide.csv')} onClick={save}>
          <DownloadIcon />
          CSV
        </Button>
      }
    >
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t('budget.table')}>
        <table className={css.table} data-budget={by}>
          <thead>
            <tr>
              <th scope="col">{t(`budget.col.name.${by}`)}</th>
              <th scope="col">{t('budget.col.now')}</th>
              <th scope="col">{t('budget.col.then')}</th>
              <th scope="col" title={t('budget.col.return.help')}>
                {t('budget.col.return')}
              </th>
              <th scope="col" title={t('budget.col.marginal.help')}>
                {t('budget.col.marginal')}
              </th>
              <th scope="col">{t('budget.col.bounds')}</th>
              <th scope="col" className={css.text}>
                {t('budget.col.bind')}
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => {
              const spread = row.expected_return.high - row.expected_return.low;
              return (
                <tr key={row.id} data-row={row.id} className={cx(row.id === props.chosen && css.chosenRow)}>
                  <th scope="row">
                    <button type="button" className={css.name} aria-pressed={row.id === props.chosen} title={t('budget.show', { name: row.name })} onClick={() => props.onPick(row.id)}>
                      <Dot color={colors(row.channel)} />
                      <span>{row.name}</span>
                      <LineIcon />
                    </button>
                    {by === 'campaign' && <span className={css.sub}>{channelLabel(workspace, row.channel)}</span>}
                  </th>
                  <td>{full(row.current_budget, 'money', currency)}</td>
                  <td>
                    <b data-recommended={row.recommended_budget}>{full(row.recommended_budget, 'money', currency)}</b>
                    <span className={css.sub}>
                      <ChangeTag word={false} change={change(row.recommended_budget, row.current_budget, MONEY)} />
                    </span>
                  </td>
                  <td>
                    {near(row.expected_return.mean, unit, currency, spread)}
                    <span className={css.sub}>{t('decide.range', { low: near(row.expected_return.low, unit, currency, spread), high: near(row.expected_return.high, unit, currency, spread) })}</span>
                  </td>
                  <td>{full(row.marginal_return, 'factor', currency)}</td>
                  <td>
                    <Bounds row={row} bound={props.bounds[row.id]} currency={currency} onChange={(b) => props.onBound(row.id, b)} />
                  </td>
                  <td className={css.text}>
                    {bindText(row.bind)}
                    <span className={css.whyText}>{tidy(row.why, currency)}</span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length > shown.length && (
        <p className={css.more}>
          <Button small onClick={() => setWhole(true)}>
            {t('budget.more', { n: rows.length - shown.length })}
          </Button>
        </p>
      )}
    </Panel>
  );
}
