/* How many units and days the next test needs. What is asked stands in the address. */
import { useExperimentPlan, type Wish } from '../../api/experiments';
import { showCount } from '../../format';
import { t } from '../../i18n';
import { Field, inputClass, Panel, ProblemNotice, Skeleton } from '../../parts/ui';
import { useAddress } from '../../state/address';
import css from './Experiments.module.css';

const DEFAULTS = { kind: 'rate', mean: '5', sd: '', effect: '10', perDay: '', arms: '2' };
type Name = keyof typeof DEFAULTS;

function wishOf(read: (name: Name) => string): Wish | null {
  const kind = read('kind') === 'mean' ? 'mean' : 'rate';
  const [mean, effect, sd, perDay, arms] = (['mean', 'effect', 'sd', 'perDay', 'arms'] as const).map((name) => Number(read(name) || NaN));
  if (!mean || !effect || !Number.isFinite(mean) || !(effect > 0) || (kind === 'mean' && !(sd! > 0))) return null;
  return {
    kind,
    mean: kind === 'rate' ? mean / 100 : mean,
    effect: effect / 100,
    ...(kind === 'mean' && { sd: sd! }),
    variants: arms! >= 2 && arms! <= 64 ? Math.round(arms!) : 2,
    ...(perDay! > 0 && { per_day: perDay! }),
  };
}

export function Planner() {
  const [params, change] = useAddress();
  const read = (name: Name) => params.get(`plan_${name}`) ?? DEFAULTS[name];
  const write = (name: Name, value: string) => change({ [`plan_${name}`]: value === DEFAULTS[name] ? null : value }, true);
  const wish = wishOf(read);
  const answer = useExperimentPlan(wish);
  const plan = wish ? answer.data : undefined;
  const number = (name: Name, label: string) => (
    <Field label={label}>
      <input className={inputClass} type="number" inputMode="decimal" min="0" step="any" value={read(name)} onChange={(e) => write(name, e.target.value)} />
    </Field>
  );
  const rows: [string, number, number | undefined][] = plan
    ? [
        [t('exp.plan.most'), plan.most, plan.days?.most],
        [t('exp.plan.with'), plan.with_effect, plan.days?.with_effect],
        [t('exp.plan.without'), plan.without_effect, plan.days?.without_effect],
        [t('exp.plan.fixed'), plan.fixed, plan.days?.fixed],
      ]
    : [];
  return (
    <Panel title={t('exp.plan')} busy={answer.isPlaceholderData}>
      <div className={css.fields}>
        <Field label={t('exp.plan.kind')}>
          <select className={inputClass} value={read('kind')} onChange={(e) => write('kind', e.target.value)}>
            <option value="rate">{t('exp.plan.kind.rate')}</option>
            <option value="mean">{t('exp.plan.kind.mean')}</option>
          </select>
        </Field>
        {number('mean', t(read('kind') === 'mean' ? 'exp.plan.mean.mean' : 'exp.plan.mean.rate'))}
        {read('kind') === 'mean' && number('sd', t('exp.plan.sd'))}
        {number('effect', t('exp.plan.effect'))}
        {number('arms', t('exp.plan.variants'))}
        {number('perDay', t('exp.plan.perDay'))}
      </div>
      {answer.isError && wish && <ProblemNotice error={answer.error} />}
      {wish && !plan && !answer.isError && <Skeleton height={120} />}
      {plan && !answer.isError && (
        <>
          <p className={css.planSay} data-plan="">
            {plan.days
              ? t('exp.plan.say.days', { days: t('exp.plan.days', { n: plan.days.most }), most: showCount(plan.most) })
              : t('exp.plan.say', { most: showCount(plan.most) })}
          </p>
          <table className={css.plan}>
            <thead>
              <tr>
                <td />
                <th scope="col">{t('exp.plan.col')}</th>
                {plan.days && <th scope="col">{t('exp.plan.col.days')}</th>}
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, n, days]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>{showCount(n)}</td>
                  {plan.days && <td>{showCount(days ?? 0)}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </Panel>
  );
}
