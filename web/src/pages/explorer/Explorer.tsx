/* Channel -> campaign -> ad group -> ad: any metrics, sorted, searched, drawn over time, taken away. */
import { useEffect, useMemo, useState } from 'react';
import { Link } from 'react-router-dom';
import { questionUrl, str, useAnswer, useMetrics, useWorkspace, type Question } from '../../api/queries';
import type { Metric, Workspace } from '../../api/types';
import { showRange } from '../../format';
import { t, type Key } from '../../i18n';
import '../../i18n/tables';
import { Chart, type Series } from '../../parts/chart/Chart';
import { Filters } from '../../parts/Filters';
import { DownIcon, DownloadIcon, LeftIcon, RightIcon } from '../../parts/icons';
import filtersCss from '../../parts/Filters.module.css';
import { Button, cx, inputClass, LinkButton, linkButtonClass, Notice, ProblemNotice, Skeleton } from '../../parts/ui';
import { Page } from '../../shell/Shell';
import { filterText, sharedSearch, useAddress, useView, type View } from '../../state/address';
import { channelColors, hue } from '../../state/colors';
import { along, grainFor, steps } from '../../state/grain';
import css from './Explorer.module.css';
import { Grid } from './Grid';
import { MetricPicker } from './MetricPicker';
import {
  DEFAULT_METRICS,
  depthOf,
  dimensionsOf,
  inside,
  LEVELS,
  PAGE_ROWS,
  placeFilter,
  readPlace,
  rowKey,
  SELECTED_MAX,
  selectionQuestion,
  type Level,
  type Place,
} from './place';

export default function Explorer() {
  const workspace = useWorkspace();
  const metrics = useMetrics();
  const view = useView(workspace.data);
  const failed = [workspace, metrics].find((q) => q.isError && !q.data);
  if (failed)
    return (
      <Page title={t('nav.explorer')}>
        <ProblemNotice error={failed.error} onRetry={() => void failed.refetch()} />
      </Page>
    );
  if (!workspace.data || !metrics.data)
    return (
      <Page title={t('nav.explorer')}>
        <Skeleton height={36} />
        <Skeleton height={340} />
        <Skeleton height={420} />
      </Page>
    );
  if (!view)
    return (
      <Page title={t('nav.explorer')}>
        <Notice
          actions={
            <>
              <Link className={linkButtonClass('primary')} to="/import">
                {t('empty.import')}
              </Link>
              <Link className={linkButtonClass()} to="/">
                {t('empty.more')}
              </Link>
            </>
          }
        >
          {t('explorer.empty')}
        </Notice>
      </Page>
    );
  return <Filled workspace={workspace.data} metrics={metrics.data.metrics} view={view} />;
}

