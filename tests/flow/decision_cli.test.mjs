// Protects the commands forecast, detect and allocate: from files and pipes, in CSV and JSON, with
// every option that decides something, with streams that grow, and with input that is bad.
import { test, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.WINNOW_BIN;
if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
const root = mkdtempSync(join(tmpdir(), 'winnow-decision-'));
after(() => rmSync(root, { recursive: true, force: true }));

const spawned = (args, input) =>
  spawnSync(bin, args, { encoding: 'utf8', timeout: 120000, killSignal: 'SIGKILL', maxBuffer: 1 << 26, input });
/** Runs and checks what holds of every run: no crash, and no number that is none. */
function run(args, input = '') {
  const r = spawned(args, input);
  const what = `${args.join(' ')}\n${r.stderr}`;
  assert.equal(r.signal, null, what);
  assert.ok(r.status === 0 || r.status === 1 || r.status === 2, what);
  assert.doesNotMatch(r.stdout, /(^|[\s,:[])[-+]?(nan|inf|infinity)\b/im, what);
  return r;
}
function good(args, input) {
  const r = run(args, input);
  assert.equal(r.status, 0, `${args.join(' ')}\n${r.stderr}`);
  return r;
}
function bad(args, input, words, status = 1) {
  const r = run(args, input);
  const what = `${args.join(' ')}\n${r.stderr}`;
  assert.equal(r.status, status, what);
  assert.match(r.stderr, /^winnow: .+/, what);
  for (const word of [words].flat()) assert.match(r.stderr, word, what);
  return r;
}
let files = 0;
function file(text, name = `input-${files++}.csv`) {
  const path = join(root, name);
  writeFileSync(path, text);
  return path;
}
/** CSV without quoted line breaks, as objects by the names of its header. */
function table(text) {
  const cells = (line) =>
    [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(,|$)/g)].slice(0, line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).length)
      .map((m) => (m[1].startsWith('"') ? m[1].slice(1, -1).replaceAll('""', '"') : m[1]));
  const [head, ...rows] = text.trimEnd().split('\n').map(cells);
  return rows.map((row) => {
    assert.equal(row.length, head.length, row.join(','));
    return Object.fromEntries(head.map((name, i) => [name, row[i]]));
  });
}
const day = (i, from = '2024-01-01') => new Date(Date.parse(`${from}T00:00:00Z`) + i * 86400000).toISOString().slice(0, 10);
const weekly = (i) => 100 + i / 2 + 20 * Math.sin((2 * Math.PI * i) / 7) + ((i * 7919) % 13) / 4;
const micros = (text) => Math.round(Number(text) * 1e6);

/** What every one of the three must refuse, each with its own words. */
const zipped = Buffer.concat([Buffer.from('PK\x03\x04\x14\0\0\0\x08\0'), Buffer.from([0, 255, 254, 44, 10, 1, 2])]);
const commands = { forecast: ['--horizon', '2'], detect: [], allocate: ['--budget', '10'] };
for (const [name, more] of Object.entries(commands))
  describe(`${name}: what is wrong with the whole`, () => {
    const call = (path, ...args) => [name, '--input', path, ...more, ...args];
    test('a file that is absent, a directory, an unknown option, an operand, no input', () => {
      bad(call(join(root, 'absent.csv')), '', /absent\.csv.*(No such file|not)/);
      bad(call(root), '', /directory/);
      bad(call('-', '--nonsense'), '', /unknown option '--nonsense'/, 2);
      bad(call('-', 'operand'), '', /operand/, 2);
      bad([name, ...more], '', /--input/);
    });
    test('nothing in it, a header only, a zip with the name of a CSV', () => {
      bad(call('-'), '', /no (values|row|rows)/);
      bad(call('-'), '\n\n', /no (values|row|rows)/);
      const header = name === 'allocate' ? 'entity,date,spend,revenue\n' : 'series,timestamp,value\n';
      bad(call('-'), header, /no (values|row|rows)/);
      bad(call(file(zipped, `${name}-zip.csv`)), '', [/not a text file/, /line 1, column \d+/]);
    });
    test('an output that cannot be written', () => {
      const rows = name === 'allocate' ? 'entity,date,spend,revenue\na,2024-01-01,1,2\n' : 'ts,value\n2024-01-01,1\n2024-01-02,2\n';
      bad(call('-', '--output', join(root, 'no', 'where.csv')), rows, /where\.csv/);
      if (existsSync('/dev/full')) {
        const r = spawnSync('sh', ['-c', '"$0" "$@" > /dev/full', bin, ...call('-')], { encoding: 'utf8', input: rows, timeout: 60000 });
        assert.equal(r.status, 1);
        assert.match(r.stderr, /cannot be written|failed|No space/);
      }
    });
    test('a reader that has seen enough is no failure', () => {
      const n = name === 'detect' ? 20000 : 3000;
      const rows = name === 'allocate'
        ? JSON.stringify(Array.from({ length: n }, (_, i) => ({ entity: `entity number ${i}`, curve: 'log', a: i + 1, b: 10 })))
        : name === 'detect' ? 'ts,value\n' + Array.from({ length: n }, (_, i) => `${1700000000 + i * 60},${i % 7}\n`).join('')
        : Array.from({ length: n }, (_, i) => `series number ${i},1,2,3\n`).join('');
      const r = spawnSync('sh', ['-c', '{ "$0" "$@"; echo "status $?" >&2; } | head -n 1', bin, ...call(file(rows))], { encoding: 'utf8', timeout: 60000 });
      assert.match(r.stdout, /^[^\n]*\bexpected\b[^\n]*\n$|^series,step[^\n]*\n$/);
      assert.match(r.stderr, /^status 0$/m);
      assert.doesNotMatch(r.stderr, /winnow: /);
    });
    test('the manual', () => assert.match(good([name, '--help']).stdout, /NAME[\s\S]*--input[\s\S]*EXAMPLES/));
  });

