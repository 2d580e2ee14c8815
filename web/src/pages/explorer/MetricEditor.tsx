/* A metric of one's own: a name and a formula over the others. */
import { useMutation } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { call, ProblemError } from '../../api/client';
import { queryClient } from '../../api/queries';
import type { Metric } from '../../api/types';
import { t } from '../../i18n';
import { Dialog } from '../../parts/Dialog';
import { Button, Field, inputClass, ProblemNotice, toast } from '../../parts/ui';
import css from './Explorer.module.css';

/* "Profit per click" -> profit_per_click: lower-case letters, digits and _, a letter first. */
export const nameFrom = (label: string): string =>
  label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
    .slice(0, 64);

export function MetricEditor({ metrics, onClose, onMade }: { metrics: Metric[]; onClose: () => void; onMade: (name: string) => void }) {
  const [label, setLabel] = useState('');
  const [name, setName] = useState<string | null>(null);
  const [formula, setFormula] = useState('');
  const box = useRef<HTMLTextAreaElement>(null);
  const finalName = name ?? nameFrom(label);
  const save = useMutation({
    mutationFn: () =>
      call<Metric>('/api/v1/metrics', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: finalName, formula, label: label.trim() }),
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['metrics'] });
      toast(t('metric.made', { name: label.trim() || finalName }));
      onMade(finalName);
    },
    onError: (error) => {
      // The server says at which place of the formula it stumbled: put the cursor there.
      const column = error instanceof ProblemError ? error.problem.errors?.find((e) => e.pointer.includes('formula'))?.column : undefined;
      if (column && box.current) {
        box.current.focus();
        box.current.setSelectionRange(column - 1, column);
      }
    },
  });
  const insert = (text: string) => {
    const field = box.current!;
    const { selectionStart: start, selectionEnd: end } = field;
    const space = start > 0 && !/[\s(]$/.test(formula.slice(0, start)) ? ' ' : '';
    setFormula(formula.slice(0, start) + space + text + formula.slice(end));
    field.focus();
    requestAnimationFrame(() => field.setSelectionRange(start + space.length + text.length, start + space.length + text.length));
  };
  return (
    <Dialog open wide onClose={onClose} title={t('metric.new')} description={t('metric.new.detail')}>
      <form
        className={css.editor}
        onSubmit={(event) => {
          event.preventDefault();
          if (finalName && formula.trim()) save.mutate();
        }}
      >
        <div className={css.editorNames}>
          <Field label={t('metric.label')}>
            <input className={inputClass} value={label} maxLength={200} required autoFocus onChange={(e) => setLabel(e.target.value)} />
          </Field>
          <Field label={t('metric.name')}>
            <input className={inputClass} value={finalName} maxLength={64} pattern="[a-z][a-z0-9_]*" required spellCheck={false} onChange={(e) => setName(e.target.value)} />
          </Field>
        </div>
        <Field label={t('metric.formula')}>
          <textarea ref={box} className={inputClass} rows={3} value={formula} required maxLength={4096} spellCheck={false} placeholder="(revenue - spend) / clicks" onChange={(e) => setFormula(e.target.value)} />
        </Field>
        <div className={css.chips} role="group" aria-label={t('metric.insert')}>
          {metrics.map((m) => (
            <button key={m.name} type="button" title={m.help} onClick={() => insert(m.name)}>
              {m.name}
            </button>
          ))}
          {['min(', 'max(', 'abs(', 'coalesce(', 'if('].map((f) => (
            <button key={f} type="button" onClick={() => insert(f)}>
              {f}…)
            </button>
          ))}
        </div>
        {save.isError && <ProblemNotice error={save.error} />}
        <div className={css.editorActions}>
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="submit" look="primary" disabled={save.isPending || !finalName || !formula.trim()}>
            {t('metric.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
