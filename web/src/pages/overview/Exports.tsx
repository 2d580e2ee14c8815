import { t } from '../../i18n';
import { DownloadIcon } from '../../parts/icons';
import { LinkButton } from '../../parts/ui';
import css from './Overview.module.css';

/* The same range as files for others: a workbook and the two pictures. */
export function Exports({ from, to }: { from: string; to: string }) {
  const range = `from=${from}&to=${to}`;
  return (
    <nav className={css.exports} aria-label={t('export.label')}>
      <span>{t('export.label')}</span>
      <LinkButton href={`/api/reports/export/excel?${range}`} download>
        <DownloadIcon />
        {t('export.excel')}
      </LinkButton>
      <LinkButton href={`/api/dashboards/roi-chart?${range}`} target="_blank" rel="noreferrer">
        {t('export.roi')}
      </LinkButton>
      <LinkButton href={`/api/dashboards/conversion-chart?${range}`} target="_blank" rel="noreferrer">
        {t('export.conversions')}
      </LinkButton>
    </nav>
  );
}
