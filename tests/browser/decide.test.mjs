// Protects the pages that forecast, detect and divide: on the sample, on a file with a planted spike,
// in an empty workspace, on a phone. Their figures are those of the API; sliders change the answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkAccess, checkNoSidewaysScroll, eventually, getJson, importOverHttp, openPage, settle, shot, startBrowser, startWinnow } from './tools.mjs';

let empty, sample, own, browser;
const SPIKE = '2026-09-22';

/* 90 quiet days of two channels; on one day one campaign spends six times as much. */
function spikedExport() {
  const lines = ['date,channel,campaign,impressions,clicks,conversions,spend,revenue'];
  for (let day = 0; day < 90; day++) {
    const date = new Date(Date.parse('2026-07-01T00:00:00Z') + day * 86400000).toISOString().slice(0, 10);
    for (const [c, channel] of ['Facebook', 'TikTok'].entries())
      for (let campaign = 1; campaign <= 2; campaign++) {
        const wave = 1 + 0.05 * Math.sin((day + c) * 12.9898 + campaign * 78.233);
        const spend = 100 * (c + 1) * campaign * wave * (date === SPIKE && c === 0 && campaign === 2 ? 6 : 1);
        lines.push([date, channel, `${channel} campaign ${campaign}`, Math.round(spend * 90), Math.round(spend), Math.round(spend / 20), spend.toFixed(2), (spend * 2.1).toFixed(2)].join(','));
      }
  }
  return `${lines.join('\n')}\n`;
}

before(async () => {
  [empty, sample, own] = [await startWinnow(), await startWinnow('--sample'), await startWinnow()];
  browser = await startBrowser();
  await importOverHttp(own.url, spikedExport(), 'spike.csv');
});
after(async () => {
  await browser?.close();
  for (const server of [empty, sample, own]) await server?.stop();
});

test('an empty workspace says what to do', async () => {
  const { page, end } = await openPage(browser, empty.url);
  for (const path of ['/forecast', '/budget', '/anomalies']) {
    await page.goto(empty.url + path);
    await page.locator('[data-empty]').waitFor();
    assert.equal(await page.locator('main').getByRole('link', { name: 'Import a file' }).getAttribute('href'), '/import');
    await checkAccess(page, `empty ${path}`);
  }
  await end();
});

