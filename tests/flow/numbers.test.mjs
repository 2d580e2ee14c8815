// Protects the trip of a number: from an uploaded file to every call that shows it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertProblem, form, get, getJson, importEnd, importFile, postJson, request, sampleCsv, sampleRows,
  startServer, stopServer, total, upload,
} from './helper.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => stopServer(server));

const near = (got, want, what) =>
  assert.ok(Math.abs(got - want) <= 1e-9 * Math.max(1, Math.abs(want)), `${what}: ${got}, not ${want}`);

test('an empty workspace says so', async () => {
  const w = await getJson(server, '/api/v1/workspace');
  assert.equal(w.has_data, false);
  assert.equal(w.is_sample, false);
  assert.equal(w.data_from, null);
  assert.equal(w.n_rows, 0);
  assert.deepEqual(w.accounts, []);
  assert.deepEqual(w.channels, []);
  assert.equal(w.tenant.currency, 'USD');
  const s = await getJson(server, '/api/analytics/summary');
  assert.equal(s.total_campaigns, 0);
  assert.equal(s.avg_roi, null);
  assert.equal(s.total_clicks, 0);
  assert.equal(s.top_performing_channel, null);
  assert.equal(s.from, null);
  assert.deepEqual(await getJson(server, '/api/analytics/channels'), []);
  assert.deepEqual(await getJson(server, '/api/analytics/roi-trend'), []);
  assert.deepEqual(await getJson(server, '/api/analytics/roi-trend?from=2024-01-01'), []);
  assert.deepEqual(await getJson(server, '/api/campaigns'), []);
  assert.deepEqual(await getJson(server, '/api/campaigns/channels'), []);
  const q = await getJson(server, '/api/v1/analytics/query?by=channel');
  assert.equal(q.from, null);
  assert.deepEqual(q.rows, []);
  const none = await getJson(server, '/api/v1/analytics/query?metrics=spend,roas');
  assert.equal(none.rows.length <= 1, true);
  for (const path of ['/api/dashboards/roi-chart', '/api/dashboards/conversion-chart'])
    assert.equal((await get(server, path)).status, 200, path);
  assert.equal((await get(server, '/export/excel')).status, 200);
});

test('inspection and dry run store nothing', async () => {
  for (const mode of ['inspect', 'dry_run']) {
    const answer = await upload(server, { mode }, { name: 'spring.csv', content: sampleCsv });
    assert.equal(answer.status, 200, answer.text);
    const s = answer.json;
    assert.equal(s.rows_read, sampleRows.length, mode);
    assert.equal(s.import_id, 0);
    assert.equal(s.needs_day, false);
    assert.equal(s.columns.length, 8);
    assert.deepEqual(s.columns.map((c) => c.field),
      ['date', 'channel', 'campaign', 'impressions', 'clicks', 'conversions', 'spend', 'revenue']);
    assert.deepEqual(s.preview[0].slice(0, 3), ['2024-03-01', 'facebook', 'Spring A']);
  }
  const w = await getJson(server, '/api/v1/workspace');
  assert.equal(w.has_data, false);
  assert.deepEqual((await getJson(server, '/api/v1/imports')).imports, []);
});

test('an import ends with its totals, and the same file twice changes nothing', async () => {
  const end = await importFile(server, 'C:\\exports\\spring.csv', sampleCsv, { account: 'Shop' });
  assert.equal(end.state, 'done', JSON.stringify(end));
  assert.equal(end.problem, null);
  assert.equal(end.progress, null);
  const s = end.summary;
  assert.equal(s.file_name, 'spring.csv');
  assert.equal(s.rows_imported, sampleRows.length);
  assert.equal(s.errors, 0);
  assert.equal(s.day_from, '2024-03-01');
  assert.equal(s.day_to, '2024-03-04');
  assert.equal(s.totals.spend, total(6));
  assert.equal(s.totals.revenue, total(7));
  assert.equal(s.totals.clicks, total(4));
  assert.equal(s.accounts[0].name, 'Shop');

  const again = await importFile(server, 'spring.csv', sampleCsv, { account: 'Shop' });
  assert.equal(again.state, 'unchanged', JSON.stringify(again));
  const list = await getJson(server, '/api/v1/imports');
  assert.equal(list.imports.length, 2);
  assert.deepEqual(list.imports.map((i) => i.state), ['unchanged', 'done']);
  assert.match(list.imports[0].created_at, /^\d{4}-\d\d-\d\dT/);
  assert.equal((await getJson(server, '/api/v1/imports?limit=1')).imports.length, 1);

  const w = await getJson(server, '/api/v1/workspace');
  assert.equal(w.has_data, true);
  assert.equal(w.n_rows, sampleRows.length);
  assert.equal(w.data_from, '2024-03-01');
  assert.equal(w.data_to, '2024-03-04');
  assert.deepEqual(w.channels.map((c) => c.name), ['facebook', 'tiktok']);
  assert.equal(w.accounts.length, 1);
});

