/* What was understood of the file, and where a person can say it better. */
import { useId } from 'react';
import type { Account, ImportOptions, ImportSummary } from '../../api/types';
import { showBytes, showCount } from '../../format';
import { t, type Key } from '../../i18n';
import { Field, inputClass, Panel } from '../../parts/ui';
import css from './Import.module.css';
import type { Choices } from './steps';

const SEPARATORS: Record<string, Key> = { ',': 'separator.comma', ';': 'separator.semicolon', '\t': 'separator.tab', '|': 'separator.bar' };

export function Recognised({ file, summary, tenantCurrency, busy }: { file: File; summary: ImportSummary; tenantCurrency: string; busy: boolean }) {
  const separator = SEPARATORS[summary.separator];
  const facts: [string, string][] = [
    [t('import.format'), summary.format_label],
    [t('import.size'), showBytes(file.size)],
    [t('import.encoding'), summary.encoding.toUpperCase()],
    [t('import.separator'), separator ? t(separator) : summary.separator],
    [t('import.header'), t('import.line', { line: showCount(summary.header_line) })],
    [t('import.columns'), showCount(summary.columns.length)],
    [t('import.currency'), summary.currency || t('import.currency.none', { currency: tenantCurrency })],
  ];
  return (
    <Panel title={file.name} note={t('import.recognised')} busy={busy}>
      <dl className={css.facts}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

export function Options(props: {
  summary: ImportSummary;
  choices: Choices;
  formats: ImportOptions['formats'];
  accounts: Account[];
  tenantCurrency: string;
  onChange: (choices: Choices) => void;
}) {
  const { summary, choices, onChange } = props;
  const listId = useId();
  const own = props.accounts.filter((a) => !a.is_sample);
  return (
    <Panel title={t('import.options')}>
      <div className={css.options}>
        <Field label={t('import.format')}>
          <select className={inputClass} value={choices.format} onChange={(e) => onChange({ ...choices, format: e.target.value, map: {} })}>
            <option value="">{t('import.format.auto', { format: summary.format_label })}</option>
            {props.formats
              .filter((f) => f.name !== 'auto')
              .map((f) => (
                <option key={f.name} value={f.name}>
                  {f.label}
                </option>
              ))}
          </select>
        </Field>
        <Field label={t('import.account')}>
          <input className={inputClass} list={listId} value={choices.account} maxLength={200} placeholder={summary.accounts[0]?.name || t('import.account.auto')} onChange={(e) => onChange({ ...choices, account: e.target.value })} />
          <datalist id={listId}>
            {own.map((a) => (
              <option key={a.account_id} value={a.name} />
            ))}
          </datalist>
        </Field>
        <Field label={t('import.currency')}>
          <input
            className={inputClass}
            value={choices.currency}
            maxLength={3}
            size={5}
            pattern="[A-Za-z]{3}"
            placeholder={summary.currency || props.tenantCurrency}
            onChange={(e) => {
              const currency = e.target.value.toUpperCase();
              onChange({ ...choices, currency });
            }}
          />
        </Field>
        {(summary.needs_day || choices.day) && (
          <Field label={t('import.day')}>
            <input className={inputClass} type="date" value={choices.day} required onChange={(e) => onChange({ ...choices, day: e.target.value })} />
          </Field>
        )}
      </div>
    </Panel>
  );
}

export function Columns(props: { summary: ImportSummary; choices: Choices; fields: ImportOptions['fields']; onChange: (choices: Choices) => void }) {
  const { summary, choices, fields, onChange } = props;
  const label = (name: string) => fields.find((f) => f.name === name)?.label ?? name;
  return (
    <Panel title={t('import.mapping')} note={t('import.mapping.note')} flush>
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t('import.mapping')}>
        <table className={css.table}>
          <thead>
            <tr>
              <th scope="col">{t('import.column')}</th>
              <th scope="col">{t('import.field')}</th>
              <th scope="col">{t('import.samples')}</th>
            </tr>
          </thead>
          <tbody>
            {summary.columns.map((column, i) => {
              const field = choices.map[i + 1] ?? column.field;
              return (
                <tr key={i}>
                  <th scope="row">{column.header || t('import.column.unnamed', { n: i + 1 })}</th>
                  <td>
                    <select
                      className={inputClass}
                      value={field}
                      aria-label={t('import.field.of', { column: column.header || String(i + 1) })}
                      title={fields.find((f) => f.name === field)?.help}
                      data-ignored={field === 'ignore' || undefined}
                      onChange={(e) => onChange({ ...choices, map: { ...choices.map, [i + 1]: e.target.value } })}
                    >
                      {!fields.some((f) => f.name === field) && <option value={field}>{label(field)}</option>}
                      {fields.map((f) => (
                        <option key={f.name} value={f.name} title={f.help}>
                          {f.label}
                        </option>
                      ))}
                    </select>
                  </td>
                  <td className={css.samples}>{column.samples.filter(Boolean).join(' · ') || '–'}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

export function Preview({ summary }: { summary: ImportSummary }) {
  if (!summary.preview.length) return null;
  return (
    <Panel title={t('import.preview')} flush>
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t('import.preview')}>
        <table className={css.table}>
          <thead>
            <tr>
              {summary.columns.map((column, i) => (
                <th key={i} scope="col">
                  {column.header || `#${i + 1}`}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {summary.preview.map((row, i) => (
              <tr key={i}>
                {summary.columns.map((_, c) => (
                  <td key={c}>{row[c] ?? ''}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

const SHOWN_MAX = 200;

export function Problems({ summary }: { summary: ImportSummary }) {
  const total = summary.errors + summary.remarks;
  if (!total && !summary.problems.length) return null;
  const shown = summary.problems.slice(0, SHOWN_MAX);
  const left = total - shown.length;
  return (
    <Panel title={t('import.problems')} note={`${t('import.problems.errors', { n: summary.errors })}, ${t('import.problems.remarks', { n: summary.remarks })}`} flush>
      <div className={css.scroll} tabIndex={0} role="region" aria-label={t('import.problems')}>
        <table className={css.table} data-problems="">
          <thead>
            <tr>
              <th scope="col">{t('import.problem.line')}</th>
              <th scope="col">{t('import.problem.kind')}</th>
              <th scope="col">{t('import.column')}</th>
              <th scope="col">{t('import.problem.value')}</th>
              <th scope="col">{t('import.problem.text')}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((problem, i) => (
              <tr key={i}>
                <td>{problem.line ? showCount(problem.line) : t('import.problem.file')}</td>
                <td className={problem.is_error ? css.error : undefined}>{problem.is_error ? t('import.problem.error') : t('import.problem.remark')}</td>
                <td>{problem.column || '–'}</td>
                <td className={css.samples}>{problem.value || '–'}</td>
                <td className={css.wrap}>{problem.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {left > 0 && <p className={css.more}>{t('import.problems.more', { n: left })}</p>}
    </Panel>
  );
}
