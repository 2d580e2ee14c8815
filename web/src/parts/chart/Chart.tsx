/* One chart for the whole application: lines over days. The cursor works by pointer and by arrow
 * keys, a table lies behind every picture, and both can be taken away (PNG, CSV). */
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import type { Unit } from '../../api/types';
import { full, showStep, showStepShort, tick } from '../../format';
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
}

export interface ChartProps {
  title: string;
  note?: string;
  sample?: boolean;
  busy?: boolean;
  days: string[]; /* first day of each step */
  grain: Grain;
  series: Series[];
  unit: Unit;
  currency: string;
  csvUrl?: string;
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

export function Chart(props: ChartProps) {
  const { days, series, unit, currency, height = 260 } = props;
  const [asTable, setAsTable] = useState(false);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const visible = useMemo(() => series.filter((s) => !hidden.has(s.key)), [series, hidden]);
  const canvas = useRef<Canvas | null>(null);

  const toggle = (key: string) =>
    setHidden((old) => {
      const next = new Set(old);
      if (!next.delete(key)) next.add(key);
      return next.size === series.length ? old : next;
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
                legend: visible,
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
        </>
      }
    >
      {series.length > 1 && (
        <ul className={css.legend} aria-label={t('chart.legend')}>
          {series.map((s) => (
            <li key={s.key}>
              <button type="button" aria-pressed={!hidden.has(s.key)} className={cx(css.legendItem, hidden.has(s.key) && css.off)} onClick={() => toggle(s.key)}>
                <span className={cx(css.swatch, s.faint && css.faint)} style={{ borderColor: s.color }} aria-hidden="true" />
                {s.label}
              </button>
            </li>
          ))}
        </ul>
      )}
      {asTable ? (
        <DataTable days={days} grain={props.grain} series={series} unit={unit} currency={currency} height={height} title={props.title} />
      ) : (
        <Plot {...props} series={visible} height={height} onCanvas={(c) => (canvas.current = c)} />
      )}
    </Panel>
  );
}

function Plot({ title, busy, days, grain, series, unit, currency, height, onCanvas }: ChartProps & { height: number; onCanvas: (c: Canvas | null) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const holder = useRef<HTMLDivElement>(null);
  const [canvas, setCanvas] = useState<Canvas | null>(null);
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
    const few = days.length <= 2;
    canvas.setOption(
      {
        animation: false,
        grid: { left: 2, right: 16, top: 12, bottom: 2, containLabel: true },
        xAxis: {
          type: 'category',
          boundaryGap: few,
          data: days,
          axisLine: { lineStyle: { color: color('var(--line)') } },
          axisTick: { show: false },
          axisLabel: { color: color('var(--faint)'), fontSize: 12, hideOverlap: true, formatter: (day: string) => showStepShort(day, grain) },
        },
        yAxis: {
          type: 'value',
          splitNumber: 4,
          axisLabel: { color: color('var(--faint)'), fontSize: 12, formatter: (value: number) => tick(value, unit, currency) },
          splitLine: { lineStyle: { color: color('var(--line)') } },
        },
        series: series.map((s) => ({
          id: s.key,
          name: s.label,
          type: 'line',
          data: s.values.map((v) => v ?? '-'),
          color: color(s.color),
          symbol: 'circle',
          symbolSize: few ? 8 : 5,
          showSymbol: few,
          connectNulls: false,
          lineStyle: { width: s.faint ? 1.5 : 2, type: s.faint ? [4, 4] : 'solid', opacity: s.faint ? 0.6 : 1 },
          itemStyle: { opacity: s.faint ? 0.6 : 1 },
          emphasis: { disabled: true },
          silent: true,
          z: s.faint ? 1 : 2,
        })),
      },
      { notMerge: true },
    );
    setSizeCount((n) => n + 1);
  }, [canvas, days, grain, series, unit, currency, theme]);

  const last = days.length - 1;
  const at = cursor === null ? null : Math.min(cursor, last);

  const onPointer = (event: PointerEvent) => {
    if (!canvas || !box.current || last < 0) return;
    const x = event.clientX - box.current.getBoundingClientRect().left;
    const i = Number(canvas.convertFromPixel({ xAxisIndex: 0 }, x));
    setCursor(Math.max(0, Math.min(last, Math.round(i))));
  };
  const onKey = (event: KeyboardEvent) => {
    const steps: Record<string, (i: number) => number | null> = {
      ArrowLeft: (i) => i - 1,
      ArrowRight: (i) => i + 1,
      PageUp: (i) => i - 7,
      PageDown: (i) => i + 7,
      Home: () => 0,
      End: () => last,
      Escape: () => null,
    };
    const step = steps[event.key];
    if (!step || last < 0) return;
    event.preventDefault();
    const next = step(at ?? (event.key === 'ArrowLeft' ? last + 1 : -1));
    setCursor(next === null ? null : Math.max(0, Math.min(last, next)));
  };

  const said = at === null ? t('chart.cursor.none') : `${showStep(days[at]!, grain)}: ${series.map((s) => `${s.label} ${full(s.values[at] ?? null, unit, currency)}`).join('; ')}`;
  const x = canvas && at !== null ? Number(canvas.convertToPixel({ xAxisIndex: 0 }, at)) : null;
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
            <strong>{showStep(days[at]!, grain)}</strong>
            <dl>
              {series.map((s) => (
                <div key={s.key}>
                  <dt>
                    <Dot color={s.color} /> {s.label}
                  </dt>
                  <dd>{full(s.values[at] ?? null, unit, currency)}</dd>
                </div>
              ))}
            </dl>
          </div>
        </>
      )}
    </div>
  );
}

function DataTable({ title, days, grain, series, unit, currency, height }: Pick<ChartProps, 'title' | 'days' | 'grain' | 'series' | 'unit' | 'currency'> & { height: number }) {
  return (
    <div className={css.tableBox} style={{ height }} tabIndex={0} role="region" aria-label={title}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{t('chart.day')}</th>
            {series.map((s) => (
              <th key={s.key} scope="col">
                {s.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.map((day, i) => (
            <tr key={day}>
              <th scope="row">{showStep(day, grain)}</th>
              {series.map((s) => (
                <td key={s.key}>{full(s.values[i] ?? null, unit, currency)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