test('queries give the sums of the file', async () => {
  const q = await getJson(server, '/api/v1/analytics/query?metrics=spend,revenue,roas,clicks&by=channel&sort=-spend');
  assert.deepEqual(q.columns.map((c) => [c.name, c.kind, c.unit]), [
    ['channel', 'dimension', null], ['spend', 'metric', 'money'], ['revenue', 'metric', 'money'],
    ['roas', 'metric', 'factor'], ['clicks', 'metric', 'count'],
  ]);
  assert.equal(q.currency, 'USD');
  assert.equal(q.is_sample, false);
  assert.equal(q.n_rows, 2);
  assert.equal(q.from, '2024-03-01');
  assert.equal(q.to, '2024-03-04');
  assert.equal(q.compare_from, null);
  assert.deepEqual(q.rows.map((r) => r[0]), ['tiktok', 'facebook']);
  for (const row of q.rows) {
    const keep = (r) => r[1] === row[0];
    near(row[1], total(6, keep), 'spend');
    near(row[2], total(7, keep), 'revenue');
    near(row[3], total(7, keep) / total(6, keep), 'roas');
    near(row[4], total(4, keep), 'clicks');
  }
  const ids = await getJson(server, '/api/v1/analytics/query?metrics=spend&by=campaign');
  assert.deepEqual(ids.columns.map((c) => c.kind).sort(), ['dimension', 'id', 'metric']);

  const none = await getJson(server, '/api/v1/analytics/query?metrics=roas,cpa&by=campaign&filter=campaign~Spring%20C');
  const cpa = none.columns.findIndex((c) => c.name === 'cpa');
  assert.equal(none.rows[0][cpa], null, 'no conversions: no cost per conversion');

  const compared = await getJson(server,
    '/api/v1/analytics/query?metrics=spend&by=day&from=2024-03-03&to=2024-03-04&compare=previous');
  assert.equal(compared.compare_from, '2024-03-01');
  assert.equal(compared.compare_to, '2024-03-02');
  assert.deepEqual(compared.columns.map((c) => c.kind), ['dimension', 'metric', 'previous']);
  near(compared.rows[0][2], 30.5, 'spend of two days before');

  const page = await getJson(server, '/api/v1/analytics/query?metrics=spend&by=day&limit=2&offset=1');
  assert.deepEqual(page.rows.map((r) => r[0]), ['2024-03-02', '2024-03-03']);
});

test('CSV downloads hold the same', async () => {
  const answer = await get(server, '/api/v1/analytics/query?metrics=spend,roas&by=channel&format=csv');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/csv/);
  assert.match(answer.headers['content-disposition'], /attachment; filename="winnow-2024-03-01-2024-03-04\.csv"/);
  const lines = answer.text.trimEnd().split('\r\n');
  assert.equal(lines[0], 'channel,spend,roas');
  assert.equal(lines.length, 3);
  near(Number(lines[1].split(',')[1]), total(6, (r) => r[1] === 'facebook'), 'spend');
});

test('the older analytics calls agree with the file', async () => {
  const s = await getJson(server, '/api/analytics/summary');
  assert.equal(s.total_campaigns, 3);
  near(s.total_roi, (total(7) - total(6)) / total(6), 'total_roi');
  assert.equal(s.total_clicks, total(4));
  assert.equal(s.total_impressions, total(3));
  near(s.avg_acquisition_cost, total(6) / 3, 'avg_acquisition_cost');
  assert.equal(s.roi_change, null);
  assert.equal(s.top_performing_channel, 'facebook');
  assert.equal(s.worst_performing_channel, 'tiktok');
  assert.equal(s.from, '2024-03-01');
  const channels = await getJson(server, '/api/analytics/channels');
  assert.deepEqual(channels, s.channels);
  assert.deepEqual(channels.map((c) => [c.channel, c.total_campaigns]), [['facebook', 2], ['tiktok', 1]]);

  const days = await getJson(server, '/api/analytics/summary?from=2024-03-03&to=2024-03-04');
  assert.equal(days.total_clicks, 100);
  near(days.clicks_change, (100 / 160 - 1) * 100, 'clicks_change');

  const trend = await getJson(server, '/api/analytics/roi-trend');
  assert.deepEqual(trend.map((p) => [p.date, p.channel]), [
    ['2024-03-01', 'facebook'], ['2024-03-01', 'tiktok'], ['2024-03-02', 'facebook'],
    ['2024-03-03', 'tiktok'], ['2024-03-04', 'facebook'],
  ]);
  near(trend[0].roi, (42 - 10.5) / 10.5, 'roi');
  assert.equal((await getJson(server, '/api/analytics/roi-trend?from=2024-03-04&to=2024-03-04')).length, 1);
  assert.deepEqual(await getJson(server, '/api/analytics/roi-trend?from=2030-01-01'), []);
});

