/* What is now in the workspace, and where to look at it. */
import type { ReactNode } from 'react';
import { Link } from 'react-router-dom';
import { useMetrics, useWorkspace } from '../../api/queries';
import type { ImportJob, ImportSummary } from '../../api/types';
import { full, showCount, showRange } from '../../format';
import { t } from '../../i18n';
import { linkButtonClass, Notice, Panel } from '../../parts/ui';
import css from './Import.module.css';
import { Problems } from './Parts';

export function Result({ job, summary, actions }: { job: ImportJob; summary: ImportSummary; actions: ReactNode }) {
  const metrics = useMetrics();
  const workspace = useWorkspace();
  const currency = summary.currency || workspace.data?.tenant.currency || '';
  const hasDays = summary.day_from !== null && summary.day_to !== null;
  const totals = Object.entries(summary.totals) as [string, number][];
  return (
    <>
      <Notice
        kind={job.state === 'done' && hasDays ? 'good' : 'info'}
        actions={
          <>
            {hasDays && (
              <Link className={linkButtonClass('primary')} to={`/?from=${summary.day_from}&to=${summary.day_to}`}>
                {t('import.see')}
              </Link>
            )}
            {actions}
          </>
        }
      >
        <strong>{t(job.state === 'unchanged' ? 'import.result.unchanged' : 'import.result.done')}</strong> {summary.message}
      </Notice>
      <Panel title={summary.file_name} note={summary.format_label}>
        <dl className={css.facts} data-result="">
          <div>
            <dt>{t('import.rowsIn')}</dt>
            <dd>{showCount(summary.rows_imported)}</dd>
          </div>
          <div>
            <dt>{t('import.rowsOut')}</dt>
            <dd>{showCount(summary.errors)}</dd>
          </div>
          <div>
            <dt>{t('import.rowsSkipped')}</dt>
            <dd>{showCount(summary.rows_skipped)}</dd>
          </div>
          {hasDays && (
            <div>
              <dt>{t('import.days')}</dt>
              <dd>{showRange(summary.day_from!, summary.day_to!)}</dd>
            </div>
          )}
          {totals.map(([name, value]) => {
            const metric = metrics.data?.metrics.find((m) => m.name === name);
            return (
              <div key={name}>
                <dt>{metric?.label ?? name}</dt>
                <dd data-total={name}>{full(value, name === 'spend' || name === 'revenue' ? 'money' : 'count', currency)}</dd>
              </div>
            );
          })}
        </dl>
        {summary.accounts.length > 0 && (
          <ul className={css.accounts}>
            {summary.accounts.map((a) => (
              <li key={a.account_id}>
                <strong>{a.name}</strong>{' '}
                {t('import.accountRows', { n: a.rows, days: showRange(a.day_from, a.day_to) })}
                {a.rows_replaced > 0 && ` ${t('import.accountReplaced', { n: a.rows_replaced })}`}
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <Problems summary={summary} />
    </>
  );
}
