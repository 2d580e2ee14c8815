// Protects what an operator and a browser rely on: health, metrics, logs, headers, the web
// application, its documentation, and an orderly end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { assertProblem, get, getJson, postJson, request, startServer, stopServer, upload } from './helper.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(() => stopServer(server));

const page = { headers: { Accept: 'text/html' } };

test('health', async () => {
  const h = await getJson(server, '/health');
  assert.equal(h.status, 'healthy');
  assert.deepEqual(h.checks, { catalog: 'ok', facts: 'ok', journal: 'unused', blobs: 'unused' });
  assert.ok(Math.abs(Date.parse(h.timestamp) - Date.now()) < 60_000);
  assert.deepEqual(await getJson(server, '/api/v1/ml/health'), { models: [], status: 'no models trained yet' });
  assert.equal((await getJson(server, '/api')).version, h.version);
  assert.equal((await getJson(server, '/health/')).status, 'healthy');
});

test('metrics in the form that Prometheus reads', async () => {
  await get(server, '/health');
  await get(server, '/api/nowhere');
  const answer = await get(server, '/metrics');
  assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
  for (const line of answer.text.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? -?\d+(\.\d+)?)$/, line);
  assert.match(answer.text, /winnow_http_requests_total\{method="GET",route="\/health",status="200"\} [1-9]/);
  assert.match(answer.text, /route="\(none\)",status="404"\} [1-9]/);
  assert.match(answer.text, /winnow_http_request_duration_seconds_bucket\{method="GET",route="\/health",le="\+Inf"\} [1-9]/);
  assert.match(answer.text, /winnow_facts_rows 0\n/);
  assert.match(answer.text, /winnow_imports_total\{state="done"\} 0\n/);
  assert.match(answer.text, /winnow_http_requests_in_flight 1\n/);
  assert.ok(Number(/process_resident_memory_bytes (\d+)/.exec(answer.text)[1]) > 1e6);
});

test('a request id is kept when it is sane, and ends up in the log', async () => {
  const kept = await get(server, '/api/nowhere?secret=hunter2', { headers: { 'X-Request-Id': 'trace-12345' } });
  assert.equal(kept.headers['x-request-id'], 'trace-12345');
  assert.equal(kept.json.request_id, 'trace-12345');
  const made = await get(server, '/api/nowhere', { headers: { 'X-Request-Id': 'x'.repeat(500) } });
  assert.match(made.headers['x-request-id'], /^[0-9a-f-]{16,36}$/);
  for (let i = 0; i < 100 && !server.log.includes('trace-12345'); i++) await new Promise((r) => setTimeout(r, 20));
  const line = JSON.parse(server.log.split('\n').find((l) => l.includes('trace-12345')));
  assert.equal(line.event, 'request');
  assert.equal(line.status, 404);
  assert.equal(line.path, '/api/nowhere');
  assert.equal(typeof line.duration_us, 'number');
  assert.doesNotMatch(server.log, /hunter2/);
});

test('security headers', async () => {
  for (const path of ['/', '/health', '/api/nowhere']) {
    const h = (await get(server, path)).headers;
    assert.equal(h['x-content-type-options'], 'nosniff', path);
    assert.match(h['content-security-policy'], /default-src '(self|none)'/, path);
    assert.match(h['content-security-policy'], /frame-ancestors 'none'/, path);
    assert.equal(h['referrer-policy'], 'same-origin', path);
    assert.equal(h['access-control-allow-origin'], undefined, path);
  }
  assert.equal((await get(server, '/health')).headers['cache-control'], 'no-store');
});

test('the page, or how to get it', async () => {
  const answer = await get(server, '/', page);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/html/);
  assert.match(answer.text, /Winnow/);
  // The page keeps its state in its address: a reload must find it again.
  const again = await get(server, '/?from=2024-01-01&range=30d&anything=at-all', page);
  assert.equal(again.status, 200);
  assert.equal(again.text, answer.text);
});

const hasPage = async () => (await get(server, '/openapi.json')).status === 200;

test('addresses of the application give the page, those of programs an error', async (t) => {
  if (!(await hasPage())) return t.skip('this binary was built without the web application');
  const whole = await get(server, '/', page);
  for (const path of ['/explorer', '/import?x=1', '/campaigns/12']) {
    const answer = await get(server, path, page);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.text, whole.text, path);
  }
  assertProblem(await get(server, '/explorer', { headers: { Accept: 'application/json' } }), 404);
  assertProblem(await get(server, '/api/nowhere', page), 404);
  assertProblem(await get(server, '/assets/nothing.js', page), 404);
  assertProblem(await request(server, 'POST', '/explorer', page), 404);
});

