// Protects forecasts, budgets, anomalies and predictions from the upload to the answer: on the
// sample, on small imports, and for questions that are wrong.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertProblem, get, getJson, importFile, postJson, request, startServer, stopServer,
} from './helper.mjs';

let sample, empty;
before(async () => {
  [sample, empty] = await Promise.all([startServer({ args: ['--sample'] }), startServer()]);
});
after(async () => {
  await stopServer(sample);
  await stopServer(empty);
});

const optimise = (server, body) => postJson(server, '/api/v1/ml/optimize/budget', body);
const sum = (values) => values.reduce((a, b) => a + b, 0);
const isPng = (answer) => {
  assert.equal(answer.status, 200, answer.text.slice(0, 400));
  assert.equal(answer.headers['content-type'], 'image/png');
  assert.equal(answer.bytes.subarray(1, 4).toString(), 'PNG');
  assert.ok(answer.bytes.length > 2000);
};
const isFinite = (value) => typeof value === 'number' && Number.isFinite(value);

test('an empty workspace has nothing to decide, and says so', async () => {
  const f = await getJson(empty, '/api/ml-dashboard/roi-forecast');
  assert.equal(f.state, 'empty');
  assert.deepEqual([f.history, f.forecast, f.members], [[], [], []]);
  assert.equal(f.data_from, null);
  assert.equal(f.backtest.mape, null);
  assert.ok(f.summary.length > 0);
  const b = await getJson(empty, '/api/ml-dashboard/budget-recommendation');
  assert.deepEqual(b.rows, []);
  assert.equal(b.unchanged, true);
  assert.equal(b.probe, null);
  assert.ok(b.why.length > 0);
  assert.deepEqual((await getJson(empty, '/api/v1/ml/budget/curves')).entities, []);
  assert.deepEqual(await getJson(empty, '/api/v1/ml/detect/anomalies'), []);
  const t = await getJson(empty, '/api/v1/ml/anomalies/timeline');
  assert.deepEqual([t.points, t.anomalies], [[], []]);
  assert.deepEqual(await getJson(empty, '/api/predictions'), []);
  const made = await request(empty, 'POST', '/api/predictions/generate');
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(made.json, []);
  assert.deepEqual((await getJson(empty, '/api/ml-dashboard/roi-timeseries')).rows, []);
  for (const name of ['roi-forecast', 'roi-timeseries', 'reach-ctr-timeseries', 'budget-recommendation'])
    isPng(await get(empty, `/api/ml-dashboard/${name}/image`));
  assert.deepEqual(await getJson(empty, '/api/v1/ml/health'), { models: [], status: 'no models trained yet' });
});

test('forecasts of every metric follow the data and hold their order', async () => {
  const workspace = await getJson(sample, '/api/v1/workspace');
  for (const metric of ['roi', 'roas', 'spend', 'revenue', 'conversions', 'clicks', 'impressions']) {
    const f = await getJson(sample, `/api/ml-dashboard/roi-forecast/data?metric=${metric}&horizon=9`);
    assert.equal(f.metric, metric);
    assert.equal(f.forecast.length, 9);
    assert.equal(f.history.length, 90);
    assert.equal(f.history.at(-1).date, workspace.data_to);
    assert.equal(f.data_to, workspace.data_to);
    assert.equal(Date.parse(f.forecast[0].date) - Date.parse(workspace.data_to), 86_400_000);
    for (const p of f.forecast) {
      const values = [p.low95, p.low80, p.mean, p.high80, p.high95];
      assert.ok(values.every(isFinite), JSON.stringify(p));
      for (let i = 1; i < 5; i++) assert.ok(values[i - 1] <= values[i], `${metric}: ${values}`);
    }
    assert.ok(Math.abs(sum(f.members.map((m) => m.weight)) - 1) < 1e-9);
    assert.ok(f.backtest.windows > 0 && isFinite(f.backtest.rmse));
    assert.equal(f.is_sample, true);
    assert.match(f.method, /\d+\.\d+\.\d+$/);
  }
  // The history is what the query says, day by day.
  const f = await getJson(sample, '/api/ml-dashboard/roi-forecast?metric=spend&channel=facebook');
  const q = await getJson(sample, '/api/v1/analytics/query?metrics=spend&by=day&filter=channel=facebook');
  assert.deepEqual(f.history.map((p) => p.value), q.rows.map((row) => row[1]));
  assert.equal(f.forecast.length, 30);
});

