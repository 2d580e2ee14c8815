import { Link } from 'react-router-dom';
import type { ImportList } from '../../api/types';
import { showCount, showRange } from '../../format';
import { locale, t } from '../../i18n';
import { Panel, ProblemNotice } from '../../parts/ui';
import css from './Import.module.css';

/* The imports before this one, newest first. */
export function History({ answer, error }: { answer: ImportList | undefined; error: unknown }) {
  if (error && !answer) return <ProblemNotice error={error} />;
  if (!answer?.imports.length) return null;
  return (
    <Panel title={t('import.history')} flush>
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t('import.history')}>
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">{t('import.file')}</th>
              <th scope="col">{t('import.when')}</th>
              <th scope="col">{t('import.state')}</th>
              <th scope="col">{t('import.rowsIn')}</th>
              <th scope="col">{t('import.days')}</th>
            </tr>
          </thead>
          <tbody>
            {answer.imports.map((item) => {
              const s = item.summary;
              return (
                <tr key={item.import_id}>
                  <th scope="row">{item.file_name}</th>
                  <td>{new Date(item.created_at).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' })}</td>
                  <td>{t(`import.state.${item.state}`)}</td>
                  <td>{s ? showCount(s.rows_imported) : '–'}</td>
                  <td>{s?.day_from && s.day_to ? <Link to={`/?from=${s.day_from}&to=${s.day_to}`}>{showRange(s.day_from, s.day_to)}</Link> : '–'}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
