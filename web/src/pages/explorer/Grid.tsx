/* The quiet table: sortable, a chosen row is drawn above, a name opens what it contains. */
import { createColumnHelper, flexRender, getCoreRowModel, useReactTable, type RowData } from '@tanstack/react-table';
import { useMemo } from 'react';
import { Link } from 'react-router-dom';
import { num, str, type Row } from '../../api/queries';
import type { Metric } from '../../api/types';
import { change, full } from '../../format';
import { t, type Key } from '../../i18n';
import { ChangeTag, cx, Dot } from '../../parts/ui';
import css from './Explorer.module.css';
import { LEVELS, rowKey, SELECTED_MAX, type Level } from './place';

declare module '@tanstack/react-table' {
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData extends RowData, TValue> {
    metric?: Metric;
    isChange?: boolean;
  }
}

const helper = createColumnHelper<Row>();

export function Grid(props: {
  rows: Row[];
  total: Row | undefined;
  level: Level;
  metrics: Metric[];
  currency: string;
  withChanges: boolean;
  sort: string;
  label: (channel: string) => string;
  color: (channel: string) => string;
  selected: string[];
  onSelect: (keys: string[]) => void;
  onSort: (sort: string) => void;
  hrefOf: (row: Row) => string | null;
}) {
  const { level, metrics, currency, withChanges, selected } = props;
  const columns = useMemo(
    () =>
      metrics.flatMap((metric) => [
        helper.accessor((row) => num(row, metric.name), {
          id: metric.name,
          header: metric.label,
          meta: { metric },
          cell: (cell) => full(cell.getValue(), metric.unit, currency),
        }),
        ...(withChanges
          ? [
              helper.display({
                id: `${metric.name}_change`,
                header: t('explorer.change'),
                meta: { metric, isChange: true },
                cell: ({ row }) => (
                  <ChangeTag word={false} change={change(num(row.original, metric.name), num(row.original, `${metric.name}_previous`), metric)} />
                ),
              }),
            ]
          : []),
      ]),
    [metrics, currency, withChanges],
  );
  const table = useReactTable({
    data: props.rows,
    columns,
    getCoreRowModel: getCoreRowModel(),
    getRowId: (row) => LEVELS.slice(1, LEVELS.indexOf(level)).map((l) => str(row, `${l}_id`)).join('.') + '/' + rowKey(row, level),
    manualSorting: true,
  });

  const sortName = props.sort.replace(/^-/, '');
  const descending = props.sort.startsWith('-');
  const ariaSort = (name: string) => (sortName !== name ? undefined : descending ? ('descending' as const) : ('ascending' as const));
  const nextSort = (name: string, numeric: boolean) => (sortName === name ? (descending ? name : `-${name}`) : numeric ? `-${name}` : name);
  const sortButton = (name: string, text: string, numeric: boolean, help?: string) => (
    <button type="button" onClick={() => props.onSort(nextSort(name, numeric))} title={help}>
      {text}
      <span aria-hidden="true" className={css.arrow}>
        {sortName === name ? (descending ? '▼' : '▲') : ''}
      </span>
    </button>
  );

  const nameOf = (row: Row) => (level === 'channel' ? props.label(str(row, 'channel')) : str(row, level) || t('explorer.unnamed'));
  const above = (row: Row) =>
    level === 'channel'
      ? ''
      : [props.label(str(row, 'channel')), ...LEVELS.slice(1, LEVELS.indexOf(level)).map((l) => str(row, l))].filter(Boolean).join(' › ');

  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label={t('explorer.table')}>
      <table className={css.table} data-level={level}>
        <thead>
          <tr>
            <th scope="col" className={css.nameCell} aria-sort={ariaSort(level)}>
              {sortButton(level, t(`dimension.${level}` as Key), false)}
            </th>
            {table.getFlatHeaders().map((header) => {
              const { metric, isChange } = header.column.columnDef.meta ?? {};
              return isChange ? (
                <th key={header.id} scope="col" className={css.changeCell}>
                  <span className="visually-hidden">{t('explorer.changeOf', { metric: metric!.label })}</span>
                  <span aria-hidden="true">{flexRender(header.column.columnDef.header, header.getContext())}</span>
                </th>
              ) : (
                <th key={header.id} scope="col" aria-sort={ariaSort(header.id)}>
                  {sortButton(header.id, metric!.label, true, metric!.help)}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => {
            const key = rowKey(row.original, level);
            const isSelected = selected.includes(key);
            const href = props.hrefOf(row.original);
            const name = nameOf(row.original);
            return (
              <tr key={row.id} className={cx(isSelected && css.selected)} data-row={key}>
                <th scope="row" className={css.nameCell}>
                  <span className={css.nameBox}>
                    <input
                      type="checkbox"
                      checked={isSelected}
                      disabled={!isSelected && selected.length >= SELECTED_MAX}
                      aria-label={t('explorer.select', { name })}
                      title={!isSelected && selected.length >= SELECTED_MAX ? t('explorer.select.max', { n: SELECTED_MAX }) : undefined}
                      onChange={(e) => props.onSelect(e.target.checked ? [...selected, key] : selected.filter((k) => k !== key))}
                    />
                    <Dot color={props.color(str(row.original, 'channel'))} />
                    <span className={css.names}>
                      {href ? (
                        <Link to={href} className={css.name} title={name}>
                          {name}
                        </Link>
                      ) : (
                        <span className={css.name} title={name}>
                          {name}
                        </span>
                      )}
                      {level !== 'channel' && (
                        <span className={css.above} title={above(row.original)}>
                          {above(row.original)}
                        </span>
                      )}
                    </span>
                  </span>
                </th>
                {row.getVisibleCells().map((cell) => (
                  <td key={cell.id} className={cx(cell.column.columnDef.meta?.isChange && css.changeCell)} data-metric={cell.column.id} title={cell.getValue() === null ? t('value.none') : undefined}>
                    {flexRender(cell.column.columnDef.cell, cell.getContext())}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
        {props.total && props.rows.length > 0 && (
          <tfoot>
            <tr data-row="total">
              <th scope="row" className={css.nameCell}>
                {t('explorer.total')}
              </th>
              {metrics.flatMap((metric) => [
                <td key={metric.name} data-metric={metric.name}>
                  {full(num(props.total, metric.name), metric.unit, currency)}
                </td>,
                ...(withChanges
                  ? [
                      <td key={`${metric.name}_change`} className={css.changeCell}>
                        <ChangeTag word={false} change={change(num(props.total, metric.name), num(props.total, `${metric.name}_previous`), metric)} />
                      </td>,
                    ]
                  : []),
              ])}
            </tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}