function Filled({ workspace, metrics, view }: { workspace: Workspace; metrics: Metric[]; view: View }) {
  const [params, change] = useAddress();
  const place = readPlace(params);
  const { level } = place;
  const { from, to } = view.range;
  const { currency } = workspace.tenant;
  const sample = workspace.is_sample;

  const shown = useMemo(() => {
    const wanted = (params.get('metrics')?.split(',') ?? DEFAULT_METRICS).map((name) => metrics.find((m) => m.name === name));
    const known = wanted.filter((m): m is Metric => m !== undefined);
    return known.length ? known : metrics.filter((m) => DEFAULT_METRICS.includes(m.name));
  }, [params, metrics]);
  const names = shown.map((m) => m.name);

  const sortParam = params.get('sort') ?? `-${names[0]}`;
  const sortable = [...names, level];
  const sort = sortable.includes(sortParam.replace(/^-/, '')) ? sortParam : `-${names[0]}`;
  const page = Math.max(0, Number.parseInt(params.get('page') ?? '1', 10) - 1 || 0);
  const search = params.get('q') ?? '';
  const needle = filterText(search);
  const withChanges = view.compare !== 'none' && params.get('delta') !== '0';

  const filters = placeFilter(place, view);
  const scope = { from, to, compare: view.compare };
  const rowsFilter = level !== 'channel' && needle ? [...filters, `${level}~${needle}`] : filters;
  const question: Question = {
    ...scope,
    compare: withChanges ? view.compare : 'none',
    metrics: names,
    by: dimensionsOf(level),
    filter: rowsFilter.join(';') || undefined,
    sort,
    limit: PAGE_ROWS + 1,
    offset: page * PAGE_ROWS,
  };
  const rows = useAnswer(question);
  const totals = useAnswer({ ...question, by: undefined, sort: undefined, limit: undefined, offset: undefined });

  const all = rows.data?.rows ?? [];
  // While the next level is on its way the old rows stay, as what they are.
  const shownLevel = [...LEVELS].reverse().find((l) => rows.data?.columns.some((c) => c.name === l)) ?? level;
  const label = (name: string) => workspace.channels.find((c) => c.name === name)?.label ?? name;
  const matching = level === 'channel' && needle ? all.filter((r) => label(str(r, 'channel')).toLowerCase().includes(needle.toLowerCase())) : all;
  const visible = matching.slice(0, PAGE_ROWS);
  const hasMore = matching.length > PAGE_ROWS;

  const selected = (params.get('sel') ?? '').split(',').filter(Boolean).slice(0, SELECTED_MAX);
  const setSelected = (keys: string[]) => change({ sel: keys.join(',') }, true);

  const go = (to_: { in?: string | null; level?: Level | null }) =>
    change({ in: to_.in ?? null, level: to_.level ?? null, sel: null, q: null, page: null, sort: sort.endsWith(level) ? null : params.get('sort') });

  const csvUrl = questionUrl({ ...question, limit: undefined, offset: undefined }, 'csv');
  const download = `${['winnow', sample ? 'sample' : '', level, from, to].filter(Boolean).join('-')}`;

  return (
    <Page title={t('nav.explorer')} sample={sample} side={<Filters workspace={workspace} view={view} withChannels={!place.channel} />}>
      <Crumbs place={place} workspace={workspace} label={label} onGo={go} />
      <Course
        workspace={workspace}
        view={view}
        place={place}
        metrics={shown}
        filters={rowsFilter}
        selected={selected}
        download={download}
      />
      <section className={css.panel} aria-busy={rows.isPlaceholderData || totals.isPlaceholderData || undefined}>
        <div className={css.bar}>
          <LevelChoice place={place} onGo={go} />
          <SearchBox key={level + (params.get('in') ?? '')} value={search} level={level} onChange={(q) => change({ q, page: null }, true)} />
          <MetricPicker metrics={metrics} shown={names} onChange={(next) => change({ metrics: next.join(',') === DEFAULT_METRICS.join(',') ? null : next.join(',') }, true)} />
          {view.compare !== 'none' && (
            <Button aria-pressed={withChanges} onClick={() => change({ delta: withChanges ? '0' : null }, true)} className={withChanges ? css.pressed : undefined}>
              {t('explorer.changes')}
            </Button>
          )}
          <LinkButton href={csvUrl} download={`${download}.csv`} className={css.csv}>
            <DownloadIcon />
            CSV
          </LinkButton>
        </div>
        {rows.isError && !rows.data ? (
          <div className={css.inner}>
            <ProblemNotice error={rows.error} onRetry={() => void rows.refetch()} />
          </div>
        ) : !rows.data ? (
          <div className={css.inner}>
            <Skeleton height={420} />
          </div>
        ) : (
          <>
            <Grid
              rows={visible}
              total={totals.data?.rows[0]}
              level={shownLevel}
              metrics={shown}
              currency={currency}
              withChanges={withChanges}
              sort={sort}
              label={label}
              color={channelColors(workspace.channels)}
              selected={selected}
              onSelect={setSelected}
              onSort={(next) => change({ sort: next, page: null }, true)}
              hrefOf={(row) => {
                const path = inside(row, shownLevel);
                if (path === null) return null;
                const kept = ['metrics', 'chart', 'delta', 'sort'].flatMap((name) => {
                  const value = params.get(name);
                  return value && !value.endsWith(shownLevel) ? [[name, value] as const] : [];
                });
                return `/explorer${sharedSearch(params, { in: path, ...Object.fromEntries(kept) })}`;
              }}
            />
            {visible.length === 0 && <p className={css.nothing}>{needle ? t('explorer.noneFound', { text: needle }) : t('explorer.none', { range: showRange(from, to) })}</p>}
            {(page > 0 || hasMore) && (
              <div className={css.pager}>
                <Button disabled={page === 0} onClick={() => change({ page: page > 1 ? String(page) : null })}>
                  <LeftIcon />
                  {t('pager.previous')}
                </Button>
                <span role="status">{t('pager.rows', { first: page * PAGE_ROWS + 1, last: page * PAGE_ROWS + visible.length })}</span>
                <Button disabled={!hasMore} onClick={() => change({ page: String(page + 2) })}>
                  {t('pager.next')}
                  <RightIcon />
                </Button>
              </div>
            )}
          </>
        )}
      </section>
    </Page>
  );
}

