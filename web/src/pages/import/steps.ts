/* The talk with the server about one file: look at it, try it, take it in. */
import { call, upload } from '../../api/client';
import type { ImportJob, ImportStarted, ImportSummary } from '../../api/types';

export interface Choices {
  format: string; /* '' = find out */
  map: Record<number, string>; /* column (from 1) -> field, where a person chose */
  account: string;
  currency: string;
  day: string;
}
export const NO_CHOICES: Choices = { format: '', map: {}, account: '', currency: '', day: '' };

export function formOf(file: Blob, name: string, mode: 'inspect' | 'dry_run' | 'import', choices: Choices): FormData {
  const form = new FormData();
  form.set('mode', mode);
  if (choices.format) form.set('format', choices.format);
  const map = Object.entries(choices.map).map(([column, field]) => `#${column}=${field}`);
  if (map.length) form.set('map', map.join(','));
  if (choices.account.trim()) form.set('account', choices.account.trim());
  if (choices.currency.trim()) form.set('currency', choices.currency.trim().toUpperCase());
  if (choices.day) form.set('day', choices.day);
  form.set('file', file, name);
  return form;
}

const LOOK_BYTES = 4 * 1024 * 1024;

/* The first part of a large file, ended at a line: a look needs no more. */
export async function beginning(file: File): Promise<Blob> {
  if (file.size <= LOOK_BYTES) return file;
  const bytes = new Uint8Array(await file.slice(0, LOOK_BYTES).arrayBuffer());
  const isLittleEndian16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  const end = bytes.lastIndexOf(0x0a);
  if (end < 1) return file.slice(0, LOOK_BYTES);
  return file.slice(0, end + (isLittleEndian16 ? 2 : 1));
}

export async function inspect(file: File, choices: Choices, signal: AbortSignal): Promise<ImportSummary> {
  const form = formOf(await beginning(file), file.name, 'inspect', choices);
  return call<ImportSummary>('/api/v1/imports', { method: 'POST', body: form, signal });
}

export const tryAll = (file: File, choices: Choices, onProgress: (done: number, total: number) => void, signal: AbortSignal): Promise<ImportSummary> =>
  upload<ImportSummary>('/api/v1/imports', formOf(file, file.name, 'dry_run', choices), onProgress, signal);

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/* Sends the file and follows the import to its end. */
export async function take(
  file: File,
  choices: Choices,
  onUpload: (done: number, total: number) => void,
  onJob: (job: ImportJob) => void,
  signal: AbortSignal,
): Promise<ImportJob> {
  const started = await upload<ImportStarted>('/api/v1/imports', formOf(file, file.name, 'import', choices), onUpload, signal);
  for (let ms = 60; ; ms = Math.min(1000, ms * 1.4)) {
    const job = await call<ImportJob>(`/api/v1/imports/${started.import_id}`, { signal });
    onJob(job);
    if (job.state !== 'running') return job;
    await wait(ms);
  }
}
