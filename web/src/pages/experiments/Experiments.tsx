/* The result of an A/B test: is the difference real, what a wrong choice costs, and may the test stop. */
import { useEffect, useMemo, useRef, useState, type DragEvent, type ReactNode } from 'react';
import { useAnalysis, type Answer, type Metric, type Question, type Variant } from '../../api/experiments';
import { full, share, showCount } from '../../format';
import { rich, t, type Key } from '../../i18n';
import '../../i18n/experiments';
import { Chart, type Band, type Series } from '../../parts/chart/Chart';
import { Select } from '../../parts/Select';
import { Button, cx, inputClass, Notice, Panel, ProblemNotice, Skeleton } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { useAddress } from '../../state/address';
import { fileName } from '../../state/fileName';
import { EXAMPLE } from './example';
import css from './Experiments.module.css';
import { Planner } from './Planner';
import { Table } from './Table';
import { sizeOf, signed, small, spreadOf, subjectOf } from './words';

const FILE_BYTES_MAX = 30 * 1024 * 1024;
const MINIMA = ['0.01', '0.02', '0.03', '0.05', '0.1', '0.2'] as const;

/* What was pasted stays while the application is open; it is too large for the address. */
const kept = { text: '', sent: '' };

export default function Experiments() {
  const [params, change] = useAddress();
  const [text, setText] = useState(kept.text);
  const [sent, setSent] = useState(kept.sent);
  const [tooLarge, setTooLarge] = useState(false);
  useEffect(() => void Object.assign(kept, { text, sent }), [text, sent]);

  const goal = params.get('goal') === 'decrease' ? 'decrease' : 'increase';
  const minimum = MINIMA.find((m) => m === params.get('minimum')) ?? '';
  const control = params.get('control') ?? '';
  const question: Question | null = sent
    ? { csv: sent, goal, ...(control && { control }), ...(minimum && { minimum: Number(minimum) }) }
    : null;
  const answer = useAnalysis(question);
  const made = sent ? answer.data : undefined;
  const example = sent === EXAMPLE;

  const analyse = (next: string) => {
    setTooLarge(false);
    setText(next);
    setSent(next.trim());
    change({ control: null, metric: null, variant: null }, true);
  };
  const take = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > FILE_BYTES_MAX) setTooLarge(true);
    else analyse(await file.text());
  };

  return (
    <Page
      title={t('nav.experiments')}
      side={
        made && (
          <>
            <Select
              label={t('exp.control')}
              value={made.control}
              options={made.split.variants.map((v) => [v.variant, `${t('exp.control')}: ${v.variant}`] as const)}
              onChange={(v) => change({ control: v, variant: null })}
            />
            <Select
              label={t('exp.goal')}
              value={goal}
              options={(['increase', 'decrease'] as const).map((g) => [g, t(`exp.goal.${g}`)] as const)}
              onChange={(g) => change({ goal: g === 'increase' ? null : g })}
            />
            <Select
              label={t('exp.minimum')}
              value={minimum}
              options={[['', t('exp.minimum.auto')], ...MINIMA.map((m) => [m, t('exp.minimum.from', { value: share(Number(m)) })] as const)]}
              onChange={(m) => change({ minimum: m || null })}
            />
          </>
        )
      }
    >
      {!sent && <p className={css.intro}>{t('exp.intro')}</p>}
      {tooLarge && <Notice kind="bad">{t('exp.file.large')}</Notice>}
      {answer.isError && <ProblemNotice error={answer.error} />}
      {sent && !made && !answer.isError && <Skeleton height={320} />}
      {made && !answer.isError && <Result made={made} example={example} busy={answer.isPlaceholderData} />}
      <div className={css.pair}>
        <Input
          text={text}
          example={example}
          pending={text.trim() !== sent}
          onText={setText}
          onAnalyse={() => analyse(text)}
          onExample={() => analyse(EXAMPLE)}
          onClear={() => analyse('')}
          onFile={(file) => void take(file)}
        />
        <Planner />
      </div>
    </Page>
  );
}

