// Protects the command cohorts: rows, triangles and JSON, what is observed, partial and projected,
// payback, and input that is bad.
import { test, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.WINNOW_BIN;
if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
const root = mkdtempSync(join(tmpdir(), 'winnow-cohorts-'));
after(() => rmSync(root, { recursive: true, force: true }));

function run(args, input = '') {
  const r = spawnSync(bin, ['cohorts', ...args], { encoding: 'utf8', timeout: 120000, input });
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
const file = (name, text) => {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
};

// 60 customers a month in January to March 2026; customer i buys again in the months where its bits say so.
const rows = ['customer,date,amount'];
for (let m = 1; m <= 3; m++)
  for (let i = 0; i < 60; i++)
    for (let k = 0; m + k <= 6; k++)
      if (k === 0 || ((i * 37 + k * 11) % 17 < 8 && i % 5 > k)) rows.push(`c${m}-${i},2026-0${m + k}-${10 + (i % 9)},${20 + (i % 7)}.50`);
rows.push('c1-0,2026-06-20,-5'); // a refund on the last day
const shop = file('shop.csv', rows.join('\n') + '\n');

test('rows: observed, partial, projected; numbers as counted', () => {
  const r = good(['--input', shop]), out = table(r.stdout);
  assert.deepEqual(Object.keys(out[0]), ['cohort', 'period', 'kind', 'customers', 'active', 'retention', 'retention_lo80',
    'retention_hi80', 'revenue', 'ltv', 'ltv_lo80', 'ltv_hi80']);
  assert.deepEqual([...new Set(out.map((x) => x.cohort))], ['2026-01', '2026-02', '2026-03']);
  const january = out.filter((x) => x.cohort === '2026-01');
  assert.deepEqual(january.map((x) => x.kind), [...Array(5).fill('observed'), 'partial', ...Array(7).fill('projected')]);
  const expected = Array.from({ length: 60 }, (_, i) => 20.5 + (i % 7)).reduce((a, b) => a + b);
  assert.equal(Number(january[0].revenue), expected);
  assert.ok(Math.abs(Number(january[0].ltv) - expected / 60) < 1e-6);
  for (const x of out) {
    if (x.active) assert.ok(Math.abs(Number(x.retention) - Number(x.active) / 60) < 1e-6);
    if (x.kind === 'projected') assert.ok(Number(x.ltv_lo80) <= Number(x.ltv) && Number(x.ltv) <= Number(x.ltv_hi80));
    else assert.equal(x.retention_lo80, '');
  }
  assert.match(r.stderr, /180 customers in 3 cohorts\. By period 12 a customer brings/);
});

test('a pipe, a file and --output give the same bytes; the order of rows does not matter', () => {
  const expected = good(['-i', shop]).stdout;
  assert.equal(good(['-i', '-'], readFileSync(shop, 'utf8')).stdout, expected);
  const out = join(root, 'out.csv');
  good(['-i', shop, '-o', out]);
  assert.equal(readFileSync(out, 'utf8'), expected);
  const [head, ...body] = rows;
  const turned = good(['-i', '-'], [head, ...body.reverse()].join('\n')).stdout;
  for (const [i, x] of table(turned).entries()) assert.ok(Math.abs(x.retention - table(expected)[i].retention) < 2e-6);
});

test('triangles: one row a cohort', () => {
  for (const what of ['retention', 'active', 'revenue', 'ltv']) {
    const text = good(['-i', shop, '--table', what, '--model', 'none']).stdout, out = table(text);
    assert.match(text, /^cohort,customers,0,1,2,3,4,5\n/);
    assert.equal(out.length, 3);
    assert.equal(out[2]['4'], '');
  }
  assert.equal(table(good(['-i', shop, '-t', 'active', '--model', 'none']).stdout)[0]['0'], '60');
});

test('what was observed beyond the horizon is there all the same', () => {
  const out = table(good(['-i', shop, '--horizon', '2']).stdout).filter((x) => x.cohort === '2026-01');
  assert.deepEqual(out.map((x) => x.kind), [...Array(5).fill('observed'), 'partial']);
  assert.ok(out.slice(0, 5).every((x) => x.ltv !== ''));
});

test('periods: weeks begin on Mondays, quarters have names; --as-of ends the observation', () => {
  const weeks = table(good(['-i', shop, '-p', 'week']).stdout);
  for (const x of weeks) assert.equal(new Date(x.cohort).getUTCDay(), 1);
  assert.deepEqual([...new Set(table(good(['-i', shop, '-p', 'quarter']).stdout).map((x) => x.cohort))], ['2026-Q1']);
  const cut = good(['-i', shop, '--as-of', '2026-03-31', '--model', 'none']);
  assert.equal(table(cut.stdout).filter((x) => x.cohort === '2026-01').length, 3);
  assert.ok(table(cut.stdout).every((x) => x.kind === 'observed'));
  assert.match(cut.stderr, /rows are left out/);
});

test('payback: observed, projected, not within the horizon; spend by day', () => {
  const out = table(good(['-i', shop, '--cost', '10']).stdout);
  assert.ok(out.every((x) => x.cost === '10' && x.payback === '0' && x.payback_probability === '1'));
  const never = good(['-i', shop, '--cost', '10000']);
  assert.ok(table(never.stdout).every((x) => x.payback === '' && x.payback_probability === '0'));
  assert.match(never.stderr, /not paid back within 12 months/);
  const spend = file('spend.csv', 'date,spend\n2026-01-02,600\n2026-01-09,600\n2026-02-01,60\n');
  const by = Object.fromEntries(table(good(['-i', shop, '--spend', spend]).stdout).map((x) => [x.cohort, x.cost]));
  assert.deepEqual(by, { '2026-01': '20', '2026-02': '1', '2026-03': '0' });
  const half = table(good(['-i', shop, '--margin', '50%', '-t', 'ltv', '--model', 'none']).stdout);
  const full = table(good(['-i', shop, '-t', 'ltv', '--model', 'none']).stdout);
  assert.ok(Math.abs(2 * half[0]['0'] - full[0]['0']) < 2e-6);
});

test('JSON: fit, all cohorts together, payback', () => {
  for (const model of ['bgbb', 'sbg']) {
    const d = JSON.parse(good(['-i', shop, '--json', '--model', model, '--cost', '30', '--horizon', '8']).stdout);
    assert.equal(d.fit.model, model);
    assert.equal(d.all.periods.length, 9);
    assert.equal(d.cohorts.length, 3);
    assert.ok(d.all.payback.cost === 30 && d.all.payback.probability >= 0);
    assert.equal(d.cohorts[0].periods[0].retention, 1);
  }
});

test('purchases without amounts have no revenue; customers who are blank are counted', () => {
  const r = good(['-i', '-'], 'customer,date\n1,2026-01-05\n1,2026-02-05\n,2026-02-06\n2,2026-02-07\n');
  assert.deepEqual(Object.keys(table(r.stdout)[0]).slice(-2), ['retention_lo80', 'retention_hi80']);
  assert.match(r.stderr, /1 rows? name no customer/);
});

test('bad input is named by line, bad options by name', () => {
  bad([], '', /--input FILE/);
  bad(['-i', '-'], '', /./);
  bad(['-i', '-'], 'customer,date,amount\n1,2026-01-05,x\n', [/'x'/, /line 2/]);
  bad(['-i', '-'], 'customer,date,amount\n1,2026-02-30,5\n', [/2026-02-30/, /line 2/]);
  bad(['-i', '-'], 'customer,date,amount\n1,2026-01-05,-5\n', /nobody bought/);
  for (const o of [['--margin', '2'], ['--margin', '0'], ['--level', '100'], ['--cost', '-1'], ['--half-life', '0'], ['--discount', 'x'], ['--column', 'x=y']])
    bad(['-i', shop, ...o], '', new RegExp(o[0]));
  bad(['-i', shop, '--cost', '1', '--spend', shop], '', /not both/);
  bad(['-i', shop, '--spend', file('s.csv', 'date,spend\n2026-01-01,x\n')], '', [/spend 'x'/, /line 2, column 2/, /s\.csv/]);
  bad(['-i', shop, '--period', 'year'], '', /--period/, 2);
});
