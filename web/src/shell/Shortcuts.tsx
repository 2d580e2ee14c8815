import { t, type Key } from '../i18n';
import { Dialog } from '../parts/Dialog';
import css from './Shortcuts.module.css';

const KEYS: [string[], Key][] = [
  [['Ctrl', 'K'], 'shortcuts.palette'],
  [['?'], 'shortcuts.help'],
  [['g', 'o'], 'shortcuts.overview'],
  [['g', 'e'], 'shortcuts.explorer'],
  [['g', 'f'], 'shortcuts.forecast'],
  [['g', 'a'], 'shortcuts.anomalies'],
  [['g', 'c'], 'shortcuts.ctr'],
  [['g', 'b'], 'shortcuts.budget'],
  [['g', 'x'], 'shortcuts.experiments'],
  [['g', 'i'], 'shortcuts.import'],
  [['/'], 'shortcuts.search'],
  [['t'], 'shortcuts.theme'],
  [['['], 'shortcuts.rail'],
  [['←', '→'], 'shortcuts.cursor'],
  [['Esc'], 'shortcuts.close'],
];

export default function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={t('shortcuts.title')}>
      <dl className={css.list}>
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
