// Protects the Explorer: the drill-down to the single ad with right sums at each level, sorting,
// search, the chart of chosen rows, own metrics, and the download.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { eventually, importOverHttp, openPage, settle, shot, startBrowser, startWinnow, sum } from './tools.mjs';

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

const money = (n) => `$${n.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
const rowsOf = (page, level) => page.locator(`table[data-level=${level}] tbody tr`);
const cell = (row, metric) => row.locator(`[data-metric=${metric}]`).innerText();
const names = async (page, level) => (await rowsOf(page, level).locator('th').allInnerTexts()).map((text) => text.split('\n')[0].trim());

test('channel, campaign, ad group, ad: every level adds up, and the crumbs lead back', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/explorer`);
  await rowsOf(page, 'channel').first().waitFor();
  await settle(page);
  assert.equal(await rowsOf(page, 'channel').count(), 2);
  assert.equal(await cell(page.locator('tr[data-row=total]'), 'spend'), money(sum('spend')));

  const isFacebook = (r) => r.channel === 'Facebook';
  assert.equal(await cell(page.locator('tr[data-row=facebook]'), 'spend'), money(sum('spend', isFacebook)));
  await page.getByRole('link', { name: 'Facebook', exact: true }).click();
  await rowsOf(page, 'campaign').first().waitFor();
  await settle(page);
  assert.deepEqual((await names(page, 'campaign')).sort(), ['Facebook campaign 1', 'Facebook campaign 2']);

  const isCampaign = (r) => r.campaign === 'Facebook campaign 2';
  const campaign = rowsOf(page, 'campaign').filter({ hasText: 'Facebook campaign 2' });
  assert.equal(await cell(campaign, 'revenue'), money(sum('revenue', isCampaign)));
  await campaign.getByRole('link').click();
  await rowsOf(page, 'ad_group').first().waitFor();
  await settle(page);
  const isGroup = (r) => isCampaign(r) && r.ad_group === 'Group 1';
  const group = rowsOf(page, 'ad_group').filter({ hasText: 'Group 1' });
  assert.equal(await cell(group, 'spend'), money(sum('spend', isGroup)));
  await group.getByRole('link').click();
  await rowsOf(page, 'ad').first().waitFor();
  await settle(page);
  assert.deepEqual((await names(page, 'ad')).sort(), ['Ad 1', 'Ad 2']);
  const ad = rowsOf(page, 'ad').filter({ hasText: 'Ad 2' });
  assert.equal(await cell(ad, 'spend'), money(sum('spend', (r) => isGroup(r) && r.ad === 'Ad 2')));
  assert.equal(await cell(page.locator('tr[data-row=total]'), 'spend'), money(sum('spend', isGroup)));
  await shot(page, 'explorer-ads');

  const crumbs = page.getByRole('navigation', { name: 'Where you are' });
  assert.match((await crumbs.innerText()).replace(/\s+/g, ' '), /All channels Facebook Facebook campaign 2 Group 1/);
  await crumbs.getByRole('button', { name: 'Facebook', exact: true }).click();
  await rowsOf(page, 'campaign').first().waitFor();
  await page.goBack();
  await rowsOf(page, 'ad').first().waitFor();
  await end();
});