test('campaigns come as rows, in pages', async () => {
  const all = await getJson(server, '/api/campaigns/');
  assert.equal(all.length, 3);
  const a = all.find((c) => c.name === 'Spring A');
  assert.equal(a.channel_used, 'facebook');
  assert.equal(a.clicks, 155);
  assert.equal(a.impressions, 3000);
  assert.equal(a.acquisition_cost, 30.75);
  near(a.roi, (129.75 - 30.75) / 30.75, 'roi');
  near(a.conversion_rate, 14 / 155, 'conversion_rate');
  assert.equal(a.date, '2024-03-01');
  assert.equal(a.target_audience, null);

  const seen = [];
  let path = '/api/campaigns?limit=2';
  for (let i = 0; path && i < 5; i++) {
    const answer = await get(server, path);
    assert.equal(answer.status, 200, answer.text);
    seen.push(...answer.json.map((c) => c.id));
    path = /<([^>]+)>; rel="next"/.exec(answer.headers.link ?? '')?.[1];
  }
  assert.deepEqual(seen, all.map((c) => c.id));
  assert.deepEqual((await getJson(server, '/api/campaigns?skip=1&limit=1')).map((c) => c.id), [all[1].id]);
  assert.equal((await getJson(server, `/api/campaigns/${a.id}`)).name, 'Spring A');
  assert.equal((await getJson(server, `/api/campaigns/${encodeURIComponent(a.campaign_id)}`)).id, a.id);
  assertProblem(await get(server, '/api/campaigns/no-such'), 404, 'campaign_id');
  assert.equal((await getJson(server, '/api/campaigns/channel/TikTok')).length, 1);
  assert.deepEqual(await getJson(server, '/api/campaigns/channel/linkedin'), []);
  assertProblem(await get(server, '/api/campaigns/channel/carrier-pigeon'), 404, 'channel');
  const channels = await getJson(server, '/api/campaigns/channels');
  assert.deepEqual(channels.map((c) => [c.channel, c.count]), [['facebook', 2], ['tiktok', 1]]);
});

test('a campaign is added beside the rows of its day', async () => {
  const before = await getJson(server, '/api/v1/workspace');
  const body = {
    campaign_id: 529013, account: 'Shop', channel_used: 'Google Ads', date: '2024-03-02',
    target_audience: 'Men 35-44', campaign_goal: 'Product Launch', duration: 15, conversion_rate: 0.15,
    acquisition_cost: 500.1, roi: 5.79, location: 'Las Vegas', language: 'Spanish', clicks: 500, impressions: 3000,
    engagement_score: 7, customer_segment: 'Health',
  };
  const made = await postJson(server, '/api/campaigns', body);
  assert.equal(made.status, 201, made.text);
  assert.equal(made.headers.location, `/api/campaigns/${made.json.id}`);
  assert.equal(made.json.campaign_id, '529013');
  assert.equal(made.json.roi, 5.79);
  assert.equal(made.json.conversion_rate, 0.15);
  assert.equal(made.json.acquisition_cost, 500.1);
  assert.equal(made.json.channel_used, 'google_ads');
  assert.equal(made.json.duration, 15);
  const after = await getJson(server, '/api/v1/workspace');
  assert.equal(after.n_rows, before.n_rows + 1, 'the other rows of the day stay');
  const q = await getJson(server, '/api/v1/analytics/query?metrics=spend,revenue,conversions&by=day&from=2024-03-02&to=2024-03-02');
  near(q.rows[0][1], 11.25 + 5 + 500.1, 'spend');
  near(q.rows[0][2], 60.75 + 500.1 * 6.79, 'revenue');
  near(q.rows[0][3], 6 + 75, 'conversions');
  // Again, with other numbers: the campaign's row of that day is replaced.
  const changed = await postJson(server, '/api/campaigns', { ...body, acquisition_cost: 100 });
  assert.equal(changed.status, 201, changed.text);
  assert.equal(changed.json.id, made.json.id);
  const again = await getJson(server, '/api/v1/workspace');
  assert.equal(again.n_rows, after.n_rows);
});

