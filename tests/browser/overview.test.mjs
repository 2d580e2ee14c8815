// Protects the Overview: its figures are those of the imported file and of the API, its range,
// comparison and channels live in the address, and every figure shows its ground.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, eventually, DAY_FROM, DAY_TO, getJson, importOverHttp, kpi, openPage, settle, shot, startBrowser, startWinnow, sum } from './tools.mjs';

let server, browser;
before(async () => {
  server = await startWinnow();
  browser = await startBrowser();
  await importOverHttp(server.url);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('the page shows the sums of the file and the numbers of the API', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/`);
  await page.locator('[data-kpi=spend]').waitFor();
  await settle(page);

  await eventually(async () => close(await kpi(page, 'spend'), sum('spend')));
  await eventually(async () => close(await kpi(page, 'revenue'), sum('revenue')));
  await eventually(async () => close(await kpi(page, 'conversions'), sum('conversions')));
  await eventually(async () => close(await kpi(page, 'roas'), sum('revenue') / sum('spend')));
  close(await kpi(page, 'roi'), (sum('revenue') - sum('spend')) / sum('spend'));
  await eventually(async () => close(await kpi(page, 'cpa'), sum('spend') / sum('conversions')));
  await eventually(async () => close(await kpi(page, 'ctr'), sum('clicks') / sum('impressions')));
  close(await kpi(page, 'cpm'), (1000 * sum('spend')) / sum('impressions'));

  const names = ['spend', 'revenue', 'roas', 'roi', 'conversions', 'cpa', 'ctr', 'cpm'];
  const answer = await getJson(`${server.url}/api/v1/analytics/query?metrics=${names}&from=${DAY_FROM}&to=${DAY_TO}`);
  for (const [i, name] of names.entries()) close(await kpi(page, name), answer.rows[0][i]);

  const sentence = await page.locator('[data-answer]').innerText();
  assert.match(sentence, /was spent/);
  assert.match(sentence, /Facebook returns most \(\d\.\d\d\), TikTok least \(\d\.\d\d\)/);
  assert.match(await page.locator('main').innerText(), /data ends on Sep 20, 2026/);
  assert.equal(await page.locator('[data-sample]').count(), 0, 'own data carries no sample badge');
  assert.equal(await page.locator('[data-channel]').count(), 2);
  assert.match(await page.locator('[data-channel=facebook]').innerText(), /Facebook/);
  await shot(page, 'overview-own-data', true);
  await end();
});

test('range, channels and comparison are the address, and a shared address shows the same', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/`);
  await settle(page);
  await page.getByRole('button', { name: /^Date range/ }).click();
  await page.getByRole('button', { name: /^Latest 7 days/ }).click();
  await page.waitForURL(/range=7d/);
  await settle(page);
  const late = (r) => r.date >= '2026-09-14';
  await eventually(async () => close(await kpi(page, 'spend'), sum('spend', late)));

  // 14 to 20 September against 7 to 13: 0.25 more a day and row, and the page says by how much.
  const earlier = sum('spend', (r) => r.date >= '2026-09-07' && r.date < '2026-09-14');
  const percent = ((sum('spend', late) - earlier) / earlier) * 100;
  assert.match(await page.locator('[data-kpi=spend]').innerText(), new RegExp(`▲\\s*\\+${percent.toFixed(1)}%\\s*more`));
  assert.match(await page.locator('[data-kpi=cpa]').innerText(), /worse|better|unchanged/);

  await page.getByRole('button', { name: /^Channels/ }).click();
  await page.getByRole('checkbox', { name: 'TikTok' }).check();
  await page.waitForURL(/channels=tiktok/);
  await page.keyboard.press('Escape');
  await settle(page);
  await eventually(async () => close(await kpi(page, 'spend'), sum('spend', (r) => late(r) && r.channel === 'TikTok')));

  await page.getByLabel('Compare with').selectOption('none');
  await page.waitForURL(/compare=none/);
  await settle(page);
  assert.doesNotMatch(await page.locator('[data-kpi=spend]').innerText(), /▲|▼/);

  const other = await openPage(browser, server.url);
  await other.page.goto(page.url());
  await other.page.locator('[data-kpi=spend]').waitFor();
  await settle(other.page);
  await eventually(async () => close(await kpi(other.page, 'spend'), sum('spend', (r) => late(r) && r.channel === 'TikTok')));
  await other.end();

  await page.goBack();
  await page.waitForURL((u) => !u.searchParams.has('compare'));
  await page.goto(`${server.url}/?from=2026-09-03&to=2026-09-04`);
  await settle(page);
  await eventually(async () => close(await kpi(page, 'spend'), sum('spend', (r) => r.date === '2026-09-03' || r.date === '2026-09-04')));
  await end();
});

