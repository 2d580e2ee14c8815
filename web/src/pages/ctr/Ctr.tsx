/* How often ads are clicked: what drives it, how far the model can be trusted, and a try. */
import { lazy, Suspense, type ReactNode } from 'react';
import { MODEL_URL, useCtrModel, type CtrModel, type Driver, type Level } from '../../api/ctr';
import { full, showCount } from '../../format';
import { rich, t, type Key } from '../../i18n';
import '../../i18n/ctr';
import { Gate, Lead, Waiting, type Ready } from '../../parts/Gate';
import type { Fact } from '../../parts/Ground';
import { Notice, ProblemNotice } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { useAddress } from '../../state/address';
import css from './Ctr.module.css';
import { Drivers, isWithin } from './Drivers';
import { Badge, Reliability, Tested, testFacts } from './Tested';
import { Try } from './Try';

const Ground = lazy(() => import('../../parts/Ground'));

export default function Ctr() {
  return (
    <Gate title={t('nav.ctr')} empty={t('ctr.empty')}>
      {(ready) => <Filled {...ready} />}
    </Gate>
  );
}

function Filled({ workspace }: Ready) {
  const [params, change] = useAddress();
  const answer = useCtrModel();
  const model = answer.data;
  const sample = workspace.is_sample;
  return (
    <Page title={t('nav.ctr')} sample={sample} side={model && <Badge badge={model.calibration.badge} />}>
      {answer.isError && !model ? (
        <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />
      ) : !model ? (
        <Waiting />
      ) : model.state === 'empty' ? (
        <Notice>
          <span data-empty="">{t('ctr.empty')}</span>
        </Notice>
      ) : (
        <>
          <Lead onWhy={() => change({ why: '1' }, true)} note={<Notes model={model} />}>
            <Answer model={model} />
          </Lead>
          {model.state === 'scarce' && <Notice kind="warn">{t('ctr.scarce')}</Notice>}
          <Drivers drivers={model.drivers} sample={sample} />
          <Try model={model} sample={sample} />
          <div className={css.pair}>
            <Reliability model={model} sample={sample} />
            <Tested model={model} sample={sample} />
          </div>
          {params.get('why') && (
            <Suspense>
              <Ground
                title={t('nav.ctr')}
                value={full(model.base_rate, 'ratio', '')}
                facts={groundOf(model)}
                made={model}
                workspace={workspace}
                api={MODEL_URL}
                onClose={() => change({ why: null }, true)}
              />
            </Suspense>
          )}
        </>
      )}
    </Page>
  );
}

function Notes({ model }: { model: CtrModel }) {
  return (
    <>
      {!model.is_current && <span>{t('ctr.stale')}</span>}
      {model.completeness.text && <span>{model.completeness.text}</span>}
      {model.merged.length > 0 && <span>{t('ctr.merged', { fields: model.merged.map((f) => t(`ctr.field.${f}` as Key)).join(', ') })}</span>}
    </>
  );
}

const bold = (text: string): ReactNode => <strong>{text}</strong>;
const times = (odds: number): string => full(odds, 'factor', '');

/* The ends of a driver, as far as they are told apart from 1; small ones last, they are mostly noise. */
function endsOf(driver: Driver): [Level, Level] | null {
  const clear = driver.levels.filter((l) => l.low > 1 || l.high < 1).sort((a, b) => b.odds - a.odds);
  const first = clear[0];
  const last = clear[clear.length - 1];
  return first && last && first.odds > 1 && last.odds < 1 ? [first, last] : null;
}

function Answer({ model }: { model: CtrModel }) {
  const found = model.drivers.map((d) => [d, endsOf(d)] as const).find(([, ends]) => ends);
  const ends = found?.[1];
  return (
    <>
      {rich('ctr.answer', { ctr: bold(full(model.base_rate, 'ratio', '')) })}{' '}
      {found && ends
        ? rich(isWithin(found[0].field) ? 'ctr.answer.parent' : 'ctr.answer.average', {
            field: bold(t(`ctr.field.${found[0].field}` as Key)),
            best: bold(ends[0].label),
            high: bold(times(ends[0].odds)),
            worst: bold(ends[1].label),
            low: bold(times(ends[1].odds)),
          })
        : t('ctr.answer.same')}{' '}
      {model.test && model.test.ratio !== null && rich('ctr.answer.tested', { n: model.test.days, ratio: bold(times(model.test.ratio)) })}
    </>
  );
}

const groundOf = (model: CtrModel): Fact[] => [
  [t('ctr.method'), t(`ctr.method.${model.model}` as Key)],
  [t('ctr.impressions'), t('ctr.learnt', { impressions: showCount(model.impressions), clicks: showCount(model.clicks), cells: showCount(model.cells) })],
  ...(model.dispersion !== null ? [[t('ctr.dispersion'), full(model.dispersion, 'factor', '')] as Fact] : []),
  ...testFacts(model),
];
