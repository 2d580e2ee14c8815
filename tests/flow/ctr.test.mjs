// Protects winnow ctr: every input format, models that know their columns, explanations, streams,
// sums, and input that is bad.
import { test, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bin = process.env.WINNOW_BIN;
if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
const root = mkdtempSync(join(tmpdir(), 'winnow-ctr-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** Runs and checks what holds of every run: no crash, and no number that is none. */
function run(args, input = '') {
  const r = spawnSync(bin, ['ctr', ...args], { encoding: 'utf8', timeout: 120000, killSignal: 'SIGKILL', maxBuffer: 1 << 26, input });
  const what = `${args.join(' ')}\n${r.stderr}`;
  assert.equal(r.signal, null, what);
  assert.ok([0, 1, 2].includes(r.status), what);
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
  assert.equal(r.status, status, `${args.join(' ')}\n${r.stderr}`);
  assert.match(r.stderr, /^winnow: .+/);
  for (const word of [words].flat()) assert.match(r.stderr, word);
  return r;
}
const path = (name) => join(root, name);
function file(name, text) {
  writeFileSync(path(name), text);
  return path(name);
}
/** The same numbers on every machine. */
function random(seed) {
  let x = seed >>> 0;
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x / 2 ** 32;
  };
}
/** Views of two devices, four places and a price; a click on a phone in the feed is four times as likely. */
function views(n, seed = 1) {
  const r = random(seed);
  return Array.from({ length: n }, (_, i) => {
    const device = ['phone', 'desktop'][Math.floor(r() * 2)], place = ['feed', 'story', 'search', 'top'][Math.floor(r() * 4)];
    const price = Math.exp(1 + 2 * r()).toFixed(2);
    const p = 0.1 * (device === 'phone' ? 2 : 1) * (place === 'feed' ? 2 : 1);
    return { id: `v${i}`, click: r() < p ? 1 : 0, device, place, price, at: new Date(1767225600000 + i * 60000).toISOString() };
  });
}
const csv = (rows) => [Object.keys(rows[0]).join(','), ...rows.map((r) => Object.values(r).join(','))].join('\n') + '\n';
const lines = (text) => text.trimEnd().split('\n');
const json = (r) => JSON.parse(r.stdout);

describe('train, predict, evaluate', () => {
  const rows = views(4000), train = file('train.csv', csv(rows)), model = path('ads.ctr');
  test('a model is written, and its report is about rows not seen', () => {
    const report = json(good(['train', '-i', train, '-m', model, '--id', 'id', '--time', 'at', '--json']));
    assert.equal(report.rows, 4000);
    assert.equal(report.clicks, rows.filter((r) => r.click).length);
    assert.equal(report.learned, 'all');
    assert.equal(report.scores.views, 4000);
    assert.ok(report.scores.log_loss < report.scores.log_loss_base);
    assert.deepEqual(report.fields.map((f) => f.field).sort(), ['at hour', 'at weekday', 'device', 'place', 'price']);
    assert.ok(['device', 'place'].includes(report.fields[0].field), JSON.stringify(report.fields));
    const text = good(['train', '-i', train, '-m', model, '--id', 'id', '--time', 'at']).stdout;
    for (const words of [/4000 rows/, /log loss/, /What drives it/, /columns of numbers: price/]) assert.match(text, words);
  });
  test('predictions are near the truth, explained, and named by id', () => {
    const out = lines(good(['predict', '-i', train, '-m', model, '--because', '2']).stdout);
    assert.equal(out[0], 'id,p,low,high,because');
    assert.equal(out.length, 4001);
    for (const [i, line] of out.slice(1).entries()) {
      const [id, p, low, high] = line.split(',').map((x, k) => (k ? Number(x) : x));
      assert.equal(id, rows[i].id);
      assert.ok(0 < low && low <= p && p <= high && high < 1, line);
      const truth = 0.1 * (rows[i].device === 'phone' ? 2 : 1) * (rows[i].place === 'feed' ? 2 : 1);
      assert.ok(Math.abs(p - truth) < 0.12, `${line}: ${truth}`);
      if (rows[i].device === 'phone' && rows[i].place === 'feed') assert.match(line, /device=phone x[12]\.\d.*|place=feed x[12]\.\d/);
    }
  });
  test('JSON holds the same numbers, and what is new', () => {
    const input = 'device,place,price,at\nphone,feed,3.5,2026-01-02T10:00:00Z\nwatch,,9,2026-01-02T10:00:00Z\n';
    const [known, fresh] = lines(good(['predict', '-i', '-', '-m', model, '--json', '--because', '5'], input).stdout).map((l) => JSON.parse(l));
    assert.equal(known.new_values, 0);
    assert.equal(fresh.new_values, 2);
    assert.ok(fresh.because.some((b) => b.what === 'device=watch' && b.is_new));
    assert.ok(fresh.high / fresh.low > known.high / known.low);
    const plain = lines(good(['predict', '-i', '-', '-m', model], input).stdout);
    assert.deepEqual(plain[1].split(',').slice(1).map(Number), [known.p, known.low, known.high]);
  });
  test('evaluate scores rows that are new, and unknown columns are named', () => {
    const later = file('later.csv', csv(views(3000, 7)));
    const s = json(good(['evaluate', '-i', later, '-m', model, '--json']));
    assert.equal(s.views, 3000);
    assert.ok(s.log_loss < s.log_loss_base && s.auc > 0.55 && s.ece < 0.05, JSON.stringify(s));
    assert.ok(s.predicted_to_observed > 0.85 && s.predicted_to_observed < 1.15);
    assert.match(good(['evaluate', '-i', later, '-m', model]).stdout, /AUC/);
    const more = good(['predict', '-i', '-', '-m', model], 'device,colour,at\nphone,red,2026-01-02\n');
    assert.match(more.stderr, /colour/);
  });
  test('the same rows give the same bytes; the order of columns does not matter', () => {
    const again = path('again.ctr');
    good(['train', '-i', train, '-m', again, '--id', 'id', '--time', 'at']);
    assert.ok(readFileSync(model).equals(readFileSync(again)));
    const a = lines(good(['predict', '-i', '-', '-m', model], 'device,place,price\nphone,feed,3.5\n').stdout)[1];
    const b = lines(good(['predict', '-i', '-', '-m', model], 'price,place,device\n3.5,feed,phone\n').stdout)[1];
    assert.equal(a, b);
  });
  test('quotes, line breaks and CRLF change nothing', () => {
    const plain = good(['predict', '-i', '-', '-m', model], 'device,place\nphone,feed\ndesktop,story\n').stdout;
    assert.equal(good(['predict', '-i', '-', '-m', model], '"device","place"\r\n"phone","feed"\r\ndesktop,story').stdout, plain);
    assert.equal(good(['predict', '-i', '-', '-m', model], '\ufeffdevice;place\nphone;feed\ndesktop;story\n').stdout, plain);
  });
  test('a stream says how well it foresees, goes on, and stays near', () => {
    const streamed = path('stream.ctr');
    const r = good(['train', '-i', train, '-m', streamed, '--id', 'id', '--ignore', 'at', '--learn', 'stream', '--json']);
    assert.match(r.stderr, /log loss since/);
    assert.match(r.stderr, /4000 .* end/);
    assert.equal(json(r).learned, 'stream');
    const updated = json(good(['train', '-i', file('more.csv', csv(views(3000, 9))), '-m', streamed, '--update', '--json']));
    assert.equal(updated.rows, 7000);
    assert.ok(updated.scores.log_loss < updated.scores.log_loss_base);
    assert.match(good(['train', '-i', train, '-m', path('auto.ctr'), '--memory-rows', '1000']).stderr, /more than 1000 rows/);
  });
  test('a damaged or foreign model is refused by name and checksum', () => {
    const bytes = readFileSync(model);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(path('damaged.ctr'), bytes);
    bad(['predict', '-i', train, '-m', path('damaged.ctr')], '', [/damaged\.ctr/, /checksum is [0-9a-f]{16}/]);
    writeFileSync(path('short.ctr'), bytes.subarray(0, 100));
    bad(['predict', '-i', train, '-m', path('short.ctr')], '', /short\.ctr.*bytes/);
    bad(['predict', '-i', train, '-m', train], '', /no click model/);
    bad(['predict', '-i', train, '-m', path('absent.ctr')], '', /absent\.ctr/);
  });
});

describe('formats', () => {
  const rows = views(600, 3);
  const forms = {
    tsv: [rows.map((r) => [r.click, r.device, r.place].join('\t')), 'tsv'],
    libsvm: [rows.map((r) => `${r.click} ${r.device === 'phone' ? 1 : 2}:1 ${10 + r.place.length}:1`), 'libsvm'],
    libffm: [rows.map((r) => `${r.click} 0:${r.device}:1 1:${r.place}:1`), 'libffm'],
    vw: [rows.map((r) => `${r.click ? 1 : -1} 1 'tag${r.id} |d ${r.device} |p ${r.place}:1`), 'vw'],
  };
  for (const [name, [text]] of Object.entries(forms))
    test(`${name} is recognised, learned and predicted`, () => {
      const input = file(`rows.${name}`, text.join('\n') + '\n'), model = path(`${name}.ctr`);
      const report = json(good(['train', '-i', input, '-m', model, '--json']));
      assert.equal(report.rows, 600);
      assert.equal(report.clicks, rows.filter((r) => r.click).length);
      assert.ok(report.scores.log_loss < report.scores.log_loss_base * 1.01);
      const out = lines(good(['predict', '-i', input, '-m', model]).stdout);
      assert.equal(out.length, 601);
      if (name === 'vw') assert.match(out[1], /^tagv0,/);
    });
  test('sums of views learn what the views would', () => {
    const model = path('sums.ctr');
    const days = Array.from({ length: 300 }, (_, i) => `c${i % 3},ad${i % 12},1000,${[10, 20, 80][i % 3]}`);
    const report = json(good(['train', '-i', '-', '-m', model, '--target', 'clicks', '--views', 'views', '--tree', 'campaign,ad', '--json'],
      `campaign,ad,views,clicks\n${days.join('\n')}\n`));
    assert.equal(report.views, 300000);
    const out = lines(good(['predict', '-i', '-', '-m', model], 'campaign,ad\nc0,new\nc2,new\n').stdout).slice(1).map((l) => Number(l.split(',')[1]));
    assert.ok(Math.abs(out[0] - 0.01) < 0.003 && Math.abs(out[1] - 0.08) < 0.02, out.join());
  });
});

describe('what is wrong', () => {
  const model = path('small.ctr');
  good(['train', '-i', '-', '-m', model], 'click,a\n1,x\n0,y\n');
  const train = (input, words, ...more) => bad(['train', '-i', '-', '-m', path('none.ctr'), ...more], input, words);
  test('options and files', () => {
    bad(['learn'], '', /train, predict or evaluate/, 2);
    bad(['train', '-i', '-'], '', /--model/);
    bad(['train', '-m', model], '', /--input/);
    bad(['train', '-i', path('absent.csv'), '-m', model], '', /absent\.csv/);
    bad(['train', '-i', root, '-m', model], 'x', /directory/);
    train('click,a\n1,x\n', /alpha/, '--alpha', '0');
    train('click,a\n1,x\n', /--l1 takes a number/, '--l1', 'much');
    train('click,a\n1,x\n', /--factors/, '--factors', '99');
    train('click,a\n1,x\n', /no feature column 'b'/, '--cross', 'a*b');
    train('click,a\n1,x\n', /A\*B/, '--cross', 'a');
    train('click,a\n1,x\n', /no feature column/, '--tree', 'z');
    train('click,a\n1,x\n', /no column 'seen'/, '--target', 'seen');
    train('click,a\n1,x\n', /--numeric names the column 'z'/, '--numeric', 'z');
    assert.ok(!existsSync(path('none.ctr')));
  });
  test('rows, by line', () => {
    train('', /empty/);
    train('click,a\n', /no rows/);
    train('what,a\n1,x\n', /--target/);
    train('click,a\n1,x\nmaybe,y\n', [/maybe/, /line 3|3:/]);
    train('click,a\n1,x\n1\n', [/1 columns, the first one has 2/, /3/]);
    train('click,a\n1,x\n2,y\n', /neither 0 nor 1/);
    train('click,n\n1,5\n0,five\n', [/five/, /--text n/], '--numeric', 'n');
    train('click,views,a\n5,3,x\n', /more clicks than views/, '--views', 'views');
    train('click,t\n1,yesterday\n', /no time/, '--time', 't');
    train('click,a\n1,"open\n', /quote/);
    train('1 1:one\n', /index:value/, '--format', 'libsvm');
    train('1 1:1\n7 2:1\n', [/label '7'/, /2/]);
    train('1 |a x:5000\n', /beyond 1000/);
  });
  test('evaluation needs labels; empty cells of new rows do not matter', () => {
    bad(['evaluate', '-i', '-', '-m', model], 'a\nx\n', /target|click/);
    assert.equal(lines(good(['predict', '-i', '-', '-m', model], 'click,a\n,x\n,\n').stdout).length, 3);
  });
});
