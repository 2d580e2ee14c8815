// Protects the promise that bad input gets a problem document that names the field: never a 500,
// never a word of SQL, and the server goes on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  assertProblem, get, getJson, importFile, postJson, raw, request, sampleCsv, startServer, stopServer, upload,
} from './helper.mjs';

let server;
before(async () => {
  server = await startServer();
  const end = await importFile(server, 'spring.csv', sampleCsv);
  assert.equal(end.state, 'done', JSON.stringify(end));
});
after(() => stopServer(server));

const query = '/api/v1/analytics/query';

test('parameters', async (t) => {
  const cases = [
    // path, status, field, part of the text
    [`${query}?metric=spend`, 400, 'metric', "did you mean 'metrics'"],
    [`${query}?form=2024-01-01`, 400, 'form', "did you mean 'from'"],
    [`${query}?from=2024-02-30`, 400, 'from', 'no day'],
    [`${query}?from=yesterday`, 400, 'from', 'no day'],
    [`${query}?to=2024-13-01`, 400, 'to', 'no day'],
    [`${query}?from=2024-03-02&to=2024-03-01`, 400, 'from', 'after'],
    [`${query}?limit=0`, 400, 'limit', 'from 1'],
    [`${query}?limit=-5`, 400, 'limit', 'from 1'],
    [`${query}?limit=1e3`, 400, 'limit', 'whole number'],
    [`${query}?limit=100001`, 400, 'limit', '100000'],
    [`${query}?offset=99999999999999999999`, 400, 'offset'],
    [`${query}?compare=last`, 400, 'compare', 'none|previous|year'],
    [`${query}?format=xml`, 400, 'format', 'json|csv'],
    [`${query}?metrics=spend&metrics=roas`, 400, 'metrics', 'twice'],
    [`${query}?metrics=no_such_metric`, 400, 'metrics', 'no_such_metric'],
    [`${query}?metrics=spend,,roas`, 400, 'metrics'],
    [`${query}?metrics=spend;DROP%20TABLE%20names`, 400, 'metrics'],
    [`${query}?by=planet`, 400, 'by', 'planet'],
    [`${query}?by=day,week,month,channel,device`, 400, 'by'],
    [`${query}?by=channel&sort=-nothing`, 400, 'sort', 'nothing'],
    [`${query}?filter=planet=earth`, 400, 'filter', 'planet'],
    [`${query}?filter=roas<<1`, 400, 'filter'],
    [`${query}?filter=campaign_id=12|x`, 400, 'filter'],
    [`${query}?filter=%ff%fe`, 400, 'filter', 'UTF-8'],
    [`${query}?%ff=1`, 400, undefined, 'UTF-8'],
    [`${query}?filter=${'('.repeat(200)}spend`, 413, 'filter'], // deeper than a formula may be
    [`${query}?title=x`, 400, 'title'],
    ['/api/v1/analytics/chart?metric=nothing', 400, 'metric', 'nothing'],
    ['/api/v1/analytics/chart?metric=spend&by=channel,device,day', 400, 'by'],
    ['/api/v1/analytics/chart?kind=pie', 400, 'kind'],
    ['/api/dashboards/roi-chart?width=10', 400, 'width', '320'],
    ['/api/dashboards/roi-chart?dark=maybe', 400, 'dark'],
    ['/api/analytics/summary?from=2024-03-02&to=2024-03-01', 400, 'from', 'after'],
    ['/api/analytics/channels?limit=5', 400, 'limit'],
    ['/api/reports/export/excel?from=31.12.2024', 400, 'from'],
    ['/api/campaigns?limit=1001', 400, 'limit', '1000'],
    ['/api/campaigns?cursor=abc', 400, 'cursor'],
    ['/api/campaigns?cursor=s1&skip=1', 400, 'skip'],
    ['/api/campaigns/999999999', 404, 'campaign_id'],
    ['/api/campaigns/channel/nowhere', 404, 'channel'],
    ['/api/v1/imports/0', 400, 'import_id'],
    ['/api/v1/imports/abc', 400, 'import_id'],
    ['/api/v1/imports/999999', 404, 'import_id'],
    ['/api/v1/imports?limit=x', 400, 'limit'],
    ['/health?verbose=1', 400, 'verbose', 'takes none'],
    ['/api/nowhere', 404],
    ['/api/v1/nowhere/else', 404],
  ];
  for (const [path, status, field, text] of cases)
    await t.test(path.slice(0, 80), async () => {
      const p = assertProblem(await get(server, path), status, field, path);
      if (text) assert.ok(p.detail.includes(text), `${path}: ${p.detail}`);
    });
});

