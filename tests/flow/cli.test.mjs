// Protects the commands: import, query, chart, doctor, help, alone and through a running server,
// with bad input, an unwritable directory and a full disk.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, readFileSync, mkdirSync, chmodSync, existsSync, readdirSync, symlinkSync, lstatSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.WINNOW_BIN;
if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
const root = mkdtempSync(join(tmpdir(), 'winnow-cli-'));
after(() => rmSync(root, { recursive: true, force: true }));

const run = (...args) => spawnSync(bin, args, { encoding: 'utf8', timeout: 120000, maxBuffer: 1 << 26 });
const json = (text) => JSON.parse(text);
let directories = 0;
const newDir = () => join(root, `data-${directories++}`);

const metaFile = join(root, 'meta report.csv');
writeFileSync(metaFile, `\uFEFF"Campaign name",Day,Impressions,"Link clicks","Amount spent (EUR)",Results,"Purchases conversion value"
"Spring, sale",2026-01-01,"1,000",50,12.345678,2,100.10
"Spring, sale",2026-01-02,2000,60,20,3,0
Brand,2026-01-02,10,0,0.000001,,
`);

/** Starts a server and gives back { port, stop }. */
async function serve(dir, ...more) {
  const child = spawn(bin, ['serve', '--data', dir, '--port', '0', '--log-level', 'error', ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  let err = '';
  child.stderr.on('data', (d) => (err += d));
  const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  const port = await new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (d) => {
      out += d;
      const m = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(out);
      if (m) resolve(Number(m[1]));
    });
    ended.then(() => reject(new Error(`the server ended: ${err}`)));
  });
  return { port, stop: async () => { child.kill('SIGTERM'); return await ended; } };
}

