/* Where the next day's money should go, what that is expected to bring, and what stands in the way. */
import { lazy, Suspense, useRef, type ReactNode } from 'react';
import { useCurves, usePlan, type Plan } from '../../api/decide';
import type { Unit } from '../../api/types';
import { full, near, share } from '../../format';
import { rich, t, type Key } from '../../i18n';
import { ChannelSelect, Gate, Lead, oneChannel, Waiting, type Ready } from '../../parts/Gate';
import { Select } from '../../parts/Select';
import { Button, Notice, Panel, ProblemNotice, Skeleton } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { useAddress } from '../../state/address';
import { channelColors } from '../../state/colors';
import { Amount } from './Amount';
import css from './Budget.module.css';
import { CurveChart } from './Curve';
import { DEFAULT_CHANGE, questionOf, roundTo, stepFor, tidy, useWish, type Bound, type Wish } from './plan';
import { Table } from './Table';

const Ground = lazy(() => import('../../parts/Ground'));

export default function Budget() {
  return (
    <Gate title={t('nav.budget')} empty={t('decide.empty.budget')}>
      {(ready) => <Filled {...ready} />}
    </Gate>
  );
}

function Filled({ workspace, view }: Ready) {
  const [params, change] = useAddress();
  const [wish, setWish] = useWish();
  const channel = wish.by === 'campaign' ? oneChannel(view) : null;
  const question = questionOf(wish, channel);
  const answer = usePlan(question);
  const curves = useCurves(wish.by, wish.objective);
  const chartBox = useRef<HTMLDivElement>(null);
  const sample = workspace.is_sample;
  // A refusal leaves the last division where it is.
  const last = useRef<Plan | undefined>(undefined);
  if (answer.data) last.current = answer.data;
  const plan = answer.data ?? last.current;
  // While another question is on its way the old answer stays, as what it is.
  const unit: Unit = (plan?.objective ?? wish.objective) === 'revenue' ? 'money' : 'count';

  const wanted = params.get('row');
  const row = plan?.rows.find((r) => r.id === wanted) ?? plan?.rows[0];
  const entity = curves.data?.entities.find((e) => e.id === row?.id);
  const pick = (id: string, look = false) => {
    change({ row: id }, true);
    if (look) chartBox.current?.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
  };
  const setBound = (id: string, bound: Bound | undefined) => {
    const { [id]: _, ...others } = wish.bounds;
    setWish({ bounds: bound ? { ...others, [id]: bound } : others });
  };
  const touched = wish.total !== null || wish.change !== DEFAULT_CHANGE || wish.risk !== 'mean' || Object.keys(wish.bounds).length > 0;

  return (
    <Page
      title={t('nav.budget')}
      sample={sample}
      side={
        <>
          <Select
            label={t('budget.level')}
            value={wish.by}
            options={[
              ['channel', t('budget.level.channel')],
              ['campaign', t('budget.level.campaign')],
            ]}
            onChange={(by) => setWish({ by, bounds: {}, total: null })}
          />
          {wish.by === 'campaign' && <ChannelSelect workspace={workspace} view={view} />}
          <Select
            label={t('budget.objective')}
            value={wish.objective}
            options={[
              ['revenue', t('budget.objective.revenue')],
              ['conversions', t('budget.objective.conversions')],
            ]}
            onChange={(objective) => setWish({ objective })}
          />
        </>
      }
    >
      {!plan ? (
        answer.isError ? (
          <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />
        ) : (
          <Waiting />
        )
      ) : plan.rows.length === 0 ? (
        <Notice>{t('budget.none')}</Notice>
      ) : (
        <>
          <Lead onWhy={() => change({ why: '1' }, true)} note={plan.completeness.text && <span>{plan.completeness.text}</span>}>
            <Answer plan={plan} unit={unit} />
          </Lead>
          {answer.isError && <Refused error={answer.error} wish={wish} plan={plan} onAllow={(percent) => setWish({ change: percent })} />}
          <Probe plan={plan} unit={unit} onShow={(id) => pick(id, true)} />
          <div className={css.top}>
            <Controls wish={wish} plan={plan} unit={unit} sample={sample} busy={answer.isPlaceholderData} touched={touched} onChange={setWish} />
            <div ref={chartBox} className={css.chartBox}>
              {row && entity && entity.curve.x.length > 0 ? (
                <CurveChart
                  entity={entity}
                  row={row}
                  rows={plan.rows}
                  unit={unit}
                  color={channelColors(workspace.channels)(row.channel)}
                  currency={plan.currency}
                  sample={sample}
                  busy={curves.isPlaceholderData}
                  onPick={pick}
                  day={workspace.data_to ?? ''}
                />
              ) : curves.isError ? (
                <ProblemNotice error={curves.error} onRetry={() => void curves.refetch()} />
              ) : curves.data ? (
                <Notice>{t('budget.curve.none')}</Notice>
              ) : (
                <Skeleton height={372} />
              )}
            </div>
          </div>
          <Table
            rows={plan.rows}
            by={plan.by}
            unit={unit}
            workspace={workspace}
            currency={plan.currency}
            busy={answer.isPlaceholderData}
            chosen={row?.id ?? ''}
            bounds={wish.bounds}
            onBound={setBound}
            onPick={(id) => pick(id, true)}
          />
          {params.get('why') && (
            <Suspense>
              <Ground
                title={t('nav.budget')}
                facts={[
                  [t('budget.level'), t(`budget.level.${wish.by}` as Key)],
                  [t('budget.objective'), t(`budget.objective.${wish.objective}` as Key)],
                  [t('budget.risk'), t(`budget.risk.${wish.risk}` as Key)],
                  [t('budget.change'), wish.change === null ? t('budget.change.none') : share(wish.change / 100)],
                  [t('budget.summary.now'), full(plan.total.current, 'money', plan.currency)],
                  [t('budget.summary.then'), full(plan.total.recommended, 'money', plan.currency)],
                  [t('budget.summary.price'), full(plan.total.price, 'factor', plan.currency)],
                ]}
                made={plan}
                seed={plan.seed}
                workspace={workspace}
                api={touched || plan.by !== 'channel' || plan.objective !== 'revenue' ? undefined : '/api/ml-dashboard/budget-recommendation'}
                onClose={() => change({ why: null }, true)}
              >
                <p>{tidy(plan.why, plan.currency)}</p>
              </Ground>
            </Suspense>
          )}
        </>
      )}
    </Page>
  );
}