describe('forecast', () => {
  const long = 'series,ts,value\n' + ['north', 'south, far']
    .flatMap((s, k) => Array.from({ length: 140 }, (_, i) => `"${s}",${day(i)},${(weekly(i) * (k + 1)).toFixed(3)}`)).join('\n') + '\n';
  const path = file(long, 'long.csv');
  const args = ['forecast', '--input', path, '--horizon', '14'];

  test('the long form: a row a step, intervals in order, dates that go on', () => {
    const rows = table(good(args).stdout);
    assert.deepEqual(Object.keys(rows[0]), ['series', 'step', 'ts', 'mean', 'lo80', 'hi80', 'lo95', 'hi95']);
    assert.equal(rows.length, 28);
    assert.deepEqual([rows[0].series, rows[14].series], ['north', 'south, far']);
    rows.forEach((row, i) => {
      assert.equal(row.step, String((i % 14) + 1));
      assert.equal(row.ts, day(140 + (i % 14)));
      const order = ['lo95', 'lo80', 'mean', 'hi80', 'hi95'].map((k) => Number(row[k]));
      order.forEach((x, k) => assert.ok(Number.isFinite(x) && (k === 0 || order[k - 1] <= x), JSON.stringify(row)));
    });
    // A clear weekly wave must be followed: noise of at most 3 around it.
    rows.slice(0, 14).forEach((row, i) => assert.ok(Math.abs(row.mean - weekly(140 + i)) < 6, JSON.stringify(row)));
  });
  test('a pipe, a file and --output give the same bytes, in any order of rows', () => {
    const expected = good(args).stdout;
    assert.equal(good(['forecast', '-i', '-', '--horizon', '14'], long).stdout, expected);
    const out = join(root, 'forecast.csv');
    assert.equal(good([...args, '--output', out]).stdout, '');
    assert.equal(readFileSync(out, 'utf8'), expected);
    const lines = long.trimEnd().split('\n');
    const unsorted = [lines[0], lines[1], ...lines.slice(2, 141).reverse(), ...lines.slice(141).reverse()].join('\r\n');
    assert.equal(good(['forecast', '-i', '-', '--horizon', '14'], `\uFEFF${unsorted}`).stdout, expected);
  });
  test('--json says the same', () => {
    const rows = table(good(args).stdout), reply = JSON.parse(good([...args, '--json']).stdout);
    assert.deepEqual([reply.frequency, reply.horizon, reply.series.length], ['daily', 14, 2]);
    reply.series[1].forecast.forEach((f, i) =>
      assert.deepEqual([f.ts, f.mean, f.lo95, f.hi80], [rows[14 + i].ts, Number(rows[14 + i].mean), Number(rows[14 + i].lo95), Number(rows[14 + i].hi80)]));
  });
  test('--explain and --backtest', () => {
    const r = good([...args, '--explain', '--backtest', '3']), rows = table(r.stdout);
    assert.equal(rows[0].state, 'fitted');
    assert.equal(rows[0].backtest_windows, '3');
    assert.match(rows[0].seasons, /(^|\+)7(\+|$)/);
    assert.ok(Number(rows[0].backtest_smape) < 5 && Number(rows[0].backtest_mae) < 5);
    const shares = [...rows[0].members.matchAll(/([\d.]+)%/g)].map((m) => Number(m[1]));
    assert.ok(Math.abs(shares.reduce((a, b) => a + b) - 100) < 0.5, rows[0].members);
    assert.match(r.stderr, /^back-test: 2 of 2 series, 3\.0 windows each: sMAPE [\d.]+ %/);
    const s = JSON.parse(good([...args, '--explain', '--json']).stdout).series[0];
    assert.ok(Math.abs(s.members.reduce((a, m) => a + m.weight, 0) - 1) < 1e-6);
    assert.equal(typeof s.backtest.smape, 'number');
  });
  test('levels, seasons and steps as told', () => {
    assert.match(good([...args, '--level', '50,99.5']).stdout, /^series,step,ts,mean,lo50,hi50,lo99\.5,hi99\.5\n/);
    assert.equal(JSON.parse(good([...args, '--season', 'none', '--explain', '--json']).stdout).series[0].seasons.length, 0);
    assert.deepEqual(JSON.parse(good([...args, '--season', '7', '--explain', '--json']).stdout).series[0].seasons, [7]);
    const monthly = 'ts,value\n' + Array.from({ length: 30 }, (_, i) => `${2022 + Math.floor(i / 12)}-${String((i % 12) + 1).padStart(2, '0')},${i + 10}`).join('\n');
    assert.equal(table(good(['forecast', '-i', '-', '--horizon', '1'], monthly).stdout)[0].ts, '2024-07-01');
    bad([...args, '--level', '120'], '', /--level.*'120'/);
    bad([...args, '--level', 'nan'], '', /--level/);
    bad([...args, '--level', '80,95,80'], '', /--level names 80 twice/);
    bad([...args, '--season', 'x'], '', /--season.*'x'/);
    bad([...args, '--freq', 'fortnightly'], '', /--freq/, 2);
    bad(['forecast', '-i', path], '', /--horizon/);
    for (const n of ['0', '-1', 'many', '1e9']) bad(['forecast', '-i', path, '--horizon', n], '', /--horizon/, 2);
  });
  test('the wide form, rows of unequal length, and series without values', () => {
    const wide = '"id","V1","V2","V3","V4"\n"H1",10,12,11,13\n"H2",5,,7,\n"H3",,,,\n';
    const rows = table(good(['forecast', '-i', '-', '--horizon', '2', '--explain'], wide).stdout);
    assert.deepEqual(rows.map((r) => r.series), ['H1', 'H1', 'H2', 'H2', 'H3', 'H3']);
    assert.ok(rows.every((r) => r.ts === ''));
    assert.equal(rows[4].state, 'empty');
    assert.equal(rows[4].mean, '', 'no value is not 0');
    const empty = JSON.parse(good(['forecast', '-i', '-', '--horizon', '1', '--json'], wide).stdout).series[2];
    assert.equal(empty.forecast[0].mean, null);
  });
  test('missing values, gaps, one point, constants, zeros, huge values', () => {
    const of = (values) => table(good(['forecast', '-i', '-', '--horizon', '3'], 'ts,value\n' + values.map((v, i) => `${day(i)},${v}\n`).join('')).stdout);
    of(Array.from({ length: 60 }, (_, i) => (i % 5 === 2 ? ['', 'NA', 'nan', 'n/a'][i % 4] : weekly(i))));
    assert.ok(of([7]).every((r) => r.mean === '7'));
    assert.ok(of([5, 5, 5, 5, 5, 5, 5, 5]).every((r) => r.mean === '5'));
    assert.ok(of([0, 0, 0, 0, 0, 0]).every((r) => r.mean === '0'));
    of(Array.from({ length: 40 }, (_, i) => (i % 2 ? 1e15 : -1e15)));
    of([1e308, -1e308, 1e308, 1e308, -1e308, 1e308, 1e307]);
    const gaps = Array.from({ length: 40 }, (_, i) => i).filter((i) => i % 6).map((i) => `${day(i)},${weekly(i)}\n`).join('');
    assert.equal(table(good(['forecast', '-i', '-', '--horizon', '1'], `ts,value\n${gaps}`).stdout)[0].ts, day(40));
  });
  test('bad rows are named by line and column', () => {
    const head = 'series,ts,value\na,2024-01-01,1\n';
    const call = ['forecast', '-i', '-', '--horizon', '2'];
    bad(call, `${head}a,2024-01-02,x\n`, [/'x' is not a number/, /line 3, column 3/]);
    bad(call, `${head}a,2024-01-02,inf\n`, [/'inf' is not a number/, /line 3, column 3/]);
    bad(call, `${head}a,2024-02-30,2\n`, [/'2024-02-30' is not a time/, /line 3, column 2/]);
    bad(call, `${head}a,2024-01-01,2\n`, [/second value.*line 2/, /line 3/]);
    bad(call, `${head}a,7,2\n`, [/mixes/, /line 3, column 2/]);
    bad(call, `${head}a,2024-01-02\n`, [/2 fields instead of 3/, /line 3/]);
    bad(call, `${head}a,9024-01-02,1\n`, [/'9024-01-02' is not a time/, /line 3, column 2/]);
    bad(call, 'id,V1,V2,V3\na,1,2,3\nb,1,x,3\n', [/'x' is not a number/, /line 3, column 3/]);
    bad(call, 'ts\n2024-01-01\n', [/one column/, /line 1/]);
    bad(call, 'series,ts\na,2024-01-01\n', /line \d/);
    bad(call, 'campaign,date,spend,revenue\na,2024-01-01,1,2\n', [/'date'.*none named 'value'/, /line 1, column 2/]);
    assert.match(good(call, 'channel,date,spend\ntv,2024-01-01,1\ntv,2024-01-02,2\n').stdout, /\ntv,1,2024-01-03,/);
    bad(call, `${head}"a,2024-01-02,2\n`, [/quote/, /line 3, column 1/]);
  });
});

