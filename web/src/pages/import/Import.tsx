/* A file comes in: what it is, how its columns are taken, what is wrong with it, and then it is in. */
import { useCallback, useEffect, useRef, useState, type DragEvent } from 'react';
import { Link } from 'react-router-dom';
import { ProblemError } from '../../api/client';
import { dataChanged, useImportOptions, useImports, useWorkspace } from '../../api/queries';
import type { ImportJob, ImportSummary } from '../../api/types';
import { showBytes, showCount } from '../../format';
import { t } from '../../i18n';
import '../../i18n/tables';
import { ImportIcon } from '../../parts/icons';
import { Button, cx, linkButtonClass, Notice, Panel, ProblemNotice, SampleBadge, Skeleton } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { History } from './History';
import css from './Import.module.css';
import { Columns, Options, Preview, Problems, Recognised } from './Parts';
import { Result } from './Result';
import { inspect, NO_CHOICES, take, tryAll, type Choices } from './steps';

type Stage =
  | { name: 'waiting' }
  | { name: 'looking' }
  | { name: 'ready'; checked?: boolean }
  | { name: 'sending' | 'checking'; done: number; total: number }
  | { name: 'running'; job: ImportJob }
  | { name: 'done'; job: ImportJob };

const isCancelled = (error: unknown) => error instanceof DOMException && error.name === 'AbortError';

