/* A window over the page, in the middle or as a drawer from the side. */
import * as Radix from '@radix-ui/react-dialog';
import type { ReactNode } from 'react';
import { t } from '../i18n';
import css from './Dialog.module.css';
import { CloseIcon } from './icons';
import { Button, cx } from './ui';

export function Dialog(props: {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  side?: boolean;
  wide?: boolean;
  children: ReactNode;
}) {
  return (
    <Radix.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={css.scrim} />
        <Radix.Content
          className={cx(props.side ? css.drawer : css.dialog, props.wide && css.wide)}
          {...(props.description ? {} : { 'aria-describedby': undefined })}
        >
          <header className={css.head}>
            <Radix.Title className={css.title}>{props.title}</Radix.Title>
            <Radix.Close asChild>
              <Button look="quiet" icon aria-label={t('action.close')}>
                <CloseIcon />
              </Button>
            </Radix.Close>
          </header>
          {props.description && <Radix.Description className={css.description}>{props.description}</Radix.Description>}
          <div className={css.body}>{props.children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