describe('detect', () => {
  const wave = (i) => (i === 150 ? 400 : weekly(i));
  const plain = 'timestamp,value\n' + Array.from({ length: 200 }, (_, i) => `${day(i)},${wave(i).toFixed(3)}\n`).join('');
  const path = file(plain, 'plain.csv');

  test('the same rows, with what each should have been; the spike is found', () => {
    const r = good(['detect', '--input', path]), rows = table(r.stdout);
    assert.match(r.stdout, /^timestamp,value,expected,low,high,score,is_anomaly,severity\n/);
    assert.deepEqual(rows.map((x) => `${x.timestamp},${x.value}`), plain.trimEnd().split('\n').slice(1));
    assert.equal(rows.find((x) => x.is_anomaly === '1').timestamp, day(150));
    assert.notEqual(rows[150].severity, 'none');
    assert.equal(rows[0].expected, '', 'the first row has no past');
    for (const x of rows.slice(1)) assert.ok(Number(x.low) <= Number(x.expected) && Number(x.expected) <= Number(x.high));
  });
  test('a row is answered by its past alone: a cut file gives the same first rows', () => {
    const lines = plain.split('\n'), all = good(['detect', '-i', path]).stdout;
    const cut = good(['detect', '-i', '-'], lines.slice(0, 121).join('\n') + '\n').stdout;
    assert.equal(all.slice(0, cut.length), cut);
  });
  test('a pipe, --follow on a pipe, and --output give the same bytes', () => {
    const expected = good(['detect', '-i', path]).stdout, out = join(root, 'detected.csv');
    assert.equal(good(['detect', '-i', '-'], plain).stdout, expected);
    assert.equal(good(['detect', '-i', '-', '--follow'], plain).stdout, expected);
    assert.equal(good(['detect', '-i', '-', '--follow'], plain.trimEnd()).stdout, expected, 'the last line needs no end');
    assert.equal(good(['detect', '-i', path, '--output', out]).stdout, '');
    assert.equal(readFileSync(out, 'utf8'), expected);
  });
  test('--json: an object a line, with the view that told', () => {
    const rows = good(['detect', '-i', path, '--json']).stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    const csv = table(good(['detect', '-i', path]).stdout);
    assert.equal(rows.length, 200);
    assert.equal(rows[0].expected, null);
    assert.equal(rows[150].is_anomaly, true);
    assert.equal(typeof rows[150].reason, 'string');
    rows.forEach((x, i) => assert.ok(Math.abs(x.score - csv[i].score) < 1e-4 && x.value === Number(csv[i].value)));
  });
  test('series are judged apart, by name or by place', () => {
    const pairs = Array.from({ length: 200 }, (_, i) => `a,${day(i)},${wave(i).toFixed(3)}\nb,${day(i)},${(5 + ((i * 31) % 7) / 10).toFixed(2)}\n`).join('');
    const rows = table(good(['detect', '-i', '-'], `series,timestamp,value\n${pairs}`).stdout);
    const first = rows.find((x) => x.is_anomaly === '1');
    assert.deepEqual([first.series, first.timestamp], ['a', day(150)]);
    assert.ok(rows.every((x) => x.series === 'a' || x.is_anomaly === '0'));
    assert.equal(good(['detect', '-i', '-'], pairs).stdout, good(['detect', '-i', '-'], `series,timestamp,value\n${pairs}`).stdout);
    const alone = table(good(['detect', '-i', path]).stdout);
    assert.deepEqual(rows.filter((x) => x.series === 'a').map((x) => x.score), alone.map((x) => x.score));
    const swapped = pairs.replaceAll(/^(.),([^,]+),(.+)$/gm, '$2,$1,$3');
    const named = table(good(['detect', '-i', '-'], `date,entity,clicks\n${swapped}`).stdout);
    assert.deepEqual(named.map((x) => x.score), rows.map((x) => x.score), 'a value of any name, when it is the only other column');
  });
  test('--risk and --sensitivity', () => {
    const count = (...more) => table(good(['detect', '-i', path, ...more]).stdout).filter((x) => x.is_anomaly === '1').length;
    assert.ok(count('--risk', '0.05') >= count('--risk', '1e-6'));
    assert.ok(count('--risk', '1e-6') >= 1);
    assert.ok(count('--sensitivity', '20') >= count('--sensitivity', '0.05'));
    for (const x of ['x', '0', '1', 'nan', '-1']) bad(['detect', '-i', path, '--risk', x], '', /risk/);
    for (const x of ['x', '0', '100', 'inf']) bad(['detect', '-i', path, '--sensitivity', x], '', /sensitivity/);
  });
  test('--explain names the dimension value that moved', () => {
    const rows = Array.from({ length: 120 }, (_, i) => ['de', 'fr'].flatMap((country) => ['web', 'app'].map((device) =>
      `${day(i)},${country},${device},${(50 + ((i * 17 + country.length * 5 + device.length) % 9) + (i === 100 && country === 'fr' ? 300 : 0)).toFixed(1)}\n`)).join('')).join('');
    const input = `timestamp,country,device,value\n${rows}`;
    const out = table(good(['detect', '-i', '-', '--explain'], input).stdout);
    assert.equal(out.length, 120);
    assert.equal(out.find((x) => x.is_anomaly === '1').timestamp, day(100));
    assert.match(out[100].causes, /^country=fr \(\d+% of the change\)/);
    assert.equal(good(['detect', '-i', '-', '--explain', '--follow'], input).stdout, good(['detect', '-i', '-', '--explain'], input).stdout);
    const json = good(['detect', '-i', '-', '--explain', '--json'], input).stdout.trimEnd().split('\n').map((l) => JSON.parse(l));
    assert.deepEqual([json[100].causes[0].dimension, json[100].causes[0].values[0].value], ['country', 'fr']);
    bad(['detect', '-i', path, '--explain'], '', /needs columns beside/);
  });
  test('missing values, duplicates, rows out of order, huge values', () => {
    const rows = table(good(['detect', '-i', '-'], 'ts,value\n2024-01-01,1\n2024-01-02,nan\n2024-01-03,\n2024-01-04,NA\n2024-01-04,2\n2024-01-02,3\n').stdout);
    assert.deepEqual(rows.map((x) => x.value), ['1', '', '', '', '2', '3']);
    const json = good(['detect', '-i', '-', '--json'], 'ts,value\n2024-01-01,1\n2024-01-02,nan\n').stdout.trimEnd().split('\n').map((l) => JSON.parse(l));
    assert.equal(json[1].value, null);
    good(['detect', '-i', '-'], 'ts,value\n' + Array.from({ length: 60 }, (_, i) => `${day(i)},${i % 2 ? 1e308 : -1e308}\n`).join(''));
    good(['detect', '-i', '-'], 'ts,value\n' + Array.from({ length: 60 }, (_, i) => `${day(i)},${i === 50 ? 1 : 0}\n`).join(''));
  });
  test('bad rows are named by line and column; nothing is guessed among many columns', () => {
    const head = 'series,timestamp,value\na,2024-01-01,1\n';
    bad(['detect', '-i', '-'], `${head}a,2024-01-02,x\n`, /line 3, column 3: 'x' is no number/);
    bad(['detect', '-i', '-'], `${head}a,2024-01-02,inf\n`, /line 3, column 3: 'inf' is no number/);
    bad(['detect', '-i', '-'], `${head}a,2024-02-30,1\n`, /line 3, column 2: '2024-02-30' is no time/);
    bad(['detect', '-i', '-'], `${head}a,2024-01-02\n`, /line 3: 2 columns, expected 3/);
    bad(['detect', '-i', '-'], 'timestamp\n2024-01-01\n', /line 1: expected the columns/);
    bad(['detect', '-i', '-'], 'entity,date,spend,revenue\na,2024-01-01,1,2\n', /line 1: .*none is named value/);
    bad(['detect', '-i', '-', '--follow'], `${head}a,2024-01-02,x\n`, /line 3, column 3/);
  });
  test('the input itself is never overwritten', () => {
    const own = file(plain, 'own.csv');
    bad(['detect', '-i', own, '-o', own], '', /is the input itself/);
    assert.equal(readFileSync(own, 'utf8'), plain);
  });

  /** Starts a follower; line(n) waits until n lines are out. */
  function follow(args) {
    const child = spawn(bin, ['detect', '--follow', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const f = { child, out: '', err: '', waiting: [] };
    child.stdout.on('data', (d) => {
      f.out += d;
      f.waiting = f.waiting.filter(({ n, done }) => f.out.split('\n').length - 1 < n || done());
    });
    child.stderr.on('data', (d) => (f.err += d));
    f.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
    f.lines = (n) => new Promise((resolve, reject) => {
      if (f.out.split('\n').length - 1 >= n) return resolve();
      f.waiting.push({ n, done: () => (resolve(), false) });
      f.ended.then(() => reject(new Error(`it ended: ${f.err}`)));
    });
    return f;
  }
  test('--follow on a pipe: each row is answered while the pipe is open; its end is the end', { timeout: 60000 }, async () => {
    const f = follow(['--input', '-']);
    f.child.stdin.write('timestamp,value\n2024-01-01,1\n2024-01-');
    await f.lines(2);
    assert.match(f.out, /\n2024-01-01,1,/);
    f.child.stdin.write('02,2\n');
    await f.lines(3);
    f.child.stdin.end('2024-01-03,3');
    assert.deepEqual(await f.ended, { code: 0, signal: null }, f.err);
    assert.equal(f.out, good(['detect', '-i', '-'], 'timestamp,value\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n').stdout);
  });
  for (const [signal, where] of [['SIGINT', 'file'], ['SIGTERM', 'file'], ['SIGINT', 'pipe']])
    test(`--follow on a growing ${where}: ${signal} ends it well`, { timeout: 60000 }, async () => {
      const lines = plain.split('\n'), growing = file(lines.slice(0, 100).join('\n') + '\n');
      const f = follow(['--input', where === 'file' ? growing : '-']);
      const more = (text) => (where === 'file' ? appendFileSync(growing, text) : f.child.stdin.write(text));
      if (where === 'pipe') more(readFileSync(growing, 'utf8'));
      await f.lines(100);
      more(lines.slice(100, 160).join('\n') + '\n2024-09-01,12'); // a line that is still being written
      await f.lines(160);
      f.child.kill(signal);
      assert.deepEqual(await f.ended, { code: 0, signal: null }, f.err);
      assert.equal(f.out, good(['detect', '-i', '-'], lines.slice(0, 160).join('\n') + '\n').stdout);
    });
  test('--follow --explain: a signal still answers the last moment', { timeout: 60000 }, async () => {
    const f = follow(['--input', '-', '--explain']);
    f.child.stdin.write('timestamp,country,value\n2024-01-01,de,1\n2024-01-01,fr,2\n2024-01-02,de,4\n');
    await f.lines(2);
    f.child.kill('SIGINT');
    assert.deepEqual(await f.ended, { code: 0, signal: null }, f.err);
    assert.deepEqual(table(f.out).map((x) => x.value), ['3', '4']);
  });
});

describe('allocate', () => {
  // Three entities whose returns saturate at different sizes; spends move, so that curves are known.
  const sizes = { brand: [300, 60], search: [900, 150], 'tv, national': [500, 400] };
  const history = 'entity,date,spend,revenue\n' + Array.from({ length: 120 }, (_, i) =>
    Object.entries(sizes).map(([name, [a, k]], j) => {
      const x = 100 * (1 + 0.6 * Math.sin(i * (0.7 + j * 0.31)));
      return `"${name}",${day(i)},${x.toFixed(2)},${((a * x) / (x + k) + ((i * 37 + j * 11) % 17) - 8).toFixed(2)}\n`;
    }).join('')).join('');
  const path = file(history, 'history.csv');
  const curves = JSON.stringify({ entities: [
    { entity: 'a', curve: 'log', a: 100, b: 10, current: 3 },
    { entity: 'b', curve: 'hill', a: 300, b: 20, s: 1.5, current: 3 },
    { entity: 'c', points: [[0, 0], [1, 12], [5, 40], [20, 60]], current: 4 },
  ] });
  const curvesPath = file(curves, 'curves.json');
  const plan = (args, input) => JSON.parse(good(['allocate', ...args, '--json'], input).stdout);
  const by = (reply) => Object.fromEntries(reply.entities.map((e) => [e.entity, e]));
  const sums = (rows, amount) => assert.equal(rows.reduce((n, r) => n + micros(r.budget), 0), micros(amount));

  test('a history: a row an entity, with the sentence for the whole beside it', () => {
    const r = good(['allocate', '--input', path, '--budget', '333.333333']), rows = table(r.stdout);
    assert.deepEqual(Object.keys(rows[0]), ['entity', 'budget', 'current', 'expected', 'low80', 'high80', 'expected_now', 'marginal', 'binds', 'why']);
    assert.deepEqual(rows.map((x) => x.entity), Object.keys(sizes));
    sums(rows, 333.333333);
    for (const x of rows) {
      assert.ok(Number(x.low80) <= Number(x.expected) && Number(x.expected) <= Number(x.high80), JSON.stringify(x));
      assert.match(x.why, /\w.*\.$/);
    }
    assert.match(r.stderr, /\d|Nothing to change/);
  });
  test('a pipe, a file and --output give the same bytes, in any order of rows', () => {
    const args = ['--budget', '400'], expected = good(['allocate', '-i', path, ...args]);
    assert.deepEqual(good(['allocate', '-i', '-', ...args], history).stdout, expected.stdout);
    const out = join(root, 'plan.csv');
    assert.equal(good(['allocate', '-i', path, ...args, '-o', out]).stdout, '');
    assert.equal(readFileSync(out, 'utf8'), expected.stdout);
    const lines = history.trimEnd().split('\n');
    const unsorted = [lines[0], ...lines.slice(1, 4), ...lines.slice(4).reverse()].join('\n');
    assert.equal(good(['allocate', '-i', '-', ...args], unsorted).stdout, expected.stdout);
  });
  test('min, max, fixed: each holds, each is named, the sum stays', () => {
    const reply = plan(['-i', path, '-b', '300', '--keep', '0', '--min', 'brand=90', '--max', 'search=100.5', '--fixed', 'tv, national=70.000001']);
    const rows = by(reply);
    assert.ok(rows.brand.budget >= 90 && rows.search.budget <= 100.5);
    assert.equal(micros(rows['tv, national'].budget), 70000001);
    assert.equal(rows['tv, national'].binds, 'fixed');
    assert.equal(rows.search.binds, 'max');
    sums(reply.entities, 300);
    const two = by(plan(['-i', curvesPath, '-b', '10', '--fixed', 'a=1,b=2']));
    assert.deepEqual([two.a.budget, two.b.budget, two.c.budget], [1, 2, 7]);
  });
  test('budgets sum to the micro', () => {
    for (const amount of [0.000001, 0.000007, 1, 9.999999, 1234.567891, 1e6])
      sums(plan(['-i', curvesPath, '-b', String(amount)]).entities, amount);
  });
  test('--max-change: nothing moves by more', () => {
    for (const share of ['20%', '0.2']) {
      const reply = plan(['-i', curvesPath, '--max-change', share]);
      for (const e of reply.entities) assert.ok(Math.abs(e.budget - e.current) <= 0.2 * e.current + 1e-6, JSON.stringify(e));
      sums(reply.entities, 10);
      assert.ok(reply.entities.some((e) => e.binds.startsWith('max_change')), JSON.stringify(reply.entities));
    }
  });
  test('--target-roas: spends less rather than miss it', () => {
    const free = plan(['-i', curvesPath, '-b', '100']), kept = plan(['-i', curvesPath, '-b', '100', '--target-roas', '8']);
    assert.ok(free.expected / free.spent < 8);
    assert.ok(kept.spent < 100 && kept.expected / kept.spent >= 8 - 1e-6 && kept.roas_is_met);
    assert.match(kept.why, /target ROAS of 8/);
  });
  test('more budget never returns less', () => {
    let last = -1;
    for (const amount of [1, 2, 5, 10, 50, 200]) {
      const { expected } = plan(['-i', curvesPath, '-b', String(amount)]);
      assert.ok(expected >= last);
      last = expected;
    }
  });
  test('--risk: the same seed gives the same bytes, another seed another draw', () => {
    const draw = (seed) => good(['allocate', '-i', path, '-b', '300', '--keep', '0', '--risk', 'thompson', '--seed', seed, '--json']).stdout;
    assert.equal(draw('7'), draw('7'));
    assert.notEqual(draw('7'), draw('8'));
    sums(JSON.parse(draw('7')).entities, 300);
    sums(plan(['-i', path, '-b', '300', '--risk', 'lower']).entities, 300);
  });
  test('"nothing to change" names the bound that caused it', () => {
    const held = good(['allocate', '-i', curvesPath, '--fixed', 'a=3,b=3,c=4']);
    assert.match(held.stderr, /Nothing to change: .*\bfixed\b/);
    const tight = good(['allocate', '-i', curvesPath, '--max-change', '0.000000001']);
    assert.match(tight.stderr, /Nothing to change: .*(max.change|max_change)/);
    const costly = good(['allocate', '-i', curvesPath, '--switch-cost', '1000000']);
    assert.match(costly.stderr, /Nothing to change: .*(cost|gain)/i);
    const reply = plan(['-i', curvesPath, '--fixed', 'a=3,b=3,c=4']);
    assert.equal(reply.is_unchanged, true);
    assert.deepEqual(reply.entities.map((e) => e.budget), [3, 3, 4]);
  });
  test('curves: a list alone will do, from a pipe too; what is wrong with one is said', () => {
    assert.deepEqual(plan(['-i', '-', '-b', '10'], JSON.stringify(JSON.parse(curves).entities)), plan(['-i', curvesPath, '-b', '10']));
    const one = (e) => JSON.stringify([{ entity: 'a', curve: 'log', a: 1, b: 1 }, e]);
    const call = ['allocate', '-i', '-', '-b', '10'];
    bad(call, one({ entity: 'b', curve: 'log', a: 1 }), /entity 2 .*b is missing/);
    bad(call, one({ entity: 'b', curve: 'log', a: -1, b: 1 }), /entity 2 .*a must be/);
    bad(call, one({ entity: 'a', curve: 'log', a: 1, b: 1 }), /entity 2 .*twice/);
    bad(call, one({ curve: 'log', a: 1, b: 1 }), /entity 2 .*entity must be a name/);
    bad(call, one({ entity: 'b', curve: 'cubic', a: 1, b: 1 }), /entity 2 .*curve must be/);
    bad(call, one({ entity: 'b', points: [[0, 0], [1, 'x']] }), /entity 2 .*points must be/);
    bad(call, one({ entity: 'b', points: [] }), /\bb\b|entity 2/);
    bad(call, one({ entity: 'b', points: [[5, 1], [1, 2]] }), /\bb\b|entity 2/);
    bad(call, one({ entity: 'b', curve: 'log', a: 1, b: 1, min: 5, max: 1 }), /\bb\b.*maximum below the minimum/);
    bad(call, '[{"entity":"b","curve":"log","a":1e999,"b":1}]', /a|number|JSON/);
    bad(call, curves.slice(0, 60), /not valid JSON at byte/);
    bad(call, '{"entities":[]}', /curves must be a list/);
  });
  test('bounds that cannot hold, names that are unknown, amounts that are none', () => {
    bad(['allocate', '-i', curvesPath, '-b', '5', '--min', 'a=3', '--min', 'b=3'], '', /minimums.*more than the budget of 5/);
    bad(['allocate', '-i', curvesPath, '--min', 'zz=3'], '', /--min 'zz=3': there is no such name/);
    bad(['allocate', '-i', curvesPath, '--min', 'a'], '', /--min 'a': write NAME=AMOUNT/);
    bad(['allocate', '-i', curvesPath, '--max', 'a=x'], '', /--max 'a=x'/);
    bad(['allocate', '-i', curvesPath, '--fixed', 'a=-1'], '', /--fixed 'a=-1'.*at least 0/);
    for (const x of ['nan', 'inf', '-1', 'x', '1e300']) bad(['allocate', '-i', curvesPath, '-b', x], '', /--budget/);
    for (const x of ['nan', '0', '-1', 'x']) bad(['allocate', '-i', curvesPath, '--target-roas', x], '', /--target-roas/);
    for (const x of ['nan', '-5%', 'x']) bad(['allocate', '-i', curvesPath, '--max-change', x], '', /--max-change/);
    bad(['allocate', '-i', curvesPath, '--risk', 'none'], '', /--risk/, 2);
  });
  test('bad rows are named by line and column, missing columns by name', () => {
    const head = 'entity,date,spend,revenue\na,2024-01-01,1,2\n', call = ['allocate', '-i', '-'];
    bad(call, `${head}a,2024-01-02,x,2\n`, [/spend 'x' is not an amount/, /line 3, column 3/]);
    bad(call, `${head}a,2024-01-02,-1,2\n`, [/spend '-1' is out of range/, /line 3, column 3/]);
    bad(call, `${head}a,2024-01-02,nan,2\n`, [/spend 'nan' is missing/, /line 3, column 3/]);
    bad(call, `${head}a,2024-01-02,1,inf\n`, [/revenue 'inf' is not an amount/, /line 3, column 4/]);
    bad(call, `${head}a,2024-02-30,1,2\n`, [/date '2024-02-30' is not a date/, /line 3, column 2/]);
    bad(call, `${head},2024-01-02,1,2\n`, [/entity '' is empty/, /line 3, column 1/]);
    bad(call, `${head}a,2024-01-02\n`, /line 3/);
    bad(call, 'entity,date,spend\na,2024-01-01,1\n', [/missing: revenue/, /line 1/]);
    bad(call, 'timestamp,value\n2024-01-01,1\n', [/entity, date, spend/, /line 1/]);
  });
  test('days given twice add up; one row, constants, zeros and huge spends have an answer', () => {
    const rows = (list) => 'entity,date,spend,revenue\n' + list.map((r) => `${r.join(',')}\n`).join('');
    assert.equal(plan(['-i', '-'], rows([['a', '2024-01-01', 1, 2], ['a', '2024-01-01', 1, 2]])).entities[0].current, 2);
    sums(plan(['-i', '-'], rows([['a', '2024-01-01', 1, 2]])).entities, 1);
    plan(['-i', '-', '-b', '5'], rows([['a', '2024-01-01', 0, 0], ['a', '2024-01-02', 0, 0]]));
    bad(['allocate', '-i', '-'], rows([['a', '2024-01-01', 0, 0]]), /nothing is spent now/);
    plan(['-i', '-'], rows(Array.from({ length: 30 }, (_, i) => ['a', day(i), 9e12 - i * 1e9, 9e12])));
    plan(['-i', '-'], rows(Array.from({ length: 30 }, (_, i) => ['a', day(i), 1e-6, i % 3 ? '' : 1e12])));
  });
});