const bold = (text: string): ReactNode => <strong>{text}</strong>;

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function Answer({ plan, unit }: { plan: Plan; unit: Unit }) {
  const { total, currency } = plan;
  const moves = plan.rows.map((r) => ({ row: r, by: r.recommended_budget - r.current_budget }));
  if (plan.unchanged)
    return (
      <>
        {bold(t('budget.answer.same'))} {upper(tidy(plan.why, plan.currency).replace(/^Nothing to change: /, ''))}
      </>
    );
  const up = moves.reduce((sum, m) => sum + Math.max(0, m.by), 0);
  const most = [...moves].sort((a, b) => a.by - b.by);
  const from = most[0];
  const to = most[most.length - 1];
  const spread = total.gain.high - total.gain.low;
  const money = (value: number) => bold(near(value, 'money', currency, 100));
  const gained = (value: number) => bold(near(value, unit, currency, spread));
  const same = Math.abs(total.recommended - total.current) <= 0.005 * Math.max(1, total.current);
  return (
    <>
      {same
        ? rich('budget.answer.move', {
            moved: money(up),
            gain: gained(total.gain.mean),
            low: near(total.gain.low, unit, currency, spread),
            high: near(total.gain.high, unit, currency, spread),
            probability: bold(share(total.gain.probability)),
          })
        : rich('budget.answer.total', { total: money(total.recommended), current: money(total.current), expected: gained(total.expected), now: gained(total.expected_now) })}{' '}
      {same && from && to && from.by < 0 && to.by > 0 && rich('budget.answer.steps', { from: bold(from.row.name), to: bold(to.row.name) })}
    </>
  );
}

/* Says what cannot be met, and offers the step that would let it. */
function Refused({ error, wish, plan, onAllow }: { error: unknown; wish: Wish; plan: Plan; onAllow: (percent: number) => void }) {
  const needed = wish.total !== null && plan.total.current > 0 ? Math.min(100, 5 * Math.ceil(20 * Math.abs(wish.total / plan.total.current - 1) + 0.2)) : 100;
  const enough = wish.change !== null && needed > wish.change;
  return (
    <div className={css.refused}>
      <ProblemNotice error={error} />
      <p>
        {t('budget.refused')}{' '}
        {enough && (
          <Button small onClick={() => onAllow(needed)}>
            {t('budget.allow', { percent: share(needed / 100) })}
          </Button>
        )}
      </p>
    </div>
  );
}

