// Protects the command attribute: paths and events, from files and pipes, in CSV and JSON, every
// option that decides something, lift tests, and input that is bad.
import { test, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.WINNOW_BIN;
if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
const root = mkdtempSync(join(tmpdir(), 'winnow-attribute-'));
after(() => rmSync(root, { recursive: true, force: true }));

function run(args, input = '') {
  const r = spawnSync(bin, ['attribute', ...args], { encoding: 'utf8', timeout: 120000, input });
  assert.equal(r.signal, null, r.stderr);
  assert.doesNotMatch(r.stdout, /(^|[\s,:[])[-+]?(nan|inf|infinity)\b/im);
  return r;
}
function good(args, input) {
  const r = run(args, input);
  assert.equal(r.status, 0, r.stderr);
  return r;
}
function bad(args, input, words, status = 1) {
  const r = run(args, input);
  assert.equal(r.status, status, r.stderr);
  for (const w of [words].flat()) assert.match(r.stderr, w);
  assert.equal(r.stdout, '');
}
const table = (text) => {
  const [head, ...rows] = text.trimEnd().split('\n').map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i]])));
};
const by = (rows) => Object.fromEntries(rows.map((row) => [row.channel, row]));
const json = (args, input) => JSON.parse(good([...args, '--json'], input).stdout);
const file = (name, text) => {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
};

const paths = file('paths.csv', [
  'path,conversions,value,null',
  'video > search,60,3000,700', 'search,40,1600,900', 'video > mail > search,30,2000,200', 'mail,10,300,400',
  'search > direct,20,500,300', 'direct,5,100,50', '',
].join('\n'));
const models = ['first', 'last', 'last_non_direct', 'linear', 'time_decay', 'position', 'markov', 'shapley', 'shapley_rate'];

test('all models side by side: each adds up, disagreement, interval and badge are there', () => {
  const r = good(['--input', paths]), rows = table(r.stdout);
  assert.deepEqual(Object.keys(rows[0]),
    ['channel', ...models, 'markov_lo95', 'markov_hi95', 'disagreement', 'removal_effect', 'evidence']);
  for (const m of models)
    assert.ok(Math.abs(rows.reduce((n, row) => n + Number(row[m]), 0) - 165) < 1e-9 * 165, m);
  for (const row of rows) {
    assert.ok(Number(row.markov_lo95) < Number(row.markov) && Number(row.markov) < Number(row.markov_hi95));
    assert.equal(row.evidence, 'not tested');
  }
  assert.equal(by(rows).search.first, '60');
  assert.equal(by(rows).search.last, '130');
  assert.equal(by(rows).search.last_non_direct, '150');
  assert.equal(by(rows).direct.last_non_direct, '5');
  assert.match(r.stderr, /Not causal/);
});

test('a pipe, a file and --output give the same bytes', () => {
  const expected = good(['-i', paths]).stdout;
  assert.equal(good(['-i', '-'], readFileSync(paths, 'utf8')).stdout, expected);
  const out = join(root, 'out.csv');
  assert.equal(good(['-i', paths, '-o', out]).stdout, '');
  assert.equal(readFileSync(out, 'utf8'), expected);
  assert.notEqual(good(['-i', paths, '--seed', '2']).stdout, expected);
});

test('--model chooses, --value divides the value, --intervals shows all, --bootstraps 0 none', () => {
  const rows = table(good(['-i', paths, '--model', 'last,linear', '--value']).stdout);
  assert.deepEqual(Object.keys(rows[0]), ['channel', 'last', 'linear', 'last_lo95', 'last_hi95', 'disagreement', 'evidence']);
  assert.equal(by(rows).search.last, '6600');
  const all = table(good(['-i', paths, '--model', 'last,markov', '--intervals', '--level', '80']).stdout);
  assert.deepEqual(Object.keys(all[0]).slice(1, 7), ['last', 'last_lo80', 'last_hi80', 'markov', 'markov_lo80', 'markov_hi80']);
  const none = table(good(['-i', paths, '--bootstraps', '0', '--model', 'last']).stdout);
  assert.deepEqual(Object.keys(none[0]), ['channel', 'last', 'disagreement', 'evidence']);
});

test('JSON says what was divided, and how the chain was chosen', () => {
  const d = json(['-i', paths, '--order', 'auto', '--bootstraps', '20']);
  assert.deepEqual([d.conversions, d.value, d.nulls, d.is_causal, d.base], [165, 7500, 2550, false, 'markov']);
  assert.ok(Math.abs(d.markov.conversion_probability - 165 / 2715) < 1e-12);
  assert.ok(d.markov.order >= 1 && d.markov.held_out_auc.length >= 1);
  assert.equal(json(['-i', paths, '--order', '3', '--bootstraps', '0']).markov.order, 3);
  for (const c of d.channels) {
    assert.deepEqual(Object.keys(c.credits), models);
    assert.ok(c.credits.markov.low <= c.credits.markov.conversions);
  }
});

test('without nulls it says what that means; conversions without a touch are told', () => {
  const r = good(['-i', '-'], 'path,conversions\na > b,3\n,2\n');
  assert.match(r.stderr, /no paths without conversion/);
  assert.match(r.stderr, /2 more conversions had no touch/);
});

