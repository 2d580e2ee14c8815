// Protects click predictions from the upload to the answer: a planted effect comes back with its
// reasons, single ads and many, older names of fields, a model that follows the data, and questions
// that are wrong.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertProblem, get, getJson, importFile, postJson, raw, request, startServer, stopServer } from './helper.mjs';

const DAYS = 30;
/* CTR 2 % on desktop, twice the odds on mobile; TikTok three times Facebook; ages 18-24 above. */
const odds = (p) => p / (1 - p);
const prob = (o) => o / (1 + o);
const truth = (channel, device, age) =>
  prob(odds(0.02) * (channel === 'TikTok' ? 3 : 1) * (device === 'Mobile' ? 2 : 1) * (age === '18-24' ? 1.3 : 1));
function exported() {
  const lines = ['date,channel,campaign,ad_group,ad,device,age,impressions,clicks,spend'];
  for (let day = 0; day < DAYS; day++) {
    const date = new Date(Date.parse('2026-07-01T00:00:00Z') + day * 86400000).toISOString().slice(0, 10);
    for (const channel of ['Facebook', 'TikTok'])
      for (let campaign = 1; campaign <= 3; campaign++)
        for (const device of ['Desktop', 'Mobile'])
          for (const age of ['18-24', '25-34', '35-44']) {
            const impressions = 4000 + 10 * day;
            const clicks = Math.round(impressions * truth(channel, device, age) * (1 + 0.03 * Math.sin(day * 12.9898 + campaign)));
            lines.push([date, channel, `${channel} ${campaign}`, 'Group', 'Ad', device, age, impressions, clicks, 10].join(','));
          }
  }
  return `${lines.join('\n')}\n`;
}

let own, sample, empty;
before(async () => {
  [own, sample, empty] = await Promise.all([startServer(), startServer({ args: ['--sample'] }), startServer()]);
  const done = await importFile(own, 'clicks.csv', exported());
  assert.equal(done.state, 'done', JSON.stringify(done));
});
after(async () => {
  for (const server of [own, sample, empty]) await stopServer(server);
});

