/* One chart for the whole application: lines, bands and marks over days or over amounts of money.
 * The cursor works by pointer and by arrow keys, a table lies behind every picture, and both can be
 * taken away (PNG, CSV). */
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { Unit } from '../../api/types';
import { full, NO_VALUE, showStep, showStepShort, tick } from '../../format';
import { t } from '../../i18n';
import type { Grain } from '../../state/grain';
import { DownloadIcon, LineIcon, TableIcon } from '../icons';
import { Button, cx, Dot, LinkButton, Panel, Skeleton } from '../ui';
import type { Canvas } from './canvas';
import css from './Chart.module.css';
import { savePicture } from './picture';

export interface Series {
  key: string;
  label: string;
  color: string; /* a CSS colour, custom properties allowed */
  values: (number | null)[];
  faint?: boolean; /* the comparison period */
  dashed?: boolean; /* a forecast: it goes on where the first series ends */
  marks?: 'circle' | 'diamond'; /* points without a line */
}

/* An interval around a line. */
export interface Band {
  key: string;
  label: string;
  color: string;
  low: (number | null)[];
  high: (number | null)[];
  opacity: number;
}

export interface ChartProps {
  title: string;
  note?: string;
  sample?: boolean;
  busy?: boolean;
  days: string[]; /* first day of each step */
  grain: Grain;
  amounts?: { values: number[]; label: string; unit?: Unit }; /* the steps are amounts, of money unless said, rising, not days */
  series: Series[];
  bands?: Band[];
  unit: Unit;
  currency: string;
  csvUrl?: string;
  ownCsv?: boolean; /* the table behind the picture as a file */
  onPick?: (step: number) => void; /* a press, or Enter, on a step */
  fileName: string;
  height?: number;
  actions?: React.ReactNode;
}

function resolved(element: Element, color: string): string {
  const name = /^var\((--[\w-]+)\)$/.exec(color)?.[1];
  return name ? getComputedStyle(element).getPropertyValue(name).trim() : color;
}

function useThemeCount(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const onTheme = () => setCount((n) => n + 1);
    window.addEventListener('winnow:theme', onTheme);
    return () => window.removeEventListener('winnow:theme', onTheme);
  }, []);
  return count;
}

const NO_BANDS: Band[] = [];

/* What the steps along the bottom are called. */
interface Steps {
  n: number;
  head: string;
  text: (i: number) => string;
}
const stepsOf = ({ days, grain, amounts, currency }: ChartProps): Steps =>
  amounts
    ? { n: amounts.values.length, head: amounts.label, text: (i) => full(amounts.values[i]!, amounts.unit ?? 'money', currency) }
    : { n: days.length, head: t('chart.day'), text: (i) => showStep(days[i]!, grain) };

