// Protects the way of a file into the workspace: drag and drop, recognition, mapping, problems by
// row, the missing day, a refusal that stores nothing, and the result on the Overview.
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { close, csv, getJson, kpi, openPage, settle, shot, startBrowser, startWinnow, sum, writeExport } from './tools.mjs';

let server, browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser?.close());
beforeEach(async () => {
  server = await startWinnow();
});
afterEach(() => server?.stop());

/* A drop of real files, by the browser's own input and not by a made-up event. */
async function drop(page, ...paths) {
  const box = await page.locator('main').boundingBox();
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'])
    await session.send('Input.dispatchDragEvent', { type, x: box.x + box.width / 2, y: box.y + 240, data });
}

test('a dropped file is recognised, taken in, and stands on the Overview', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/import`);
  await page.getByRole('heading', { name: 'Drop an export here' }).waitFor();
  await settle(page);
  await drop(page, writeExport(server.dir));
  await page.getByRole('heading', { name: 'small export.csv' }).waitFor();
  await page.getByRole('combobox', { name: 'Take column spend as' }).waitFor();
  assert.equal(await page.getByRole('combobox', { name: 'Take column spend as' }).inputValue(), 'spend');
  assert.equal(await page.getByRole('combobox', { name: 'Take column date as' }).inputValue(), 'date');
  assert.ok((await page.getByRole('region', { name: 'First rows' }).innerText()).includes('Facebook campaign 1'));
  await settle(page);
  await shot(page, 'import-recognised', true);
  assert.equal((await getJson(`${server.url}/api/v1/workspace`)).has_data, false, 'a look stores nothing');

  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.locator('[data-result]').waitFor();
  assert.equal(await page.locator('[data-total=spend]').innerText(), `$${sum('spend').toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`);
  await shot(page, 'import-result');
  await page.getByRole('link', { name: 'See it on the Overview' }).click();
  await page.locator('[data-kpi=spend]').waitFor();
  await settle(page);
  close(await kpi(page, 'spend'), sum('spend'));
  close(await kpi(page, 'revenue'), sum('revenue'));
  assert.match(page.url(), /from=2026-09-01&to=2026-09-20/);

  // The same file again changes nothing, and the page says so.
  await page.goto(`${server.url}/import`);
  await page.getByText('Earlier imports').waitFor();
  await page.getByLabel('Choose files').setInputFiles(writeExport(server.dir));
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByText('Nothing changed.').waitFor();
  await end();
});

test('a changed mapping is looked at again and used', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/import`);
  await drop(page, writeExport(server.dir, 'odd.csv', csv.replace('spend,revenue', 'outlay,takings')));
  const outlay = page.getByRole('combobox', { name: 'Take column outlay as' });
  await outlay.waitFor();
  assert.equal(await outlay.inputValue(), 'ignore');
  const again = page.waitForResponse((r) => r.request().method() === 'POST' && r.url().endsWith('/api/v1/imports'));
  await outlay.selectOption('spend');
  await page.getByRole('combobox', { name: 'Take column takings as' }).selectOption('revenue');
  await again;
  await settle(page);
  await page.getByRole('textbox', { name: 'Account' }).or(page.getByRole('combobox', { name: 'Account' })).fill('Own shop');
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.locator('[data-result]').waitFor();
  assert.ok((await page.locator('main').innerText()).includes('Own shop'));
  const answer = await getJson(`${server.url}/api/v1/analytics/query?metrics=spend,revenue`);
  close(answer.rows[0][0], sum('spend'));
  close(answer.rows[0][1], sum('revenue'));
  await end();
});

test('rows that cannot be understood are listed with line and column, the rest goes in', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/import`);
  const text = 'date,campaign,spend\n2026-09-01,A,10.50\nyesterday,A,1\n2026-09-02,A,4.50\n';
  await drop(page, writeExport(server.dir, 'bad rows.csv', text));
  await page.getByRole('button', { name: 'Check every row first' }).click();
  const problems = page.locator('[data-problems]');
  await problems.waitFor();
  const row = problems.locator('tbody tr').filter({ hasText: 'yesterday' });
  assert.match((await row.innerText()).replace(/\s+/g, ' '), /^3 left out date yesterday/);
  await page.getByText('2 rows would go in, 1 would be left out').waitFor();
  await shot(page, 'import-problems', true);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.locator('[data-result]').waitFor();
  const answer = await getJson(`${server.url}/api/v1/analytics/query?metrics=spend`);
  close(answer.rows[0][0], 15);
  await end();
});

test('a file without a date asks for the day and waits for it', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/import`);
  await drop(page, writeExport(server.dir, 'no day.csv', 'campaign,impressions,clicks,spend\nA,1000,10,5.25\nB,500,4,2\n'));
  await page.getByText('carries no date').first().waitFor();
  assert.ok(await page.getByRole('button', { name: 'Import', exact: true }).isDisabled());
  await page.getByLabel('Day of these figures').fill('2026-10-05');
  await page.waitForFunction(() => [...document.querySelectorAll('button')].some((b) => b.textContent === 'Import' && !b.disabled));
  await settle(page);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.locator('[data-result]').waitFor();
  const workspace = await getJson(`${server.url}/api/v1/workspace`);
  assert.equal(workspace.data_from, '2026-10-05');
  assert.equal(workspace.data_to, '2026-10-05');
  await end();
});

test('what is no table is refused in words, and nothing is stored', async () => {
  const { page, end } = await openPage(browser, server.url, { expectRefusals: /status of 4\d\d/ });
  await page.goto(`${server.url}/import`);
  const zip = Buffer.concat([Buffer.from('PK\x03\x04\x14\x00\x00\x00\x08\x00', 'latin1'), Buffer.alloc(400, 7)]);
  await drop(page, writeExport(server.dir, 'renamed.csv', zip));
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /zip/i);
  assert.equal((await getJson(`${server.url}/api/v1/workspace`)).has_data, false);
  await end();
});
