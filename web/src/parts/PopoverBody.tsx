/* The window itself: loaded when the first one is opened. */
import * as Radix from '@radix-ui/react-popover';
import type { ReactNode, RefObject } from 'react';
import css from './Popover.module.css';

export default function PopoverBody(props: {
  anchor: RefObject<HTMLButtonElement>;
  label: string;
  onClose: () => void;
  align: 'start' | 'end';
  children: ReactNode;
}) {
  const { anchor } = props;
  return (
    <Radix.Root open onOpenChange={(open) => !open && props.onClose()}>
      <Radix.Anchor virtualRef={anchor as RefObject<HTMLElement>} />
      <Radix.Portal>
        <Radix.Content
          className={css.popover}
          sideOffset={6}
          collisionPadding={8}
          align={props.align}
          aria-label={props.label}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            anchor.current?.focus();
          }}
          onInteractOutside={(event) => {
            // The button closes by itself; closing here too would open it again.
            if (anchor.current?.contains(event.target as Node)) event.preventDefault();
          }}
        >
          {props.children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