test('a picture by path and by Accept', async () => {
  isPng(await get(sample, '/api/ml-dashboard/roi-forecast/image?metric=revenue&dark=true&width=800&height=500'));
  isPng(await get(sample, '/api/ml-dashboard/roi-forecast', { headers: { Accept: 'image/png' } }));
  isPng(await get(sample, '/api/ml-dashboard/budget-recommendation', { headers: { Accept: 'image/png' } }));
  isPng(await get(sample, '/api/ml-dashboard/roi-timeseries/image?channel=tiktok'));
  isPng(await get(sample, '/api/ml-dashboard/reach-ctr-timeseries/image'));
  const json = await get(sample, '/api/ml-dashboard/roi-forecast', { headers: { Accept: 'application/json, image/png' } });
  assert.match(json.headers['content-type'], /json/);
});

test('the daily series agree with the query', async () => {
  const q = await getJson(sample, '/api/v1/analytics/query?metrics=spend,revenue,roi&by=day,channel');
  const r = await getJson(sample, '/api/ml-dashboard/roi-timeseries');
  assert.deepEqual(r.rows.map((x) => [x.date, x.channel, x.spend, x.revenue, x.roi]), q.rows);
  const c = await getJson(sample, '/api/ml-dashboard/reach-ctr-timeseries/data?channel=tiktok');
  assert.ok(c.rows.length > 50 && c.rows.every((x) => x.channel === 'tiktok'));
  assert.deepEqual(Object.keys(c.rows[0]), ['date', 'channel', 'reach', 'impressions', 'clicks', 'ctr']);
});

test('budgets add up to the micro, obey their bounds and repeat', async () => {
  const plain = (await optimise(sample, {})).json;
  assert.ok(plain.rows.length > 20);
  const micros = (rows) => sum(rows.map((r) => Math.round(r.recommended_budget * 1e6)));
  assert.equal(micros(plain.rows), Math.round(plain.total.recommended * 1e6));
  assert.ok(plain.total.recommended <= plain.total.budget);
  assert.ok(plain.total.expected >= plain.total.expected_now);
  assert.deepEqual((await optimise(sample, {})).json, plain);
  for (const r of plain.rows) {
    assert.ok(r.recommended_budget <= r.current_budget * 1.3 + 1e-6, r.name);
    assert.ok(r.expected_return.low <= r.expected_return.high);
    assert.ok(r.why.length > 0 && r.bind.length > 0);
  }
  const bounded = (await optimise(sample, {
    by: 'channel',
    total_budget: 5000,
    with_curves: true,
    constraints: { max: { facebook: 700 }, min: { tiktok: 900 }, fixed: { linkedin: 123.456789 }, max_change: null },
  })).json;
  const row = (id) => bounded.rows.find((r) => r.id === id);
  assert.ok(row('facebook').recommended_budget <= 700);
  assert.ok(row('tiktok').recommended_budget >= 900);
  assert.equal(row('linkedin').recommended_budget, 123.456789);
  assert.ok(bounded.total.recommended <= 5000);
  for (const r of bounded.rows) {
    const c = r.curve;
    assert.equal(c.x.length, c.mean.length);
    for (let i = 1; i < c.x.length; i++) assert.ok(c.mean[i] >= c.mean[i - 1] - 1e-9, 'more never returns less');
    for (let i = 0; i < c.x.length; i++) assert.ok(c.low[i] <= c.mean[i] && c.mean[i] <= c.high[i]);
  }
  // One campaign by its own id and by the source's.
  const [first] = plain.rows;
  for (const id of [first.id, Number(first.id), first.campaign_id]) {
    const one = (await optimise(sample, { campaigns: [{ campaign_id: id, current_budget: 50 }], total_budget: 60 })).json;
    assert.equal(one.rows.length, 1);
    assert.equal(one.rows[0].id, first.id);
    assert.equal(one.rows[0].current_budget, 50);
    assert.ok(one.rows[0].recommended_budget <= 60);
  }
  const thompson = (await optimise(sample, { by: 'channel', risk: 'thompson', seed: 5 })).json;
  assert.deepEqual((await optimise(sample, { by: 'channel', risk: 'thompson', seed: 5 })).json, thompson);
});

