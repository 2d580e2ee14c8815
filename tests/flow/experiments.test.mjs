// Protects A/B tests end to end: the command from files and pipes, the calls over HTTP, both saying the
// same, and what is refused.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertProblem, binary, postJson, request, startServer, stopServer } from './helper.mjs';

const root = mkdtempSync(join(tmpdir(), 'winnow-abtest-'));
after(() => rmSync(root, { recursive: true, force: true }));

const TOTALS = 'variant,n,conversions\nA,10000,500\nB,10000,600\n';
const DAILY = [
  'date,variant,n,conversions',
  ...Array.from({ length: 12 }, (_, i) => `2026-03-${String(i + 1).padStart(2, '0')},old,1000,50\n2026-03-${String(i + 1).padStart(2, '0')},new,1000,65`),
].join('\n');
// Two covariates would do no better: the past explains all but the effect and a small remainder.
const UNITS = ['unit,variant,value,pre', ...Array.from({ length: 4000 }, (_, i) => `u${i},${i % 2 ? 'B' : 'A'},${((i * 7919) % 1000) / 10 + (i % 2) * 2 + ((i * 31) % 7) / 10},${((i * 7919) % 1000) / 10}`)].join('\n');

function run(args, input = '') {
  const r = spawnSync(binary, ['abtest', ...args], { encoding: 'utf8', timeout: 120000, killSignal: 'SIGKILL', maxBuffer: 1 << 26, input });
  assert.equal(r.signal, null, r.stderr);
  assert.doesNotMatch(r.stdout, /(^|[\s,:[])[-+]?(nan|inf|infinity)\b/im);
  return r;
}
function good(args, input) {
  const r = run(args, input);
  assert.equal(r.status, 0, r.stderr);
  return r.stdout;
}
const json = (args, input) => JSON.parse(good([...args, '--json'], input));
function bad(args, input, ...words) {
  const r = run(args, input);
  assert.ok(r.status === 1 || r.status === 2, r.stdout);
  assert.match(r.stderr, /^winnow: .+/);
  for (const word of words) assert.match(r.stderr, word);
  assert.equal(r.stdout, '');
}

describe('the command', () => {
  test('says the published numbers of a test', () => {
    const e = json(['-i', '-', '--tau', '0.01'], TOTALS);
    const b = e.metrics[0].variants[1];
    assert.ok(Math.abs(b.p - 0.0416776) < 1e-7);
    assert.ok(Math.abs((b.difference.high - b.difference.low) / 2 - 0.009789) < 1e-7);
    assert.equal(e.split.p, 1);
    assert.equal(b.is_proven, true);
  });

  test('reads files as pipes, and writes where it is told', () => {
    const path = join(root, 'totals.csv');
    const out = join(root, 'report.txt');
    writeFileSync(path, TOTALS);
    const report = good(['--input', path]);
    assert.equal(report, good(['--input', '-'], TOTALS));
    good(['--input', path, '--output', out]);
    assert.equal(readFileSync(out, 'utf8'), report);
    assert.match(report, /B is a good bet/);
    assert.match(report, /Split: good/);
    assert.ok(Math.max(...report.split('\n').map((l) => l.length)) <= 125, 'fits a terminal');
  });

  test('draws the band over the days', () => {
    const report = good(['-i', '-', '--control', 'old'], DAILY);
    assert.match(report, /The band over time: conversion rate of new against old/);
    assert.equal(report.match(/^ {2}2026-03-\d\d/gm).length, 12);
    const e = json(['-i', '-', '--control', 'old'], DAILY);
    const looks = e.metrics[0].variants.find((v) => v.variant === 'new').looks;
    assert.equal(looks.length, 12);
    for (let i = 1; i < looks.length; i++) assert.ok(looks[i].p <= looks[i - 1].p, 'evidence once seen stays');
    assert.equal(e.metrics[0].days_left === null, false);
  });

  test('uses the past of units', () => {
    const e = json(['-i', '-'], UNITS);
    const plain = json(['-i', '-'], UNITS.replace(/^(.*),[^,]*$/gm, '$1'));
    assert.ok(e.units.variance_ratio < 0.01);
    const width = (x) => x.metrics[0].variants[1].difference.high - x.metrics[0].variants[1].difference.low;
    assert.ok(width(e) < 0.3 * width(plain));
    assert.equal(e.verdict, 'ship');
  });

  test('minds the split that was planned', () => {
    const lopsided = 'variant,n,conversions\nold,9000,450\nnew,1000,60\n';
    assert.equal(json(['-i', '-'], lopsided).verdict, 'blocked');
    assert.notEqual(json(['-i', '-', '--split', 'old=90%,new=10%'], lopsided).verdict, 'blocked');
    bad(['-i', '-', '--split', 'old=90'], lopsided, /share of 'new'/);
    bad(['-i', '-', '--split', 'old:90'], lopsided, /VARIANT=SHARE/);
  });

  test('learns from past experiments', () => {
    const past = join(root, 'past.csv');
    writeFileSync(past, `effect,se\n${Array.from({ length: 30 }, (_, i) => `${((i % 7) - 3) / 1000},0.002`).join('\n')}\n`);
    const usual = json(['-i', '-'], TOTALS).metrics[0];
    const taught = json(['-i', '-', '--past', past], TOTALS).metrics[0];
    assert.ok(taught.prior < usual.prior);
    assert.ok(taught.variants[1].shrunk.effect < usual.variants[1].shrunk.effect);
    writeFileSync(past, 'effect\n1\n');
    bad(['-i', '-', '--past', past], TOTALS, /effect,se/);
  });

  test('plans', () => {
    const p = json(['--plan', '--mean', '5%', '--minimum', '20%', '--per-day', '1000']);
    assert.equal(p.fixed, 8155);
    assert.ok(p.most > p.fixed && p.most <= 2 * p.fixed);
    assert.equal(p.days.fixed, 17);
    assert.match(good(['--plan', '--mean', '20', '--sd', '50', '--minimum', '5%', '--explained', '50%']), /Plan for [\d,]+ units/);
    bad(['--plan', '--mean', '5%'], '', /--minimum/);
    bad(['--plan', '--mean', '50%', '--minimum', '200%'], '', /rate/);
  });

  test('names line and column of what it refuses', () => {
    bad([], '', /--input/);
    bad(['-i', join(root, 'none.csv')], '', /none\.csv/);
    bad(['-i', '-'], '', /empty/);
    bad(['-i', '-'], 'a,b\n1,2\n', /variant/);
    bad(['-i', '-'], `${TOTALS}C,1,x\n`, /line 4/, /not a number/);
    bad(['-i', '-'], `${TOTALS}C,1,2\n`, /line 4/, /between 0 and n/);
    bad(['-i', '-', '--control', 'Z'], TOTALS, /'Z'/);
    bad(['-i', '-', '--alpha', '2'], TOTALS, /--alpha/);
    bad(['-i', '-', '--minimum', '0'], TOTALS, /--minimum/);
    bad(['-i', '-', '--goal', 'up'], TOTALS, /increase/);
  });

  test('has a manual', () => {
    const r = spawnSync(binary, ['help', 'abtest'], { encoding: 'utf8' });
    assert.equal(r.status, 0);
    for (const word of ['--minimum', '--split', '--plan', 'CUPED', 'EXAMPLES']) assert.ok(r.stdout.includes(word), word);
  });
});

describe('over HTTP', () => {
  let server;
  before(async () => {
    server = await startServer();
  });
  after(() => stopServer(server));
  const analyse = (body) => postJson(server, '/api/v1/experiments/analyze', body);
  const sendCsv = (text, query = '') =>
    request(server, 'POST', `/api/v1/experiments/analyze${query}`, { headers: { 'Content-Type': 'text/csv; charset=utf-8' }, body: text });
  const parsed = (answer) => answer.json;

  test('says what the command says, in every form', async () => {
    const told = json(['-i', '-'], DAILY);
    const daily = DAILY.split('\n').slice(1).map((line) => {
      const [date, variant, n, conversions] = line.split(',');
      return { date, variant, n: Number(n), conversions: Number(conversions) };
    });
    for (const answer of [await analyse({ daily }), await analyse({ csv: DAILY }), await sendCsv(DAILY)]) {
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(parsed(answer), told);
    }
    assert.deepEqual(parsed(await sendCsv(DAILY, '?control=new&goal=decrease&minimum=0.2&alpha=0.1')), json(['-i', '-', '-c', 'new', '--goal', 'decrease', '-m', '0.2', '--alpha', '0.1'], DAILY));
  });

  test('plans', async () => {
    const answer = await postJson(server, '/api/v1/experiments/plan/', { mean: 0.05, effect: 0.2, per_day: 1000 });
    assert.equal(answer.status, 200);
    assert.deepEqual(parsed(answer), json(['--plan', '--mean', '5%', '--minimum', '20%', '--per-day', '1000']));
  });

  test('points at what it refuses', async () => {
    const A = { variant: 'A', n: 10, conversions: 1 };
    assertProblem(await analyse({}), 400, '/variants');
    assertProblem(await analyse({ variants: [A, { variant: 'B', n: 10, conversions: 11 }] }), 400, '/variants/1/conversions');
    assertProblem(await analyse({ rows: [{ variant: 'A', value: 1 }, { variant: 'B', value: 'x' }] }), 400, '/rows/1/value');
    assertProblem(await analyse({ variants: [A], varients: [] }), 400, '/varients');
    assertProblem(await sendCsv('variant,n\nA,1\n'), 400, 'conversions');
    assertProblem(await sendCsv(TOTALS, '?alpha=2'), 400, 'alpha');
    assertProblem(await postJson(server, '/api/v1/experiments/analyze?alpha=0.1', { csv: TOTALS }), 400, 'alpha');
    assertProblem(await postJson(server, '/api/v1/experiments/plan', { effect: 1 }), 400, '/mean');
    const text = await request(server, 'POST', '/api/v1/experiments/analyze', { headers: { 'Content-Type': 'text/plain' }, body: TOTALS });
    assertProblem(text, 415);
  });
});
