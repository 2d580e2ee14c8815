/* An amount by slider and by number: the slider for feeling, the number for meaning. */
import { useEffect, useId, useState } from 'react';
import { inputClass } from '../../parts/ui';
import { t } from '../../i18n';
import css from './Budget.module.css';

export function Amount(props: { label: string; value: number; min?: number; max: number; step: number; suffix?: string; note?: React.ReactNode; onChange: (value: number) => void }) {
  const { label, value, step, onChange } = props;
  const min = props.min ?? 0;
  const id = useId();
  const [text, setText] = useState<string | null>(null);
  // Typing stays as typed until the field is left; a slider elsewhere may change the value meanwhile.
  useEffect(() => setText(null), [value]);
  const decimals = step >= 1 ? 0 : 2;
  const take = (typed: string) => {
    setText(typed);
    const next = Number(typed.replace(',', '.'));
    if (typed.trim() !== '' && Number.isFinite(next) && next >= min) onChange(next);
  };
  return (
    <div className={css.amount}>
      <span className={css.amountLabel} id={id}>
        {label}
      </span>
      <input
        type="range"
        className={css.range}
        aria-label={t('budget.slider', { name: label })}
        min={min}
        max={Math.max(props.max, value)}
        step={step}
        value={value}
        onChange={(e) => onChange(Number(e.target.value))}
      />
      <span className={css.number}>
        <input
          className={inputClass}
          inputMode="decimal"
          aria-label={t('budget.number', { name: label })}
          value={text ?? value.toFixed(decimals)}
          onChange={(e) => take(e.target.value)}
          onBlur={() => setText(null)}
        />
        {props.suffix && <span aria-hidden="true">{props.suffix}</span>}
      </span>
      {props.note && <span className={css.amountNote}>{props.note}</span>}
    </div>
  );
}
