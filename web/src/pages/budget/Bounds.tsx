/* What one budget may be: free, between two amounts, or fixed. */
import { useState } from 'react';
import type { PlanRow } from '../../api/decide';
import { near } from '../../format';
import { t, type Key } from '../../i18n';
import { DownIcon } from '../../parts/icons';
import { Popover } from '../../parts/Popover';
import { Button, cx } from '../../parts/ui';
import { Amount } from './Amount';
import css from './Budget.module.css';
import { roundTo, stepFor, type Bound } from './plan';

const KINDS = ['free', 'between', 'fixed'] as const;
type Kind = (typeof KINDS)[number];
const kindOf = (b: Bound | undefined): Kind => (!b ? 'free' : b.fixed !== undefined ? 'fixed' : 'between');

function boundText(b: Bound | undefined, currency: string): string {
  const show = (value: number) => near(value, 'money', currency, 100);
  if (!b) return t('budget.bounds.free');
  if (b.fixed !== undefined) return t('budget.bounds.at.fixed', { fixed: show(b.fixed) });
  if (b.min !== undefined && b.max !== undefined) return t('budget.bounds.at.both', { min: show(b.min), max: show(b.max) });
  return b.min !== undefined ? t('budget.bounds.at.min', { min: show(b.min) }) : t('budget.bounds.at.max', { max: show(b.max ?? 0) });
}

export function Bounds(props: { row: PlanRow; bound: Bound | undefined; currency: string; onChange: (bound: Bound | undefined) => void }) {
  const { row, bound, onChange } = props;
  const [open, setOpen] = useState(false);
  const kind = kindOf(bound);
  const top = 2 * Math.max(row.current_budget, row.recommended_budget, 1);
  const step = stepFor(top);
  const now = roundTo(row.current_budget, step);
  const choose = (next: Kind) => onChange(next === 'free' ? undefined : next === 'fixed' ? { fixed: now } : { min: roundTo(row.current_budget / 2, step), max: roundTo(row.current_budget * 1.5, step) });
  const low = bound?.min ?? 0;
  const high = bound?.max ?? top;
  return (
    <Popover
      open={open}
      onOpenChange={setOpen}
      align="end"
      label={t('budget.bounds.of', { name: row.name })}
      trigger={
        <Button small look={bound ? undefined : 'quiet'} aria-label={`${t('budget.bounds.of', { name: row.name })}: ${boundText(bound, props.currency)}`}>
          {boundText(bound, props.currency)}
          <DownIcon />
        </Button>
      }
    >
      <div className={css.bounds}>
        <strong>{row.name}</strong>
        <div className={css.kinds} role="group" aria-label={t('budget.bounds')}>
          {KINDS.map((k) => (
            <button key={k} type="button" aria-pressed={k === kind} className={cx(css.kind, k === kind && css.chosen)} onClick={() => k !== kind && choose(k)}>
              {t(`budget.bounds.${k}` as Key)}
            </button>
          ))}
        </div>
        {kind === 'between' && (
          <>
            <Amount label={t('budget.bounds.min')} value={low} max={top} step={step} onChange={(min) => onChange({ min, max: Math.max(min, high) })} />
            <Amount label={t('budget.bounds.max')} value={high} max={top} step={step} onChange={(max) => onChange({ min: Math.min(low, max), max })} />
          </>
        )}
        {kind === 'fixed' && <Amount label={t('budget.bounds.fix')} value={bound!.fixed!} max={top} step={step} onChange={(fixed) => onChange({ fixed })} />}
      </div>
    </Popover>
  );
}