test('more budget never promises less, down to nothing', async () => {
  let before = -1;
  for (const total of [0, 1, 1000, 4000, 9000, 20000]) {
    const answer = await optimise(sample, { by: 'channel', total_budget: total });
    assert.equal(answer.status, 200, answer.text.slice(0, 300));
    assert.ok(answer.json.total.recommended <= total);
    assert.ok(answer.json.total.expected >= before - 1e-6, `${total}: ${answer.json.total.expected} < ${before}`);
    before = answer.json.total.expected;
  }
});

test('the answer follows a slider', async () => {
  await getJson(sample, '/api/v1/ml/budget/curves');
  const totals = new Set();
  for (let i = 0; i < 9; i++) {
    const answer = await optimise(sample, { total_budget: 8000 + 100 * i });
    assert.equal(answer.status, 200, answer.text.slice(0, 300));
    totals.add(answer.json.total.recommended);
  }
  assert.equal(totals.size, 9);
});

test('anomalies name their day, size and cause, and the filters hold', async () => {
  const all = await getJson(sample, '/api/v1/ml/detect/anomalies?limit=1000');
  assert.ok(all.length > 0 && all.length < 200, `${all.length}`);
  assert.equal(new Set(all.map((a) => a.id)).size, all.length);
  for (const a of all) {
    assert.ok(a.q_value <= 0.05 && a.p_value <= a.q_value, JSON.stringify(a));
    assert.ok(a.direction === 'up' ? a.value > a.expected : a.value < a.expected);
    assert.ok(a.low <= a.expected && a.expected <= a.high);
    assert.ok(a.summary.length > 20);
    for (const c of a.causes) assert.ok(['channel', 'campaign', 'device'].includes(c.dimension));
  }
  const dates = all.map((a) => a.ts);
  assert.deepEqual(dates, [...dates].sort().reverse());
  const high = await getJson(sample, '/api/v1/ml/detect/anomalies?severity=high&limit=1000');
  assert.deepEqual(high.map((a) => a.id), all.filter((a) => a.severity === 'high').map((a) => a.id));
  const spend = await getJson(sample, '/api/v1/ml/detect/anomalies?metric=spend&user_id=1');
  assert.ok(spend.every((a) => a.metric === 'spend'));
  assert.equal((await getJson(sample, '/api/v1/ml/detect/anomalies?limit=2')).length, 2);
  const from = all[Math.floor(all.length / 2)].ts;
  const late = await getJson(sample, `/api/v1/ml/detect/anomalies?limit=1000&from=${from}`);
  assert.deepEqual(late.map((a) => a.id), all.filter((a) => a.ts >= from).map((a) => a.id));

  const [a] = all;
  const entity = a.entity.kind === 'total' ? 'total' : `${a.entity.kind}:${a.entity.id}`;
  const t = await getJson(sample, `/api/v1/ml/anomalies/timeline?metric=${a.metric}&entity=${encodeURIComponent(entity)}`);
  assert.equal(t.points.length, 90);
  assert.equal(t.points.find((p) => p.date === a.ts).is_anomaly, true);
  assert.ok(t.anomalies.some((x) => x.id === a.id));
  assert.equal(t.points[0].expected, null);
});

