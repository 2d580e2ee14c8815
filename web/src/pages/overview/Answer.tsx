/* The sentence the page exists to say, made from the data. */
import type { ReactNode } from 'react';
import { num, str, type Answer as Result } from '../../api/queries';
import type { Metric, Workspace } from '../../api/types';
import { change, compact, full, showDay } from '../../format';
import { rich, t } from '../../i18n';
import { Skeleton } from '../../parts/ui';
import type { View } from '../../state/address';
import css from './Overview.module.css';

const bold = (text: string): ReactNode => <strong>{text}</strong>;

export function periodText(view: View): string {
  const { preset, from, to } = view.range;
  if (preset && /^\d+d$/.test(preset)) return t('period.latest', { n: view.nDays });
  return from === to ? t('period.day', { day: showDay(from) }) : t('period.range', { from: showDay(from), to: showDay(to) });
}

export function Answer(props: {
  totals: Result | undefined;
  channels: Result | undefined;
  metrics: Metric[] | undefined;
  workspace: Workspace;
  view: View;
}) {
  const { totals, channels, metrics, workspace, view } = props;
  if (!totals || !metrics)
    return (
      <p className={css.answer}>
        <Skeleton width="70%" height={24} />
      </p>
    );
  const { currency } = workspace.tenant;
  const row = totals.rows[0];
  const unit = (name: string) => metrics.find((m) => m.name === name)!;
  const show = (name: string) => bold(compact(num(row, name), unit(name).unit, currency));
  const spend = num(row, 'spend');
  const revenue = num(row, 'revenue');
  const conversions = num(row, 'conversions');
  const period = periodText(view);
  if (spend === null) return <p className={css.answer}>{t('answer.nothing', { period })}</p>;

  const sentences: ReactNode[] = [];
  const before = view.compare === 'year' ? t('before.year') : t('before.previous', { n: view.nDays });
  const moved = view.compare === 'none' ? null : change(spend, num(row, 'spend_previous'), unit('spend'));
  sentences.push(
    moved
      ? rich(moved.direction > 0 ? 'answer.spend.more' : moved.direction < 0 ? 'answer.spend.less' : 'answer.spend.same', {
          spend: show('spend'),
          period,
          change: bold(moved.text.replace(/^[+−-]/, '')),
          before,
        })
      : rich('answer.spend', { spend: show('spend'), period }),
  );

  if (revenue) {
    const returned = view.compare === 'none' ? null : change(num(row, 'roas'), num(row, 'roas_previous'), unit('roas'));
    const parts = { revenue: show('revenue'), roas: show('roas'), change: bold(returned?.text ?? ''), word: returned?.word ?? '' };
    sentences.push(rich(returned && returned.direction !== 0 ? 'answer.return.change' : 'answer.return', parts));
    const known = (channels?.rows ?? []).filter((r) => num(r, 'roas') !== null && (num(r, 'spend') ?? 0) > 0);
    if (known.length > 1) {
      const sorted = [...known].sort((a, b) => num(b, 'roas')! - num(a, 'roas')!);
      const label = (name: string) => workspace.channels.find((c) => c.name === name)?.label ?? name;
      const best = sorted[0]!;
      const worst = sorted[sorted.length - 1]!;
      sentences.push(
        rich('answer.channels', {
          best: bold(label(str(best, 'channel'))),
          bestRoas: full(num(best, 'roas'), 'factor', currency),
          worst: bold(label(str(worst, 'channel'))),
          worstRoas: full(num(worst, 'roas'), 'factor', currency),
        }),
      );
    }
  } else if (conversions) sentences.push(rich('answer.conversions', { n: conversions, conversions: show('conversions'), cpa: show('cpa') }));
  else sentences.push(t('answer.noReturn'));

  return (
    <p className={css.answer} data-answer="">
      {sentences.map((s, i) => (
        <span key={i}>
          {i > 0 && ' '}
          {s}
        </span>
      ))}
    </p>
  );
}