export default function Import() {
  const options = useImportOptions();
  const workspace = useWorkspace();
  const history = useImports();
  const [files, setFiles] = useState<File[]>([]);
  const [at, setAt] = useState(0);
  const [choices, setChoices] = useState<Choices>(NO_CHOICES);
  const [summary, setSummary] = useState<ImportSummary | null>(null);
  const [stage, setStage] = useState<Stage>({ name: 'waiting' });
  const [error, setError] = useState<unknown>(null);
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const cancel = useRef<AbortController | null>(null);
  const file = files[at];

  // One talk at a time: a look that is still due must not break off an import.
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const begin = () => {
    clearTimeout(timer.current);
    cancel.current?.abort();
    cancel.current = new AbortController();
    setError(null);
    return cancel.current.signal;
  };
  useEffect(() => () => cancel.current?.abort(), []);

  const fail = (reason: unknown, next: Stage) => {
    if (isCancelled(reason)) return;
    setError(reason);
    setStage(next);
  };

  const look = useCallback(async (which: File, wanted: Choices, hadSummary: boolean) => {
    const signal = begin();
    setStage({ name: 'looking' });
    try {
      const seen = await inspect(which, wanted, signal);
      if (signal.aborted) return;
      setSummary(seen);
      setStage({ name: 'ready' });
    } catch (reason) {
      fail(reason, hadSummary ? { name: 'ready' } : { name: 'waiting' });
    }
  }, []);

  const open = (list: FileList | File[] | null | undefined) => {
    const chosen = Array.from(list ?? []);
    if (!chosen.length) return;
    const limit = options.data?.max_bytes;
    const large = limit ? chosen.find((f) => f.size > limit) : undefined;
    if (large) {
      setError(new ProblemError({ title: t('import.tooLarge', { name: large.name, limit: showBytes(limit!) }), status: 413 }));
      return;
    }
    setFiles(chosen);
    setAt(0);
    start(chosen[0]!);
  };
  const start = (which: File) => {
    setChoices(NO_CHOICES);
    setSummary(null);
    void look(which, NO_CHOICES, false);
  };

  // A changed choice is looked at again, once the hand rests.
  const choose = (next: Choices) => {
    setChoices(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => file && void look(file, next, true), 300);
  };

  const check = async () => {
    if (!file) return;
    const signal = begin();
    setStage({ name: 'checking', done: 0, total: file.size });
    try {
      setSummary(await tryAll(file, choices, (done, total) => setStage({ name: 'checking', done, total }), signal));
      setStage({ name: 'ready', checked: true });
    } catch (reason) {
      fail(reason, { name: 'ready' });
    }
  };

  const run = async () => {
    if (!file) return;
    const signal = begin();
    setStage({ name: 'sending', done: 0, total: file.size });
    try {
      const job = await take(
        file,
        choices,
        (done, total) => setStage({ name: 'sending', done, total }),
        (running) => setStage({ name: 'running', job: running }),
        signal,
      );
      if (job.state === 'failed') {
        fail(new ProblemError(job.problem ?? { title: t('import.failed'), status: 500 }), { name: 'ready' });
        void history.refetch();
        return;
      }
      setStage({ name: 'done', job });
      await dataChanged();
    } catch (reason) {
      fail(reason, { name: 'ready' });
    }
  };

  const reset = () => {
    clearTimeout(timer.current);
    cancel.current?.abort();
    setFiles([]);
    setAt(0);
    setSummary(null);
    setError(null);
    setChoices(NO_CHOICES);
    setStage({ name: 'waiting' });
  };
  const nextFile = () => {
    setAt(at + 1);
    start(files[at + 1]!);
  };

  const busy = stage.name === 'sending' || stage.name === 'running' || stage.name === 'checking';
  const onDrag = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setOver(event.type !== 'dragleave');
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (!busy) open(event.dataTransfer.files);
  };

  const needsDay = !!summary?.needs_day && !choices.day;
  const noRows = !!summary && summary.rows_read === 0;

  return (
    <div onDragOver={onDrag} onDragEnter={onDrag} onDragLeave={onDrag} onDrop={onDrop} className={css.area} data-drop="">
      <Page title={t('nav.import')} side={file && stage.name !== 'done' ? <Button onClick={reset}>{t('import.cancel')}</Button> : undefined}>
        {workspace.data?.is_sample && stage.name !== 'done' && (
          <Notice kind="warn">
            <SampleBadge /> {t('import.sample')}
          </Notice>
        )}
        {error !== null && <ProblemNotice error={error} onRetry={file && !summary ? () => void look(file, choices, false) : undefined} />}

        {stage.name === 'waiting' && (
          <>
            <section className={cx(css.drop, isOver && css.over)}>
              <ImportIcon />
              <h2>{t('import.drop')}</h2>
              <p>{options.data ? t('import.formats', { formats: options.data.formats.filter((f) => f.name !== 'auto' && f.name !== 'generic').map((f) => f.label).join(', ') }) : <Skeleton height={20} />}</p>
              <Button look="primary" onClick={() => input.current?.click()}>
                {t('import.choose')}
              </Button>
              {options.data && <p className={css.small}>{t('import.limit', { size: showBytes(options.data.max_bytes) })}</p>}
            </section>
            <History answer={history.data} error={history.error} />
          </>
        )}
        <input
          ref={input}
          type="file"
          multiple
          accept=".csv,.tsv,.txt,text/csv,text/plain"
          className="visually-hidden"
          tabIndex={-1}
          aria-label={t('import.choose')}
          onChange={(event) => {
            open(event.target.files);
            event.target.value = '';
          }}
        />

        {file && stage.name === 'looking' && !summary && (
          <Panel title={file.name} busy>
            <Skeleton height={220} />
          </Panel>
        )}

        {file && summary && stage.name !== 'waiting' && stage.name !== 'done' && (
          <>
            {files.length > 1 && <p className={css.small}>{t('import.queue', { at: at + 1, n: files.length })}</p>}
            <Recognised file={file} summary={summary} tenantCurrency={workspace.data?.tenant.currency ?? ''} busy={stage.name === 'looking'} />
            {needsDay && <Notice kind="warn">{t('import.needsDay')}</Notice>}
            {noRows && <Notice kind="warn">{summary.message || t('import.noRows')}</Notice>}
            {busy ? (
              <Progress stage={stage} />
            ) : (
              <div className={css.actions}>
                <Button look="primary" disabled={needsDay || noRows || stage.name === 'looking'} onClick={() => void run()}>
                  {t('import.run')}
                </Button>
                <Button disabled={needsDay || noRows || stage.name === 'looking'} onClick={() => void check()}>
                  {t('import.check')}
                </Button>
                {stage.name === 'ready' && stage.checked && (
                  <span className={css.small} role="status">
                    {t('import.checked', { n: summary.rows_imported, errors: showCount(summary.errors) })}
                  </span>
                )}
              </div>
            )}
            <fieldset disabled={busy} className={css.plain}>
              <Options summary={summary} choices={choices} formats={options.data?.formats ?? []} accounts={workspace.data?.accounts ?? []} tenantCurrency={workspace.data?.tenant.currency ?? ''} onChange={choose} />
              <Columns summary={summary} choices={choices} fields={options.data?.fields ?? []} onChange={choose} />
            </fieldset>
            <Problems summary={summary} />
            <Preview summary={summary} />
          </>
        )}

        {stage.name === 'done' && stage.job.summary && (
          <Result
            job={stage.job}
            summary={stage.job.summary}
            actions={
              <>
                {at + 1 < files.length && (
                  <Button look="primary" onClick={nextFile}>
                    {t('import.next', { name: files[at + 1]!.name })}
                  </Button>
                )}
                <Button onClick={reset}>{t('import.another')}</Button>
              </>
            }
          />
        )}
        {stage.name === 'done' && !stage.job.summary && (
          <Notice
            kind="good"
            actions={
              <Link className={linkButtonClass('primary')} to="/">
                {t('nav.overview')}
              </Link>
            }
          >
            {t(stage.job.state === 'unchanged' ? 'import.result.unchanged' : 'import.result.done')}
          </Notice>
        )}
      </Page>
    </div>
  );
}

function Progress({ stage }: { stage: Stage }) {
  let label = '';
  let part: number | null = null;
  if (stage.name === 'sending' || stage.name === 'checking') {
    part = stage.total > 0 ? stage.done / stage.total : null;
    label = stage.name === 'checking' && part === 1 ? t('import.checking') : t('import.sending', { done: showBytes(stage.done), total: showBytes(stage.total) });
    if (stage.name === 'checking' && part === 1) part = null;
  } else if (stage.name === 'running') {
    const p = stage.job.progress;
    part = p && p.bytes_total > 0 ? p.bytes_done / p.bytes_total : null;
    label = p ? t('import.running', { n: p.n_rows }) : t('import.starting');
  }
  return (
    <div className={css.progress}>
      <span id="import-progress" role="status">
        {label}
      </span>
      <progress aria-labelledby="import-progress" max={1} {...(part === null ? {} : { value: part })} />
    </div>
  );
}