test('predictions are made, kept and paged', async () => {
  const made = await postJson(sample, '/api/predictions/generate', { horizon_days: 14 });
  assert.equal(made.status, 201, made.text.slice(0, 300));
  assert.equal(made.headers.location, '/api/predictions/latest');
  assert.ok(made.json.length > 20);
  for (const p of made.json) {
    assert.ok(p.interval.low <= p.predicted_roi && p.predicted_roi <= p.interval.high);
    assert.ok(p.confidence_score >= 0.5 && p.confidence_score <= 1);
    assert.ok(['low', 'medium', 'high'].includes(p.risk_level));
    assert.ok(Math.abs(sum(Object.values(p.feature_importance)) - 1) < 0.05);
    assert.equal(p.horizon_days, 14);
  }
  const again = await request(sample, 'POST', '/api/predictions/generate');
  assert.equal(again.status, 201);
  assert.equal(again.json[0].horizon_days, 30);
  assert.deepEqual(await getJson(sample, '/api/predictions/latest'), again.json);
  const seen = [];
  for (let path = '/api/predictions/?limit=30'; path; ) {
    const page = await get(sample, path);
    seen.push(...page.json.map((p) => p.id));
    path = /<([^>]+)>; rel="next"/.exec(page.headers.link ?? '')?.[1];
  }
  assert.equal(seen.length, made.json.length + again.json.length);
  assert.deepEqual(seen, [...seen].sort((a, b) => b - a));
});

test('the state of the models is what was fitted', async () => {
  const h = await getJson(sample, '/api/v1/ml/health');
  assert.deepEqual(h.models.map((m) => m.name), ['forecast', 'anomaly', 'response_curves']);
  assert.equal(h.status, 'ok');
  for (const m of h.models) {
    assert.ok(Math.abs(Date.parse(m.trained_at) - Date.now()) < 600_000);
    assert.ok(m.rows > 0);
    assert.equal(m.drift, null);
  }
});

