// Protects the page Experiments: empty, with the example, with a result of one's own, with one that is
// broken, on a phone. Its figures are those of the API.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkAccess, checkNoSidewaysScroll, openPage, settle, shot, startBrowser, startWinnow } from './tools.mjs';

let server, browser;
before(async () => {
  server = await startWinnow();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const TOTALS = 'variant,n,conversions\nA,10000,500\nB,10000,600\n';
const analyse = async (body) =>
  (await fetch(`${server.url}/api/v1/experiments/analyze`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })).json();

async function paste(page, text) {
  await page.getByLabel('Result as CSV').fill(text);
  await page.getByRole('button', { name: 'Analyse' }).click();
  await settle(page);
}

test('empty, it says what it takes, plans, and offers an example that is called one', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/experiments`);
  await page.locator('[data-plan]').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Analyse' }).isDisabled(), true);
  assert.equal(await page.locator('[data-answer], [data-example]').count(), 0);
  await checkAccess(page, 'empty experiments');
  await page.getByRole('button', { name: 'Load an example' }).click();
  await page.locator('[data-variant]').first().waitFor();
  await settle(page);
  assert.ok((await page.locator('[data-example]').count()) >= 3, 'the example is marked wherever it shows');
  assert.match(await page.locator('[data-answer]').innerText(), /^Ship new page: its conversion rate is \+[\d.]+% against old page/);
  assert.equal(await page.locator('[data-light=good]').count(), 2);
  await page.getByRole('slider', { name: /new page against old page/ }).waitFor();
  await checkAccess(page, 'example of experiments');
  await shot(page, 'experiments', true);
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.locator('[data-answer]').waitFor({ state: 'detached' });
  await end();
});

test('a result of totals reads as the API says it, and options change the answer', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/experiments`);
  await paste(page, TOTALS);
  const made = await analyse({ csv: TOTALS });
  const b = made.metrics[0].variants[1];
  const row = await page.locator('[data-variant=B]').innerText();
  assert.ok(row.includes('Good bet') && row.includes('10,000'), row);
  assert.ok(row.includes(`+${(100 * b.relative.effect).toFixed(1)}%`), row);
  assert.ok(row.includes(`${(100 * b.p_best).toFixed(1)}%`), row);
  assert.match(await page.locator('[data-answer]').innerText(), /^B is a good bet, though not proven/);
  assert.equal(await page.getByRole('slider').count(), 0, 'one look has no line');
  await page.getByRole('combobox', { name: 'Wished for' }).selectOption('decrease');
  await page.waitForURL(/goal=decrease/);
  await settle(page);
  assert.match(await page.locator('[data-answer]').innerText(), /^(Stop and keep A|Keep going)/);
  await page.getByRole('combobox', { name: 'Held against' }).selectOption('B');
  await page.waitForURL(/control=B/);
  await settle(page);
  assert.match(await page.locator('[data-variant=B]').innerText(), /control/);
  await end();
});

test('a broken split shuts the light', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/experiments`);
  await paste(page, 'variant,n,conversions\nA,50550,500\nB,49430,700\n');
  assert.match(await page.locator('[data-answer]').innerText(), /^Do not use this result: the split is broken/);
  assert.equal(await page.locator('[data-light=bad]').count(), 1);
  assert.match(await page.locator('[data-variant=B]').innerText(), /Blocked/);
  await end();
});

test('what cannot be read is named, and a file works like a paste', async () => {
  const { page, end } = await openPage(browser, server.url, { expectRefusals: /400/ });
  await page.goto(`${server.url}/experiments`);
  await paste(page, 'variant,n,conversions\nA,10,1\nB,ten,2\n');
  assert.match(await page.getByRole('alert').innerText(), /'ten' is not a number/);
  const units = ['variant,unit,value,pre', ...Array.from({ length: 600 }, (_, i) => `${i % 2 ? 'B' : 'A'},u${i},${(i * 37) % 100},${((i * 37) % 100) + (i % 5)}`)].join('\n');
  await page.locator('input[type=file]').setInputFiles({ name: 'units.csv', mimeType: 'text/csv', buffer: Buffer.from(units) });
  await page.locator('[data-variant=B]').waitFor();
  await settle(page);
  assert.equal(await page.getByRole('alert').count(), 0);
  assert.match(await page.locator('main').innerText(), /The past explains 9\d\.\d% of the variance/);
  await end();
});

test('the planner follows its fields, and the address keeps them', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/experiments?plan_mean=4&plan_perDay=3000`);
  await page.locator('[data-plan]').waitFor();
  const before = await page.locator('[data-plan]').innerText();
  assert.match(before, /^Plan for \d+ days and [\d,]+ units in each variant/);
  await page.getByLabel('Smallest effect that matters, %').fill('20');
  await page.waitForURL(/plan_effect=20/);
  await page.waitForFunction((old) => document.querySelector('[data-plan]')?.textContent !== old, before);
  await settle(page);
  const plan = await (await fetch(`${server.url}/api/v1/experiments/plan`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ mean: 0.04, effect: 0.2, per_day: 3000 }) })).json();
  assert.ok((await page.locator('[data-plan]').innerText()).includes(plan.most.toLocaleString('en-US')));
  await end();
});

test('on a phone, in both themes', async () => {
  for (const dark of [false, true]) {
    const { page, end } = await openPage(browser, server.url, { width: 390, height: 844, dark });
    await page.goto(`${server.url}/experiments`);
    await page.getByRole('button', { name: 'Load an example' }).click();
    await page.locator('[data-variant]').first().waitFor();
    await settle(page);
    await checkNoSidewaysScroll(page, 'experiments');
    await checkAccess(page, `experiments on a phone, ${dark ? 'dark' : 'light'}`);
    await shot(page, `experiments-phone${dark ? '-dark' : ''}`, true);
    await end();
  }
});
