/* What the page of experiments asks the server. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { call } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type Question = Pick<Schemas['ExperimentQuestion'], 'csv' | 'control' | 'minimum'> & { goal: 'increase' | 'decrease' };
export type Answer = Schemas['ExperimentAnswer'];
export type Metric = Schemas['ExperimentMetric'];
export type Variant = Schemas['ExperimentVariant'];
export type Wish = Pick<Schemas['ExperimentWish'], 'kind' | 'mean' | 'effect' | 'sd' | 'variants' | 'per_day'>;
export type Plan = Schemas['ExperimentPlan'];

const post = <T>(path: string, body: unknown, signal: AbortSignal) =>
  call<T>(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal });

export const useAnalysis = (question: Question | null) =>
  useQuery({
    queryKey: ['experiment', question],
    enabled: question !== null,
    placeholderData: question ? keepPreviousData : undefined,
    retry: false,
    gcTime: 60_000,
    queryFn: ({ signal }) => post<Answer>('/api/v1/experiments/analyze', question, signal),
  });

export const useExperimentPlan = (wish: Wish | null) =>
  useQuery({
    queryKey: ['experiment-plan', wish],
    enabled: wish !== null,
    placeholderData: wish ? keepPreviousData : undefined,
    retry: false,
    queryFn: ({ signal }) => post<Plan>('/api/v1/experiments/plan', wish, signal),
  });