test('a forecast has its line, both bands, its parts and its error', async () => {
  const { page, end } = await openPage(browser, sample.url);
  await page.goto(`${sample.url}/forecast?metric=spend&h=14`);
  const cursor = page.getByRole('slider', { name: /Spend: past and forecast/ });
  await cursor.waitFor();
  await settle(page);
  const made = await getJson(`${sample.url}/api/ml-dashboard/roi-forecast?metric=spend&horizon=14`);
  const last = made.forecast.at(-1);
  const money = (value) => `$${value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

  await cursor.focus();
  await page.keyboard.press('End');
  const said = await cursor.getAttribute('aria-valuetext');
  assert.ok(said.includes(`Forecast ${money(last.mean)}`), said);
  assert.ok(said.includes(`80% interval ${money(last.low80)} to ${money(last.high80)}`), said);
  assert.ok(said.includes(`95% interval ${money(last.low95)} to ${money(last.high95)}`), said);
  assert.match(await page.locator('[data-answer]').innerText(), /^Spend is expected to average \$[\d,]+ a day over the next 14 days/);
  assert.equal(await page.locator('[data-member]').count(), made.members.length);
  assert.ok((await page.locator('[data-backtest]').innerText()).includes(`${(made.backtest.mape * 100).toFixed(1)}%`));
  assert.ok((await page.locator('main [data-sample]').count()) >= 4, 'page and panels carry the badge');

  await page.getByLabel('How far ahead').selectOption('30');
  await page.getByRole('combobox', { name: 'Metric' }).selectOption('roas');
  await page.waitForURL(/metric=roas/);
  assert.doesNotMatch(page.url(), /h=14/);
  await page.getByRole('slider', { name: /ROAS: past and forecast/ }).waitFor();
  await page.getByRole('combobox', { name: 'Channel' }).selectOption({ index: 1 });
  await page.waitForURL(/channels=/);
  await settle(page);

  const table = page.waitForEvent('download');
  await page.getByRole('button', { name: /CSV/ }).click();
  assert.match((await table).suggestedFilename(), /^winnow-sample-forecast-roas-.*\.csv$/);
  const picture = page.waitForEvent('download');
  await page.getByRole('button', { name: /PNG/ }).click();
  assert.match((await picture).suggestedFilename(), /\.png$/);
  await page.getByRole('button', { name: 'Show as a table' }).click();
  await page.getByRole('columnheader', { name: '95% interval' }).waitFor();

  await page.getByRole('button', { name: 'Why' }).click();
  const drawer = page.getByRole('dialog', { name: /Why: ROAS/ });
  await drawer.waitFor();
  assert.match(await drawer.innerText(), /roas = revenue \/ spend/);
  await checkAccess(page, 'why of a forecast');
  await shot(page, 'forecast-why');
  await end();
});

const recommended = (page, id) => page.locator(`[data-row="${id}"] [data-recommended]`).getAttribute('data-recommended').then(Number);

test('the division is that of the API, and follows its sliders', async () => {
  const { page, end } = await openPage(browser, sample.url);
  await page.goto(`${sample.url}/budget`);
  await page.locator('[data-row]').first().waitFor();
  await settle(page);
  const ask = async (question) => (await fetch(`${sample.url}/api/v1/ml/optimize/budget`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(question) })).json();
  const plan = await ask({ by: 'channel' });
  for (const row of plan.rows) assert.equal(await recommended(page, row.id), row.recommended_budget);

  // A larger total: the answer changes, the address follows, the API says the same.
  const total = page.getByRole('slider', { name: 'Total a day: slider' });
  const wanted = String(Math.round((plan.total.current * 1.5) / 100) * 100);
  await total.fill(wanted);
  const more = await ask({ by: 'channel', total_budget: Number(wanted) });
  await eventually(async () => assert.equal(await recommended(page, more.rows[0].id), more.rows[0].recommended_budget));
  await page.waitForURL(new RegExp(`total=${wanted}`));
  assert.match(await page.locator('[data-answer]').innerText(), /^Spending \$/);

  // A bound of one row.
  const first = plan.rows[0];
  await page.getByRole('button', { name: `Bounds of ${first.name}: Free` }).click();
  const window_ = page.getByRole('dialog', { name: `Bounds of ${first.name}` });
  await window_.getByRole('button', { name: 'Fixed' }).click();
  await window_.getByRole('textbox').fill('1234');
  await eventually(async () => assert.equal(await recommended(page, first.id), 1234));
  await checkAccess(page, 'bounds');
  await shot(page, 'budget-bounds');
  await page.keyboard.press('Escape');
  assert.match(await page.locator(`[data-row="${first.id}"]`).innerText(), /Fixed/);
  await page.waitForURL(/b=/);
  await page.reload();
  await page.locator('[data-row]').first().waitFor();
  assert.equal(await recommended(page, first.id), 1234, 'a shared address shows the same');

  // The curve of another row, with its points.
  const second = plan.rows[1];
  await page.getByRole('button', { name: second.name, exact: true }).click();
  await page.getByRole('slider', { name: `Response of ${second.name}: cursor` }).waitFor();
  await page.getByRole('button', { name: /^Today, \$/ }).waitFor();
  await page.getByRole('button', { name: /^Recommended, \$/ }).waitFor();
  await end();
});

test('what cannot be met says so, keeps the last answer and offers the way', async () => {
  const { page, end } = await openPage(browser, sample.url, { expectRefusals: /400|422/ });
  await page.goto(`${sample.url}/budget?max=10`);
  await page.locator('[data-row]').first().waitFor();
  await settle(page);
  const before_ = await recommended(page, await page.locator('[data-row]').first().getAttribute('data-row'));
  await page.getByRole('textbox', { name: 'Total a day: amount' }).fill('100');
  await page.getByRole('alert').waitFor();
  assert.equal(await recommended(page, await page.locator('[data-row]').first().getAttribute('data-row')), before_);
  await page.getByRole('button', { name: /^Allow changes of/ }).click();
  await page.getByRole('alert').waitFor({ state: 'hidden' });
  await end();
});

test('the answer follows every move of a slider', async () => {
  const { page, end } = await openPage(browser, sample.url);
  await page.goto(`${sample.url}/budget`);
  await page.locator('[data-row]').first().waitFor();
  await settle(page);
  const seen = new Set();
  for (let i = 0; i < 5; i++) {
    const was = await page.locator('[data-expected]').first().getAttribute('data-expected');
    await page.evaluate((share) => {
      const slider = document.querySelector('input[type=range]');
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
      set.call(slider, Number(slider.max) * share);
      slider.dispatchEvent(new Event('input', { bubbles: true }));
    }, 0.4 + 0.03 * i);
    await page.waitForFunction((before) => document.querySelector('[data-expected]').getAttribute('data-expected') !== before, was);
    seen.add(await page.locator('[data-expected]').first().getAttribute('data-expected'));
  }
  assert.equal(seen.size, 5);
  await end();
});

test('a planted spike is listed, shown over time, and leads to the Explorer', async () => {
  const { page, end } = await openPage(browser, own.url);
  await page.goto(`${own.url}/anomalies?metric=spend`);
  const incident = page.locator(`[data-incident*="${SPIKE}"]`).first();
  await incident.waitFor();
  await settle(page);
  const all = await getJson(`${own.url}/api/v1/ml/detect/anomalies?metric=spend&limit=1000`);
  assert.ok(all.some((a) => a.ts === SPIKE && a.direction === 'up'));
  assert.match(await page.locator('[data-answer]').innerText(), /unusual.*Spend of .* on Sep 22, 2026/s);
  assert.match(await incident.innerText(), /Spend was \$[\d,.]+, \d+% more than the expected/);

  // The campaign that did it.
  await page.getByLabel('Where').selectOption({ label: 'Facebook campaign 2' });
  await page.waitForURL(/where=campaign/);
  const culprit = page.locator(`[data-incident*="${SPIKE}"]`).filter({ hasText: 'Facebook campaign 2' }).first();
  await culprit.getByRole('button', { name: 'Show over time' }).click();
  await page.waitForURL(/incident=/);
  await page.getByRole('slider', { name: /Spend of Facebook campaign 2/ }).waitFor();
  await page.getByRole('button', { name: 'Chosen' }).waitFor();
  await settle(page);
  await shot(page, 'anomalies-spike');
  await checkAccess(page, 'a chosen incident');
  await page.getByRole('button', { name: 'Why' }).click();
  await page.getByRole('dialog', { name: /Why: Spend of Facebook campaign 2/ }).waitFor();
  await checkAccess(page, 'why of an incident');
  await page.keyboard.press('Escape');

  await culprit.getByRole('link', { name: 'Open in the Explorer' }).click();
  await page.waitForURL(/\/explorer\?.*in=facebook\.\d+/);
  const at = new URL(page.url()).searchParams;
  assert.equal(at.get('to'), SPIKE);
  assert.equal(at.get('chart'), 'spend');
  await page.locator('table[data-level=ad_group]').waitFor();
  await end();
});

test('a range where nothing happened says so', async () => {
  const { page, end } = await openPage(browser, own.url);
  await page.goto(`${own.url}/anomalies?metric=spend&from=2026-08-10&to=2026-08-12`);
  await page.getByText('Nothing unusual').waitFor();
  await page.getByRole('button', { name: 'Look at all data' }).click();
  await page.locator(`[data-incident*="${SPIKE}"]`).first().waitFor();
  await end();
});

test('on a phone the other pages are behind More', async () => {
  const { page, end } = await openPage(browser, sample.url, { width: 360, height: 780 });
  await page.goto(`${sample.url}/budget`);
  await page.locator('[data-row]').first().waitFor();
  await settle(page);
  await checkNoSidewaysScroll(page, 'budget');
  await page.getByRole('button', { name: 'More' }).click();
  const sheet = page.getByRole('dialog', { name: 'All pages' });
  await sheet.getByRole('link', { name: 'Forecast' }).waitFor();
  await checkAccess(page, 'sheet');
  await shot(page, 'sheet-360');
  await sheet.getByRole('link', { name: 'Forecast' }).click();
  await page.waitForURL(/\/forecast/);
  await sheet.waitFor({ state: 'hidden' });
  await end();
});

test('by keyboard: g and a letter', async () => {
  const { page, end } = await openPage(browser, sample.url);
  await page.goto(`${sample.url}/`);
  await settle(page);
  for (const [key, path] of [['f', '/forecast'], ['a', '/anomalies'], ['b', '/budget']]) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.waitForURL(new RegExp(path));
    await settle(page);
  }
  await end();
});