/* The way back up. Names come from all data, so that they stand even where the range has no rows. */
function Crumbs({ place, workspace, label, onGo }: { place: Place; workspace: Workspace; label: (name: string) => string; onGo: (to: { in?: string | null; level?: Level | null }) => void }) {
  const depth = depthOf(place);
  const names = useAnswer(
    place.ids.length
      ? {
          metrics: ['spend'],
          by: LEVELS.slice(1, depth),
          filter: [`campaign_id=${place.ids[0]}`, ...(place.ids[1] ? [`ad_group_id=${place.ids[1]}`] : [])].join(';'),
          from: workspace.data_from!,
          to: workspace.data_to!,
          limit: 1,
        }
      : null,
  );
  const row = names.isPlaceholderData ? undefined : names.data?.rows[0];
  const parts: { text: string; in: string | null }[] = [{ text: t('explorer.all'), in: null }];
  if (place.channel) parts.push({ text: label(place.channel), in: place.channel });
  place.ids.forEach((_, i) =>
    parts.push({
      text: row ? str(row, LEVELS[i + 1]!) || t('explorer.unnamed') : '…',
      in: [place.channel, ...place.ids.slice(0, i + 1)].join('.'),
    }),
  );
  return (
    <nav aria-label={t('explorer.path')} className={css.crumbs}>
      <ol>
        {parts.map((part, i) => (
          <li key={i}>
            {i > 0 && <RightIcon />}
            {i < parts.length - 1 ? (
              <button type="button" onClick={() => onGo({ in: part.in })}>
                {part.text}
              </button>
            ) : (
              <span aria-current="page">{part.text}</span>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}

function LevelChoice({ place, onGo }: { place: Place; onGo: (to: { in?: string | null; level?: Level | null }) => void }) {
  const depth = depthOf(place);
  const path = [place.channel, ...place.ids].filter(Boolean).join('.');
  return (
    <div className={css.levels} role="group" aria-label={t('explorer.level')}>
      {LEVELS.map((level, i) =>
        i < depth ? null : (
          <button key={level} type="button" aria-pressed={level === place.level} className={cx(css.level, level === place.level && css.current)} onClick={() => onGo({ in: path || null, level: i === depth ? null : level })}>
            {t(`levels.${level}` as Key)}
          </button>
        ),
      )}
    </div>
  );
}

function SearchBox({ value, level, onChange }: { value: string; level: Level; onChange: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text), 200);
    return () => clearTimeout(timer);
    // Only typing starts the timer.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text]);
  const name = t('explorer.search', { level: t(`levels.${level}` as Key).toLowerCase() });
  return <input type="search" className={cx(inputClass, css.search)} value={text} placeholder={name} aria-label={name} onChange={(e) => setText(e.target.value)} />;
}

/* The chosen rows over time; without a choice all of them together, beside the earlier period. */
function Course(props: { workspace: Workspace; view: View; place: Place; metrics: Metric[]; filters: string[]; selected: string[]; download: string }) {
  const { workspace, view, place, metrics, selected } = props;
  const [params, change] = useAddress();
  const { from, to } = view.range;
  const { level } = place;
  const metric = metrics.find((m) => m.name === params.get('chart')) ?? metrics[0]!;
  const grain = grainFor(from, to);
  const days = useMemo(() => steps(from, to, grain), [from, to, grain]);
  const picked = selected.length ? selectionQuestion(selected, level) : null;
  const question: Question = {
    metrics: [metric.name],
    by: [grain, ...(picked?.by ?? [])],
    filter: [...(picked ? placeFilter(place, view).filter((f) => !(level === 'channel' && f.startsWith('channel='))) : props.filters), ...(picked ? [picked.filter] : [])].join(';') || undefined,
    from,
    to,
    compare: picked ? 'none' : view.compare,
  };
  const answer = useAnswer(question);
  const series = useMemo<Series[]>(() => {
    const rows = answer.data?.rows ?? [];
    if (!picked) {
      const lines: Series[] = [{ key: 'now', label: metric.label, color: 'var(--s1)', values: along(days, rows, grain, metric.name) }];
      const before = along(days, rows, grain, `${metric.name}_previous`);
      if (before.some((value) => value !== null))
        lines.push({ key: 'before', label: t('chart.before', { name: metric.label }), color: 'var(--s1)', faint: true, values: before });
      return lines;
    }
    const colors = channelColors(workspace.channels);
    return selected.map((key, i) => {
      const own = rows.filter((row) => rowKey(row, level) === key);
      const first = own[0];
      return {
        key,
        label: level === 'channel' ? (workspace.channels.find((c) => c.name === key)?.label ?? key) : (first && str(first, level)) || t('explorer.unnamed'),
        color: level === 'channel' ? colors(key) : hue(i),
        values: along(days, own, grain, metric.name),
      };
    });
    // picked is made from selected and level.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [answer.data, days, grain, metric, params.get('sel'), level, workspace.channels]);

  if (answer.isError && !answer.data) return <ProblemNotice error={answer.error} onRetry={() => void answer.refetch()} />;
  if (!answer.data) return <Skeleton height={344} />;
  return (
    <Chart
      title={t('explorer.chart', { metric: metric.label })}
      note={[selected.length ? t('explorer.selected', { n: selected.length }) : t('explorer.chart.all'), grain === 'day' ? '' : t(`grain.${grain}`)].filter(Boolean).join(' · ')}
      sample={workspace.is_sample}
      busy={answer.isPlaceholderData}
      days={days}
      grain={grain}
      series={series}
      unit={metric.unit}
      currency={workspace.tenant.currency}
      csvUrl={questionUrl(question, 'csv')}
      fileName={`${props.download}-${metric.name}`}
      height={220}
      actions={
        <>
          {selected.length > 0 && (
            <Button look="quiet" small onClick={() => change({ sel: null }, true)}>
              {t('explorer.unselect')}
            </Button>
          )}
          <label className={cx(filtersCss.select, css.chartMetric)}>
            <span className="visually-hidden">{t('explorer.chart.metric')}</span>
            <select value={metric.name} onChange={(e) => change({ chart: e.target.value === metrics[0]!.name ? null : e.target.value }, true)}>
              {metrics.map((m) => (
                <option key={m.name} value={m.name}>
                  {m.label}
                </option>
              ))}
            </select>
            <DownIcon />
          </label>
        </>
      }
    />
  );
}

