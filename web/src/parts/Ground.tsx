/* The drawer behind an estimate: what it is, how it was made, from which days. */
import type { ReactNode } from 'react';
import type { Made } from '../api/decide';
import type { Workspace } from '../api/types';
import { showRange } from '../format';
import { t } from '../i18n';
import { Dialog } from './Dialog';
import css from './Ground.module.css';
import { SampleBadge } from './ui';

export type Fact = [string, ReactNode];

export default function Ground(props: {
  title: string;
  help?: string;
  value?: ReactNode;
  facts: Fact[];
  made?: Partial<Made>;
  seed?: number | string;
  workspace: Workspace;
  api?: string;
  children?: ReactNode;
  onClose: () => void;
}) {
  const { made, workspace } = props;
  const from = made?.data_from ?? workspace.data_from;
  const to = made?.data_to ?? workspace.data_to;
  const facts: Fact[] = [
    ...props.facts,
    ...(from && to ? [[t('ground.data'), showRange(from, to)] as Fact] : []),
    [t('why.rows'), t('why.rows.detail', { n: workspace.n_rows, accounts: String(workspace.accounts.length) })],
    ...(made?.completeness ? [[t('ground.complete'), made.completeness.text || t('ground.complete.all')] as Fact] : []),
    ...(made?.method ? [[t('ground.method'), made.method] as Fact] : []),
    ...(props.seed !== undefined ? [[t('ground.seed'), String(props.seed)] as Fact] : []),
    [t('why.version'), workspace.version],
  ];
  return (
    <Dialog open side onClose={props.onClose} title={t('ground.title', { what: props.title })} description={props.help}>
      <div className={css.ground}>
        {(props.value || workspace.is_sample) && (
          <p className={css.value}>
            {props.value && <strong>{props.value}</strong>}
            {workspace.is_sample && <SampleBadge />}
          </p>
        )}
        {props.children}
        <dl>
          {facts.map(([name, fact]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{fact}</dd>
            </div>
          ))}
        </dl>
        {props.api && (
          <p>
            <a href={props.api}>{t('why.json')}</a>
          </p>
        )}
      </div>
    </Dialog>
  );
}
