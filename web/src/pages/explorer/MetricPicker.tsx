/* Which columns stand in the table, and the way to new ones. */
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '../../api/client';
import { dataChanged } from '../../api/queries';
import type { Metric } from '../../api/types';
import { t } from '../../i18n';
import { DownIcon, PlusIcon, TrashIcon } from '../../parts/icons';
import { Popover } from '../../parts/Popover';
import { Button, inputClass, ProblemNotice, toast } from '../../parts/ui';
import css from './Explorer.module.css';
import { MetricEditor } from './MetricEditor';

/* The server takes at most so many metrics in one question. */
const SHOWN_MAX = 24;

export function MetricPicker({ metrics, shown, onChange }: { metrics: Metric[]; shown: string[]; onChange: (names: string[]) => void }) {
  const [open, setOpen] = useState(false);
  const [editing, setEditing] = useState(false);
  const [text, setText] = useState('');
  const remove = useMutation({
    mutationFn: (name: string) => call<void>(`/api/v1/metrics/${encodeURIComponent(name)}`, { method: 'DELETE' }),
    onSuccess: async (_, name) => {
      onChange(shown.filter((other) => other !== name));
      await dataChanged();
      toast(t('metric.removed', { name }));
    },
  });
  const found = metrics.filter((m) => `${m.label} ${m.name}`.toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <>
      <Popover
        open={open}
        onOpenChange={setOpen}
        label={t('metrics.label')}
        trigger={
          <Button>
            {t('metrics.button', { n: shown.length })}
            <DownIcon />
          </Button>
        }
      >
        <div className={css.picker}>
          <input className={inputClass} value={text} placeholder={t('metrics.search')} aria-label={t('metrics.search')} onChange={(e) => setText(e.target.value)} />
          {remove.isError && <ProblemNotice error={remove.error} />}
          <ul>
            {found.map((m) => (
              <li key={m.name}>
                <label title={`${m.help} ${m.formula}`}>
                  <input
                    type="checkbox"
                    checked={shown.includes(m.name)}
                    disabled={shown.includes(m.name) ? shown.length === 1 : shown.length >= SHOWN_MAX}
                    onChange={(e) => onChange(e.target.checked ? [...shown, m.name] : shown.filter((name) => name !== m.name))}
                  />
                  <span>{m.label}</span>
                  <code>{m.formula === m.name ? '' : m.formula}</code>
                </label>
                {m.user_defined && (
                  <Button look="quiet" icon small aria-label={t('metric.remove', { name: m.label })} title={t('metric.remove', { name: m.label })} disabled={remove.isPending} onClick={() => remove.mutate(m.name)}>
                    <TrashIcon />
                  </Button>
                )}
              </li>
            ))}
          </ul>
          <Button
            onClick={() => {
              setOpen(false);
              setEditing(true);
            }}
          >
            <PlusIcon />
            {t('metric.new')}
          </Button>
        </div>
      </Popover>
      {editing && (
        <MetricEditor
          metrics={metrics}
          onClose={() => setEditing(false)}
          onMade={(name) => {
            setEditing(false);
            onChange([...shown, name]);
          }}
        />
      )}
    </>
  );
}
