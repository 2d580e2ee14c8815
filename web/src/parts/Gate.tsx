/* What the pages that estimate have in common: they need data first, and open with a sentence. */
import type { ReactNode } from 'react';
import { Link } from 'react-router-dom';
import { useMetrics, useWorkspace } from '../api/queries';
import type { Metric, Workspace } from '../api/types';
import { t } from '../i18n';
import '../i18n/decide';
import { Page } from '../shell/Shell';
import { useAddress, useView, type View } from '../state/address';
import css from './Gate.module.css';
import { HelpIcon } from './icons';
import { Select } from './Select';
import { Button, linkButtonClass, Notice, ProblemNotice, Skeleton } from './ui';

export interface Ready {
  workspace: Workspace;
  metrics: Metric[];
  view: View;
}

/* Shows the page once there is something to show, and else what to do about it. */
export function Gate({ title, empty, children }: { title: string; empty: string; children: (ready: Ready) => ReactNode }) {
  const workspace = useWorkspace();
  const metrics = useMetrics();
  const view = useView(workspace.data);
  const failed = [workspace, metrics].find((q) => q.isError && !q.data);
  if (workspace.data && metrics.data && view) return children({ workspace: workspace.data, metrics: metrics.data.metrics, view });
  return (
    <Page title={title}>
      {failed ? (
        <ProblemNotice error={failed.error} onRetry={() => void failed.refetch()} />
      ) : workspace.data && metrics.data ? (
        <Notice
          actions={
            <>
              <Link className={linkButtonClass('primary')} to="/import">
                {t('empty.import')}
              </Link>
              <Link className={linkButtonClass()} to="/">
                {t('empty.more')}
              </Link>
            </>
          }
        >
          <span data-empty="">{empty}</span>
        </Notice>
      ) : (
        <Waiting />
      )}
    </Page>
  );
}

export const Waiting = () => (
  <>
    <Skeleton height={48} />
    <Skeleton height={360} />
    <Skeleton height={280} />
  </>
);

/* The answer, what it rests on in small, and the way to its ground. */
export function Lead({ children, note, onWhy }: { children: ReactNode; note?: ReactNode; onWhy: () => void }) {
  return (
    <div className={css.lead}>
      <p className={css.answer} data-answer="" aria-live="polite">
        {children}
      </p>
      <div className={css.note}>
        {note}
        <Button look="quiet" small onClick={onWhy} title={t('why.open')}>
          <HelpIcon />
          {t('ground.open')}
        </Button>
      </div>
    </div>
  );
}

/* One channel or all: what the address chooses for every page, where it chooses one. */
export const oneChannel = (view: View): string | null => (view.channels.length === 1 ? view.channels[0]! : null);

export function ChannelSelect({ workspace, view }: { workspace: Workspace; view: View }) {
  const [, change] = useAddress();
  if (workspace.channels.length < 2) return null;
  return (
    <Select
      label={t('decide.channel')}
      value={oneChannel(view) ?? ''}
      options={[['', t('channels.all')], ...workspace.channels.map((c) => [c.name, c.label] as const)]}
      onChange={(name) => change({ channels: name || null, row: null })}
    />
  );
}

export const channelLabel = (workspace: Workspace, name: string): string => workspace.channels.find((c) => c.name === name)?.label ?? name;
