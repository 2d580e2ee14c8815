// What the browser tests share: a real server on a directory of its own, a real browser, a small
// export with known sums, and a watch that fails on console errors and on requests to other hosts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const bin = process.env.WINNOW_BIN;
const shots = fileURLToPath(new URL('./shots/', import.meta.url));

/** Starts `winnow serve`; gives { url, dir, stop }. */
export async function startWinnow(...more) {
  if (!bin) throw new Error('set WINNOW_BIN to the winnow binary');
  const dir = mkdtempSync(join(tmpdir(), 'winnow-browser-'));
  const child = spawn(bin, ['serve', '--data', join(dir, 'data'), '--port', '0', '--log-level', 'warn', ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (d) => (log += d));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const url = await new Promise((resolve, reject) => {
    let out = '';
    child.stdout.on('data', (d) => {
      out += d;
      const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(out);
      if (found) resolve(found[1]);
    });
    child.on('error', reject);
    ended.then(() => reject(new Error(`the server ended: ${log}`)));
  });
  return {
    url,
    dir,
    stop: async () => {
      child.kill('SIGTERM');
      const code = await ended;
      rmSync(dir, { recursive: true, force: true });
      assert.equal(code, 0, `the server ended with ${code}: ${log}`);
    },
  };
}

export const startBrowser = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** A page of its own context that is watched; `end` closes it and fails on what it saw. */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.dark ? 'dark' : 'light',
    locale: options.locale ?? 'en-US',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  const seen = [];
  page.on('console', (m) => {
    if (m.type() === 'error' && !options.expectRefusals?.test(m.text())) seen.push(`console: ${m.text()}`);
  });
  page.on('pageerror', (e) => seen.push(`exception: ${e.message}`));
  page.on('request', (r) => {
    if (!/^(data|blob):/.test(r.url()) && new URL(r.url()).origin !== url) seen.push(`request to another host: ${r.url()}`);
  });
  return {
    page,
    end: async () => {
      await context.close();
      assert.deepEqual(seen, []);
    },
  };
}

export const settle = async (page) => {
  await page.waitForLoadState('networkidle');
  await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'));
};

/** Asks until the assertion holds; the last failure stands when it never does. */
export async function eventually(check, ms = 10000) {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export async function shot(page, name, fullPage = false) {
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage });
}

/* 20 days, two channels, two campaigns each, two ad groups, two ads: sums that are easy to make again. */
export const DAY_FROM = '2026-09-01';
export const N_DAYS = 20;
const MS_PER_DAY = 86400000;
const dayText = (i) => new Date(Date.parse(`${DAY_FROM}T00:00:00Z`) + i * MS_PER_DAY).toISOString().slice(0, 10);
export const DAY_TO = dayText(N_DAYS - 1);
export const rows = [];
for (let day = 0; day < N_DAYS; day++)
  for (const [c, channel] of ['Facebook', 'TikTok'].entries())
    for (let campaign = 1; campaign <= 2; campaign++)
      for (let group = 1; group <= 2; group++)
        for (let ad = 1; ad <= 2; ad++) {
          const k = c * 8 + campaign * 4 + group * 2 + ad;
          rows.push({
            date: dayText(day),
            channel,
            campaign: `${channel} campaign ${campaign}`,
            ad_group: `Group ${group}`,
            ad: `Ad ${ad}`,
            impressions: 1000 + 10 * k + day,
            clicks: 20 + k,
            conversions: 1 + (k % 3),
            spend: (10 + k + day * 0.25).toFixed(2),
            revenue: ((10 + k) * (c ? 1.1 : 2.4)).toFixed(2),
          });
        }
const header = Object.keys(rows[0]);
export const csv = `${header.join(',')}\n${rows.map((r) => header.map((h) => r[h]).join(',')).join('\n')}\n`;
export const sum = (name, keep = () => true) => rows.filter(keep).reduce((total, r) => total + Number(r[name]), 0);

export function writeExport(dir, name = 'small export.csv', text = csv) {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

export const getJson = async (url) => {
  const reply = await fetch(url);
  assert.equal(reply.status, 200, `${url}: ${await reply.clone().text()}`);
  return reply.json();
};

/** Takes a file in over HTTP and waits for its end. */
export async function importOverHttp(url, text = csv, name = 'small export.csv') {
  const form = new FormData();
  form.set('file', new Blob([text]), name);
  const reply = await fetch(`${url}/api/v1/imports`, { method: 'POST', body: form });
  assert.equal(reply.status, 202, await reply.clone().text());
  const { import_id } = await reply.json();
  for (;;) {
    const job = await getJson(`${url}/api/v1/imports/${import_id}`);
    if (job.state !== 'running') {
      assert.equal(job.state, 'done', JSON.stringify(job));
      return job;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails with one line per finding of axe (WCAG 2.2 A and AA, and its best practices for landmarks). */
export async function checkAccess(page, where) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() =>
    window.axe
      .run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
      .then((r) => r.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(' | ')}`)),
  );
  assert.deepEqual(found, [], `axe on ${where}`);
}

export async function checkNoSidewaysScroll(page, where) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${where} is ${over} px wider than the window`);
}

/** The text of a KPI card as a number of full digits. */
export const kpi = async (page, name) => {
  const text = await page.locator(`[data-kpi=${name}] [data-value]`).getAttribute('data-value');
  return text === '' ? null : Number(text);
};

export const close = (a, b) => assert.ok(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b)), `${a} is not ${b}`);