function Probe({ plan, unit, onShow }: { plan: Plan; unit: Unit; onShow: (id: string) => void }) {
  const { probe } = plan;
  if (!probe) return null;
  return (
    <Notice
      actions={
        <Button small onClick={() => onShow(probe.id)}>
          {t('budget.probe.show')}
        </Button>
      }
    >
      <span data-probe="">{rich('budget.probe', { name: bold(probe.name), value: near(probe.value, unit, plan.currency, 100) })}</span>
    </Notice>
  );
}

function Controls(props: { wish: Wish; plan: Plan; unit: Unit; sample: boolean; busy: boolean; touched: boolean; onChange: (changes: Partial<Wish>) => void }) {
  const { wish, plan, unit, onChange } = props;
  const { total, currency } = plan;
  const step = stepFor(2 * total.current);
  const asked = wish.total ?? total.current;
  const left = total.budget - total.recommended;
  const spread = Math.max(1, ...plan.rows.map((r) => r.expected_return.high - r.expected_return.low));
  const facts: [string, ReactNode, ReactNode][] = [
    [t('budget.summary.spend'), full(total.current, 'money', currency), full(total.recommended, 'money', currency)],
    [t('budget.summary.return'), near(total.expected_now, unit, currency, spread), <span key="e" data-expected={total.expected}>{near(total.expected, unit, currency, spread)}</span>],
  ];
  return (
    <Panel
      title={t('budget.controls')}
      sample={props.sample}
      actions={
        props.touched && (
          <Button look="quiet" small onClick={() => onChange({ total: null, change: DEFAULT_CHANGE, risk: 'mean', bounds: {} })}>
            {t('budget.reset')}
          </Button>
        )
      }
    >
      <div className={css.controls}>
        <Amount
          label={t('budget.total')}
          value={roundTo(asked, 0.01)}
          max={roundTo(Math.ceil((2 * total.current) / step) * step, step)}
          step={step >= 1 ? step : 0.01}
          note={
            wish.total === null ? (
              t('budget.total.now', { value: full(total.current, 'money', currency) })
            ) : (
              <button type="button" className={css.back} onClick={() => onChange({ total: null })}>
                {t('budget.total.reset')} ({full(total.current, 'money', currency)})
              </button>
            )
          }
          onChange={(value) => onChange({ total: value })}
        />
        <Amount
          label={t('budget.change')}
          value={wish.change ?? 100}
          min={0}
          max={100}
          step={5}
          suffix="%"
          note={
            <>
              <label className={css.check}>
                <input type="checkbox" checked={wish.change === null} onChange={(e) => onChange({ change: e.target.checked ? null : DEFAULT_CHANGE })} />
                {t('budget.change.any')}
              </label>
              {wish.total !== null && wish.change === DEFAULT_CHANGE && <span className={css.auto}>{t('budget.change.auto')}</span>}
            </>
          }
          onChange={(value) => onChange({ change: value })}
        />
        <div className={css.risk}>
          <span className={css.amountLabel} aria-hidden="true">
            {t('budget.risk')}
          </span>
          <Select
            label={t('budget.risk')}
            value={wish.risk}
            options={(['mean', 'lower', 'thompson'] as const).map((r) => [r, t(`budget.risk.${r}`)] as const)}
            onChange={(risk) => onChange({ risk })}
          />
        </div>
        <table className={css.sums} aria-busy={props.busy || undefined}>
          <thead>
            <tr>
              <td />
              <th scope="col">{t('budget.summary.now')}</th>
              <th scope="col">{t('budget.summary.then')}</th>
            </tr>
          </thead>
          <tbody>
            {facts.map(([name, now, then]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{now}</td>
                <td>
                  <b>{then}</b>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        <p className={css.leftover}>{left > Math.max(0.01, step / 2) ? t('budget.left', { left: full(left, 'money', currency) }) : '\u00a0'}</p>
      </div>
    </Panel>
  );
}
