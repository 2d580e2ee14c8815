/* What the page CTR asks the server. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { call } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type CtrModel = Schemas['CtrModel'];
export type Driver = CtrModel['drivers'][number];
export type Level = Driver['levels'][number];
export type Field = Driver['field'];
export type CtrAnswer = Schemas['CtrAnswer'];

export const MODEL_URL = '/api/v1/ml/ctr/model';

export const useCtrModel = () => useQuery({ queryKey: ['ctr-model'], queryFn: ({ signal }) => call<CtrModel>(MODEL_URL, { signal }) });

export const useCtr = (question: Partial<Record<Field, string>>) =>
  useQuery({
    queryKey: ['ctr', question],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      call<CtrAnswer>('/api/v1/ml/predict/ctr', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(question),
        signal,
      }),
  });
