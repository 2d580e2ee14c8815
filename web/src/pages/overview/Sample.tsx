/* The way in and out of the sample, and what an empty workspace says. */
import { useMutation } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { Link } from 'react-router-dom';
import { call } from '../../api/client';
import { dataChanged } from '../../api/queries';
import { t } from '../../i18n';
import { TrashIcon } from '../../parts/icons';
import { Button, linkButtonClass, ProblemNotice, toast } from '../../parts/ui';
import css from './Overview.module.css';

const Dialog = lazy(() => import('../../parts/Dialog').then((m) => ({ default: m.Dialog })));

export function NoData() {
  const load = useMutation({
    mutationFn: () => call('/api/v1/sample', { method: 'POST' }),
    onSuccess: async () => {
      await dataChanged();
      toast(t('sample.loaded'));
    },
  });
  return (
    <div className={css.empty} data-empty="">
      <h2>{t('empty.title')}</h2>
      <p>{t('empty.detail')}</p>
      {load.isError && <ProblemNotice error={load.error} />}
      <div className={css.emptyActions}>
        <Link className={linkButtonClass('primary')} to="/import">
          {t('empty.import')}
        </Link>
        <Button disabled={load.isPending} onClick={() => load.mutate()}>
          {load.isPending ? t('sample.loading') : t('empty.sample')}
        </Button>
      </div>
    </div>
  );
}

export function RemoveSample() {
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => call<{ removed_rows: number }>('/api/v1/sample', { method: 'DELETE' }),
    onSuccess: async ({ removed_rows }) => {
      setAsking(false);
      await dataChanged();
      toast(t('sample.removed', { n: removed_rows }));
    },
  });
  return (
    <>
      <Button small onClick={() => setAsking(true)}>
        <TrashIcon />
        {t('sample.remove')}
      </Button>
      {asking && (
        <Suspense>
          <Dialog open onClose={() => setAsking(false)} title={t('sample.remove.title')} description={t('sample.remove.detail')}>
            {remove.isError && <ProblemNotice error={remove.error} />}
            <div className={css.emptyActions} style={{ justifyContent: 'flex-end' }}>
              <Button onClick={() => setAsking(false)}>{t('action.cancel')}</Button>
              <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate()}>
                {t('sample.remove')}
              </Button>
            </div>
          </Dialog>
        </Suspense>
      )}
    </>
  );
}