describe('what is no file', () => {
  test('a pipe nobody writes to, a device and a directory are refused at once', () => {
    const dir = newDir();
    const pipe = join(root, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    for (const [path, words] of [[pipe, /save it as a file first/], ['/dev/null', /save it as a file first/], [root, /is a directory/]]) {
      const answer = spawnSync(bin, ['import', '--data', dir, path], { encoding: 'utf8', timeout: 20000, killSignal: 'SIGKILL' });
      assert.equal(answer.signal, null, path);
      assert.equal(answer.status, 1);
      assert.match(answer.stderr, words);
    }
  });
});

describe('help', () => {
  test('every command has a manual made from its options', () => {
    const overview = run('help');
    assert.equal(overview.status, 0);
    for (const name of ['serve', 'import', 'query', 'chart', 'doctor', 'help']) {
      assert.match(overview.stdout, new RegExp(`^ +${name} `, 'm'));
      const manual = run('help', name);
      assert.equal(manual.status, 0);
      assert.match(manual.stdout, /NAME[\s\S]*USAGE[\s\S]*DESCRIPTION/);
      assert.equal(run(name, '--help').stdout, manual.stdout);
    }
    assert.match(run('help', 'import').stdout, /--dry-run/);
  });
  test('mistakes are named, with status 2', () => {
    for (const args of [['nonsense'], ['query', '--metric', 'x'], ['query', '--limit', 'many'], ['query', '--limit', '0'], ['query', '--from', '2026-02-30'],
      ['query', '--format', 'xml'], ['query', '--limit'], ['import'], ['query', 'operand'], ['help', 'nonsense'], ['serve', '--sample=yes']]) {
      const r = run(...args);
      assert.equal(r.status, 2, args.join(' '));
      assert.match(r.stderr, /^winnow: .+/);
      assert.equal(r.stdout, '');
    }
    assert.match(run('query', '--from', '2026-02-30').stderr, /--from/);
  });
});

describe('import and query', () => {
  const dir = newDir();
  test('a dry run stores nothing', () => {
    const r = run('import', '--dry-run', '--json', '--data', dir, metaFile);
    assert.equal(r.status, 0, r.stderr);
    const s = json(r.stdout);
    assert.equal(s.dry_run, true);
    assert.equal(s.rows_imported, 3);
    const q = json(run('query', '--data', dir, '--metrics', 'spend', '--format', 'json').stdout);
    assert.equal(q.rows[0][0], null);
  });
  test('totals are exact to the micro', () => {
    const r = run('import', '--json', '--data', dir, metaFile);
    assert.equal(r.status, 0, r.stderr);
    const s = json(r.stdout);
    assert.equal(s.format, 'meta');
    assert.equal(s.currency, 'EUR');
    assert.equal(s.rows_imported, 3);
    assert.equal(s.totals.spend, 32.345679);
    assert.equal(s.totals.revenue, 100.1);
    assert.equal(s.accounts[0].name, 'meta report');
    const q = json(run('query', '--data', dir, '--metrics', 'spend,impressions,revenue', '--format', 'json').stdout);
    assert.deepEqual(q.rows, [[32.345679, 3010, 100.1]]);
  });
  test('the same file twice changes nothing', () => {
    const s = json(run('import', '--json', '--data', dir, metaFile).stdout);
    assert.equal(s.state, 'unchanged');
    const q = json(run('query', '--data', dir, '--metrics', 'spend', '--format', 'json').stdout);
    assert.deepEqual(q.rows, [[32.345679]]);
  });
  test('query prints tables, CSV and JSON', () => {
    const table = run('query', '--data', dir, '--metrics', 'spend,ctr', '--by', 'campaign', '--sort', '-spend');
    assert.equal(table.status, 0, table.stderr);
    const lines = table.stdout.trimEnd().split('\n');
    assert.match(lines[0], /campaign.*spend.*ctr/);
    assert.match(lines[2], /Spring, sale.*32\.35.*%/);
    const csv = run('query', '--data', dir, '--metrics', 'spend', '--by', 'day', '--format', 'csv').stdout.trim().split(/\r?\n/);
    assert.equal(csv[0], 'day,spend');
    assert.equal(csv.length, 3);
    const wrong = run('query', '--data', dir, '--metrics', 'spendd');
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /spendd/);
    assert.match(wrong.stderr, /spend/);
  });
  test('chart draws a PNG', () => {
    const png = join(root, 'roi.png');
    const r = run('chart', '--data', dir, '-o', png);
    assert.equal(r.status, 0, r.stderr);
    assert.equal(readFileSync(png).subarray(1, 4).toString(), 'PNG');
  });
  test('doctor finds all well', () => {
    const r = run('doctor', '--data', dir, '--json');
    const checks = json(r.stdout).checks;
    for (const c of checks) assert.notEqual(c.verdict, 'problem', JSON.stringify(c));
    assert.ok(checks.some((c) => c.name === 'facts' && /3 rows/.test(c.text)), r.stdout);
  });
});

describe('damaged files', () => {
  const dir = newDir();
  const cases = {
    'a zip renamed to csv': [Buffer.from('PK\x03\x04rest of a zip archive', 'latin1'), /zip|not text/i],
    'an open quote at the end': [Buffer.from('Day,Campaign,Spend\n2026-01-01,"open,5\n2026-01-02,x,6\n'), /quote/i],
    'bytes that are no UTF-8': [Buffer.from('Day,Campaign,Spend\n2026-01-01,caf\xe9,5\n', 'latin1'), /UTF-8/],
    'a line without an end': [Buffer.concat([Buffer.from('Day,Campaign,Spend\n2026-01-01,'), Buffer.alloc(8 << 20, 'x')]), /line|record/i],
    'zeros inside': [Buffer.from('Day,Campaign,Spend\n2026-01-01,a\0b,5\n'), /NUL|zero/i],
    'nothing at all': [Buffer.alloc(0), /empty|header/i],
  };
  for (const [name, [bytes, message]] of Object.entries(cases)) {
    test(name, () => {
      const file = join(root, 'broken.csv');
      writeFileSync(file, bytes);
      const r = run('import', '--json', '--data', dir, file);
      assert.equal(r.status, 1, r.stdout + r.stderr);
      const s = json(r.stdout);
      assert.equal(s.state, 'failed');
      assert.match(s.problem.detail, message);
      const q = json(run('query', '--data', dir, '--metrics', 'spend', '--format', 'json').stdout);
      assert.equal(q.rows[0][0], null);
    });
  }
  test('a file that is not there, among good ones', () => {
    const r = run('import', '--data', newDir(), join(root, 'absent.csv'), metaFile);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /absent\.csv/);
    assert.match(r.stdout, /meta report/);
  });
});