const predict = (server, body) => postJson(server, '/api/v1/ml/predict/ctr', body);
const ask = async (server, body) => {
  const answer = await predict(server, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};
const near = (value, wanted, share = 0.05) => assert.ok(Math.abs(Math.log(value / wanted)) < share, `${value}, not ${wanted}`);

test('an empty workspace predicts nothing and says so', async () => {
  const answer = await ask(empty, { age_range: '25-34', device_platform: 'mobile' });
  assert.equal(answer.ctr, null);
  assert.equal(answer.interval, null);
  assert.equal(answer.state, 'empty');
  assert.deepEqual([answer.explanation, answer.data_from], [[], null]);
  const model = await getJson(empty, '/api/v1/ml/ctr/model');
  assert.deepEqual([model.state, model.rows, model.drivers, model.test], ['empty', 0, [], null]);
  assert.deepEqual((await getJson(empty, '/api/v1/ml/health')).models, []);
});

test('planted effects come back, with reasons that multiply up', async () => {
  for (const channel of ['Facebook', 'TikTok'])
    for (const device of ['Desktop', 'Mobile'])
      for (const age of ['18-24', '35-44']) {
        const x = await ask(own, { channel, campaign_name: `${channel} 2`, ad_group_name: 'Group', ad_name: 'ad', device, age });
        near(x.ctr, truth(channel, device, age));
        assert.ok(x.interval.low < x.ctr && x.ctr < x.interval.high && x.interval.level === 0.8);
        const product = x.explanation.reduce((o, r) => o * r.odds, odds(x.base));
        assert.ok(Math.abs(product / odds(x.ctr) - 1) < 1e-9);
        assert.deepEqual([x.unknown, x.ignored], [[], []]);
      }
  const model = await getJson(own, '/api/v1/ml/ctr/model');
  assert.equal(model.state, 'ok');
  assert.equal(model.model, 'additive-effects');
  assert.equal(model.rows, DAYS * 36);
  const device = model.drivers.find((d) => d.field === 'device');
  const of = (value) => device.levels.find((l) => l.value === value);
  near(of('mobile').odds / of('desktop').odds, 2);
  assert.ok(of('mobile').low < of('mobile').odds && of('mobile').odds < of('mobile').high);
  assert.equal(model.drivers[0].field, 'channel');
  assert.ok(model.drivers.every((d) => d.field !== 'gender' && d.field !== 'country'), 'fields that do not differ drive nothing');
  const { test: tested } = model;
  assert.equal(tested.days, 5);
  assert.ok(tested.log_loss <= tested.log_loss_tree && tested.log_loss_tree < tested.log_loss_base);
  near(tested.ratio, 1);
  assert.ok(tested.ece < 0.01);
  assert.equal(model.calibration.badge, 'good');
  assert.ok(tested.bins.reduce((n, b) => n + b.impressions, 0) === tested.impressions);
});

test('what users and older scripts call things', async () => {
  const first = await ask(own, { channel: 'tiktok', device: 'mobile', age: '18-24' });
  for (const body of [
    { publisher_platform: 'TikTok', device_platform: 'Mobile', age_range: ' 18-24 ' },
    { channel_used: 'TIKTOK', device_type: 'MOBILE', age_group: '18-24', gender: null, level: 0.8 },
  ])
    assert.deepEqual((await ask(own, body)).ctr, first.ctr);
  const { ctr, unknown, ignored } = await ask(own, { age_range: '18-24', gender: 'female', device_platform: 'mobile', bid_amount: 2.5, chanel: 'tiktok', mood: {} });
  assert.ok(ctr > 0 && ctr < 1);
  assert.deepEqual(unknown.map((u) => [u.field, u.value]), [['gender', 'female']]);
  assert.deepEqual(ignored.map((i) => i.field), ['bid_amount', 'chanel', 'mood']);
  assert.match(ignored[0].detail, /bid/);
  assert.match(ignored[1].detail, /'channel'/);
  // Campaigns by our id, too, and a number is as good as its text.
  const model = await getJson(own, '/api/v1/ml/ctr/model');
  const campaign = model.drivers.find((d) => d.field === 'campaign').levels[0];
  const byId = await ask(own, { campaign_id: Number(campaign.value) });
  assert.deepEqual(await ask(own, { campaign: campaign.label }), byId);
  const implied = byId.explanation.find((r) => r.field === 'channel');
  assert.equal(implied.is_given, false);
});

test('new things are named and widen the interval', async () => {
  const width = (x) => Math.log(x.interval.high / x.interval.low);
  const known = await ask(own, { campaign: 'TikTok 1' });
  const fresh = await ask(own, { channel: 'tiktok', campaign: 'never seen' });
  assert.ok(width(fresh) > width(known));
  assert.deepEqual(fresh.unknown.map((u) => u.field), ['campaign']);
  assert.match(fresh.unknown[0].detail, /new/);
  const wide = await ask(own, { campaign: 'TikTok 1', level: 0.95 });
  assert.ok(width(wide) > width(known) && wide.ctr === known.ctr);
});

test('many at once are the same as one by one', async () => {
  const rows = [];
  for (let i = 0; i < 300; i++) rows.push({ channel: i % 2 ? 'facebook' : 'tiktok', device: i % 3 ? 'mobile' : 'desktop', age: ['18-24', '25-34', 'x'][i % 3] });
  const many = await ask(own, { rows, level: 0.9 });
  assert.equal(many.predictions.length, 300);
  assert.equal(many.state, 'ok');
  for (const i of [0, 1, 2, 299]) {
    const one = await ask(own, { ...rows[i], level: 0.9 });
    for (const name of ['ctr', 'interval', 'explanation', 'unknown']) assert.deepEqual(many.predictions[i][name], one[name]);
  }
  const list = await ask(own, rows.slice(0, 3));
  assert.deepEqual(list.predictions.map((p) => p.ctr), many.predictions.slice(0, 3).map((p) => p.ctr));
});

test('the model follows the data, and health tells of it', async () => {
  const server = await startServer({ args: ['--sample'] });
  const before_ = await ask(server, { channel: 'google_ads' });
  assert.equal(before_.is_sample, true);
  assert.equal(before_.is_current, true);
  const [fit] = (await getJson(server, '/api/v1/ml/health')).models;
  assert.equal(fit.name, 'ctr');
  assert.equal(fit.status, 'ok');
  assert.ok(fit.rows > 1000 && fit.metric > 0 && fit.drift >= 0 && fit.drift_name.length > 0);
  await getJson(server, '/api/ml-dashboard/roi-forecast');
  const { models } = await getJson(server, '/api/v1/ml/health');
  assert.ok(models.find((m) => m.name === 'forecast').drift > 0);
  // Asked while the data go: every answer is one model's or the other's.
  const [gone, ...meanwhile] = await Promise.all([
    request(server, 'DELETE', '/api/v1/sample'),
    ...Array.from({ length: 60 }, () => ask(server, { channel: 'google_ads' })),
  ]);
  assert.ok(gone.status < 300, gone.text);
  for (const x of meanwhile) assert.ok(x.ctr === before_.ctr || x.ctr === null);
  const after_ = await ask(server, { channel: 'google_ads' });
  if (after_.is_current) assert.equal(after_.state, 'empty');
  else assert.equal(after_.ctr, before_.ctr, 'the older model answers while a newer one is learnt');
  assert.equal((await getJson(server, '/api/v1/ml/ctr/model')).state, 'empty');
  assert.equal((await ask(server, {})).ctr, null);
  await stopServer(server);
});

test('wrong questions are named', async () => {
  const wrong = [
    [{ age_range: 25.5 }, '/age_range'],
    [{ age_range: ['25-34'] }, '/age_range'],
    [{ gender: { is: 'female' } }, '/gender'],
    [{ device: true }, '/device'],
    [{ hour: 24 }, '/hour'],
    [{ hour: -1 }, '/hour'],
    [{ hour: 'noon' }, '/hour'],
    [{ weekday: 'someday' }, '/weekday'],
    [{ day_of_week: 0 }, '/day_of_week'],
    [{ age: '18-24', age_range: '25-34' }, '/age_range'],
    [{ level: 2 }, '/level'],
    [{ level: '0.8' }, '/level'],
    [{ channel: 'x'.repeat(501) }, '/channel'],
    [{ rows: [] }, '/rows'],
    [{ rows: {} }, '/rows'],
    [{ rows: [{ channel: 'tiktok' }, { hour: 99 }] }, '/rows/1/hour'],
    [{ rows: [1] }, '/rows/0'],
    [{ rows: [{}], mode: 'fast' }, '/mode'],
    [[{ hour: 99 }], '/0/hour'],
    [[], '/rows'],
    [1, '/'],
    [null, '/'],
  ];
  for (const [body, field] of wrong) assertProblem(await predict(own, JSON.stringify(body)), 400, field, JSON.stringify(body).slice(0, 60));
  assertProblem(await predict(own, { rows: Array.from({ length: 1001 }, () => ({})) }), 413, '/rows');
  assertProblem(await predict(own, Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`f${i}`, 1]))), 413, '/');
  for (const text of ['', '{', '{"age": NaN}', '{"age": 1e999}', '{"age": Infinity}', '{"a": 1, "a": 2}']) assertProblem(await predict(own, text), 400, undefined, text);
  assertProblem(await predict(own, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400);
  assertProblem(await predict(own, `{"x":"${'y'.repeat(1100000)}"}`), 413);
  assertProblem(await get(own, '/api/v1/ml/predict/ctr'), 405);
  assertProblem(await get(own, '/api/v1/ml/ctr/model?channel=tiktok'), 400, 'channel');
});

test('a keep-alive connection is answered again and again, pipelined as well', async () => {
  const body = JSON.stringify({ channel: 'tiktok', device: 'mobile' });
  const one = `POST /api/v1/ml/predict/ctr HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const last = one.replace('\r\nContent-Type', '\r\nConnection: close\r\nContent-Type');
  const text = await raw(own, one + one + last);
  assert.equal(text.split('HTTP/1.1 200').length - 1, 3, text.slice(0, 400));
});

test('the sample: every channel can be asked for, and stands in its order', async () => {
  const model = await getJson(sample, '/api/v1/ml/ctr/model');
  assert.equal(model.is_sample, true);
  assert.equal(model.is_current, true);
  const channels = model.drivers.find((d) => d.field === 'channel').levels;
  const rows = channels.map((l) => ({ channel: l.value }));
  const { predictions } = await ask(sample, { rows });
  for (const [i, p] of predictions.entries()) assert.ok(Math.abs(p.explanation[0].odds / channels[i].odds - 1) < 1e-9);
  assert.ok(model.test.log_loss < model.test.log_loss_base);
});
