// Protects the first minute: an empty workspace says what to do, the sample is marked wherever it
// shows and goes with one button, and the first own file replaces it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, getJson, importOverHttp, kpi, openPage, settle, shot, startBrowser, startWinnow, sum } from './tools.mjs';

let server, browser;
before(async () => {
  server = await startWinnow();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('empty pages lead on, the sample comes and goes', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/explorer`);
  await page.getByText('nothing to explore yet').waitFor();
  await page.goto(`${server.url}/`);
  await page.getByRole('heading', { name: 'There is no data yet' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Import a file' }).getAttribute('href'), '/import');
  await shot(page, 'empty');

  await page.getByRole('button', { name: 'Load the sample' }).click();
  await page.locator('[data-kpi=spend]').waitFor({ timeout: 60000 });
  await settle(page);
  assert.ok((await getJson(`${server.url}/api/v1/workspace`)).is_sample);
  const panels = await page.locator('main section').filter({ has: page.locator('h2') }).count();
  assert.ok((await page.locator('[data-sample]').count()) >= panels + 1, 'page and every panel carry the badge');
  await shot(page, 'overview-sample', true);
  await page.getByRole('link', { name: 'Explorer', exact: true }).click();
  await page.locator('table[data-level=channel] tbody tr').first().waitFor();
  assert.ok((await page.locator('main [data-sample]').count()) >= 1);
  await page.getByRole('link', { name: 'Overview', exact: true }).click();

  await page.getByRole('button', { name: 'Remove sample' }).click();
  const dialog = page.getByRole('dialog', { name: /Remove the sample/ });
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.ok((await getJson(`${server.url}/api/v1/workspace`)).has_data, 'cancelling keeps it');
  await page.getByRole('button', { name: 'Remove sample' }).click();
  await dialog.getByRole('button', { name: 'Remove sample' }).click();
  await page.getByRole('heading', { name: 'There is no data yet' }).waitFor();
  assert.equal((await getJson(`${server.url}/api/v1/workspace`)).has_data, false);
  await end();
});

test('the first own file replaces the sample', async () => {
  assert.equal((await fetch(`${server.url}/api/v1/sample`, { method: 'POST' })).status, 201);
  await importOverHttp(server.url);
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/`);
  await page.locator('[data-kpi=spend]').waitFor();
  await settle(page);
  close(await kpi(page, 'spend'), sum('spend'));
  assert.equal(await page.locator('[data-sample]').count(), 0);
  await end();
});
