/* The questions that pages ask, cached: what was shown stays until the new answer is there. */
import { keepPreviousData, QueryClient, useQuery } from '@tanstack/react-query';
import { fieldInLanguage, metricInLanguage } from '../i18n';
import { call } from './client';
import type { Cell, Column, ImportList, ImportOptions, MetricList, QueryResult, Workspace } from './types';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 30_000, gcTime: 10 * 60_000, refetchOnWindowFocus: true, retry: 1 },
  },
});

/* Called after the data changed: all but the fixed lists is asked again. */
export const dataChanged = (): Promise<void> => queryClient.invalidateQueries();

export const useWorkspace = () =>
  useQuery({ queryKey: ['workspace'], queryFn: ({ signal }) => call<Workspace>('/api/v1/workspace', { signal }) });

const metricsInLanguage = (list: MetricList): MetricList => ({ ...list, metrics: list.metrics.map(metricInLanguage) });
export const useMetrics = () =>
  useQuery({ queryKey: ['metrics'], queryFn: ({ signal }) => call<MetricList>('/api/v1/metrics', { signal }), select: metricsInLanguage });

const fieldsInLanguage = (options: ImportOptions): ImportOptions => ({ ...options, fields: options.fields.map(fieldInLanguage) });
export const useImportOptions = () =>
  useQuery({
    queryKey: ['import-options'],
    staleTime: Infinity,
    select: fieldsInLanguage,
    queryFn: ({ signal }) => call<ImportOptions>('/api/v1/imports/options', { signal }),
  });

export const useImports = () =>
  useQuery({
    queryKey: ['imports'],
    queryFn: ({ signal }) => call<ImportList>('/api/v1/imports?limit=10', { signal }),
  });

export interface Question {
  metrics: readonly string[];
  by?: readonly string[];
  filter?: string;
  from: string;
  to: string;
  compare?: string;
  sort?: string;
  limit?: number;
  offset?: number;
}

export function questionUrl(q: Question, format?: 'csv'): string {
  const p = new URLSearchParams();
  p.set('metrics', q.metrics.join(','));
  if (q.by?.length) p.set('by', q.by.join(','));
  if (q.filter) p.set('filter', q.filter);
  p.set('from', q.from);
  p.set('to', q.to);
  if (q.compare && q.compare !== 'none') p.set('compare', q.compare);
  if (q.sort) p.set('sort', q.sort);
  if (q.limit !== undefined) p.set('limit', String(q.limit));
  if (q.offset) p.set('offset', String(q.offset));
  if (format) p.set('format', format);
  return `/api/v1/analytics/query?${p}`;
}

export type Row = Record<string, Cell>;
export interface Answer extends Omit<QueryResult, 'rows'> {
  rows: Row[];
}

const named = (columns: Column[], cells: Cell[]): Row =>
  Object.fromEntries(columns.map((column, i) => [column.name, cells[i] ?? null]));

export async function ask(q: Question, signal?: AbortSignal): Promise<Answer> {
  const result = await call<QueryResult>(questionUrl(q), { signal });
  return { ...result, rows: result.rows.map((cells) => named(result.columns, cells)) };
}

export const useAnswer = (q: Question | null) =>
  useQuery({
    queryKey: ['query', q],
    enabled: q !== null,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => ask(q!, signal),
  });

export const num = (row: Row | undefined, name: string): number | null => {
  const value = row?.[name];
  return typeof value === 'number' ? value : null;
};
export const str = (row: Row | undefined, name: string): string => {
  const value = row?.[name];
  return value === null || value === undefined ? '' : String(value);
};
