// What the flow tests share: a real server on a directory of its own, and requests to it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const binary = process.env.WINNOW_BIN;
if (!binary) throw new Error('set WINNOW_BIN to the winnow binary that is to be tested');

const START_MS = 60_000;

/** Starts a server on an empty data directory (or the one given) and waits until it listens. */
export async function startServer({ data, args = [] } = {}) {
  const dir = data ?? mkdtempSync(join(tmpdir(), 'winnow-flow-'));
  const child = spawn(binary, ['serve', '--data', dir, '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const server = { dir, child, log: '', out: '', port: 0 };
  child.stderr.on('data', (bytes) => (server.log += bytes));
  const listening = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it does not start:\n${server.log}`)), START_MS);
    child.stdout.on('data', (bytes) => {
      server.out += bytes;
      const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(server.out);
      if (!found) return;
      clearTimeout(timer);
      resolve(Number(found[1]));
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`it ended with ${code} before it listened:\n${server.log}`));
    });
  });
  server.port = await listening;
  return server;
}

/** Ends the server as Ctrl-C would and checks that it ends well. */
export async function stopServer(server, { keep = false } = {}) {
  if (server.child.exitCode === null) {
    const exit = once(server.child, 'exit');
    server.child.kill('SIGTERM');
    const [code, signal] = await exit;
    assert.equal(signal, null, server.log.slice(-4000));
    assert.equal(code, 0, server.log.slice(-4000));
  }
  if (!keep) rmSync(server.dir, { recursive: true, force: true });
}

/** One request, on a connection of its own. body: text or bytes. */
export function request(server, method, path, { headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const r = http.request(
      { host: '127.0.0.1', port: server.port, method, path, headers: { Connection: 'close', ...headers } },
      (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          const bytes = Buffer.concat(parts);
          const type = answer.headers['content-type'] ?? '';
          const isJson = /json/.test(type) && bytes.length > 0 && !answer.headers['content-encoding'];
          resolve({
            status: answer.statusCode,
            headers: answer.headers,
            bytes,
            text: bytes.toString('utf8'),
            json: isJson ? JSON.parse(bytes.toString('utf8')) : undefined,
          });
        });
      },
    );
    r.on('error', reject);
    if (body !== undefined) r.end(body);
    else r.end();
  });
}

export const get = (server, path, options) => request(server, 'GET', path, options);

/** GET that must give 200 and JSON. */
export async function getJson(server, path) {
  const answer = await get(server, path);
  assert.equal(answer.status, 200, `${path}: ${answer.text.slice(0, 500)}`);
  return answer.json;
}

export const postJson = (server, path, value, headers = {}) =>
  request(server, 'POST', path, {
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value),
  });

/** A multipart form of fields and at most one file {name, content}. */
export function form(fields, file) {
  const boundary = 'winnow-flow-boundary-7d1f';
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const chunks = [Buffer.from(parts.join(''))];
  if (file)
    chunks.push(
      Buffer.from(
        `--${boundary}\r\nContent-Disposition: form-data; name="${file.field ?? 'file'}"; filename="${file.name}"\r\n` +
          'Content-Type: application/octet-stream\r\n\r\n',
      ),
      Buffer.from(file.content),
      Buffer.from('\r\n'),
    );
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return { headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` }, body: Buffer.concat(chunks) };
}

export const upload = (server, fields, file) => request(server, 'POST', '/api/v1/imports', form(fields, file));

/** Waits until the import has ended and returns what GET says then. */
export async function importEnd(server, id) {
  for (let i = 0; i < 600; i++) {
    const state = await getJson(server, `/api/v1/imports/${id}`);
    if (state.state !== 'running') return state;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`import ${id} does not end`);
}

/** Imports a file and waits for its end; the import must have been accepted. */
export async function importFile(server, name, content, fields = {}) {
  const answer = await upload(server, fields, { name, content });
  assert.equal(answer.status, 202, answer.text);
  assert.equal(answer.headers.location, `/api/v1/imports/${answer.json.import_id}`);
  return importEnd(server, answer.json.import_id);
}

/** The answer must be a problem document of that status; field: what its first error points at. */
export function assertProblem(answer, status, field, what = '') {
  assert.equal(answer.status, status, `${what}: ${answer.status} ${answer.text.slice(0, 600)}`);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/, what);
  const p = answer.json;
  assert.equal(p.status, status, what);
  for (const key of ['type', 'title', 'detail', 'instance', 'request_id'])
    assert.equal(typeof p[key], 'string', `${what}: ${key}`);
  assert.ok(Array.isArray(p.errors), what);
  assert.equal(answer.headers['x-request-id'], p.request_id, what);
  assert.doesNotMatch(answer.text, /SELECT|ad_stats|\.c:\d|sqlite|duckdb/i, what);
  if (field !== undefined) assert.equal(p.errors[0]?.pointer, field, `${what}: ${answer.text}`);
  return p;
}

/** Sends raw bytes and returns everything that comes back until the end, or what came in waitMs. */
export function raw(server, bytes, { waitMs = 5000 } = {}) {
  return new Promise((resolve) => {
    const parts = [];
    const socket = net.connect(server.port, '127.0.0.1', () => socket.write(bytes));
    const done = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(parts).toString('latin1'));
    };
    const timer = setTimeout(done, waitMs);
    socket.on('data', (part) => parts.push(part));
    socket.on('end', done);
    socket.on('error', done);
  });
}

/** Four days, two channels, three campaigns: small enough to add up by hand. */
export const sampleRows = [
  // date, channel, campaign, impressions, clicks, conversions, spend, revenue
  ['2024-03-01', 'facebook', 'Spring A', 1000, 50, 5, 10.5, 42],
  ['2024-03-01', 'tiktok', 'Spring B', 2000, 40, 2, 20, 10],
  ['2024-03-02', 'facebook', 'Spring A', 1100, 60, 6, 11.25, 60.75],
  ['2024-03-02', 'facebook', 'Spring C', 500, 10, 0, 5, 0],
  ['2024-03-03', 'tiktok', 'Spring B', 2500, 55, 4, 25.125, 30.000001],
  ['2024-03-04', 'facebook', 'Spring A', 900, 45, 3, 9, 27],
];
export const sampleCsv =
  'Date,Channel,Campaign,Impressions,Clicks,Conversions,Spend,Revenue\n' +
  sampleRows.map((row) => row.join(',')).join('\n') +
  '\n';
/** Sum of a column of sampleRows, in exact millionths, as a number. */
export const total = (column, keep = () => true) =>
  sampleRows.filter(keep).reduce((sum, row) => sum + Math.round(row[column] * 1e6), 0) / 1e6;