describe('through a running server', () => {
  const dir = newDir();
  let server;
  before(async () => { server = await serve(dir); });
  after(async () => { if (server) await server.stop(); });
  test('import, query, chart and doctor work on the held directory', () => {
    const s = json(run('import', '--json', '--data', dir, metaFile).stdout);
    assert.equal(s.state, 'done');
    assert.equal(s.totals.spend, 32.345679);
    assert.equal(s.file_name, 'meta report.csv');
    const q = json(run('query', '--data', dir, '--metrics', 'spend', '--format', 'json').stdout);
    assert.deepEqual(q.rows, [[32.345679]]);
    const png = join(root, 'held.png');
    assert.equal(run('chart', '--data', dir, '-m', 'spend', '-o', png).status, 0);
    assert.ok(existsSync(png));
    const d = json(run('doctor', '--data', dir, '--json').stdout);
    assert.ok(d.checks.some((c) => c.name === 'server' && c.verdict === 'ok'), JSON.stringify(d));
  });
  test('problems come back in words', () => {
    const file = join(root, 'nodate.csv');
    writeFileSync(file, 'Campaign,Spend\nA,5\n');
    const r = run('import', '--data', dir, file);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /--day|day/);
    assert.equal(run('import', '--data', dir, '--day', '2026-01-05', file).status, 0);
  });
  test('a second server on the directory says where the first one is', () => {
    const r = run('serve', '--data', dir, '--port', '0');
    assert.equal(r.status, 1);
    assert.match(r.stderr, new RegExp(`127\\.0\\.0\\.1:${server.port}`));
  });
  test('it ends cleanly and the data stay', async () => {
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    server = null;
    const q = json(run('query', '--data', dir, '--metrics', 'spend', '--format', 'json').stdout);
    assert.deepEqual(q.rows, [[37.345679]]);
  });
});

describe('the sample', () => {
  const dir = newDir();
  test('fills an empty workspace, and goes with the first import', async () => {
    let server = await serve(dir, '--sample');
    const q = json(run('query', '--data', dir, '--metrics', 'spend,impressions', '--by', 'channel', '--format', 'json').stdout);
    assert.equal(q.is_sample, true);
    assert.equal(q.rows.length, 6);
    await server.stop();
    const s = json(run('import', '--json', '--data', dir, metaFile).stdout);
    assert.match(s.message, /sample/i);
    server = await serve(dir, '--sample');
    const own = json(run('query', '--data', dir, '--metrics', 'spend', '--format', 'json').stdout);
    assert.equal(own.is_sample, false);
    assert.deepEqual(own.rows, [[32.345679]]);
    await server.stop();
  });
});

describe('a directory that was never used', () => {
  test('a question says so and makes nothing', () => {
    for (const command of [['query', '--metrics', 'spend'], ['chart', '-o', join(root, 'never.png')]]) {
      const dir = newDir();
      const r = run(...command, '--data', dir);
      assert.equal(r.status, 1);
      assert.match(r.stderr, /no data directory of winnow at .* winnow import/);
      assert.ok(!existsSync(dir));
    }
  });
  test('doctor looks at a foreign directory and leaves it as it is', () => {
    const dir = newDir();
    mkdirSync(dir, { mode: 0o700 });
    writeFileSync(join(dir, 'letter.txt'), 'dear all');
    const r = run('doctor', '--data', dir);
    assert.equal(r.status, 0, r.stdout);
    assert.match(r.stdout, /stores +none yet/);
    assert.deepEqual(readdirSync(dir), ['letter.txt']);
  });
});

