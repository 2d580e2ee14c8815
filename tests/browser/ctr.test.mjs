// Protects the page CTR: its figures are those of the API, a driver can be chosen, an ad can be tried,
// the address keeps it all, and an empty workspace says what to do.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkAccess, checkNoSidewaysScroll, getJson, openPage, settle, shot, startBrowser, startWinnow } from './tools.mjs';

let empty, sample, browser;
before(async () => {
  [empty, sample] = [await startWinnow(), await startWinnow('--sample')];
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  for (const server of [empty, sample]) await server?.stop();
});

const model = () => getJson(`${sample.url}/api/v1/ml/ctr/model`);

test('an empty workspace says what to do', async () => {
  const { page, end } = await openPage(browser, empty.url);
  await page.goto(`${empty.url}/ctr`);
  await page.locator('[data-empty]').waitFor();
  assert.equal(await page.locator('main').getByRole('link', { name: 'Import a file' }).getAttribute('href'), '/import');
  await checkAccess(page, 'empty CTR');
  await end();
});

test('what drives clicks: the fields by weight, the values of the chosen one', async () => {
  const { page, end } = await openPage(browser, sample.url);
  await page.goto(`${sample.url}/ctr`);
  await page.locator('[data-driver]').first().waitFor();
  await settle(page);
  const made = await model();
  assert.match(await page.locator('[data-answer]').innerText(), new RegExp(`^${(made.base_rate * 100).toFixed(2)}% of impressions are clicked\\. Channel matters most`));
  assert.deepEqual(await page.locator('[data-driver]').evaluateAll((all) => all.map((x) => x.dataset.driver)), made.drivers.map((d) => d.field));
  const channel = made.drivers.find((d) => d.field === 'channel');
  for (const l of channel.levels) {
    const row = page.locator(`[data-level="${l.value}"]`);
    assert.ok((await row.innerText()).includes(`${l.odds.toFixed(2)}×`), l.value);
    assert.ok((await row.innerText()).includes(`${l.low.toFixed(2)} to ${l.high.toFixed(2)}`), 'the interval in words');
  }
  await page.locator('[data-driver=device]').click();
  await page.waitForURL(/field=device/);
  await page.locator('[data-level=mobile]').waitFor();
  assert.equal(await page.locator('[data-level]').count(), made.drivers.find((d) => d.field === 'device').levels.length);
  await page.locator('[data-driver=ad]').click();
  await page.getByRole('button', { name: /^Show \d+ more/ }).click();
  assert.equal(await page.locator('[data-level]').count(), made.drivers.find((d) => d.field === 'ad').levels.length);
  await checkAccess(page, 'ads');
  await shot(page, 'ctr-ads');
  await page.getByRole('button', { name: 'Why' }).click();
  await page.getByRole('dialog', { name: /Why: CTR/ }).waitFor();
  await checkAccess(page, 'why of the CTR');
  await end();
});

test('an ad is tried, and the answer is that of the API with its reasons', async () => {
  const { page, end } = await openPage(browser, sample.url);
  await page.goto(`${sample.url}/ctr`);
  await page.getByLabel('Channel').selectOption('tiktok');
  await page.waitForURL(/try_channel=tiktok/);
  await page.getByLabel('Device').selectOption('mobile');
  await page.locator('[data-reason=device]').waitFor();
  await settle(page);
  const reply = await fetch(`${sample.url}/api/v1/ml/predict/ctr`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ channel: 'tiktok', device: 'mobile' }) });
  const answer = await reply.json();
  assert.equal(Number(await page.locator('[data-ctr]').getAttribute('data-ctr')), answer.ctr);
  for (const r of answer.explanation) assert.ok((await page.locator(`[data-reason=${r.field}]`).innerText()).includes(`${r.odds.toFixed(2)}×`));
  // Only campaigns of the channel are offered; one brings its own rate.
  const campaigns = (await model()).drivers.find((d) => d.field === 'campaign').levels.filter((l) => l.channel === 'tiktok');
  assert.equal(await page.getByLabel('Campaign').locator('option').count(), campaigns.length + 1);
  await page.getByLabel('Campaign').selectOption(campaigns[0].value);
  await page.locator('[data-reason=campaign]').waitFor();
  await settle(page);
  await page.locator('[data-ctr]').scrollIntoViewIfNeeded();
  await shot(page, 'ctr-try', true);
  await checkAccess(page, 'a tried ad');
  // The address keeps it; Start over does not.
  const shown = await page.locator('[data-ctr]').getAttribute('data-ctr');
  await page.reload();
  await page.locator('[data-reason=campaign]').waitFor();
  assert.equal(await page.locator('[data-ctr]').getAttribute('data-ctr'), shown);
  await page.getByRole('button', { name: 'Start over' }).click();
  await page.locator('[data-reason]').first().waitFor({ state: 'detached' });
  assert.doesNotMatch(page.url(), /try_/);
  await end();
});

test('predicted and seen: chart, table and test figures agree with the API', async () => {
  const { page, end } = await openPage(browser, sample.url);
  await page.goto(`${sample.url}/ctr`);
  const cursor = page.getByRole('slider', { name: /Predicted and seen/ });
  await cursor.waitFor();
  await settle(page);
  const { test: tested, calibration } = await model();
  await cursor.focus();
  await page.keyboard.press('End');
  const said = await cursor.getAttribute('aria-valuetext');
  const last = tested.bins.at(-1);
  assert.ok(said.includes(`Seen ${(last.observed * 100).toFixed(last.observed < 0.02 ? 2 : 1)}%`), said);
  const facts = await page.locator('[data-test]').innerText();
  assert.ok(facts.includes(tested.log_loss.toFixed(5)) && facts.includes(tested.log_loss_base.toFixed(5)), facts);
  assert.equal(await page.locator('[data-badge]').first().getAttribute('data-badge'), calibration.badge);
  await end();
});

test('on a phone: no sideways scroll with an ad tried', async () => {
  const { page, end } = await openPage(browser, sample.url, { width: 360, height: 780 });
  await page.goto(`${sample.url}/ctr?field=ad&try_channel=facebook`);
  await page.locator('[data-reason=channel]').waitFor();
  await settle(page);
  await checkNoSidewaysScroll(page, 'CTR with an ad tried');
  await shot(page, 'ctr-try-360', true);
  await end();
});