test('events: look-back, views, several conversions', () => {
  const events = ['person,channel,time,conversion,value,type',
    '1,ads,2026-01-01,0,,click', '1,mail,2026-01-20T08:00:00Z,0,,click', '1,,2026-02-10,1,50,',
    '2,banner,2026-01-01,0,,view', '2,banner,2026-01-09,1,20,click', '3,ads,2026-01-05,0,,click'].join('\n');
  const at = (args) => by(table(good(['-i', '-', '--model', 'linear', '--bootstraps', '0', ...args], events).stdout));
  assert.deepEqual([at([]).ads.linear, at([]).mail.linear, at([]).banner.linear], ['0', '1', '1']);
  assert.deepEqual([at(['--look-back', '60']).ads.linear, at(['--look-back', '60']).mail.linear], ['0.5', '0.5']);
  const d = json(['-i', '-', '--bootstraps', '0', '--look-back', '60,10'], events);
  assert.deepEqual([d.conversions, d.nulls, d.value], [2, 1, 70]);
});

test('lift tests correct the base model and change the badge; age takes their weight', () => {
  const tests = file('lift.csv', 'channel,lift,se,date\nsearch,0.4,0.05,2026-01-01\n');
  const rows = (day, ...more) => by(table(good(['-i', paths, '-t', tests, '--as-of', day, ...more]).stdout));
  const now = rows('2026-01-01'), later = rows('2029-01-01');
  assert.equal(now.search.evidence, 'tested');
  assert.equal(now.mail.evidence, 'not tested');
  assert.ok(Math.abs(Number(now.search.ratio) - 0.4) < 0.03);
  assert.ok(Math.abs(Number(now.search.calibrated) / Number(now.search.markov) - Number(now.search.ratio)) < 1e-9);
  assert.ok(Number(later.search.ratio) > Number(now.search.ratio));
  assert.ok(Math.abs(Number(now.mail.ratio) - 1) < 1e-3);
  assert.ok(Number(rows('2026-01-01', '--prior', '0.5').mail.ratio) < 0.51);
  assert.ok(Number(rows('2026-01-01', '--base', 'last').search.calibrated) > 50);
  const counts = file('counts.csv', 'channel,lift,se,date,credited\nsearch,40,5,2026-01-01,100\n');
  assert.equal(by(table(good(['-i', paths, '-t', counts, '--as-of', '2026-01-01']).stdout)).search.ratio, now.search.ratio);
});

test('more than 16 channels: the rate game by permutations, with its error', () => {
  const many = 'path,conversions,null\n' + Array.from({ length: 60 }, (_, i) =>
    `c${i % 20} > c${(i * 7) % 20},${1 + (i % 3)},${10 + (i % 5)}\n`).join('');
  const d = json(['-i', '-', '--bootstraps', '10', '--permutations', '200'], many);
  assert.equal(d.channels.length, 20);
  assert.ok(d.channels.some((c) => c.shapley_rate_se > 0));
  const sum = d.channels.reduce((n, c) => n + c.credits.shapley_rate.conversions, 0);
  assert.ok(Math.abs(sum / d.conversions - 1) < 1e-9);
});

test('bad input is named by line and column, bad options by name', () => {
  const call = ['-i', '-'];
  bad([], '', /--input FILE/);
  bad(call, '', /no rows/);
  bad(call, 'a > b,1\n', [/must name the columns/, /line 1/]);
  bad(call, 'path,conversions\na,1\nb,-2\n', [/conversions '-2' is out of range/, /line 3, column 2/]);
  bad(call, 'path,conversions\na > > b,1\n', [/empty touch/, /line 2, column 1/]);
  bad(call, 'path,conversions\n"a,1\n', /line 2|quote/);
  bad(call, 'person,channel,time,conversion\n1,a,yesterday,0\n', [/time 'yesterday'/, /line 2, column 3/]);
  bad(['-i', join(root, 'none.csv')], '', /none\.csv/);
  const options = [['--order', '9'], ['--order', 'x'], ['--model', 'lst'], ['--base', 'last', '--model', 'first'],
    ['--level', '100'], ['--half-life', '-1'], ['--look-back', '0'], ['--look-back', '1,2,3'], ['--direct', 'zz']];
  for (const o of options) bad(['-i', paths, ...o], '', new RegExp(o[0]));
  bad(['-i', '-', '--value'], 'path,conversions\na,1\n', /no column value/);
  bad(['-i', paths, '-t', file('b.csv', 'channel,lift,se,date\ntv,1,1,2026-01-01\n')], '', [/channel 'tv' is in no path/, /line 2/, /b\.csv/]);
  bad(['-i', paths, '--bootstraps', '-1'], '', /bootstraps/, 2);
});

test('help tells everything', () => {
  const r = spawnSync(bin, ['help', 'attribute'], { encoding: 'utf8' });
  for (const word of ['--input', '--order', '--tests', 'shapley_rate', 'causal', 'winnow attribute --input']) assert.match(r.stdout, new RegExp(word));
});