function Input(props: {
  text: string;
  example: boolean;
  pending: boolean;
  onText: (text: string) => void;
  onAnalyse: () => void;
  onExample: () => void;
  onClear: () => void;
  onFile: (file: File | undefined) => void;
}) {
  const file = useRef<HTMLInputElement>(null);
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    props.onFile(event.dataTransfer.files[0]);
  };
  return (
    <Panel title={t('exp.input')} actions={props.example && <ExampleBadge />}>
      <div className={css.input} onDragOver={(e) => e.preventDefault()} onDrop={onDrop}>
        <p className={css.help} id="exp-help">
          {t('exp.input.help')}
        </p>
        <textarea
          className={cx(inputClass, css.text)}
          aria-label={t('exp.input.label')}
          aria-describedby="exp-help"
          placeholder={t('exp.input.placeholder')}
          spellCheck={false}
          rows={9}
          value={props.text}
          onChange={(e) => props.onText(e.target.value)}
        />
        <div className={css.buttons}>
          <Button look="primary" disabled={!props.text.trim() || !props.pending} onClick={props.onAnalyse}>
            {t('exp.analyse')}
          </Button>
          <Button onClick={() => file.current?.click()}>{t('exp.file')}</Button>
          <input
            ref={file}
            type="file"
            accept=".csv,.tsv,.txt,text/csv"
            className="visually-hidden"
            tabIndex={-1}
            aria-label={t('exp.file')}
            onChange={(e) => {
              props.onFile(e.target.files?.[0]);
              e.target.value = '';
            }}
          />
          <Button onClick={props.onExample}>{t('exp.example')}</Button>
          {props.text && (
            <Button look="quiet" onClick={props.onClear}>
              {t('exp.clear')}
            </Button>
          )}
        </div>
      </div>
    </Panel>
  );
}

const ExampleBadge = () => (
  <span className={css.badge} title={t('exp.example.help')} data-example="">
    {t('exp.example.badge')}
  </span>
);

const bold = (text: string): ReactNode => <strong>{text}</strong>;

function Result({ made, example, busy }: { made: Answer; example: boolean; busy: boolean }) {
  const [params, change] = useAddress();
  const metric = made.metrics.find((m) => m.metric === params.get('metric')) ?? made.metrics[0]!;
  const others = metric.variants.filter((v) => !v.is_control);
  const variant = others.find((v) => v.variant === params.get('variant')) ?? subjectOf(made, metric);
  return (
    <div className={css.result} aria-busy={busy || undefined}>
      <div className={css.lead}>
        <p className={css.answer} data-answer="" aria-live="polite">
          <Sentence made={made} />
        </p>
        {example && (
          <p className={css.exampleNote}>
            <ExampleBadge /> {t('exp.example.help')}
          </p>
        )}
      </div>
      <Lights made={made} />
      <div className={css.choose}>
        {made.metrics.length > 1 && (
          <Select label={t('exp.metric')} value={metric.metric} options={made.metrics.map((m) => [m.metric, m.metric] as const)} onChange={(m) => change({ metric: m })} />
        )}
        {others.length > 1 && (
          <Select label={t('exp.variant')} value={variant.variant} options={others.map((v) => [v.variant, v.variant] as const)} onChange={(v) => change({ variant: v })} />
        )}
      </div>
      {variant.looks.length > 1 && <Over made={made} metric={metric} variant={variant} example={example} busy={busy} />}
      <Table made={made} metric={metric} badge={example && <ExampleBadge />} />
      <Units made={made} />
    </div>
  );
}

/* What to do, in a sentence; what is left to wait for, in another. */
function Sentence({ made }: { made: Answer }) {
  const metric = made.metrics[0]!;
  const variant = subjectOf(made, metric);
  const spread = spreadOf(variant);
  const show = (value: number | null | undefined) => signed(value ?? null, metric, spread);
  const interval = variant.relative ?? variant.difference!;
  const key = made.verdict === 'low_risk' && !variant.relative ? 'keep_going' : made.verdict;
  const open = made.verdict === 'keep_going' || made.verdict === 'low_risk';
  return (
    <>
      {rich(`exp.say.${key}` as Key, {
        variant: bold(variant.variant),
        control: bold(made.control),
        metric: metric.metric,
        effect: bold(show(interval.effect)),
        low: show(interval.low),
        high: show(interval.high),
        probability: bold(share(variant.p_better ?? 0)),
        loss: bold(full(variant.loss_ratio, 'ratio', '')),
        minimum: show(((metric.goal === 'decrease' ? -1 : 1) * metric.minimum) / (variant.relative ? metric.size : 1)),
      })}{' '}
      {open &&
        metric.n_left > 0 &&
        (metric.days_left !== null ? t('exp.say.left.days', { n: metric.days_left }) : t('exp.say.left', { n: Math.ceil(metric.n_left) }))}
    </>
  );
}

