/* One way to the server: JSON in and out, and every refusal as a ProblemError that can be shown. */
import type { Problem } from './types';

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

const offline: Problem = {
  title: 'The server does not answer',
  status: 0,
  detail: 'The server does not answer. Nothing was changed. Check that it runs, then try again.',
};

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Problem;
    if (typeof body.title === 'string') return body;
  } catch {
    /* Not a problem document: a proxy in between, perhaps. */
  }
  return { title: `The server answered ${response.status}`, status: response.status };
}

export async function call<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { Accept: 'application/json', ...init?.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ProblemError(offline);
  }
  if (!response.ok) throw new ProblemError(await problemOf(response));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/* Sends a form and tells how much of it has left; fetch cannot do that. */
export function upload<T>(
  path: string,
  form: FormData,
  onProgress: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path);
    request.responseType = 'json';
    request.setRequestHeader('Accept', 'application/json');
    request.upload.onprogress = (event) => onProgress(event.loaded, event.total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve(request.response as T);
      const body = request.response as Problem | null;
      reject(
        new ProblemError(
          body && typeof body.title === 'string'
            ? body
            : { title: `The server answered ${request.status}`, status: request.status },
        ),
      );
    };
    request.onerror = () => reject(new ProblemError(offline));
    request.onabort = () => reject(new DOMException('cancelled', 'AbortError'));
    signal?.addEventListener('abort', () => request.abort());
    request.send(form);
  });
}
