// Protects the languages: the catalogs of Ukrainian and Russian are complete and fill in what the English
// string does; a choice is found, holds and reaches headings, numbers and dates; no page breaks by longer words.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkAccess, checkNoSidewaysScroll, getJson, openPage, settle, shot, startBrowser, startWinnow } from './tools.mjs';

const LANGUAGES = ['uk', 'ru'];

/* ---- the catalogs -------------------------------------------------------------------------------- */

const esbuild = createRequire(new URL('../../web/package.json', import.meta.url))('esbuild');
async function readCatalogs() {
  const english = ['en', 'tables', 'decide', 'ctr', 'experiments'].map((file) => `export * from './${file}';`);
  const others = LANGUAGES.map((l) => `export * as ${l} from './${l}'; export * as ${l}_pages from './${l}_pages';`);
  const { outputFiles } = await esbuild.build({
    stdin: { contents: [...english, ...others].join('\n'), resolveDir: fileURLToPath(new URL('../../web/src/i18n/', import.meta.url)) },
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}

const forms = (entry) => (typeof entry === 'string' ? [entry] : Object.values(entry));
const parts = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);

/* What is wrong with a language beside English, one line for each finding. */
function findings(english, language, catalogs) {
  const plurals = new Intl.PluralRules(language).resolvedOptions().pluralCategories.sort().join();
  const whole = Object.assign({}, ...catalogs);
  const found = [];
  for (const [key, said] of Object.entries(english)) {
    const entry = whole[key];
    if (entry === undefined) {
      found.push(`${key} is missing`);
      continue;
    }
    if (typeof entry !== typeof said) found.push(`${key} has forms in one of the two languages only`);
    else if (typeof entry !== 'string' && Object.keys(entry).sort().join() !== plurals) found.push(`${key} has not the forms ${plurals}`);
    const known = new Set(forms(said).flatMap(parts));
    for (const text of forms(entry)) {
      if (!text.trim()) found.push(`${key} is empty`);
      for (const name of parts(text)) if (!known.has(name)) found.push(`${key}: {${name}} is not in the English string`);
      // A number goes with its word in every form: 21 is "one" in these languages.
      for (const name of known) if (!parts(text).includes(name)) found.push(`${key} lacks {${name}}`);
    }
  }
  for (const key of Object.keys(whole)) if (!(key in english)) found.push(`${key} is not in English`);
  for (const key of Object.keys(catalogs[0])) if (key in catalogs[1]) found.push(`${key} stands twice`);
  return found;
}

/* Forms without the number although English has it in one: they say the same of every number. */
const WITHOUT_NUMBER = ['answer.conversions lacks {n}'];

test('every string has its translation, with the same parts and all plural forms', async () => {
  const all = await readCatalogs();
  const english = { ...all.en, ...all.tables, ...all.decide, ...all.ctr, ...all.experiments };
  assert.ok(Object.keys(english).length > 500);
  for (const l of LANGUAGES) {
    assert.deepEqual(findings(english, l, [all[l].strings, all[`${l}_pages`].strings]).filter((f) => !WITHOUT_NUMBER.includes(f)), [], l);
    // The check can fail.
    assert.equal(findings({ ...english, 'no.such.key': 'No such key' }, l, [all[l].strings, all[`${l}_pages`].strings]).filter((f) => f === 'no.such.key is missing').length, 1);
  }
  const first = Object.keys(all.en);
  for (const l of LANGUAGES) assert.deepEqual(Object.keys(all[l].strings).filter((key) => !first.includes(key)), [], `${l}.ts is loaded first: strings of other pages stand in ${l}_pages.ts`);
});

/* ---- in the browser ------------------------------------------------------------------------------ */

let server, browser;
before(async () => {
  server = await startWinnow('--sample');
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const lang = (page) => page.evaluate(() => document.documentElement.lang);
const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true });

test('every built-in metric and every field of an import has a name in each language', async () => {
  const all = await readCatalogs();
  const { metrics } = await getJson(`${server.url}/api/v1/metrics`);
  for (const l of LANGUAGES) assert.deepEqual(Object.keys(all[l].metrics).sort(), metrics.map((m) => m.name).sort(), l);
  const { fields } = await getJson(`${server.url}/api/v1/imports/options`);
  for (const l of LANGUAGES) assert.deepEqual(Object.keys(all[`${l}_pages`].fields).sort(), fields.map((f) => f.name).sort(), l);
});

test('Ukrainian is chosen in the rail, and stays: headings, figures, days', async () => {
  const { page, end } = await openPage(browser, server.url);
  await page.goto(`${server.url}/?range=7d`);
  await heading(page, 'Overview').waitFor();
  assert.equal(await lang(page), 'en');
  const choice = page.getByRole('combobox', { name: 'Language' });
  assert.deepEqual(await choice.locator('option').allInnerTexts(), ['English', 'Українська', 'Русский']);
  await choice.selectOption('uk');
  for (const again of [false, true]) {
    if (again) await page.reload();
    await heading(page, 'Огляд').waitFor();
    await settle(page);
    assert.equal(await lang(page), 'uk');
    assert.match(page.url(), /range=7d/, 'the address keeps its state');
    assert.deepEqual(await page.locator('main h2').allInnerTexts(), ['Витрати й дохід', 'Частка витрат', 'Канали', 'Найкращі кампанії', 'Найгірші кампанії']);
    assert.match(await page.locator('[data-answer]').innerText(), /^Усього за останні 7 днів витрачено /);
    // 1 234,5 and not 1,234.5; the sign of money stands behind.
    const spend = page.locator('tr[data-channel] td').first();
    assert.match((await spend.innerText()).split('\n')[0], /^\d{1,3}(\u00a0\d{3})*,\d\d\u00a0\$$/);
    assert.match(await page.locator('[data-kpi=conversions]').innerText(), /Конверсії/);
    assert.match(await page.getByRole('button', { name: /^Період/ }).innerText(), /20\d\d\s*р\./);
  }
  await page.getByRole('link', { name: 'Прогноз' }).click();
  await heading(page, 'Прогноз').waitFor();
  await page.getByRole('combobox', { name: 'На скільки вперед' }).waitFor();
  await page.getByRole('combobox', { name: 'Мова' }).selectOption('en');
  await heading(page, 'Forecast').waitFor();
  assert.equal(await lang(page), 'en');
  await end();
});

test('a first visit goes by the browser, a choice goes before it', async () => {
  const { page, end } = await openPage(browser, server.url, { locale: 'ru-RU' });
  await page.goto(`${server.url}/`);
  await heading(page, 'Обзор').waitFor();
  await settle(page);
  // From the palette, found by the word for language as well as by its name.
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /^Страницы, кампании/ }).fill('язык');
  assert.deepEqual(await page.getByRole('option').allInnerTexts(), ['Язык: English', 'Язык: Українська']);
  await page.keyboard.press('Enter');
  await heading(page, 'Overview').waitFor();
  await page.reload();
  await heading(page, 'Overview').waitFor();
  await end();
  const other = await openPage(browser, server.url, { locale: 'de-DE' });
  await other.page.goto(`${server.url}/`);
  await heading(other.page, 'Overview').waitFor();
  await other.end();
});

