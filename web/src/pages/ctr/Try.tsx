/* An ad that does not exist yet: choose what is known of it, read how often it would be clicked. */
import { useCtr, type CtrAnswer, type CtrModel, type Driver, type Field } from '../../api/ctr';
import { full } from '../../format';
import { t, type Key } from '../../i18n';
import { Button, cx, Field as FormField, inputClass, Panel, ProblemNotice, Skeleton } from '../../parts/ui';
import { useAddress } from '../../state/address';
import css from './Ctr.module.css';
import { Badge } from './Tested';

/* In the order in which people think of an ad. Ads and their groups are there already: one that is tried is new. */
const ASKED: Field[] = ['channel', 'campaign', 'device', 'placement', 'age', 'gender', 'country', 'audience', 'weekday', 'hour'];
const key = (field: Field) => `try_${field}`;

/* Times and days in their order, names by the alphabet. */
function optionsOf(driver: Driver, channel: string | null): [string, string][] {
  const levels = driver.levels.filter((l) => !channel || l.channel === null || l.channel === channel);
  const days = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
  if (driver.field === 'weekday') levels.sort((a, b) => days.indexOf(a.label.toLowerCase()) - days.indexOf(b.label.toLowerCase()));
  else levels.sort((a, b) => a.label.localeCompare(b.label, undefined, { numeric: true }));
  return levels.map((l) => [l.value, l.label]);
}

export function Try({ model, sample }: { model: CtrModel; sample: boolean }) {
  const [params, change] = useAddress();
  const asked = ASKED.flatMap((field) => model.drivers.filter((d) => d.field === field));
  const question: Partial<Record<Field, string>> = {};
  for (const { field } of asked) {
    const value = params.get(key(field));
    if (value) question[field] = value;
  }
  const answer = useCtr(question);
  const isOpen = Object.keys(question).length === 0;
  if (asked.length === 0) return null;
  return (
    <Panel
      title={t('ctr.try')}
      note={t('ctr.try.note')}
      sample={sample}
      busy={answer.isPlaceholderData}
      actions={
        !isOpen && (
          <Button look="quiet" small onClick={() => change(Object.fromEntries(asked.map((d) => [key(d.field), null])), true)}>
            {t('ctr.try.clear')}
          </Button>
        )
      }
    >
      <div className={css.try}>
        <div className={css.form}>
          {asked.map((d) => (
            <FormField key={d.field} label={t(`ctr.field.${d.field}` as Key)}>
              <select
                className={inputClass}
                value={params.get(key(d.field)) ?? ''}
                onChange={(e) => change({ [key(d.field)]: e.target.value, ...(d.field === 'channel' ? { [key('campaign')]: null } : {}) }, true)}
              >
                <option value="">{t('ctr.try.any')}</option>
                {optionsOf(d, d.field === 'campaign' ? params.get(key('channel')) : null).map(([value, label]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </select>
            </FormField>
          ))}
        </div>
        {answer.isError && !answer.data ? (
          <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />
        ) : answer.data ? (
          <Result answer={answer.data} />
        ) : (
          <Skeleton height={180} />
        )}
      </div>
    </Panel>
  );
}

function Result({ answer }: { answer: CtrAnswer }) {
  const rate = (value: number | null) => full(value, 'ratio', '');
  const times = (odds: number) => full(odds, 'factor', '');
  /* What only follows and changes nothing is no reason. */
  const reasons = answer.explanation.filter((r) => r.is_given || times(r.odds) !== times(1));
  return (
    <div className={css.result}>
      <p className={css.resultHead} aria-live="polite">
        <span className={css.quiet}>{t('ctr.try.result')}</span>
        <strong data-ctr={answer.ctr ?? ''}>{rate(answer.ctr)}</strong>
        {answer.interval && <span>{t('ctr.try.interval', { low: rate(answer.interval.low), high: rate(answer.interval.high) })}</span>}
      </p>
      <p className={css.resultNote}>
        <Badge badge={answer.calibration.badge} />
        <span className={css.quiet}>{t('ctr.try.evidence', { n: answer.impressions })}</span>
      </p>
      <table className={css.because}>
        <caption>{t('ctr.try.because')}</caption>
        <tbody>
          <tr>
            <th scope="row">{t('ctr.try.base')}</th>
            <td>
              <b>{rate(answer.base)}</b>
            </td>
            <td />
          </tr>
          {reasons.map((r) => (
            <tr key={r.field} data-reason={r.field}>
              <th scope="row">
                <span className={css.quiet}>{t(`ctr.field.${r.field}` as Key)}</span> {r.value}
                {!r.is_given && <span className={css.quiet}> ({t('ctr.try.implied')})</span>}
              </th>
              <td>
                <b className={cx(r.low > 1 && css.upText, r.high < 1 && css.downText)}>{t('ctr.times', { value: times(r.odds) })}</b>
              </td>
              <td className={css.quiet}>{t('ctr.odds.range', { low: times(r.low), high: times(r.high) })}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {answer.unknown.map((u) => (
        <p key={u.field} className={css.quiet}>
          {u.value}: {u.detail}
        </p>
      ))}
    </div>
  );
}
