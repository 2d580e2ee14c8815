/* What the pages that forecast, detect and divide ask the server. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { call } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type Completeness = Schemas['Completeness'];
export type Forecast = Schemas['Forecast'];
export type CurveEntity = Schemas['BudgetCurves']['entities'][number];
export type Curve = Schemas['ResponseCurve'];
export type Plan = Schemas['BudgetPlan'];
export type PlanRow = Plan['rows'][number];
export type PlanQuestion = Omit<Schemas['BudgetQuestion'], 'with_curves'>;
export type By = PlanQuestion['by'];
export type Anomaly = Schemas['Anomaly'];
export type Timeline = Schemas['AnomalyTimeline'];

/* What every estimate says of itself. */
export type Made = Pick<Forecast, 'method' | 'data_from' | 'data_to'> & { completeness?: Completeness };

export const FORECAST_METRICS = ['revenue', 'spend', 'roi', 'roas', 'conversions', 'clicks', 'impressions'] as const;
export type ForecastMetric = (typeof FORECAST_METRICS)[number];
export const WATCHED_METRICS = ['spend', 'revenue', 'conversions', 'clicks', 'impressions', 'ctr', 'cpa', 'roas'] as const;

const search = (parts: Record<string, string | number | null | undefined>): string => {
  const p = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) if (value !== null && value !== undefined && value !== '') p.set(name, String(value));
  const text = p.toString();
  return text ? `?${text}` : '';
};

export const forecastUrl = (q: { metric: string; horizon: number; channel: string | null }): string =>
  `/api/ml-dashboard/roi-forecast${search(q)}`;

export const useForecast = (url: string) =>
  useQuery({ queryKey: ['forecast', url], placeholderData: keepPreviousData, queryFn: ({ signal }) => call<Forecast>(url, { signal }) });

export const useCurves = (by: By, objective: string) => {
  const url = `/api/v1/ml/budget/curves${search({ by, objective: objective === 'revenue' ? null : objective })}`;
  return useQuery({ queryKey: ['curves', url], placeholderData: keepPreviousData, queryFn: ({ signal }) => call<Schemas['BudgetCurves']>(url, { signal }) });
};

/* One question per change of a slider: the one before is cancelled, its answer stays on the page. */
export const usePlan = (question: PlanQuestion) =>
  useQuery({
    queryKey: ['plan', question],
    placeholderData: keepPreviousData,
    gcTime: 60_000,
    retry: false,
    queryFn: ({ signal }) =>
      call<Plan>('/api/v1/ml/optimize/budget', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(question),
        signal,
      }),
  });

export const anomaliesUrl = (q: { metric: string | null; channel: string | null; severity: string | null; from: string; to: string }): string =>
  `/api/v1/ml/detect/anomalies${search({ ...q, limit: 500 })}`;

export const useAnomalies = (url: string) =>
  useQuery({ queryKey: ['anomalies', url], placeholderData: keepPreviousData, queryFn: ({ signal }) => call<Anomaly[]>(url, { signal }) });

export const timelineUrl = (q: { metric: string; entity: string; from: string; to: string }): string =>
  `/api/v1/ml/anomalies/timeline${search(q)}`;

export const useTimeline = (url: string | null) =>
  useQuery({
    queryKey: ['timeline', url],
    enabled: url !== null,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => call<Timeline>(url!, { signal }),
  });
