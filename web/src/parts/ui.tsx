/* The small pieces that every page is made of. */
import {
  forwardRef,
  useEffect,
  useState,
  type AnchorHTMLAttributes,
  type ButtonHTMLAttributes,
  type ReactNode,
} from 'react';
import { ProblemError } from '../api/client';
import type { Change } from '../format';
import { t } from '../i18n';
import css from './ui.module.css';

export const cx = (...names: (string | false | null | undefined)[]): string => names.filter(Boolean).join(' ');

type Look = { look?: 'primary' | 'danger' | 'quiet'; icon?: boolean; small?: boolean };
const buttonClass = ({ look, icon, small }: Look, more?: string) =>
  cx(css.button, look && css[look], icon && css.icon, small && css.small, more);

export const Button = forwardRef<HTMLButtonElement, Look & ButtonHTMLAttributes<HTMLButtonElement>>(
  ({ look, icon, small, className, ...rest }, ref) => (
    <button ref={ref} type="button" className={buttonClass({ look, icon, small }, className)} {...rest} />
  ),
);
Button.displayName = 'Button';

export const LinkButton = forwardRef<HTMLAnchorElement, Look & AnchorHTMLAttributes<HTMLAnchorElement>>(
  ({ look, icon, small, className, ...rest }, ref) => (
    <a ref={ref} className={buttonClass({ look, icon, small }, className)} {...rest} />
  ),
);
LinkButton.displayName = 'LinkButton';
export const linkButtonClass = (look?: Look['look']): string => buttonClass({ look });

export function SampleBadge() {
  return (
    <span className={css.badge} title={t('sample.help')} data-sample="">
      {t('sample.badge')}
    </span>
  );
}

export function Panel(props: {
  title: ReactNode;
  note?: ReactNode;
  sample?: boolean;
  actions?: ReactNode;
  children: ReactNode;
  busy?: boolean;
  className?: string;
  flush?: boolean;
}) {
  return (
    <section className={cx(css.panel, props.className)} aria-busy={props.busy || undefined}>
      <header className={css.panelHead}>
        <h2>{props.title}</h2>
        {props.sample && <SampleBadge />}
        {props.note && <span className={css.panelNote}>{props.note}</span>}
        {props.actions && <div className={css.panelActions}>{props.actions}</div>}
      </header>
      {props.flush ? props.children : <div className={css.panelBody}>{props.children}</div>}
    </section>
  );
}

const ARROWS = { 1: '▲', 0: '=', [-1]: '▼' } as const;

/* Sign, arrow and word: the colour only repeats them. */
export function ChangeTag({ change, word = true }: { change: Change | null; word?: boolean }) {
  if (!change)
    return (
      <span className={css.change} title={t('change.none.help')}>
        {word ? (
          t('change.none')
        ) : (
          <>
            <span aria-hidden="true">–</span>
            <span className="visually-hidden">{t('change.none')}</span>
          </>
        )}
      </span>
    );
  return (
    <span className={cx(css.change, change.judgement !== 'none' && css[change.judgement])}>
      <span aria-hidden="true">{ARROWS[change.direction]}</span>
      <b>{change.text}</b>
      <span className={word ? undefined : 'visually-hidden'}>{change.word}</span>
    </span>
  );
}

export const Skeleton = ({ width = '100%', height = 16 }: { width?: number | string; height?: number | string }) => (
  <span className={css.skeleton} style={{ width, height }} aria-hidden="true" />
);

export function Notice(props: { kind?: 'info' | 'bad' | 'warn' | 'good'; children: ReactNode; actions?: ReactNode }) {
  const kind = props.kind ?? 'info';
  return (
    <div className={cx(css.notice, kind !== 'info' && css[kind])} role={kind === 'bad' ? 'alert' : undefined}>
      <div>{props.children}</div>
      {props.actions}
    </div>
  );
}

/* What happened, which part of the input is meant, and a way on. */
export function ProblemNotice({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const problem = error instanceof ProblemError ? error.problem : null;
  const lines = (problem?.errors ?? []).filter((e) => e.detail !== problem?.detail);
  return (
    <Notice
      kind="bad"
      actions={onRetry && <Button onClick={onRetry}>{t('action.retry')}</Button>}
    >
      <strong>{problem?.detail || problem?.title || t('error.unknown')}</strong>
      {lines.length > 0 && (
        <ul>
          {lines.map((e, i) => (
            <li key={i}>
              {e.pointer}: {e.detail}
            </li>
          ))}
        </ul>
      )}
    </Notice>
  );
}

export function Field(props: { label: ReactNode; children: ReactNode; className?: string }) {
  return (
    <label className={cx(css.field, props.className)}>
      <span>{props.label}</span>
      {props.children}
    </label>
  );
}
export const inputClass = css.input;

export const Dot = ({ color }: { color: string }) => (
  <span className={css.dot} style={{ background: color }} aria-hidden="true" />
);

/* ---- short messages of what was done ------------------------------------------------------------- */
let show: ((text: string) => void) | null = null;
export const toast = (text: string): void => show?.(text);

export function Toasts() {
  const [items, setItems] = useState<{ id: number; text: string }[]>([]);
  useEffect(() => {
    show = (text) => {
      const id = Date.now() + Math.random();
      setItems((old) => [...old.slice(-2), { id, text }]);
      setTimeout(() => setItems((old) => old.filter((item) => item.id !== id)), 6000);
    };
    return () => {
      show = null;
    };
  }, []);
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {items.map((item) => (
        <div key={item.id}>{item.text}</div>
      ))}
    </div>
  );
}