test('bodies', async (t) => {
  const good = {
    name: 'X', channel_used: 'facebook', date: '2024-03-01', acquisition_cost: 1, clicks: 1, impressions: 1,
    conversion_rate: 0.1, roi: 1,
  };
  const cases = [
    [{ ...good, date: '2024-02-30' }, '/date'],
    [{ ...good, date: undefined }, '/date'],
    [{ ...good, date: 20240301 }, '/date'],
    [{ ...good, channel_used: 'pigeon' }, '/channel_used'],
    [{ ...good, channel_used: undefined }, '/channel_used'],
    [{ ...good, clicks: -1 }, '/clicks'],
    [{ ...good, clicks: 'many' }, '/clicks'],
    [{ ...good, clicks: 1e300 }, '/clicks'],
    [{ ...good, conversion_rate: 1.5 }, '/conversion_rate'],
    [{ ...good, roi: -2 }, '/roi'],
    [{ ...good, roi: undefined }, '/roi'],
    [{ ...good, duration: 1.5 }, '/duration'],
    [{ ...good, name: undefined }, '/campaign_id'],
    [{ ...good, name: 'n'.repeat(501) }, '/name'],
    [{ ...good, campaign_id: ['a'] }, '/campaign_id'],
    [{ ...good, campain_goal: 'x' }, '/campain_goal'],
    ['{"name":"X"', undefined],
    ['', '/'],
    ['[]', '/'],
    ['"text"', '/'],
    ['{"name":"X","name":"Y"}', undefined],
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), undefined],
  ];
  for (const [i, [body, field]] of cases.entries())
    await t.test(`campaign ${i} ${field ?? ''}`, async () => {
      assertProblem(await postJson(server, '/api/campaigns', body), 400, field, JSON.stringify(body)?.slice(0, 200));
    });
  await t.test('deep JSON', async () => {
    const answer = await postJson(server, '/api/campaigns', '['.repeat(30000));
    assert.ok(answer.status >= 400 && answer.status < 500, answer.text);
    assertProblem(answer, answer.status);
    const deep = await postJson(server, '/api/campaigns', `{"name":${'['.repeat(5000)}${']'.repeat(5000)}}`);
    assert.ok(deep.status >= 400 && deep.status < 500, deep.text);
  });
  await t.test('a body over the limit', async () => {
    assertProblem(await postJson(server, '/api/campaigns', `{"name":"${'x'.repeat(70000)}"}`), 413);
  });
  await t.test('a body of another type', async () => {
    const answer = await request(server, 'POST', '/api/campaigns', { headers: { 'Content-Type': 'text/plain' }, body: '{}' });
    assertProblem(answer, 415, 'Content-Type');
    const form = await request(server, 'POST', '/api/v1/imports', { headers: { 'Content-Type': 'application/json' }, body: '{}' });
    assert.ok(form.status === 400 || form.status === 415, form.text);
    assertProblem(form, form.status);
  });
  await t.test('a body where none belongs', async () => {
    const answer = await request(server, 'POST', '/api/v1/sample', { headers: { 'Content-Type': 'application/json' }, body: '{"a":1}' });
    assertProblem(answer, 413);
  });
  await t.test('formulas', async () => {
    for (const [metric, field] of [
      [{ name: 'Bad Name', formula: 'spend' }, '/name'],
      [{ name: 'x1', formula: 'spend +' }, '/formula'],
      [{ name: 'x1', formula: 'nothing * 2' }, '/formula'],
      [{ name: 'x1', formula: 'x1 + 1' }, '/formula'],
      [{ name: 'x1', formula: 'spend'.repeat(1000) }, '/formula'],
      [{ name: 'x1' }, '/formula'],
      [{ formula: 'spend' }, '/name'],
      [{ name: 'x1', formula: 'spend', colour: 'red' }, '/colour'],
    ])
      assertProblem(await postJson(server, '/api/v1/metrics', metric), 400, field, JSON.stringify(metric).slice(0, 100));
    assertProblem(await postJson(server, '/api/v1/metrics', { name: 'x1', formula: '('.repeat(500) }), 413, '/formula');
    assertProblem(await postJson(server, '/api/v1/metrics', { name: 'spend', formula: 'revenue' }), 409);
  });
});