test('wrong questions are refused by name', async () => {
  const params = [
    ['/api/ml-dashboard/roi-forecast?horizon=0', 'horizon'],
    ['/api/ml-dashboard/roi-forecast?horizon=181', 'horizon'],
    ['/api/ml-dashboard/roi-forecast?metric=ctr', 'metric'],
    ['/api/ml-dashboard/roi-forecast?channel=myspace', 'channel'],
    ['/api/ml-dashboard/roi-forecast?from=2026-10-02&to=2026-10-01', 'from'],
    ['/api/ml-dashboard/roi-forecast?form=2026-10-02', 'form'],
    ['/api/ml-dashboard/roi-timeseries?channel=x', 'channel'],
    ['/api/ml-dashboard/roi-timeseries?from=2026-10-02&to=2026-10-01', 'from'],
    ['/api/ml-dashboard/budget-recommendation?from=2026-10-02&to=2026-10-01', 'from'],
    ['/api/ml-dashboard/budget-recommendation?channel=x', 'channel'],
    ['/api/v1/ml/budget/curves?by=ad', 'by'],
    ['/api/v1/ml/detect/anomalies?severity=huge', 'severity'],
    ['/api/v1/ml/detect/anomalies?limit=0', 'limit'],
    ['/api/v1/ml/anomalies/timeline?entity=channel', 'entity'],
    ['/api/predictions?cursor=abc', 'cursor'],
  ];
  for (const [path, field] of params) assertProblem(await get(sample, path), 400, field, path);
  assertProblem(await get(sample, '/api/v1/ml/anomalies/timeline?entity=campaign:987654'), 404, 'entity');

  const bodies = [
    [{ bye: 'channel' }, '/bye'],
    [{ by: 'ad' }, '/by'],
    [{ by: 3 }, '/by'],
    [{ total_budget: -1 }, '/total_budget'],
    [{ total_budget: '5' }, '/total_budget'],
    [{ total_budget: 1e300 }, '/total_budget'],
    [{ campaigns: [] }, '/campaigns'],
    [{ campaigns: [3] }, '/campaigns/0'],
    [{ campaigns: [{}] }, '/campaigns/0/campaign_id'],
    [{ campaigns: [{ campaign_id: 'nobody' }] }, '/campaigns/0/campaign_id'],
    [{ campaigns: [{ campaign_id: 'x', budget: 3 }] }, '/campaigns/0'],
    [{ constraints: 4 }, '/constraints'],
    [{ constraints: { most: {} } }, '/constraints'],
    [{ by: 'channel', constraints: { min: { facebook: -2 } } }, '/constraints/min/facebook'],
    [{ by: 'channel', constraints: { min: { myspace: 2 } } }, '/constraints/min/myspace'],
    [{ by: 'channel', constraints: { min: { facebook: 9 }, max: { facebook: 8 } } }, '/constraints/max/facebook'],
    [{ by: 'channel', total_budget: 10, constraints: { min: { facebook: 11 } } }, '/total_budget'],
    [{ constraints: { max_change: 0 } }, '/constraints/max_change'],
    [{ constraints: { explore: 2 } }, '/constraints/explore'],
    [{ objective: 'conversions', constraints: { target_roas: 2 } }, '/constraints/target_roas'],
    [{ objective: 'fame' }, '/objective'],
    [{ risk: 'all' }, '/risk'],
    [{ from: 'today' }, '/from'],
    [{ from: '2026-10-02', to: '2026-10-01' }, '/from'],
    [{ channel: 'myspace' }, '/channel'],
    [{ seed: -1 }, '/seed'],
    [{ with_curves: 1 }, '/with_curves'],
  ];
  for (const [body, field] of bodies) assertProblem(await optimise(sample, body), 400, field, JSON.stringify(body));
  assertProblem(await postJson(sample, '/api/predictions/generate', { horizon_days: 0 }), 400, '/horizon_days');
  assertProblem(await postJson(sample, '/api/predictions/generate', { days: 3 }), 400, '/days');
  assertProblem(await request(sample, 'POST', '/api/v1/ml/optimize/budget'), 400, '/');
});

test('a few days are enough for an answer that says how little it knows', async () => {
  const rows = ['Date,Channel,Campaign,Impressions,Clicks,Conversions,Spend,Revenue'];
  for (let d = 1; d <= 6; d++) rows.push(`2024-03-0${d},facebook,Only one,1000,50,5,${10 + d},${40 + d}`);
  const end = await importFile(empty, 'few.csv', `${rows.join('\n')}\n`, { account: 'Shop' });
  assert.equal(end.state, 'done', JSON.stringify(end));
  const f = await getJson(empty, '/api/ml-dashboard/roi-forecast?horizon=3');
  assert.equal(f.state, 'short');
  assert.equal(f.backtest.windows, 0);
  assert.equal(f.history.length, 6);
  assert.ok(f.forecast.every((p) => isFinite(p.mean) && p.low95 <= p.mean && p.mean <= p.high95));
  const b = (await optimise(empty, {})).json;
  assert.equal(b.rows.length, 1);
  assert.equal(b.rows[0].is_identified, false);
  assert.equal(b.rows[0].current_budget, 13.5);
  assert.deepEqual(await getJson(empty, '/api/v1/ml/detect/anomalies'), []);
  assert.deepEqual((await request(empty, 'POST', '/api/predictions/generate')).json, []);
  const h = await getJson(empty, '/api/v1/ml/health');
  assert.ok(h.models.some((m) => m.name === 'forecast' && m.status === 'ok'));
  // New data: what was fitted before is no longer current, and the next question fits anew.
  const more = await importFile(empty, 'more.csv', `${rows[0]}\n2024-03-07,tiktok,New,1000,50,5,20,10\n`, { account: 'Other' });
  assert.equal(more.state, 'done');
  assert.equal((await getJson(empty, '/api/v1/ml/health')).status, 'the data have changed since');
  assert.equal((await optimise(empty, {})).json.rows.length, 2);
});
