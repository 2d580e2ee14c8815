/* The shapes of the API's answers that the pages read: names for what the contract generates. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Unit = Schemas['Unit'];
export type Account = Schemas['Account'];
export type Channel = Schemas['Channel'];
export type Workspace = Schemas['Workspace'];
export type Metric = Schemas['Metric'];
export type MetricList = Schemas['MetricList'];
export type Column = Schemas['QueryColumn'];
export type QueryResult = Schemas['QueryResult'];
export type Cell = QueryResult['rows'][number][number];
export type ImportOptions = Schemas['ImportOptions'];
export type ImportSummary = Schemas['ImportSummary'];
export type ImportProblem = ImportSummary['problems'][number];
export type ImportState = Schemas['ImportState'];
export type ImportStarted = Schemas['ImportStarted'];
export type ImportJob = Schemas['Import'];
export type ImportListItem = Schemas['ImportListItem'];
export type ImportList = Schemas['ImportList'];

/* A problem document, or what stands for it when the server could not be reached. */
export type Problem = Partial<Schemas['Problem']> & Pick<Schemas['Problem'], 'title' | 'status'>;
