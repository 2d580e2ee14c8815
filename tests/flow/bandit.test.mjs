// Protects the command bandit: states that are made, grow and keep what they are told, propensities
// that are those of the draws, rewards late and faded, simulations, replays, and logs judged or refused.
import { test, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.WINNOW_BIN;
if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
const root = mkdtempSync(join(tmpdir(), 'winnow-bandit-'));
after(() => rmSync(root, { recursive: true, force: true }));

function run(args, input = '') {
  const r = spawnSync(bin, ['bandit', ...args], { encoding: 'utf8', timeout: 120000, killSignal: 'SIGKILL', maxBuffer: 1 << 26, input });
  const what = `bandit ${args.join(' ')}\n${r.stderr}`;
  assert.equal(r.signal, null, what);
  assert.doesNotMatch(r.stdout, /(^|[\s,:[])[-+]?(nan|inf|infinity)\b/im, what);
  return r;
}
function good(args, input) {
  const r = run(args, input);
  assert.equal(r.status, 0, `bandit ${args.join(' ')}\n${r.stderr}`);
  return r;
}
function bad(args, input, words, status = 1) {
  const r = run(args, input);
  const what = `bandit ${args.join(' ')}\n${r.stderr}`;
  assert.equal(r.status, status, what);
  assert.match(r.stderr, /^winnow: .+/, what);
  for (const word of [words].flat()) assert.match(r.stderr, word, what);
}
const table = (text) => {
  const [head, ...rows] = text.trimEnd().split('\n').map((line) => line.split(','));
  return rows.map((row) => {
    assert.equal(row.length, head.length, row.join(','));
    return Object.fromEntries(head.map((name, i) => [name, row[i]]));
  });
};
let files = 0;
const path = (name = `file-${files++}`) => join(root, name);
function file(text) {
  const name = path();
  writeFileSync(name, text);
  return name;
}
const state = (name) => JSON.parse(readFileSync(name, 'utf8'));
const now = ['--now', '2026-02-01T00:00:00Z'];
const rewards = 'arm,impressions,clicks,time\nred,1000,50,2026-01-20\ngreen,1000,40,2026-01-20\nblue,1000,10,2026-01-21\n';

describe('choose', () => {
  test('makes a state, draws with the printed propensity, and goes on from its own seed', () => {
    const s = path();
    const first = table(good(['choose', '--state', s, '--arms', 'a,b', '--seed', '5', ...now]).stdout);
    assert.equal(first.length, 1);
    assert.deepEqual([first[0].choice, Number(first[0].propensity)], ['1', 0.5]);
    assert.deepEqual([state(s).seed, state(s).choices, state(s).arms.length], [5, 1, 2]);
    bad(['choose', '--state', s, '--seed', '6'], '', /has its own/);
    good(['update', '--state', s, '-i', '-', ...now], 'arm,trials,reward\na,100,12\nb,100,9\n');
    const rows = table(good(['choose', '--state', s, '-n', '20000', ...now]).stdout);
    assert.equal(rows.length, 20000);
    assert.equal(rows[0].choice, '2');
    const share = Object.fromEntries(rows.map((r) => [r.arm, Number(r.propensity)]));
    assert.ok(Math.abs(share.a + share.b - 1) < 1e-12 && share.a > share.b);
    const drawn = rows.filter((r) => r.arm === 'a').length / rows.length;
    assert.ok(Math.abs(drawn - share.a) < 5 * Math.sqrt(0.25 / rows.length), `${drawn} ${share.a}`);
  });
  test('the same state gives the same choice; another choice follows', () => {
    const [s, t] = [path(), path()];
    good(['choose', '--state', s, '--arms', 'a,b,c,d', ...now]);
    writeFileSync(t, readFileSync(s));
    const pick = (f) => good(['choose', '--state', f, '-n', '50', ...now]).stdout;
    const once = pick(s);
    assert.equal(pick(t), once);
    assert.notEqual(pick(s).replaceAll(/^\d+/gm, ''), once.replaceAll(/^\d+/gm, ''));
    const before = readFileSync(s, 'utf8');
    good(['choose', '--state', s, '--dry-run', ...now]);
    assert.equal(readFileSync(s, 'utf8'), before);
  });
  test('a batch adds up, has floors, and changes at most by the factor', () => {
    const s = path();
    good(['update', '--state', s, '-i', '-', ...now], rewards);
    const batch = (...more) => table(good(['choose', '--state', s, '--batch', '10000', ...now, ...more]).stdout);
    const rows = batch();
    assert.equal(rows.reduce((a, r) => a + Number(r.n), 0), 10000);
    assert.ok(Math.abs(rows.reduce((a, r) => a + Number(r.p_best), 0) - 1) < 1e-5);
    const blue = rows.find((r) => r.arm === 'blue');
    assert.ok(Math.abs(blue.share - 0.01) < 1e-9 && blue.verdict === 'drop', JSON.stringify(blue));
    good(['update', '--state', s, '-i', '-', ...now], 'arm,impressions,clicks\nblue,2000,1500\n');
    const after = batch().find((r) => r.arm === 'blue');
    assert.ok(Math.abs(after.share - 0.02) < 1e-9, JSON.stringify(after));
    assert.ok(batch('--max-change', '0').find((r) => r.arm === 'blue').share > 0.9);
  });
  test('json, retired and new arms, and the aim to decide', () => {
    const s = path();
    good(['update', '--state', s, '-i', '-', ...now], rewards);
    const reply = JSON.parse(good(['choose', '--state', s, '--json', '--retire', 'blue', ...now]).stdout);
    assert.deepEqual(reply.arms.map((a) => a.arm), ['red', 'green']);
    assert.equal(reply.leader, 'red');
    const chosen = reply.choices[0];
    assert.equal(chosen.propensity, reply.arms.find((a) => a.arm === chosen.arm).share);
    const aim = JSON.parse(good(['choose', '--state', s, '--json', '--aim', 'decide', ...now]).stdout);
    assert.ok(aim.arms[0].share < reply.arms[0].share && aim.arms[1].share > 0.4);
    const four = JSON.parse(good(['choose', '--state', s, '--json', '--arms', 'blue,new', ...now]).stdout);
    assert.deepEqual(four.arms.map((a) => a.arm), ['red', 'green', 'blue', 'new']);
  });
  test('two at once: both choices are counted', async () => {
    const s = path();
    good(['choose', '--state', s, '--arms', 'a,b', ...now]);
    const jobs = Array.from({ length: 6 }, () => new Promise((resolve) => spawn(bin, ['bandit', 'choose', '--state', s, ...now], { stdio: 'ignore' }).on('exit', resolve)));
    assert.deepEqual(await Promise.all(jobs), [0, 0, 0, 0, 0, 0]);
    assert.equal(state(s).choices, 7);
  });
});

describe('update', () => {
  test('single rows and totals say the same', () => {
    const [s, t] = [path(), path()];
    const rows = Array.from({ length: 200 }, (_, i) => `${'ab'[i % 2]},${i % 10 === 0 ? 1 : 0}`).join('\n');
    const one = good(['update', '--state', s, '-i', '-', ...now], `arm,reward\n${rows}\n`).stdout;
    const all = good(['update', '--state', t, '-i', '-', ...now], 'action,trials,successes\na,100,20\nb,100,0\n').stdout;
    assert.equal(one, all);
    assert.deepEqual(table(one).map((r) => [r.arm, r.successes, r.trials]), [['a', '20', '100'], ['b', '0', '100']]);
  });
  test('priors and their weight', () => {
    const mean = (prior) => Number(table(good(['update', '--state', path(), '--prior', prior, '-i', '-', ...now], 'arm,trials,reward\na,100,20\n').stdout)[0].mean);
    assert.ok(Math.abs(mean('own') - 21 / 102) < 1e-6);
    assert.ok(Math.abs(mean('market') - 120 / 2100) < 1e-6);
    assert.ok(Math.abs(mean('2,8,3') - 26 / 130) < 1e-6);
    bad(['update', '--state', path(), '--prior', '2', '-i', '-'], 'arm,reward\na,1\n', /--prior must be/);
  });
  test('counts fade by the day, those of tired arms faster', () => {
    const s = path();
    good(['update', '--state', s, '--decay', '0.98', '-i', '-', '--now', '2026-01-20'], rewards);
    good(['update', '--state', s, '--fatigued', 'green', '-i', '-', '--now', '2026-01-21'], 'arm,reward\nred,0\n');
    const rows = table(good(['update', '--state', s, '-i', '-', '--now', '2026-01-31'], 'arm,reward\nred,0\n').stdout);
    const trials = Object.fromEntries(rows.map((r) => [r.arm, Number(r.trials)]));
    assert.ok(Math.abs(trials.red - (1000 * 0.98 ** 11 + 0.98 ** 10 + 1)) < 0.01, JSON.stringify(trials));
    assert.ok(Math.abs(trials.green - 1000 * 0.98 * 0.9 ** 10) < 0.01);
    assert.equal(state(s).keep_daily, 0.98);
  });
  test('--decay auto finds that rates wander', () => {
    const days = (drift) => 'arm,trials,clicks,date\n' + Array.from({ length: 120 }, (_, i) => {
      const rate = drift ? 0.05 + 0.04 * Math.sin(i / 6) : 0.05;
      return `a,5000,${Math.round(5000 * rate)},${new Date(Date.UTC(2025, 0, 1 + i)).toISOString().slice(0, 10)}`;
    }).join('\n') + '\n';
    const keep = (drift) => JSON.parse(good(['update', '--state', path(), '--decay', 'auto', '--json', '-i', file(days(drift)), ...now]).stdout).keep_daily;
    assert.equal(keep(false), 1);
    assert.ok(keep(true) <= 0.95);
    bad(['update', '--state', path(), '--decay', 'auto', '-i', '-'], days(false), /twice/);
  });
  test('late conversions: trials count as far as they can have converted', () => {
    const s = path();
    const trials = (when, input) => Number(table(good(['update', '--state', s, '-i', '-', '--now', when], input).stdout)[0].trials);
    good(['choose', '--state', s, '--arms', 'a', '--delay', '0.5:0s,0.5:2d', '--now', '2026-01-01T00:00:00Z']);
    assert.ok(Math.abs(trials('2026-01-01T00:00:00Z', 'arm,trials,reward,time\na,1000,10,2026-01-01T00:00:00Z\n') - 500) < 0.01);
    const later = trials('2026-01-03T00:00:00Z', 'arm,trials,reward,time\na,0,5,2026-01-01T00:00:00Z\n');
    assert.ok(Math.abs(later - (500 + 500 * (1 - Math.exp(-1)))) < 0.01, String(later));
    assert.equal(trials('2026-03-01T00:00:00Z', 'arm,trials,reward\na,0,0\n'), 1000);
    assert.equal(state(s).pending.length, 0);
  });
  test('a context: who likes what', () => {
    const s = path();
    const rows = Array.from({ length: 4000 }, (_, i) => {
      const arm = (i * 7919) % 2, mobile = Math.floor(i / 2) % 2;
      return `${'ab'[arm]},${(i * 31) % 100 < (arm === mobile ? 20 : 5) ? 1 : 0},${mobile}`;
    });
    const csv = `arm,reward,mobile\n${rows.join('\n')}\n`;
    good(['update', '--state', s, '--context', 'mobile', '-i', '-', ...now], csv);
    assert.deepEqual(state(s).context.features, ['mobile']);
    const at = (mobile, ...more) => table(good(['choose', '--state', s, '--context', `mobile=${mobile}`, '-n', '300', '--dry-run', ...now, ...more]).stdout);
    for (const [mobile, arm] of [[0, 'a'], [1, 'b']]) {
      const chosen = at(mobile), share = Object.fromEntries(chosen.map((r) => [r.arm, Number(r.propensity)]));
      assert.ok(share[arm] > 0.98, JSON.stringify(share));
      const rate = Number(chosen.find((r) => r.arm === arm).rate);
      assert.ok(Math.abs(rate - 0.2) < 0.03, String(rate));
    }
    const before = state(s);
    good(['update', '--state', s, '-i', '-', ...now], csv); // the state knows its columns
    assert.ok(state(s).context.precision[0] > before.context.precision[0]);
    good(['choose', '--state', s, '--arms', 'fresh', '--context', 'mobile=1', '--json', ...now]);
    bad(['choose', '--state', s, '--context', 'hour=1'], '', /not FEATURE=NUMBER/);
    bad(['choose', '--state', s, '--context', 'mobile=1', '--batch', '9'], '', /no single context/);
    bad(['update', '--state', s, '-i', '-'], 'arm,reward\na,1\n', /no column 'mobile'/);
    bad(['update', '--state', s, '-i', '-'], 'arm,reward,mobile\na,1,x\n', [/not a number/, /line 2/]);
    bad(['update', '--state', s, '-i', '-'], 'arm,reward,trials,mobile\na,1,5,1\n', /each row is one trial/);
    bad(['update', '--state', s, '--context', 'hour', '-i', '-'], csv, /other context columns/);
    bad(['choose', '--state', path(), '--arms', 'a', '--context', 'mobile=1'], '', /has no context/);
  });
  test('what is wrong with rows, options and states, by line', () => {
    const s = path();
    bad(['update', '--state', s, '-i', '-'], 'arm,reward\na,1\na,-1\n', [/'-1' is not a number/, /line 3, column 2/]);
    bad(['update', '--state', s, '-i', '-'], 'arm,trials,reward\na,1,2\n', [/--delay/, /line 2/]);
    bad(['update', '--state', s, '-i', '-'], 'name of it,clicks\na,1\n', /must name the columns arm and reward/);
    bad(['update', '--state', s, '-i', '-'], 'arm,reward,time\na,1,yesterday\n', [/time/, /line 2/]);
    bad(['update', '--state', s, '-i', '-'], '', /no rows/);
    bad(['update', '--state', s, '-i', '-'], 'arm,reward\na,1e400\n', /line 2/);
    assert.throws(() => statSync(s)); // nothing was made
    bad(['update', '--state', s], '', /--input/);
    bad(['update', '-i', '-'], 'arm,reward\na,1\n', /--state/);
    bad(['choose', '--state', s], '', /--arms/);
    bad(['choose', '--state', s, '--arms', 'a', '--delay', '2x'], '', /--delay must be like/);
    bad(['choose', '--state', s, '--arms', 'a', '--retire', 'z'], '', /no arm 'z'/);
    bad(['choose', '--state', s, '--arms', 'a', '--rates', '1'], '', /--rates means nothing to 'winnow bandit choose'/, 2);
    bad(['dance'], '', /'dance' is not one of/, 2);
    bad([], '', /missing/, 2);
    bad(['choose', '--state', file('{"format":"something else"}')], '', /no state of winnow bandit/);
    bad(['choose', '--state', file('{"format":"winnow bandit","version":2}')], '', /version 2/);
    bad(['choose', '--state', file('{"format":')], '', /./);
    bad(['choose', '--state', file('{"format":"winnow bandit","version":1,"arms":[{"name":"a","trials":-1}]}')], '', /"trials" is -1/);
  });
  test('a failed update leaves the state as it was', () => {
    const s = path();
    good(['update', '--state', s, '-i', '-', ...now], rewards);
    const before = readFileSync(s, 'utf8');
    bad(['update', '--state', s, '-i', '-', ...now], `${rewards}red,5,nonsense,2026-01-22\n`, /line 5/);
    assert.equal(readFileSync(s, 'utf8'), before);
  });
});

describe('simulate', () => {
  test('thompson loses less than ucb1 and random', () => {
    const rows = table(good(['simulate', '--rates', '0.1,0.05', '--rounds', '20000', '--runs', '10']).stdout);
    const end = Object.fromEntries(rows.filter((r) => r.round === '20000').map((r) => [r.policy, Number(r.regret)]));
    assert.deepEqual(Object.keys(end), ['thompson', 'top-two', 'ucb1', 'epsilon', 'greedy', 'random']);
    assert.ok(end.thompson < end.ucb1 && end.ucb1 < end.random, JSON.stringify(end));
    assert.ok(Math.abs(end.random - 500) < 25);
  });
  test('json, late conversions, the same seed', () => {
    const args = ['simulate', '--rates', '0.1', '--rates', '0.05', '--rounds', '5000', '--runs', '5', '--policy', 'thompson', '--late', '0.4', '--late-mean', '500', '--json', '--seed', '3'];
    const once = good(args).stdout, reply = JSON.parse(once);
    assert.equal(reply.policies.length, 1);
    assert.equal(reply.policies[0].curve.at(-1).round, 5000);
    assert.equal(good(args).stdout, once);
  });
  test('a replay sees only the reward of the arm it shows', () => {
    const cells = 'x,y\n' + Array.from({ length: 2000 }, (_, i) => `${i % 2},0`).join('\n') + '\n';
    const reply = JSON.parse(good(['simulate', '-i', '-', '--runs', '5', '--json'], cells).stdout);
    assert.deepEqual([reply.rounds, reply.best_arm, reply.any_arm], [2000, 1000, 500]);
    const of = Object.fromEntries(reply.policies.map((p) => [p.policy, p.successes]));
    assert.ok(of.thompson > 950 && of.thompson < 1000 && Math.abs(of.random - 500) < 60, JSON.stringify(of));
    bad(['simulate', '-i', '-'], 'x,y\n1,2\n', [/neither 0 nor 1/, /line 2, column 2/]);
    bad(['simulate', '-i', '-'], 'x,y\n1\n', /line 2/);
    bad(['simulate'], '', /--rates/);
    bad(['simulate', '--rates', '0.1,2'], '', /--rates must be/);
    bad(['simulate', '--rates', '0.1', '--policy', 'guess'], '', /--policy must be/);
  });
});

describe('evaluate', () => {
  // a and b were shown half and half; b earns 0.4, a 0.2; the new policy shows b nine times in ten
  const rows = Array.from({ length: 2000 }, (_, i) => {
    const arm = (i * 7919) % 2, earns = arm ? i % 5 < 2 : i % 5 === 0;
    return `${'ab'[arm]},${earns ? 1 : 0},0.5,0.1,0.9,${i % 24},${['phone', 'desk', 'tv'][i % 3]}`;
  });
  const log = `action,reward,propensity,new_a,new_b,hour,device\n${rows.join('\n')}\n`;
  test('all estimators, near the truth, in order', () => {
    const r = good(['evaluate', '-i', '-'], log), out = table(r.stdout);
    assert.deepEqual(out.map((e) => e.estimator), ['logged', 'dm', 'ipw', 'snipw', 'dr']);
    for (const e of out) assert.ok(Number(e.low95) <= Number(e.value) && Number(e.value) <= Number(e.high95), JSON.stringify(e));
    for (const e of out.slice(2)) assert.ok(Math.abs(e.value - 0.38) < 0.03, JSON.stringify(e));
    assert.match(r.stderr, /2000 rows, effective sample size 12\d\d/);
  });
  test('json, context, other policies, other intervals', () => {
    const reply = (...args) => JSON.parse(good(['evaluate', '-i', '-', '--json', ...args], log).stdout);
    const plain = reply();
    assert.deepEqual([plain.rows, plain.actions, plain.level], [2000, 2, 0.95]);
    assert.ok(Math.abs(reply('--context', 'hour,device').estimates.dr.value - 0.38) < 0.03);
    assert.ok(Math.abs(reply('--policy', 'uniform').estimates.snipw.value - plain.estimates.logged.value) < 1e-9);
    assert.ok(Math.abs(reply('--policy', 'always:b').estimates.snipw.value - 0.4) < 0.03);
    const wide = reply('--interval', 'bernstein').estimates.dr, narrow = reply('--level', '80').estimates.dr;
    assert.ok(wide.high - wide.low > narrow.high - narrow.low);
    const cut = reply('--tau', '1').estimates;
    assert.ok(cut['switch-dr'].low <= cut.dr.low && cut['switch-dr'].high >= cut.dr.high);
    bad(['evaluate', '-i', '-', '--policy', 'always:z'], log, /no action 'z'/);
    bad(['evaluate', '-i', '-', '--context', 'zip'], log, /no column 'zip'/);
  });
  test('a probability of the action taken is enough for ipw', () => {
    const taken = 'arm,click,pscore,new\n' + rows.map((row) => { const c = row.split(','); return `${c[0]},${c[1]},0.5,${c[0] === 'a' ? 0.1 : 0.9}`; }).join('\n') + '\n';
    const r = good(['evaluate', '-i', '-'], taken);
    assert.deepEqual(table(r.stdout).map((e) => e.estimator), ['logged', 'ipw', 'snipw']);
    assert.match(r.stderr, /no dm and no dr/);
  });
  test('given expected rewards are used as they are', () => {
    const with_q = log.replace('new_b', 'new_b,q_a,q_b').replaceAll(/,0\.9,/g, ',0.9,0.2,0.4,');
    const dm = JSON.parse(good(['evaluate', '-i', '-', '--json'], with_q).stdout).estimates.dm;
    assert.ok(Math.abs(dm.value - (0.1 * 0.2 + 0.9 * 0.4)) < 1e-12);
  });
  test('refuses what the log cannot show, and what is no log', () => {
    bad(['evaluate', '-i', '-'], log.split('\n').slice(0, 121).join('\n'), /effective sample size is \d+\.\d of 120 rows/);
    bad(['evaluate', '-i', '-'], '', /no rows/);
    bad(['evaluate', '-i', '-'], 'action,reward,propensity\na,1,0.5\n', /add the columns new_<action>/);
    bad(['evaluate', '-i', '-'], 'action,reward\na,1\n', /propensity is missing/);
    bad(['evaluate', '-i', '-'], 'action,reward,propensity,new\na,1,0,1\n', /propensity of 0/);
    bad(['evaluate', '-i', '-'], 'action,reward,propensity,new\na,1,x,1\n', [/propensity 'x'/, /line 2, column 3/]);
    bad(['evaluate', '-i', '-'], 'action,reward,propensity,new_a,new_b\na,1,0.5,0.5,0.9\n', /sum to 1\.4, not 1/);
    bad(['evaluate', '-i', '-'], 'action,reward,propensity,new_a\nz,1,0.5,1\n', [/no column new_z/, /line 2/]);
  });
});

test('the manual', () => assert.match(good(['--help']).stdout, /NAME[\s\S]*--state[\s\S]*EXAMPLES/));