test('sorting, search and levels are in the address', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/explorer?level=campaign`);
  await rowsOf(page, 'campaign').first().waitFor();
  await settle(page);
  assert.equal(await rowsOf(page, 'campaign').count(), 4);
  await page.getByRole('button', { name: 'ROAS' }).click();
  await page.waitForURL(/sort=-roas/);
  await settle(page);
  await page.locator('th[aria-sort=descending]', { hasText: 'ROAS' }).waitFor();
  await settle(page);
  const falling = await names(page, 'campaign');
  await page.getByRole('button', { name: 'ROAS' }).click();
  await page.waitForURL(/sort=roas/);
  await settle(page);
  await eventually(async () => assert.deepEqual(await names(page, 'campaign'), [...falling].reverse()));
  assert.equal(await page.locator('th[aria-sort=ascending]').innerText().then((s) => s.trim().split(/\s/)[0]), 'ROAS');

  await page.keyboard.press('/');
  await page.keyboard.type('tiktok campaign');
  await page.waitForURL(/q=tiktok/);
  await settle(page);
  await eventually(async () => {
    assert.deepEqual((await names(page, 'campaign')).sort(), ['TikTok campaign 1', 'TikTok campaign 2']);
    assert.equal(await cell(page.locator('tr[data-row=total]'), 'spend'), money(sum('spend', (r) => r.channel === 'TikTok')));
  });
  await page.getByRole('searchbox').fill('nothing like this');
  await page.getByText('Nothing is called like').waitFor();
  await end();
});

test('chosen rows are drawn apart and stay in the address', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/explorer?level=campaign`);
  await page.getByRole('checkbox', { name: 'Draw TikTok campaign 1' }).check();
  await page.getByRole('checkbox', { name: 'Draw Facebook campaign 1' }).check();
  await page.waitForURL(/sel=/);
  await settle(page);
  const legend = page.getByRole('list', { name: /Lines/ });
  await eventually(async () => assert.match(await legend.innerText(), /TikTok campaign 1[\s\S]*Facebook campaign 1/));
  await page.reload();
  await eventually(async () => assert.match(await legend.innerText(), /TikTok campaign 1[\s\S]*Facebook campaign 1/));
  await settle(page);
  const cursor = page.getByRole('slider');
  await cursor.focus();
  await page.keyboard.press('End');
  const spent = sum('spend', (r) => r.campaign === 'TikTok campaign 1' && r.date === '2026-09-20');
  assert.ok((await cursor.getAttribute('aria-valuetext')).includes(`TikTok campaign 1 ${money(spent)}`));
  await shot(page, 'explorer-chosen');
  await end();
});

test('the download holds the rows of the table', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/explorer?in=facebook&delta=0`);
  await rowsOf(page, 'campaign').first().waitFor();
  await settle(page);
  const waiting = page.waitForEvent('download');
  await page.locator('section').filter({ has: page.locator('table[data-level]') }).getByRole('link', { name: 'CSV' }).click();
  const text = readFileSync(await (await waiting).path(), 'utf8');
  const lines = text.trim().split(/\r?\n/);
  assert.equal(lines.length, 3);
  assert.match(lines[0], /campaign/);
  assert.ok(text.includes('Facebook campaign 1'));
  await end();
});

test('an own metric: a bad formula says where, a good one becomes a column, and it can go', async () => {
  const { page, end } = await openPage(browser, server.url, { expectRefusals: /status of 400/ });
  await page.goto(`${server.url}/explorer`);
  await page.getByRole('button', { name: /^6 metrics/ }).click();
  await page.getByRole('button', { name: 'New metric' }).click();
  const dialog = page.getByRole('dialog', { name: 'New metric' });
  await dialog.getByLabel('Label').fill('Profit per click');
  assert.equal(await dialog.getByLabel('Name in formulas').inputValue(), 'profit_per_click');
  await dialog.getByRole('textbox', { name: 'Formula', exact: true }).fill('(revenue - spend) / klicks');
  await dialog.getByRole('button', { name: 'Save metric' }).click();
  assert.match(await dialog.getByRole('alert').innerText(), /klicks/);
  await dialog.getByRole('textbox', { name: 'Formula', exact: true }).fill('(revenue - spend) / clicks');
  await dialog.getByRole('button', { name: 'Save metric' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.waitForURL(/metrics=.*profit_per_click/);
  await settle(page);
  const wanted = (sum('revenue') - sum('spend')) / sum('clicks');
  await eventually(async () => {
    const shown = await cell(page.locator('tr[data-row=total]'), 'profit_per_click');
    assert.ok(Math.abs(Number(shown.replace(/[^0-9.-]/g, '')) - wanted) < 0.051, `${shown} is not ${wanted}`);
  });

  await page.getByRole('button', { name: /^7 metrics/ }).click();
  await page.getByRole('button', { name: 'Delete Profit per click' }).click();
  await page.getByRole('button', { name: 'Delete Profit per click' }).waitFor({ state: 'detached' });
  await page.waitForURL((u) => !u.search.includes('profit_per_click'));
  await end();
});