function Lights({ made }: { made: Answer }) {
  const metric = made.metrics[0]!;
  const { split } = made;
  const worst = split.worst_parts.find((p) => p.p_adjusted < split.threshold);
  const splitText = split.is_good
    ? t('exp.light.split.good', { p: small(split.p) })
    : split.p < split.threshold || !worst
      ? t('exp.light.split.bad', { p: small(split.p) })
      : t('exp.light.split.part', { name: worst.name, p: small(worst.p_adjusted) });
  const best = metric.variants.find((v) => v.variant === metric.best)!;
  const done = metric.n_left <= 0 || made.is_safe_to_stop;
  const left = done
    ? t('exp.light.left.none')
    : metric.days_left !== null
      ? t('exp.light.left.days', { n: metric.days_left })
      : t('exp.light.left.units', { n: Math.ceil(metric.n_left) });
  const lights: [string, string, 'good' | 'bad' | 'wait' | null, string?][] = [
    [t('exp.light.stop'), t(made.is_safe_to_stop ? 'exp.light.stop.yes' : 'exp.light.stop.no'), made.is_safe_to_stop ? 'good' : 'wait'],
    [t('exp.light.split'), splitText, split.is_good ? 'good' : 'bad', t('exp.light.split.help')],
    [t('exp.light.best'), t('exp.light.best.value', { variant: best.variant, probability: share(best.p_best) }), null],
    [t('exp.light.left'), left, null],
  ];
  return (
    <dl className={css.lights}>
      {lights.map(([name, value, kind, help]) => (
        <div key={name} title={help} data-light={kind ?? ''}>
          <dt>{name}</dt>
          <dd>
            {kind && <span className={cx(css.light, css[kind])} aria-hidden="true" />}
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/* The band day by day. First days whose interval is far wider than the last would flatten the rest. */
const WIDEST = 6;

function Over({ made, metric, variant, example, busy }: { made: Answer; metric: Metric; variant: Variant; example: boolean; busy: boolean }) {
  const level = full(1 - made.alpha, 'ratio', '').replace(/\.0/, '');
  const { days, series, bands, cut } = useMemo(() => {
    const size = sizeOf(metric, variant);
    const last = variant.looks[variant.looks.length - 1]!;
    const limit = last.high === null || last.low === null ? Infinity : WIDEST * (last.high - last.low);
    const first = variant.looks.findIndex((l) => l.low !== null && l.high !== null && l.high - l.low <= limit);
    const looks = variant.looks.slice(Math.max(0, first));
    const scaled = (value: number | null) => (value === null ? null : value / size);
    const lines: Series[] = [
      { key: 'effect', label: t('exp.chart.effect'), color: 'var(--s1)', values: looks.map((l) => scaled(l.effect)) },
      { key: 'zero', label: t('exp.chart.zero'), color: 'var(--s8)', faint: true, values: looks.map(() => 0) },
    ];
    const areas: Band[] = [
      { key: 'band', label: t('exp.chart.band', { level }), color: 'var(--s1)', opacity: 0.2, low: looks.map((l) => scaled(l.low)), high: looks.map((l) => scaled(l.high)) },
    ];
    return { days: looks.map((l) => l.date ?? ''), series: lines, bands: areas, cut: looks.length < variant.looks.length };
  }, [metric, variant, level]);
  return (
    <Chart
      title={t('exp.chart', { variant: variant.variant, control: made.control, metric: metric.metric })}
      note={t(cut ? 'exp.chart.cut' : 'exp.chart.note')}
      busy={busy}
      days={days}
      grain="day"
      series={series}
      bands={bands}
      unit={variant.relative ? 'ratio' : 'factor'}
      currency=""
      fileName={fileName('experiment', example, days[0] ?? '', days[days.length - 1] ?? '')}
      ownCsv
      height={300}
      actions={example && <ExampleBadge />}
    />
  );
}

/* What was done to the rows before anything was counted. */
function Units({ made }: { made: Answer }) {
  const units = made.units;
  if (!units) return null;
  const lines = [
    units.variance_ratio < 1 && t('exp.facts.cuped', { share: share(1 - units.variance_ratio) }),
    units.capped > 0 && t('exp.facts.capped', { n: units.capped, cap: showCount(units.cap ?? 0) }),
    units.in_two_variants > 0 && t('exp.facts.crossed', { n: units.in_two_variants }),
    units.repeated_rows > 0 && t('exp.facts.repeated', { n: units.repeated_rows }),
  ].filter((line): line is string => Boolean(line));
  if (!lines.length) return null;
  return <p className={css.facts}>{lines.join(' ')}</p>;
}