test('import forms', async (t) => {
  const file = { name: 'a.csv', content: sampleCsv };
  for (const [fields, field] of [
    [{ mode: 'maybe' }, 'mode'],
    [{ format: 'excel' }, 'format'],
    [{ day: '2024-02-30' }, 'day'],
    [{ currency: 'dollars' }, 'currency'],
    [{ acount: 'X' }, 'acount'],
    [{ account: 'a'.repeat(201) }, 'account'],
    [{ mode: 'inspect', map: 'Spend=nothing' }, 'map'],
    [{ mode: 'inspect', map: 'Nothing=spend' }, 'map'],
  ])
    await t.test(field, async () => {
      assertProblem(await upload(server, fields, file), 400, field, JSON.stringify(fields));
    });
  await t.test('broken multipart', async () => {
    const answer = await request(server, 'POST', '/api/v1/imports', {
      headers: { 'Content-Type': 'multipart/form-data; boundary=xyz' }, body: '--xyz\r\nno header\r\n',
    });
    assertProblem(answer, 400);
  });
});

test('methods', async () => {
  const put = await request(server, 'PUT', '/api/campaigns');
  assertProblem(put, 405);
  assert.equal(put.headers.allow, 'OPTIONS, GET, HEAD, POST');
  const options = await request(server, 'OPTIONS', '/api/campaigns');
  assert.equal(options.status, 204);
  assert.equal(options.headers.allow, 'OPTIONS, GET, HEAD, POST');
  assert.equal(options.headers['access-control-allow-origin'], undefined);
  const head = await request(server, 'HEAD', '/api/v1/workspace');
  assert.equal(head.status, 200);
  assert.equal(head.bytes.length, 0);
  assert.ok(Number(head.headers['content-length']) > 0);
});

test('other origins and other names', async () => {
  const host = `127.0.0.1:${server.port}`;
  for (const name of ['evil.example', `evil.example:${server.port}`, 'localhost.evil.example', '127.0.0.1.evil.example'])
    assertProblem(await get(server, '/health', { headers: { Host: name } }), 421, 'Host', name);
  for (const name of [host, `localhost:${server.port}`, `[::1]:${server.port}`])
    assert.equal((await get(server, '/health', { headers: { Host: name } })).status, 200, name);
  const body = { name: 'spend_twice', formula: 'spend * 2' };
  for (const origin of ['http://evil.example', 'null', `https://${host}`, `http://localhost:${server.port}`])
    assertProblem(await postJson(server, '/api/v1/metrics', body, { Origin: origin }), 403, undefined, origin);
  assertProblem(await postJson(server, '/api/v1/metrics', body, { 'Sec-Fetch-Site': 'cross-site' }), 403);
  const own = await postJson(server, '/api/v1/metrics', body, { Origin: `http://${host}` });
  assert.equal(own.status, 201, own.text);
  const read = await get(server, '/api/v1/workspace', { headers: { Origin: 'http://evil.example' } });
  assert.equal(read.headers['access-control-allow-origin'], undefined);
});

test('requests that are no proper HTTP', async () => {
  const host = `Host: 127.0.0.1:${server.port}\r\n`;
  for (const [what, text] of [
    ['two lengths', `POST /api/campaigns HTTP/1.1\r\n${host}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`],
    ['length and chunks', `POST /api/campaigns HTTP/1.1\r\n${host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['two hosts', `GET /health HTTP/1.1\r\n${host}${host}\r\n`],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['a zero in the path', `GET /a%00b HTTP/1.1\r\n${host}\r\n`],
    ['a bad escape', `GET /%zz HTTP/1.1\r\n${host}\r\n`],
    ['no UTF-8 in the path', `GET /%ff HTTP/1.1\r\n${host}\r\n`],
    ['a long path', `GET /${'a'.repeat(10000)} HTTP/1.1\r\n${host}\r\n`],
  ]) {
    const answer = await raw(server, text);
    assert.match(answer, /^HTTP\/1\.1 4\d\d /, `${what}: ${answer.slice(0, 200)}`);
  }
  // What has not even the shape of a request may be dropped without a word.
  assert.match(await raw(server, 'hello\r\n\r\n'), /^(HTTP\/1\.1 [45]\d\d |$)/);
});

test('a slow client is ended and hinders nobody', { timeout: 60_000 }, async () => {
  const slow = raw(server, `POST /api/campaigns HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
    { waitMs: 30_000 });
  const started = Date.now();
  assert.equal((await get(server, '/health')).status, 200);
  assert.ok(Date.now() - started < 5000);
  await slow;
  assert.ok(Date.now() - started < 25_000, 'the slow client was not ended');
});

test('after all this the server is well', async () => {
  assert.equal((await getJson(server, '/health')).status, 'healthy');
  const metrics = (await get(server, '/metrics')).text;
  assert.doesNotMatch(metrics, /status="500"/);
  assert.equal(server.child.exitCode, null);
});