export function Chart(props: ChartProps) {
  const { series, unit, currency, height = 260, bands = NO_BANDS } = props;
  const [asTable, setAsTable] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const visible = useMemo(() => series.filter((s) => !hidden.has(s.key)), [series, hidden]);
  const visibleBands = useMemo(() => bands.filter((b) => !hidden.has(b.key)), [bands, hidden]);
  const canvas = useRef<Canvas | null>(null);
  const steps = stepsOf(props);

  const saveCsv = async () => {
    const { saveTable } = await import('./csv');
    const cell = (values: (number | null)[], i: number) => values[i] ?? null;
    saveTable(
      [steps.head, ...series.map((s) => s.label), ...bands.flatMap((b) => [t('chart.low', { name: b.label }), t('chart.high', { name: b.label })])],
      Array.from({ length: steps.n }, (_, i) => [
        props.amounts ? props.amounts.values[i]! : props.days[i]!,
        ...series.map((s) => cell(s.values, i)),
        ...bands.flatMap((b) => [cell(b.low, i), cell(b.high, i)]),
      ]),
      props.fileName,
    );
  };

  const toggle = (key: string) =>
    setHidden((old) => {
      const next = new Set(old);
      if (!next.delete(key)) next.add(key);
      return series.every((s) => next.has(s.key)) ? old : next;
    });

  return (
    <Panel
      title={props.title}
      note={props.note}
      sample={props.sample}
      busy={props.busy}
      actions={
        <>
          {props.actions}
          <Button
            look="quiet"
            icon
            small
            aria-pressed={asTable}
            aria-label={asTable ? t('chart.show.chart') : t('chart.show.table')}
            title={asTable ? t('chart.show.chart') : t('chart.show.table')}
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? <LineIcon /> : <TableIcon />}
          </Button>
          <Button
            look="quiet"
            small
            disabled={asTable}
            title={t('chart.png')}
            aria-label={t('chart.png')}
            onClick={() =>
              canvas.current &&
              savePicture(canvas.current, {
                title: props.title,
                note: [props.note, props.sample && t('sample.badge')].filter(Boolean).join(' · '),
                legend: [...visible, ...visibleBands],
                fileName: props.fileName,
              })
            }
          >
            <DownloadIcon />
            PNG
          </Button>
          {props.csvUrl && (
            <LinkButton look="quiet" small href={props.csvUrl} download={`${props.fileName}.csv`} title={t('chart.csv')} aria-label={t('chart.csv')}>
              <DownloadIcon />
              CSV
            </LinkButton>
          )}
          {props.ownCsv && (
            <Button look="quiet" small title={t('chart.csv')} aria-label={t('chart.csv')} onClick={() => void saveCsv()}>
              <DownloadIcon />
              CSV
            </Button>
          )}
        </>
      }
    >
      {series.length + bands.length > 1 && (
        <ul className={css.legend} aria-label={t('chart.legend')}>
          {[...series, ...bands].map((s) => (
            <li key={s.key}>
              <button type="button" aria-pressed={!hidden.has(s.key)} className={cx(css.legendItem, hidden.has(s.key) && css.off)} onClick={() => toggle(s.key)}>
                {'low' in s ? (
                  <span className={css.fill} style={{ background: s.color, opacity: Math.min(1, s.opacity * 2) }} aria-hidden="true" />
                ) : s.marks ? (
                  <span className={cx(css.mark, s.marks === 'diamond' && css.diamond)} style={{ background: s.color }} aria-hidden="true" />
                ) : (
                  <span className={cx(css.swatch, s.faint && css.faint, s.dashed && css.dashed)} style={{ borderColor: s.color }} aria-hidden="true" />
                )}
                {s.label}
              </button>
            </li>
          ))}
        </ul>
      )}
      {asTable ? (
        <DataTable steps={steps} series={series} bands={bands} unit={unit} currency={currency} height={height} title={props.title} />
      ) : (
        <Plot {...props} series={visible} bands={visibleBands} height={height} onCanvas={(c) => (canvas.current = c)} />
      )}
    </Panel>
  );
}

/* Where a forecast begins, its line and bands start from the last known value: index and value. */
function joint(series: Series[]): [number, number] | null {
  const dashed = series.find((s) => s.dashed);
  const first = dashed?.values.findIndex((v) => v !== null) ?? -1;
  const before = first > 0 ? series[0]!.values[first - 1] : null;
  return before === null || before === undefined ? null : [first - 1, before];
}

type Line = Record<string, unknown>;

/* A band is drawn as what lies on top of its lower edge: two lines stacked. The library stacks the first
 * number of a point, so along amounts the value comes first. */
function bandLines(band: Band, color: string, xs: number[] | null, start: [number, number] | null): Line[] {
  const begins = band.low.findIndex((v) => v !== null);
  const edge = (values: (number | null)[]) => values.map((v, i) => (start && begins === start[0] + 1 && i === start[0] ? start[1] : v));
  const low = edge(band.low);
  const high = edge(band.high);
  const points = (values: (number | null)[]) => values.map((v, i) => (xs ? [v ?? '-', xs[i]] : (v ?? '-')));
  const line = (key: string, values: (number | null)[], areaStyle?: object): Line => ({
    id: `${band.key}-${key}`,
    type: 'line',
    stack: band.key,
    stackStrategy: 'all',
    ...(xs && { encode: { x: 1, y: 0 } }),
    data: points(values),
    color,
    symbol: 'none',
    lineStyle: { opacity: 0 },
    areaStyle,
    emphasis: { disabled: true },
    silent: true,
    z: 1,
  });
  return [line('low', low), line('high', high.map((v, i) => (v === null || low[i] === null ? null : v - low[i]!)), { opacity: band.opacity })];
}