describe('output that does not arrive', () => {
  const dir = newDir();
  before(() => assert.equal(run('import', '--data', dir, metaFile).status, 0));
  const shell = (line) => spawnSync('sh', ['-c', line, 'sh', bin, dir], { encoding: 'utf8', timeout: 60000 });
  test('a full disk is a failure', { skip: existsSync('/dev/full') ? false : 'no /dev/full' }, () => {
    for (const line of ['"$1" query --data "$2" --format csv >/dev/full', '"$1" help >/dev/full', '"$1" import --json --data "$2" nothing.csv >/dev/full']) {
      const r = shell(line);
      assert.equal(r.status, 1, line);
      assert.match(r.stderr, /cannot write the output: No space left/, line);
    }
  });
  test('a picture is written to a device, which stays one', { skip: existsSync('/dev/full') ? false : 'no /dev/full' }, () => {
    const device = join(root, 'device');
    symlinkSync('/dev/full', device);
    const r = run('chart', '--data', dir, '-o', device);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /cannot write .*No space left/);
    assert.ok(lstatSync(device).isSymbolicLink());
    assert.ok(statSync('/dev/full').isCharacterDevice());
  });
  test('a reader who has seen enough is no failure', () => {
    const r = shell('{ "$1" query --data "$2" --by day --format csv; echo "status $?" >&2; } | true');
    assert.match(r.stderr, /^status 0$/m);
  });
});

describe('a disk that does not take it', () => {
  test('an unwritable directory stops with a reason', { skip: process.getuid() === 0 ? 'root may write everywhere' : false }, () => {
    const dir = newDir();
    mkdirSync(dir);
    chmodSync(dir, 0o500);
    const r = run('import', '--data', dir, metaFile);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /cannot/);
  });
  test('a data directory that is a file stops with a reason', () => {
    const file = join(root, 'a-file');
    writeFileSync(file, 'x');
    const r = run('query', '--data', file);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /directory/);
  });
  test('a full disk loses nothing that was stored', { skip: canMount() ? false : 'mounting a small file system needs root' }, () => {
    const mount = join(root, 'small-disk');
    mkdirSync(mount);
    assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', mount]).status, 0);
    try {
      const dir = join(mount, 'data');
      assert.equal(run('import', '--data', dir, metaFile).status, 0);
      const big = join(root, 'big.csv');
      const rows = ['Day,Campaign,Ad,Impressions,Clicks,Spend'];
      let seed = 1;
      const next = () => (seed = (seed * 48271) % 2147483647);
      for (let i = 0; i < 600000; i++) rows.push(`2026-03-${String(1 + (i % 28)).padStart(2, '0')},c${next()},a${next()},${next() % 1000000},${next() % 1000000},${(next() % 100000000) / 1000}`);
      writeFileSync(big, rows.join('\n'));
      const r = run('import', '--data', dir, big);
      assert.equal(r.status, 1, r.stdout);
      assert.match(r.stderr, /disk|space|write/i);
      assert.doesNotMatch(r.stderr, /SELECT|INSERT|duckdb_/i);
      const q = run('query', '--data', dir, '--metrics', 'spend', '--format', 'json');
      assert.equal(q.status, 0, q.stderr);
      assert.deepEqual(json(q.stdout).rows, [[32.345679]]);
    } finally {
      spawnSync('umount', ['-l', mount]);
    }
  });
});

function canMount() {
  const dir = join(root, 'try-mount');
  mkdirSync(dir, { recursive: true });
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]).status !== 0) return false;
  spawnSync('umount', [dir]);
  return true;
}
