// Protects the command ltv: purchases and summaries, from files and pipes, in CSV and JSON, sums by
// channel, hold-out, options that decide something, and input that is bad.
import { test, after } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.WINNOW_BIN;
if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
const root = mkdtempSync(join(tmpdir(), 'winnow-ltv-'));
after(() => rmSync(root, { recursive: true, force: true }));

function run(args, input = '') {
  const r = spawnSync(bin, ['ltv', ...args], { encoding: 'utf8', timeout: 120000, maxBuffer: 1 << 26, input });
  assert.equal(r.signal, null, `${args.join(' ')}\n${r.stderr}`);
  assert.doesNotMatch(r.stdout, /(^|[\s,:[])[-+]?(nan|inf|infinity)\b/im);
  return r;
}
function good(args, input) {
  const r = run(args, input);
  assert.equal(r.status, 0, `${args.join(' ')}\n${r.stderr}`);
  return r;
}
function bad(args, input, words, status = 1) {
  const r = run(args, input);
  assert.equal(r.status, status, `${args.join(' ')}\n${r.stderr}`);
  for (const word of [words].flat()) assert.match(r.stderr, word);
  assert.equal(r.stdout, '');
}
function table(text) {
  const [head, ...rows] = text.trimEnd().split('\n').map((line) => line.split(','));
  return rows.map((row) => {
    assert.equal(row.length, head.length, row.join(','));
    return Object.fromEntries(head.map((name, i) => [name, row[i]]));
  });
}
const near = (a, b, tolerance) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

/** A shop of two years: customers with rates of their own who leave; the same on every run. */
function shop(n = 900) {
  let state = 12345;
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648 || 0.5;
  const wait = (mean) => -Math.log(random()) * mean;
  const rows = [];
  for (let i = 0; i < n; i++) {
    const every = 10 + 60 * random(), leaves = 0.05 + 0.4 * random(), level = 10 + 40 * random();
    for (let day = 500 * random(); day < 730; day += Math.max(1, wait(every))) {
      const date = new Date(Date.UTC(2024, 0, 1 + Math.floor(day))).toISOString().slice(0, 10);
      rows.push([`c${i}`, date, (level * (0.5 + random())).toFixed(2), i % 3 ? 'search' : 'social']);
      if (random() < leaves) break;
    }
  }
  return rows;
}
const rows = shop();
const csv = `customer,date,amount,channel\n${rows.map((r) => r.join(',')).join('\n')}\n`;
const path = join(root, 'orders.csv');
writeFileSync(path, csv);
const quick = ['--draws', '50'];

test('a row a customer, in the order of the file, intervals in order', () => {
  const r = table(good(['-i', path, ...quick]).stdout);
  assert.deepEqual(Object.keys(r[0]), ['customer', 'channel', 'model', 'frequency', 'recency', 'age', 'p_alive', 'purchases',
    'value_per_purchase', 'value', 'lo80', 'hi80', 'max_bid']);
  assert.deepEqual(r.map((x) => x.customer), [...new Set(rows.map((x) => x[0]))]);
  for (const x of r) {
    const days = [...new Set(rows.filter((y) => y[0] === x.customer).map((y) => y[1]))].sort();
    assert.equal(Number(x.frequency), days.length - 1);
    near(Number(x.recency), (Date.parse(days.at(-1)) - Date.parse(days[0])) / 604800000, 1e-4);
    assert.ok(x.p_alive >= 0 && x.p_alive <= 1 && Number(x.lo80) <= Number(x.hi80) && x.purchases >= 0);
  }
});
test('a pipe, a file, --output and another order of rows give the same bytes', () => {
  const expected = good(['-i', path, ...quick]).stdout, out = join(root, 'out.csv');
  assert.equal(good(['--input', '-', ...quick], csv).stdout, expected);
  assert.equal(good(['-i', path, '-o', out, ...quick]).stdout, '');
  assert.equal(readFileSync(out, 'utf8'), expected);
  assert.notEqual(good(['-i', path, '--seed', '2', ...quick]).stdout, expected);
  const lines = csv.trimEnd().split('\n'), turned = [lines[0], ...lines.slice(1).reverse()].join('\r\n');
  const byName = (text) => Object.fromEntries(table(text).map((x) => [x.customer, x]));
  const a = byName(expected), b = byName(good(['-i', '-', ...quick], turned).stdout);
  for (const name of Object.keys(a)) near(Number(a[name].value), Number(b[name].value), 1e-3 * (1 + Number(a[name].value)));
});
test('--json says the same, and more', () => {
  const r = table(good(['-i', path, ...quick]).stdout), j = JSON.parse(good(['-i', path, '--json', ...quick]).stdout);
  const m = j.models[0];
  assert.equal(j.as_of, rows.map((x) => x[1]).sort().at(-1));
  assert.equal(m.predictions.length, r.length);
  m.predictions.forEach((p, i) => {
    near(p.value, Number(r[i].value), 1e-4);
    near(p.high, Number(r[i].hi80), 1e-4);
  });
  assert.ok(m.is_converged && m.value_model.is_converged && m.log_likelihood < 0);
  assert.deepEqual(m.channels.map((c) => c.channel).sort(), ['search', 'social']);
  near(m.channels.reduce((s, c) => s + c.value, 0), m.value, 1e-6 * m.value);
  near(m.predictions.reduce((s, p) => s + p.value, 0), m.value, 1e-6 * m.value);
});
test('--summary: a row a channel and one for all, of each model', () => {
  const r = table(good(['-i', path, '--summary', '--model', 'bgnbd,pnbd', '--cost', '20', '--margin', '50%', ...quick]).stdout);
  assert.equal(r.length, 6);
  assert.deepEqual(r.slice(0, 3).map((x) => x.channel).sort(), ['all', 'search', 'social']);
  assert.deepEqual([...new Set(r.map((x) => x.model))], ['bgnbd', 'pnbd']);
  for (const x of r) {
    assert.ok(Number(x.lo80) <= Number(x.value) && Number(x.value) <= Number(x.hi80));
    assert.ok(Number(x.new_lo80) <= Number(x.max_bid) && Number(x.max_bid) <= Number(x.new_hi80));
    assert.ok(Number(x.payback_weeks) >= 0 && Number(x.payback_probability) > 0.9);
  }
});
test('--holdout compares with what came, and learns nothing from it', () => {
  const r = good(['-i', path, '--holdout', '26', '--summary', ...quick]);
  assert.match(r.stderr, /^BG\/NBD, last 26 weeks held out: \d+ purchases were expected of \d+ customers, \d+ came/m);
  const h = JSON.parse(good(['-i', path, '--holdout', '26', '--summary', '--json', ...quick]).stdout).models[0].holdout;
  const last = rows.map((x) => x[1]).sort().at(-1);
  const cut = new Date(Date.parse(last) - 26 * 604800000).toISOString().slice(0, 10);
  const known = new Set(rows.filter((x) => x[1] <= cut).map((x) => x[0]));
  assert.equal(h.customers, known.size);
  assert.equal(h.purchases, new Set(rows.filter((x) => x[1] > cut && known.has(x[0])).map((x) => x[0] + x[1])).size);
  near(h.purchases_expected / h.purchases, 1, 0.25);
  assert.ok(h.mean_absolute_error < h.mean_absolute_error_naive);
  const early = csv.split('\n').filter((line, i) => i === 0 || line.split(',')[1] <= cut).join('\n');
  const a = table(good(['-i', '-', '--as-of', cut, '--draws', '0'], early).stdout);
  assert.deepEqual(table(good(['-i', path, '--as-of', cut, '--draws', '0']).stdout), a);
});
test('a summary of customers gives what its purchases give', () => {
  const r = table(good(['-i', path, '--draws', '0']).stdout);
  const means = JSON.parse(good(['-i', path, '--draws', '0', '--json']).stdout).models[0].predictions;
  const paid = (name) => {
    const own = rows.filter((x) => x[0] === name), first = own.map((x) => x[1]).sort()[0];
    const later = own.filter((x) => x[1] !== first);
    const days = new Set(later.map((x) => x[1])).size;
    return days ? later.reduce((s, x) => s + Number(x[2]), 0) / days : 0;
  };
  const text = (factor) => 'customer,channel,x,t_x,T,monetary_value\n' +
    r.map((x, i) => [x.customer, x.channel, x.frequency, means[i].recency * factor, means[i].age * factor, paid(x.customer)].join(',')).join('\n');
  for (const [unit, factor] of [['weeks', 1], ['days', 7]]) {
    const s = table(good(['-i', '-', '--unit', unit, '--draws', '0'], text(factor)).stdout);
    s.forEach((x, i) => near(Number(x.value), Number(r[i].value), 1e-3 * (1 + Number(r[i].value))));
  }
});
test('options decide: margin, discount, horizon, level, draws, model, columns', () => {
  const total = (...args) => Number(table(good(['-i', path, '--summary', '--draws', '0', ...args]).stdout).at(-1).value);
  near(total('--margin', '50%') * 2, total(), 1e-3 * total());
  near(total('--margin', '.5'), total('--margin', '50%'), 1e-3);
  assert.ok(total('--discount', '0') > total('--discount', '50%'));
  assert.ok(total('--horizon', '104') > total('--horizon', '26'));
  const wide = table(good(['-i', path, '--level', '95', ...quick]).stdout), narrow = table(good(['-i', path, '--level', '50%', ...quick]).stdout);
  assert.ok(wide.every((x, i) => Number(x.hi95) >= Number(narrow[i].hi50)));
  assert.equal(table(good(['-i', path, '--draws', '0']).stdout)[0].hi80, '');
  assert.equal(table(good(['-i', path, '--model', 'pnbd', '--draws', '0']).stdout)[0].model, 'pnbd');
  const renamed = csv.replace('customer,date,amount,channel', 'wer,wann,wieviel,woher');
  const columns = ['customer=wer', 'date=wann', 'amount=wieviel', 'channel=woher'].flatMap((c) => ['--column', c]);
  assert.equal(good(['-i', '-', '--draws', '0', ...columns], renamed).stdout, good(['-i', path, '--draws', '0']).stdout);
  assert.match(good(['-i', path, '--draws', '0', '--explain']).stderr, /BG\/NBD: r [\d.]+, alpha [\d.]+[\s\S]*search[\s\S]*Gamma-Gamma[\s\S]*new customer/);
});
test('without amounts: purchases only; refunds, one customer, nobody who came back', () => {
  const plain = table(good(['-i', '-'], csv.split('\n').map((l) => l.split(',').slice(0, 2).join(',')).join('\n')).stdout);
  assert.ok(plain.every((x) => x.value === '' && x.max_bid === '' && Number(x.purchases) >= 0));
  const back = table(good(['-i', '-'], 'customer,date,amount\na,2026-01-01,10\na,2026-01-09,5\na,2026-01-10,-5\nb,2026-01-02,7\n').stdout);
  assert.deepEqual(back.map((x) => x.frequency), ['0', '0']);
  assert.equal(table(good(['-i', '-'], 'customer,date,amount\na,2026-01-01,10\n').stdout).length, 1);
  good(['-i', '-'], 'customer,frequency,recency,T,monetary\na,1000000000,1e15,1e15,1e15\nb,0,0,0,\n');
  assert.match(good(['-i', '-'], 'customer,date,amount\n,2026-01-01,1\na,2026-01-01,10\n').stderr, /1 rows without a customer/);
});
test('what is wrong is named by line and column', () => {
  const head = 'customer,date,amount\n';
  bad([], '', /--input/);
  bad(['-i', join(root, 'absent.csv')], '', /absent\.csv/);
  bad(['-i', root], '', /directory/);
  bad(['-i', '-'], '', /no rows/);
  bad(['-i', '-'], head, /no rows/);
  bad(['-i', '-'], `${head}a,2026-02-30,1\n`, [/date '2026-02-30' is not a day/, /line 2, column 2/]);
  bad(['-i', '-'], `${head}a,2026-02-03,x\n`, [/amount 'x' is not a number/, /line 2, column 3/]);
  bad(['-i', '-'], `${head}a,2026-02-03,\n`, [/missing/, /line 2, column 3/]);
  bad(['-i', '-'], 'customer,amount\na,1\n', [/missing: date/, /line 1/]);
  bad(['-i', '-'], 'customer,x,t_x\na,1,2\n', [/no column 'T'/, /line 1/]);
  bad(['-i', '-'], 'customer,x,t_x,T\na,1,2,3\nb,1,4,3\n', [/recency/, /line 3/]);
  bad(['-i', '-'], 'customer,x,t_x,T\na,1.5,2,3\n', [/frequency '1.5'/, /line 2, column 2/]);
  bad(['-i', '-'], 'customer,x,t_x,T\na,1,nan,3\n', [/recency 'nan'/, /line 2, column 3/]);
  bad(['-i', '-', '--holdout', '4'], 'customer,x,t_x,T\na,1,2,3\n', /--holdout needs purchases/);
  bad(['-i', path, '--holdout', '500'], '', /leaves nothing to learn from/);
  bad(['-i', path, '--as-of', '2020-01-01'], '', /nobody bought anything up to 2020-01-01/);
  bad(['-i', path, '--model', 'magic'], '', /--model takes bgnbd, pnbd/);
  bad(['-i', path, '--column', 'date'], '', /--column 'date'/);
  bad(['-i', path, '--column', 'date=when'], '', /no column 'when'/);
  for (const x of ['nan', '-1', '2', 'x', '0']) bad(['-i', path, '--margin', x], '', /--margin/);
  for (const x of ['nan', '-1', 'x']) bad(['-i', path, '--discount', x], '', /--discount/);
  for (const x of ['nan', '0', '-1', 'x', '1e300']) bad(['-i', path, '--cost', x], '', /--cost/);
  bad(['-i', path, '--horizon', '0'], '', /--horizon/, 2);
  bad(['-i', path, '--draws', '1000000'], '', /--draws/, 2);
  bad(['-i', path, '-o', join(root, 'no', 'where.csv'), '--draws', '0'], '', /where\.csv/);
  bad(['-i', path, '--nonsense'], '', /unknown option '--nonsense'/, 2);
  assert.match(spawnSync(bin, ['ltv', '--help'], { encoding: 'utf8' }).stdout, /NAME[\s\S]*--holdout[\s\S]*EXAMPLES/);
});
test('the published fit of CDNOW, from its own purchases', (t) => {
  const data = process.env.WN_SHARED_DATA ?? join(import.meta.dirname, '../../../shared/data');
  const file = join(data, 'cdnow/CDNOW_sample.txt');
  if (!existsSync(file)) return t.skip('CDNOW is not in WN_SHARED_DATA');
  const text = readFileSync(file, 'utf8').trim().split('\n').map((l) => l.trim().split(/\s+/)).map((w) => `${w[1]},${w[2]},${w[4]}`).join('\n');
  const j = JSON.parse(good(['-i', '-', '--as-of', '1997-09-30', '--model', 'bgnbd,pnbd', '--summary', '--json', '--draws', '0'], text).stdout);
  const [bg, pareto] = j.models;
  const same = (o, names, values, digit) => names.forEach((n, i) => near(o[n], values[i], digit));
  same(bg.parameters, ['r', 'alpha', 'a', 'b'], [0.243, 4.414, 0.793, 2.426], 0.001);
  same(pareto.parameters, ['r', 'alpha', 's', 'beta'], [0.553, 10.578, 0.606, 11.668], 0.001);
  near(bg.log_likelihood, -9582.4, 0.05);
  near(pareto.log_likelihood, -9595.0, 0.05);
  same(bg.value_model, ['p', 'q', 'v'], [6.25, 3.74, 15.44], 0.02);
});