test('on a phone the language is in the sheet', async () => {
  const { page, end } = await openPage(browser, server.url, { width: 390, height: 844 });
  await page.goto(`${server.url}/`);
  await page.getByRole('button', { name: 'More', exact: true }).click();
  const sheet = page.getByRole('dialog', { name: 'All pages' });
  await checkAccess(page, 'the sheet with languages');
  await shot(page, 'language-sheet');
  await sheet.getByRole('button', { name: 'Русский' }).click();
  await heading(page, 'Обзор').waitFor();
  await page.getByRole('button', { name: 'Ещё', exact: true }).click();
  await page.getByRole('dialog', { name: 'Все страницы' }).getByRole('button', { name: 'Русский', pressed: true }).waitFor();
  await end();
});

test('the first load of the Overview in Ukrainian stays within 200 KB of script', async () => {
  const { page, end } = await openPage(browser, server.url, { locale: 'uk-UA' });
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

const PAGES = { overview: '/', explorer: '/explorer?level=campaign', forecast: '/forecast', anomalies: '/anomalies', ctr: '/ctr', budget: '/budget', experiments: '/experiments', import: '/import' };

const EXAMPLE = { uk: 'Завантажити приклад', ru: 'Загрузить пример' };

/* Words that are cut off where nothing says so: a button, a link or a heading wider than its place. */
const cutOff = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('header a, header button, header nav span, main button, main h1, main h2, main label > span')]
      .filter((e) => e.offsetParent && !e.closest('.visually-hidden') && !e.classList.contains('visually-hidden'))
      .filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).textOverflow !== 'ellipsis' && getComputedStyle(e).display !== 'inline')
      .map((e) => `${e.tagName} ${e.textContent.slice(0, 40)}: ${e.scrollWidth} in ${e.clientWidth} px`),
  );

for (const l of LANGUAGES)
  for (const width of [1440, 390])
    test(`every page in ${l} at ${width} px: nothing sticks out, nothing is cut off`, async () => {
      const { page, end } = await openPage(browser, server.url, { locale: l, width, height: width < 500 ? 844 : 900 });
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(server.url + path);
        await page.locator('h1').first().waitFor();
        await settle(page);
        if (name === 'experiments') {
          await page.getByRole('button', { name: EXAMPLE[l] }).click();
          await page.locator('canvas').waitFor();
          await settle(page);
        }
        assert.equal(await lang(page), l);
        await shot(page, `${l}-${name}-${width}`, true);
        await checkNoSidewaysScroll(page, `${name} in ${l}`);
        assert.deepEqual(await cutOff(page), [], `${name} in ${l}`);
      }
      await checkAccess(page, `pages in ${l} at ${width}`);
      await end();
    });
