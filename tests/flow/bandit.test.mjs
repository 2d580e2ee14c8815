// Protects the command bandit: states that are made, grow and keep what they are told, propensities
// that are those of the draws, rewards late and faded, simulations, replays,
// logs judged or refused, and patterns of creatives with the priors they give.
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

describe('patterns', () => {
  const hooks = { question: 0.4, story: 0, number: -0.4 }, emotions = { joy: 0, fear: 0, trust: 0 }, formats = { video: 0.2, image: -0.2, reel: 0, still: 0 };
  // every combination but question, joy, video; fear works only behind a question
  const rate = (h, e, f) => 1 / (1 + Math.exp(3 - hooks[h] - emotions[e] - formats[f] - (h === 'question' && e === 'fear' ? 0.9 : 0)));
  const rows = [];
  for (const h in hooks) for (const e in emotions) for (const f in formats)
    if (!(h === 'question' && e === 'joy' && f === 'video')) rows.push([`ad${rows.length + 1}`, `Title ${rows.length}`, 'uk', h, e, f, 40000, Math.round(40000 * rate(h, e, f))]);
  const head = 'creative,title,market,hook,emotion,format,impressions,clicks\n';
  const csv = head + rows.map((r) => r.join(',')).join('\n') + '\n';
  const patterns = (text, ...args) => good(['patterns', '-i', '-', ...args], text);
  const odds = (text, ...args) => Object.fromEntries(table(patterns(text, ...args).stdout).map((r) => [r.level + (r.level2 && `+${r.level2}`), r]));

  test('the effects that made the clicks, pairs only where they are certain', () => {
    const r = patterns(csv), effects = odds(csv);
    assert.match(r.stderr, /35 creatives, clicks of impressions; fields: hook, emotion, format\./);
    assert.match(r.stderr, /Left out: title, which is different in each\.\nLeft out: market, which is the same in all\./);
    assert.match(r.stderr, /Most helps hook question: odds x1\.\d\d\.\nMost harms hook number: odds x0\.\d\d\./);
    assert.deepEqual(Object.keys(effects).filter((k) => k.includes('+')), ['question+fear']);
    assert.equal(effects['question+fear'].field2, 'emotion');
    assert.equal(effects['question+fear'].n_creatives, '4');
    const ratio = effects.video.odds / effects.image.odds;
    assert.ok(Math.abs(Math.log(ratio) - 0.4) < 0.1, String(ratio)); // effects are drawn towards 1
    assert.ok(Math.abs(Math.log(effects.story.odds / effects.number.odds) - 0.4) < 0.1);
    for (const e of Object.values(effects)) assert.ok(Number(e.low80) < Number(e.odds) && Number(e.odds) < Number(e.high80), JSON.stringify(e));
    const wide = odds(csv, '--level', '95').video;
    const z = Math.log(wide.high95 / wide.odds) / Math.log(effects.video.high80 / effects.video.odds);
    assert.ok(Math.abs(z - 1.959964 / 1.281552) < 1e-3, String(z));
    assert.deepEqual(Object.keys(odds(csv, '--no-pairs')).filter((k) => k.includes('+')), []);
  });
  test('the order of the rows and days of one creative do not matter', () => {
    const halves = rows.flatMap((r) => [r.with(6, 10000).with(7, 100), r.with(6, 30000).with(7, r[7] - 100)]).reverse();
    const again = odds(head + halves.map((r) => r.join(',')).join('\n') + '\n'), once = odds(csv);
    assert.equal(Object.keys(again).length, Object.keys(once).length);
    for (const [name, e] of Object.entries(once)) {
      assert.ok(Math.abs(again[name].odds / e.odds - 1) < 1e-3, name);
      assert.equal(again[name].n_creatives, e.n_creatives);
    }
  });
  test('briefs: what was not tried, with its rate and what speaks for it', () => {
    const args = ['--briefs', '3', '--seed', '4'];
    const r = patterns(csv, ...args), [brief, ...more] = table(r.stdout);
    assert.equal(more.length, 0);
    assert.match(r.stderr, /Combinations not tried yet: 1\./);
    assert.deepEqual([brief.hook, brief.emotion, brief.format, brief.p_best], ['question', 'joy', 'video', '1']);
    const truth = rate('question', 'joy', 'video');
    assert.ok(Number(brief.low80) < truth && truth < Number(brief.high80), `${JSON.stringify(brief)} ${truth}`);
    assert.match(brief.because, /^question x1\.\d\d \+ joy x\d\.\d\d \+ video x1\.\d\d$/);
    assert.equal(patterns(csv, ...args).stdout, r.stdout);
    const many = head + rows.filter((_, i) => i % 3).map((x) => x.join(',')).join('\n') + '\n';
    const reply = JSON.parse(patterns(many, '--briefs', '5', '--json').stdout);
    assert.equal(reply.briefs.length, 5);
    assert.ok(Math.abs(reply.briefs.reduce((a, b) => a + b.p_best, 0) - 1) < 1e-9);
    const tried = new Set(rows.filter((_, i) => i % 3).map((x) => x.slice(3, 6).join()));
    for (const b of reply.briefs) {
      assert.ok(!tried.has(Object.values(b.fields).join()), JSON.stringify(b.fields));
      assert.ok(b.low < b.rate && b.rate < b.high && b.because.length >= 3);
    }
    assert.equal(new Set(reply.briefs.map((b) => Object.values(b.fields).join())).size, 5);
    const full = head + rows.map((x) => x.join(',')).join('\n') + '\nlast,x,uk,question,joy,video,10,1\n';
    assert.match(patterns(full, '--briefs', '2').stderr, /Every combination of levels has been tried/);
  });
  test('the fields asked for, lacking ones, other names of columns, campaigns', () => {
    assert.deepEqual([...new Set(table(patterns(csv, '--fields', 'format,market').stdout).map((r) => r.field))], ['format', 'market']);
    bad(['patterns', '-i', '-', '--fields', 'colour'], csv, /no column 'colour'/);
    const other = 'Ad,Campaign,Views,Conversions,clicks,spend,offer\na,x,1000,20,50,5,free\nb,y,1000,10,50,5,\nc,x,,,,,free\n';
    const r = patterns(other);
    assert.match(r.stderr, /3 creatives, Conversions of Views; fields: offer\./);
    assert.deepEqual(table(r.stdout).map((e) => [e.field, e.level, e.n_creatives]), [['offer', 'free', '2']]);
  });
  test('degenerate creatives: a defined answer or a clear refusal', () => {
    const few = (cells) => 'creative,views,clicks,hook,mood\n' + cells.map((c) => c.join(',')).join('\n') + '\n';
    const one = (views, clicks) => few([['a', views, clicks, 'q', 'x'], ['b', views, clicks, 's', 'x'], ['c', 0, 0, 's', 'y']]);
    for (const [views, clicks] of [[1000, 0], [1000, 1000], ['1e15', '1e14'], ['1e15', '1e15'], [1, 0], [0.5, 0.25]]) {
      const reply = JSON.parse(patterns(one(views, clicks), '--json', '--briefs', '1').stdout);
      assert.equal(reply.effects.length, 4);
      for (const e of reply.effects) assert.ok(e.odds > 0 && e.low <= e.odds && e.odds <= e.high, JSON.stringify(e));
      assert.ok(reply.briefs[0].rate > 0 && reply.briefs[0].rate < 1);
    }
    bad(['patterns', '-i', '-'], one(0, 0), /no creative has been shown/);
    bad(['patterns', '-i', '-'], few([['a', 10, 1, 'q', 'x']]), /no column tells/);
    bad(['patterns', '-i', '-'], few([['a', 10, 1, 'q', 'x'], ['b', 10, 2, 'q', 'x']]), /no column tells/);
    bad(['patterns', '-i', '-'], few([]), /no creatives in the input/);
    bad(['patterns', '-i', '-'], '', /no creatives in the input/);
    for (const word of ['nan', '1e400', '-3', '1e16', 'many'])
      bad(['patterns', '-i', '-'], few([['a', 10, 1, 'q', 'x'], ['b', word, 1, 'q', 'x']]), [/is not a number from 0 to 1e15/, /line 3, column 2/]);
    bad(['patterns', '-i', '-'], few([['a', 10, '', 'q', 'x']]), /line 2, column 3/);
    bad(['patterns', '-i', '-'], few([['a', 10, 11, 'q', 'x']]), [/more than there can be/, /line 2/]);
    bad(['patterns', '-i', '-'], few([['', 10, 1, 'q', 'x']]), [/names no creative/, /line 2/]);
    bad(['patterns', '-i', '-'], few([['a', 10, 1, 'q', 'x'], ['a', 10, 1, 's', 'x']]), [/has hook 's' here, but 'q' in line 2/, /line 3, column 4/]);
    bad(['patterns', '-i', '-'], 'ad,clicks,hook\na,1,q\n', /views is missing/);
    bad(['patterns', '-i', '-'], 'hook,clicks,views\nq,1,9\n', /creative is missing/);
    const wide = `creative,views,clicks,${Array.from({ length: 9 }, (_, i) => `f${i}`).join()}\na,9,1${',x'.repeat(9)}\nb,9,1${',y'.repeat(9)}\n`;
    bad(['patterns', '-i', '-'], wide, /more than 8 columns could be patterns: choose some with --fields/);
    bad(['patterns'], '', /give --input FILE/);
    bad(['patterns', '-i', '-', '--state', 'x'], csv, /--state means nothing to 'winnow bandit patterns'/, 2);
  });
  test('so many levels that pairs do not fit are learned without them', () => {
    const levels = Array.from({ length: 1600 }, (_, i) => `c${i},100,${i % 9},h${i % 45},e${Math.floor(i / 45)}`).join('\n');
    const r = patterns(`creative,views,clicks,hook,emotion\n${levels}\n`);
    assert.match(r.stderr, /Pairs of levels are left out: with them there are more than 1500 effects/);
    assert.equal(table(r.stdout).length, 45 + 36);
  });

  const waiting = file(csv + 'new1,New,uk,question,joy,video,0,0\nnew2,Newer,uk,number,trust,image,,\n');
  const arms = (s) => Object.fromEntries(state(s).arms.map((a) => [a.name, a]));
  test('choose --patterns: new arms start from their patterns, and keep it', () => {
    const s = path();
    const r = good(['choose', '--state', s, '--arms', 'new1,new2', '--patterns', waiting, '--batch', '100', ...now]);
    assert.match(r.stderr, /Prior rates by patterns: new1 0\.0\d+ \(worth \d+ trials\), new2 0\.0\d+ \(worth \d+ trials\)\./);
    const rate_of = (name) => Number(table(r.stdout).find((a) => a.arm === name).mean);
    assert.ok(Math.abs(rate_of('new1') / rate('question', 'joy', 'video') - 1) < 0.25);
    assert.ok(Math.abs(rate_of('new2') / rate('number', 'trust', 'image') - 1) < 0.25);
    const brief = table(patterns(csv, '--briefs', '1').stdout)[0];
    assert.ok(Math.abs(rate_of('new1') / brief.rate - 1) < 0.05);
    const { alpha, beta, weight } = arms(s).new1.prior;
    assert.ok((alpha + beta) * weight >= 10 && (alpha + beta) * weight <= 2000);
    assert.ok(Math.abs(alpha / (alpha + beta) / rate_of('new1') - 1) < 1e-4);
    const after = JSON.parse(good(['update', '--state', s, '-i', '-', '--json', ...now], 'arm,trials,reward\nnew1,1000,50\nother,10,1\n').stdout);
    const of = Object.fromEntries(after.arms.map((a) => [a.arm, a]));
    assert.ok(Math.abs(of.new1.mean - (alpha + 50) / (alpha + beta + 1000)) < 1e-9);
    assert.deepEqual(of.other.prior, { alpha: 1, beta: 1 });
    // shown by now: another look at the file changes nothing for it
    const before = arms(s);
    good(['choose', '--state', s, '--patterns', waiting, '--fields', 'hook', ...now]);
    assert.deepEqual(arms(s).new1.prior, before.new1.prior);
    assert.notDeepEqual(arms(s).new2.prior, before.new2.prior);
    assert.equal(arms(s).other.prior, undefined);
  });
  test('update --patterns, arms that the file does not have, errors that name the file', () => {
    const s = path();
    const r = good(['update', '--state', s, '--arms', 'new1,stranger', '--patterns', waiting, '-i', '-', ...now], 'arm,trials,reward\nnew1,100,5\n');
    assert.match(r.stderr, /start with the prior of the state: 1, such as stranger\./);
    assert.ok(arms(s).new1.prior.alpha > 1 && arms(s).stranger.prior === undefined);
    const before = readFileSync(s, 'utf8');
    bad(['choose', '--state', s, '--patterns', file(`${head}a,b,uk,q,j,v,x,1\n`), ...now], '', [/--patterns: 'x' is not a number/, /line 2, column 7/]);
    bad(['choose', '--state', s, '--patterns', path('nowhere'), ...now], '', /--patterns: .*nowhere/);
    bad(['update', '--state', s, '--patterns', '-', '-i', '-', ...now], csv, /cannot both be standard input/);
    bad(['choose', '--state', s, '--no-pairs', ...now], '', /belong to --patterns/);
    assert.equal(readFileSync(s, 'utf8'), before);
    const broken = state(s);
    broken.arms[0].prior.alpha = 0;
    bad(['choose', '--state', file(JSON.stringify(broken)), ...now], '', /"alpha" is 0/);
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