test('a range without rows shows no value, never zero', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/?from=2025-01-01&to=2025-01-07`);
  await page.locator('[data-kpi=roas]').waitFor();
  await settle(page);
  for (const name of ['spend', 'roas', 'cpa', 'ctr']) {
    assert.equal(await kpi(page, name), null, name);
    assert.match(await page.locator(`[data-kpi=${name}]`).innerText(), /–/);
  }
  assert.match(await page.locator('main').innerText(), /Nothing was spent/);
  await end();
});

test('a figure opens its ground: formula, definition, range, rows, cut-off', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/`);
  await page.locator('[data-kpi=roas]').click();
  const drawer = page.getByRole('dialog', { name: /Why: ROAS/ });
  await drawer.waitFor();
  const text = await drawer.innerText();
  assert.match(text, /roas = revenue \/ spend/);
  assert.match(text, /Sep 1\s–\s20, 2026/);
  assert.match(text, /320 stored rows/);
  assert.match(text, /Data until\s+Sep 20, 2026/);
  assert.match(page.url(), /why=roas/);
  await shot(page, 'overview-why');
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'hidden' });
  await end();
});

test('a chart has a table behind it, a keyboard cursor, a picture and a CSV', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/?compare=none`);
  const cursor = page.getByRole('slider', { name: /Spend and revenue/ });
  await cursor.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  const second = sum('spend', (r) => r.date === '2026-09-02').toLocaleString('en-US', { minimumFractionDigits: 2 });
  const said = await cursor.getAttribute('aria-valuetext');
  assert.match(said, /Sep 2, 2026/);
  assert.ok(said.includes(`Spend $${second}`), said);

  const picture = page.waitForEvent('download');
  await page.getByRole('button', { name: /picture/ }).first().click();
  assert.match((await picture).suggestedFilename(), /^winnow-spend-and-revenue-.*\.png$/);
  const table = page.waitForEvent('download');
  await page.getByRole('link', { name: /CSV/ }).first().click();
  assert.match((await table).suggestedFilename(), /\.csv$/);

  await page.getByRole('button', { name: 'Show as a table' }).first().click();
  const row = page.getByRole('row', { name: /Sep 2, 2026/ });
  assert.ok((await row.innerText()).includes(second));
  await end();
});

test('best and worst campaigns lead into the Explorer', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/?range=7d`);
  await page.getByRole('link', { name: /Facebook campaign/ }).first().click();
  await page.waitForURL(/\/explorer\?.*in=facebook\.\d+/);
  assert.match(page.url(), /range=7d/, 'the range is kept');
  await page.locator('table[data-level=ad_group] tbody tr').first().waitFor();
  await end();
});

test('the report and the pictures of the range are there', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/`);
  for (const [name, type] of [
    ['Excel report', /spreadsheetml/],
    ['ROI chart (PNG)', /image\/png/],
    ['Conversions chart (PNG)', /image\/png/],
  ]) {
    const href = await page.getByRole('link', { name }).getAttribute('href');
    const reply = await fetch(server.url + href);
    assert.equal(reply.status, 200, href);
    assert.match(reply.headers.get('content-type'), type);
    assert.ok((await reply.arrayBuffer()).byteLength > 1000);
  }
  await end();
});
