// Protects how every page stands: no sideways scroll from 360 to 2560 px, light and dark, no finding
// of axe, usable by keyboard alone, nothing asked of another host. Leaves the pictures in shots/.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkAccess, checkNoSidewaysScroll, openPage, settle, shot, startBrowser, startWinnow } from './tools.mjs';

let server, browser;
before(async () => {
  server = await startWinnow('--sample');
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const PAGES = {
  overview: '/',
  explorer: '/explorer?level=campaign',
  forecast: '/forecast',
  anomalies: '/anomalies',
  ctr: '/ctr',
  budget: '/budget',
  campaigns: '/budget?by=campaign',
  experiments: '/experiments',
  import: '/import',
  missing: '/no-such-page',
};

for (const [name, path] of Object.entries(PAGES))
  for (const [width, dark] of [
    [1440, false],
    [1440, true],
    [390, false],
    [390, true],
    [360, false],
    [2560, false],
  ])
    test(`${name}, ${width} px, ${dark ? 'dark' : 'light'}`, async () => {
      const { page, end } = await openPage(browser, server.url, { width, height: width < 500 ? 844 : 900, dark });
      await page.goto(server.url + path);
      await page.locator('h1').first().waitFor();
      await settle(page);
      await checkNoSidewaysScroll(page, name);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), dark ? 'dark' : 'light');
      if (width === 1440 || width === 390) await checkAccess(page, `${name} at ${width}`);
      await shot(page, `${name}-${width}${dark ? '-dark' : ''}`, width < 500);
      await end();
    });

test('open windows are clean as well: range, metrics, new metric, why, palette, shortcuts', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/explorer`);
  await settle(page);
  await page.getByRole('button', { name: /^Date range/ }).click();
  await page.getByRole('dialog').waitFor();
  await checkAccess(page, 'range');
  await shot(page, 'window-range');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /metrics$/ }).click();
  await page.getByRole('dialog').waitFor();
  await checkAccess(page, 'metrics');
  await page.getByRole('button', { name: 'New metric' }).click();
  await page.getByLabel('Label').waitFor();
  await checkAccess(page, 'new metric');
  await shot(page, 'window-metric');
  await page.keyboard.press('Escape');
  await page.goto(`${server.url}/?why=cpa`);
  await page.getByRole('dialog', { name: /Why/ }).waitFor();
  await checkAccess(page, 'why');
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await checkAccess(page, 'shortcuts');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /Pages, campaigns/ }).waitFor();
  await checkAccess(page, 'palette');
  await shot(page, 'window-palette');
  await end();
});

test('by keyboard alone: skip link, pages, theme, palette to a campaign, rows into the next level', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/`);
  await settle(page);
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the page');
  // Whatever takes the focus shows it.
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || parseFloat(style.outlineWidth) >= 1;
    });
    assert.ok(seen, `focus ${i} is not visible: ${await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120))}`);
  }
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await page.waitForURL(/\/explorer/);
  await page.keyboard.press('t');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'the choice stays');
  const link = page.locator('table[data-level=channel] tbody a').first();
  await link.focus();
  await page.keyboard.press('Enter');
  await page.locator('table[data-level=campaign] tbody tr').first().waitFor();
  const name = (await page.locator('table[data-level=campaign] tbody a').first().innerText()).trim();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /Pages, campaigns/ }).waitFor();
  await page.keyboard.type(name.slice(0, 12));
  await page.getByRole('option', { name: new RegExp(name.slice(0, 12).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) }).first().waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/in=\w+\.\d+/);
  await end();
});

test('the rail collapses to icons and stays so', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/`);
  await page.getByRole('button', { name: 'Collapse the rail' }).click();
  const width = () => page.locator('header').first().evaluate((e) => e.getBoundingClientRect().width);
  assert.ok((await width()) < 80);
  await page.reload();
  await page.getByRole('button', { name: 'Expand the rail' }).waitFor();
  assert.ok((await width()) < 80);
  await settle(page);
  await checkAccess(page, 'collapsed rail');
  await shot(page, 'rail-collapsed');
  await end();
});

test('the API documentation shows the contract without asking anyone else', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/docs`);
  await page.getByText('/api/v1/analytics/query').first().waitFor();
  await settle(page);
  await shot(page, 'docs');
  await end();
});

test('the first load of the Overview stays within 200 KB of script', async () => {
  const { page, end } = await openPage(browser, server.url);
  let bytes = 0;
  const waiting = [];
  page.on('requestfinished', (r) => {
    if (r.resourceType() === 'script') waiting.push(r.sizes().then((s) => (bytes += s.responseBodySize)));
  });
  await page.goto(`${server.url}/`);
  await page.locator('canvas').waitFor();
  await settle(page);
  await Promise.all(waiting);
  assert.ok(bytes > 50 * 1024 && bytes <= 200 * 1024, `${bytes} bytes of script`);
  await end();
});