test('files of the page: tags, encodings, caching', async (t) => {
  if (!(await hasPage())) return t.skip('this binary was built without the web application');
  const plain = await get(server, '/');
  assert.equal(plain.headers['cache-control'], 'no-cache');
  const etag = plain.headers.etag;
  assert.match(etag, /^(W\/)?"[0-9a-f]+"$/);
  const unchanged = await get(server, '/', { headers: { 'If-None-Match': `"other", ${etag}` } });
  assert.equal(unchanged.status, 304);
  assert.equal(unchanged.bytes.length, 0);
  assert.equal(unchanged.headers.etag, etag);
  assert.equal((await get(server, '/', { headers: { 'If-None-Match': '"other"' } })).status, 200);

  const script = /src="(\/assets\/[^"]+\.js)"/.exec(plain.text)[1];
  const whole = await get(server, script);
  assert.match(whole.headers['cache-control'], /immutable/);
  assert.match(whole.headers['content-type'], /^text\/javascript/);
  assert.equal(whole.headers['content-encoding'], undefined);
  const br = await get(server, script, { headers: { 'Accept-Encoding': 'gzip, deflate, br' } });
  assert.equal(br.headers['content-encoding'], 'br');
  assert.equal(br.headers.vary, 'Accept-Encoding');
  assert.ok(brotliDecompressSync(br.bytes).equals(whole.bytes));
  const gzip = await get(server, script, { headers: { 'Accept-Encoding': 'gzip, br;q=0' } });
  assert.equal(gzip.headers['content-encoding'], 'gzip');
  assert.ok(gunzipSync(gzip.bytes).equals(whole.bytes));
  const head = await request(server, 'HEAD', script);
  assert.equal(Number(head.headers['content-length']), whole.bytes.length);
});

test('the documentation asks no other host', async (t) => {
  if (!(await hasPage())) return t.skip('this binary was built without the web application');
  const contract = await getJson(server, '/openapi.json');
  assert.match(contract.openapi, /^3\.1/);
  for (const path of ['/docs', '/docs/', '/api/docs', '/api/redoc']) {
    const answer = await get(server, path, page);
    assert.equal(answer.status, 200, path);
    for (const [, link] of answer.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      assert.match(link, /^\//, `${path}: ${link}`);
      assert.equal((await get(server, link, page)).status, 200, link);
    }
  }
  // Every GET of the contract without arguments answers with a status that the contract names.
  for (const [path, operations] of Object.entries(contract.paths)) {
    if (!operations.get || path.includes('{')) continue;
    const answer = await get(server, path);
    assert.equal(answer.status, 200, path);
    const types = Object.keys(operations.get.responses['200'].content ?? {});
    if (types.length)
      assert.ok(types.some((type) => answer.headers['content-type'].startsWith(type)), `${path}: ${answer.headers['content-type']}`);
  }
});

test('the sample comes and goes', { timeout: 300_000 }, async () => {
  const made = await request(server, 'POST', '/api/v1/sample');
  assert.equal(made.status, 201, made.text);
  assert.ok(made.json.n_rows > 1000);
  const w = await getJson(server, '/api/v1/workspace');
  assert.equal(w.is_sample, true);
  assert.equal(w.n_rows, made.json.n_rows);
  assert.equal(w.channels.length, 6);
  assert.equal((await getJson(server, '/api/v1/analytics/query?metrics=spend')).is_sample, true);
  assertProblem(await request(server, 'POST', '/api/v1/sample'), 409);
  const removed = await request(server, 'DELETE', '/api/v1/sample');
  assert.equal(removed.status, 200, removed.text);
  assert.equal(removed.json.removed_rows, made.json.n_rows);
  const empty = await getJson(server, '/api/v1/workspace');
  assert.equal(empty.has_data, false);
  assert.deepEqual(empty.accounts, []);
  assert.deepEqual(await getJson(server, '/api/campaigns'), []);
  assert.equal((await request(server, 'DELETE', '/api/v1/sample')).json.removed_rows, 0);
});

test('the first data of one\'s own replace the sample', { timeout: 300_000 }, async () => {
  assert.equal((await request(server, 'POST', '/api/v1/sample')).status, 201);
  const made = await postJson(server, '/api/campaigns', {
    name: 'Mine', channel_used: 'telegram', date: '2024-03-01', acquisition_cost: 10, clicks: 5, impressions: 100,
    conversion_rate: 0.2, roi: 1.5,
  });
  assert.equal(made.status, 201, made.text);
  const w = await getJson(server, '/api/v1/workspace');
  assert.equal(w.is_sample, false);
  assert.equal(w.n_rows, 1);
  assert.deepEqual(w.accounts.map((account) => account.name), ['API']);
  assert.deepEqual((await getJson(server, '/api/campaigns')).map((c) => c.name), ['Mine']);
  const q = await getJson(server, '/api/v1/analytics/query?metrics=spend,revenue,conversions');
  assert.deepEqual(q.rows, [[10, 25, 1]]);
});

test('it ends in order while an import runs', { timeout: 120_000 }, async () => {
  const before = await getJson(server, '/api/v1/workspace');
  const rows = ['Date,Channel,Campaign,Impressions,Clicks,Spend'];
  for (let i = 0; i < 300_000; i++) rows.push(`2024-0${1 + (i % 9)}-1${i % 9},facebook,C${i % 500},${i},${i % 50},${(i % 100) / 4}`);
  const answer = await upload(server, {}, { name: 'large.csv', content: rows.join('\n') });
  assert.equal(answer.status, 202, answer.text);
  await stopServer(server, { keep: true });
  server = await startServer({ data: server.dir });
  const state = await getJson(server, `/api/v1/imports/${answer.json.import_id}`);
  const w = await getJson(server, '/api/v1/workspace');
  // All or nothing: it had ended before, or it was cancelled and nothing is there.
  if (state.state === 'done') assert.ok(w.n_rows > before.n_rows);
  else {
    assert.equal(state.state, 'failed');
    assert.equal(w.n_rows, before.n_rows);
    assert.ok(state.problem.detail.length > 5);
  }
});
