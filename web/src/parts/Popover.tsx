/* A small window beside its button. */
import { cloneElement, lazy, Suspense, useRef, type ComponentPropsWithRef, type ReactElement, type ReactNode } from 'react';

const load = () => import('./PopoverBody');
const Body = lazy(load);

export function Popover(props: {
  trigger: ReactElement<ComponentPropsWithRef<'button'>>;
  label: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  align?: 'start' | 'end';
  children: ReactNode;
}) {
  const anchor = useRef<HTMLButtonElement>(null);
  return (
    <>
      {cloneElement(props.trigger, {
        ref: anchor,
        'aria-haspopup': 'dialog',
        'aria-expanded': props.open,
        onPointerEnter: () => void load(),
        onFocus: () => void load(),
        onClick: () => props.onOpenChange(!props.open),
      })}
      {props.open && (
        <Suspense>
          <Body anchor={anchor} label={props.label} align={props.align ?? 'start'} onClose={() => props.onOpenChange(false)}>
            {props.children}
          </Body>
        </Suspense>
      )}
    </>
  );
}