function Plot(props: ChartProps & { bands: Band[]; height: number; onCanvas: (c: Canvas | null) => void }) {
  const { title, busy, days, grain, amounts, series, bands, unit, currency, height, onCanvas, onPick } = props;
  const steps = stepsOf(props);
  const xs = amounts?.values ?? null;
  const box = useRef<HTMLDivElement>(null);
  const holder = useRef<HTMLDivElement>(null);
  const [canvas, setCanvas] = useState<Canvas | null>(null);
  const drawn = useRef(false); /* before that there are no axes to ask for a place */
  const [cursor, setCursor] = useState<number | null>(null);
  const [, setSizeCount] = useState(0);
  const theme = useThemeCount();
  const hintId = useId();

  useEffect(() => {
    let opened: Canvas | null = null;
    let gone = false;
    const observer = new ResizeObserver(() => {
      opened?.resize();
      setSizeCount((n) => n + 1);
    });
    void import('./canvas').then(({ open }) => {
      if (gone || !holder.current) return;
      opened = open(holder.current);
      observer.observe(holder.current);
      setCanvas(opened);
      onCanvas(opened);
    });
    return () => {
      gone = true;
      observer.disconnect();
      opened?.dispose();
      onCanvas(null);
    };
    // The canvas lives as long as the element; what it shows is set below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  useEffect(() => {
    if (!canvas || !holder.current) return;
    const color = (c: string) => resolved(holder.current!, c);
    const few = !xs && days.length <= 2;
    const start = joint(series);
    canvas.setOption(
      {
        animation: false,
        grid: { left: 2, right: 24, top: 12, bottom: 2, containLabel: true },
        xAxis: {
          ...(xs ? { type: 'value', min: xs[0], max: xs[xs.length - 1], splitNumber: 5, splitLine: { show: false } } : { type: 'category', boundaryGap: few, data: days }),
          axisLine: { lineStyle: { color: color('var(--line)') } },
          axisTick: { show: false },
          axisLabel: { color: color('var(--faint)'), fontSize: 12, hideOverlap: true, alignMaxLabel: xs ? 'right' : undefined, formatter: (at: string | number) => (typeof at === 'number' ? tick(at, amounts?.unit ?? 'money', currency) : showStepShort(at, grain)) },
        },
        yAxis: {
          type: 'value',
          splitNumber: 4,
          axisLabel: { color: color('var(--faint)'), fontSize: 12, formatter: (value: number) => tick(value, unit, currency) },
          splitLine: { lineStyle: { color: color('var(--line)') } },
        },
        series: [
          ...bands.flatMap((b) => bandLines(b, color(b.color), xs, start)),
          ...series.map((s) => ({
            id: s.key,
            name: s.label,
            type: 'line',
            data: s.values.map((v, i) => {
              const y = v ?? (s.dashed && start?.[0] === i ? start[1] : '-');
              return xs ? [xs[i], y] : y;
            }),
            color: color(s.color),
            symbol: s.marks ?? 'circle',
            symbolSize: s.marks ? 11 : few ? 8 : 5,
            showSymbol: few || s.marks !== undefined,
            connectNulls: false,
            lineStyle: { width: s.marks ? 0 : s.faint ? 1.5 : 2, type: s.dashed ? [6, 4] : s.faint ? [4, 4] : 'solid', opacity: s.faint ? 0.6 : 1 },
            itemStyle: { opacity: s.faint ? 0.6 : 1, ...(s.marks && { borderColor: color('var(--surface)'), borderWidth: 2 }) },
            emphasis: { disabled: true },
            silent: true,
            z: s.marks ? 4 : s.faint ? 2 : 3,
          })),
        ],
      },
      { notMerge: true },
    );
    drawn.current = true;
    setSizeCount((n) => n + 1);
  }, [canvas, days, xs, amounts?.unit, grain, series, bands, unit, currency, theme]);

  const last = steps.n - 1;
  const at = cursor === null ? null : Math.min(cursor, last);

  const onPointer = (event: PointerEvent) => {
    if (!canvas || !drawn.current || !box.current || last < 0) return;
    const x = event.clientX - box.current.getBoundingClientRect().left;
    const i = Number(canvas.convertFromPixel({ xAxisIndex: 0 }, x));
    setCursor(xs ? nearest(xs, i) : Math.max(0, Math.min(last, Math.round(i))));
  };
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, (i: number) => number | null> = {
      ArrowLeft: (i) => i - 1,
      ArrowRight: (i) => i + 1,
      PageUp: (i) => i - 7,
      PageDown: (i) => i + 7,
      Home: () => 0,
      End: () => last,
      Escape: () => null,
    };
    if (event.key === 'Enter' && at !== null) onPick?.(at);
    const step = moves[event.key];
    if (!step || last < 0) return;
    event.preventDefault();
    const next = step(at ?? (event.key === 'ArrowLeft' ? last + 1 : -1));
    setCursor(next === null ? null : Math.max(0, Math.min(last, next)));
  };

  const shown: { key: string; label: string; color: string; text: string }[] =
    at === null
      ? []
      : [
          // Marks and forecasts stand only where they are.
          ...series.filter((s) => (!s.marks && !s.dashed) || (s.values[at] ?? null) !== null).map((s) => ({ ...s, text: full(s.values[at] ?? null, unit, currency) })),
          ...bands.filter((b) => (b.low[at] ?? null) !== null).map((b) => ({ ...b, text: t('chart.between', { low: full(b.low[at]!, unit, currency), high: full(b.high[at] ?? null, unit, currency) }) })),
        ];
  const said = at === null ? t('chart.cursor.none') : `${steps.text(at)}: ${shown.map((s) => `${s.label} ${s.text}`).join('; ')}`;
  const x = canvas && drawn.current && at !== null ? Number(canvas.convertToPixel({ xAxisIndex: 0 }, xs ? xs[at]! : at)) : null;
  const width = holder.current?.clientWidth ?? 0;
  const isEmpty = series.every((s) => s.values.every((v) => v === null));

  return (
    <div className={css.plot} ref={box} style={{ height }}>
      <div className={css.canvas} ref={holder} aria-hidden="true" />
      {!canvas && (
        <div className={css.waiting}>
          <Skeleton height={height - 24} />
        </div>
      )}
      {canvas && isEmpty && !busy && <p className={css.empty}>{t('chart.empty')}</p>}
      <div
        className={css.cursor}
        role="slider"
        tabIndex={0}
        aria-label={t('chart.cursor', { title })}
        aria-describedby={hintId}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(last, 0)}
        aria-valuenow={at ?? 0}
        aria-valuetext={said}
        onPointerMove={onPointer}
        onPointerDown={onPointer}
        onPointerLeave={() => setCursor(null)}
        onBlur={() => setCursor(null)}
        onKeyDown={onKey}
        onClick={() => at !== null && onPick?.(at)}
      />
      <span id={hintId} className="visually-hidden">
        {t('chart.cursor.help')}
      </span>
      {x !== null && at !== null && Number.isFinite(x) && (
        <>
          <div className={css.line} style={{ left: x }} />
          {series.map((s) => {
            const value = s.values[at];
            if (value === null || value === undefined) return null;
            const y = Number(canvas!.convertToPixel({ yAxisIndex: 0 }, value));
            return <div key={s.key} className={css.point} style={{ left: x, top: y, borderColor: s.color, opacity: s.faint ? 0.6 : 1 }} />;
          })}
          <div className={css.tip} style={x > width / 2 ? { right: width - x + 12 } : { left: x + 12 }}>
            <strong>{steps.text(at)}</strong>
            <dl>
              {shown.map((s) => (
                <div key={s.key}>
                  <dt>
                    <Dot color={s.color} /> {s.label}
                  </dt>
                  <dd>{s.text}</dd>
                </div>
              ))}
            </dl>
          </div>
        </>
      )}
    </div>
  );
}

/* The index of the amount nearest to x; xs rises. */
function nearest(xs: number[], x: number): number {
  let best = 0;
  xs.forEach((v, i) => {
    if (Math.abs(v - x) < Math.abs(xs[best]! - x)) best = i;
  });
  return best;
}

function DataTable({ title, steps, series, bands, unit, currency, height }: Pick<ChartProps, 'title' | 'series' | 'unit' | 'currency'> & { steps: Steps; bands: Band[]; height: number }) {
  return (
    <div className={css.tableBox} style={{ height }} tabIndex={0} role="region" aria-label={title}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{steps.head}</th>
            {[...series, ...bands].map((s) => (
              <th key={s.key} scope="col">
                {s.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: steps.n }, (_, i) => (
            <tr key={i}>
              <th scope="row">{steps.text(i)}</th>
              {series.map((s) => (
                <td key={s.key}>{full(s.values[i] ?? null, unit, currency)}</td>
              ))}
              {bands.map((b) => (
                <td key={b.key}>{(b.low[i] ?? null) === null ? NO_VALUE : t('chart.between', { low: full(b.low[i]!, unit, currency), high: full(b.high[i] ?? null, unit, currency) })}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