test('metrics of one\'s own are made, used and removed', async () => {
  const list = await getJson(server, '/api/v1/metrics');
  for (const name of ['spend', 'roas', 'roi', 'cpa', 'ctr', 'cpm'])
    assert.ok(list.metrics.some((m) => m.name === name), name);
  assert.ok(list.dimensions.includes('channel'));
  const made = await postJson(server, '/api/v1/metrics', { name: 'net_gain', formula: 'revenue - spend', label: 'Net gain' });
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.user_defined, true);
  assertProblem(await postJson(server, '/api/v1/metrics', { name: 'net_gain', formula: 'spend' }), 409);
  const half = await postJson(server, '/api/v1/metrics', { name: 'half_gain', formula: 'net_gain / 2' });
  assert.equal(half.status, 201, half.text);
  const q = await getJson(server, '/api/v1/analytics/query?metrics=net_gain,half_gain&filter=channel=tiktok');
  near(q.rows[0][0], 40.000001 - 45.125, 'net_gain');
  near(q.rows[0][1], (40.000001 - 45.125) / 2, 'half_gain');
  assertProblem(await request(server, 'DELETE', '/api/v1/metrics/net_gain'), 409, 'name');
  assert.equal((await request(server, 'DELETE', '/api/v1/metrics/half_gain')).status, 204);
  assert.equal((await request(server, 'DELETE', '/api/v1/metrics/net_gain')).status, 204);
  assertProblem(await request(server, 'DELETE', '/api/v1/metrics/net_gain'), 404, 'name');
  assertProblem(await request(server, 'DELETE', '/api/v1/metrics/spend'), 404, 'name');
});

test('charts are pictures of the size asked for, the report is a workbook', async () => {
  for (const path of ['/api/dashboards/roi-chart?dark=true', '/api/dashboards/conversion-chart?width=640&height=360',
    '/api/v1/analytics/chart?metric=spend&by=day,channel&title=Spend%20%E2%82%AC']) {
    const answer = await get(server, path);
    assert.equal(answer.status, 200, answer.text.slice(0, 300));
    assert.equal(answer.headers['content-type'], 'image/png');
    assert.equal(answer.bytes.subarray(1, 4).toString(), 'PNG');
    assert.equal(answer.bytes.readUInt32BE(16), path.includes('640') ? 640 : 1200);
  }
  for (const path of ['/api/reports/export/excel', '/export/excel?from=2024-03-01&to=2024-03-02']) {
    const answer = await get(server, path);
    assert.equal(answer.status, 200, answer.text.slice(0, 300));
    assert.match(answer.headers['content-disposition'], /winnow-2024-03-01-2024-03-0\d\.xlsx/);
    assert.equal(answer.bytes.subarray(0, 2).toString(), 'PK');
  }
});

test('a file that cannot be understood fails with its reason, and nothing is stored', async () => {
  const before = await getJson(server, '/api/v1/workspace');
  const end = await importFile(server, 'cut.csv', 'Date,Campaign,Spend\n2024-05-01,"A,1\n');
  assert.equal(end.state, 'failed');
  assert.ok(end.problem.status >= 400 && end.problem.status < 500, JSON.stringify(end.problem));
  assert.ok(end.problem.detail.length > 10);
  const zip = Buffer.from('504b03041400000008000000210000000000', 'hex');
  const refused = await upload(server, { mode: 'inspect' }, { name: 'export.csv', content: zip });
  assertProblem(refused, 415);
  assert.deepEqual(await getJson(server, '/api/v1/workspace'), before);
});

test('several imports at once: all end, or are told to come back', async () => {
  const days = Array.from({ length: 12 }, (_, i) => `2024-04-${String(i + 1).padStart(2, '0')}`);
  const answers = await Promise.all(
    days.map((day) => upload(server, { account: `Acc ${day}` },
      { name: `${day}.csv`, content: `Date,Campaign,Channel,Spend\n${day},X,facebook,1\n` })));
  for (const answer of answers) {
    if (answer.status === 503) {
      assertProblem(answer, 503);
      assert.equal(answer.headers['retry-after'], '1');
      continue;
    }
    assert.equal(answer.status, 202, answer.text);
    assert.equal((await importEnd(server, answer.json.import_id)).state, 'done');
  }
});

test('what was imported is there after a restart', async () => {
  const before = await getJson(server, '/api/v1/workspace');
  const imports = await getJson(server, '/api/v1/imports');
  const failed = imports.imports.find((i) => i.state === 'failed');
  await stopServer(server, { keep: true });
  server = await startServer({ data: server.dir });
  assert.deepEqual(await getJson(server, '/api/v1/workspace'), before);
  assert.deepEqual(await getJson(server, '/api/v1/imports'), imports);
  const told = await getJson(server, `/api/v1/imports/${failed.import_id}`);
  assert.ok(told.problem.detail.length > 10);
});

test('forms without a file, or with a file too many, are refused', async () => {
  assertProblem(await upload(server, { mode: 'import' }), 400, 'file');
  const f = form({}, { name: 'a.csv', content: 'a\n' });
  const two = Buffer.concat([form({}, { name: 'b.csv', content: 'b\n' }).body.subarray(0, -('--winnow-flow-boundary-7d1f--\r\n'.length)), f.body]);
  const answer = await request(server, 'POST', '/api/v1/imports', { headers: f.headers, body: two });
  assertProblem(answer, 400, 'file');
});
