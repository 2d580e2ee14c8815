/* Strings by key, with {parts} and plural rules. English is complete; a catalog of another language
 * may lack keys, which then read English. How to add one: see README.md. */
import { Fragment, type ReactNode } from 'react';
import { read, write } from '../state/local';
import type { ctr } from './ctr';
import type { decide } from './decide';
import { en } from './en';
import type { experiments } from './experiments';
import type { tables } from './tables';

export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
type Whole = typeof en & typeof tables & typeof decide & typeof ctr & typeof experiments;
export type Catalog = { -readonly [K in keyof Whole]: Whole[K] extends string ? string : Plural };
export type Key = keyof Catalog;
type Value = string | number;

/* Labels and explanations of what the server names in English, by its name there. */
export type Names = Record<string, readonly [label: string, help: string]>;

export const LANGUAGES = { en: 'English', uk: 'Українська', ru: 'Русский' } as const;
export type Language = keyof typeof LANGUAGES;

/* What every page needs, and what comes with the pages that the first load does without. */
const loaders = {
  uk: { first: () => import('./uk'), pages: () => import('./uk_pages') },
  ru: { first: () => import('./ru'), pages: () => import('./ru_pages') },
};

export let language: Language = 'en';
let catalog: Partial<Catalog> = {};
let metricNames: Names = {};
let fieldNames: Names = {};
const english: Partial<Catalog> = { ...en };
/* Strings of pages that the first load does without: they come with the page. */
export const addStrings = (more: Partial<Catalog>): void => void Object.assign(english, more);
const englishPlurals = new Intl.PluralRules('en');
let plurals = englishPlurals;

/* Numbers and dates follow the browser's locale when it speaks the page's language. */
export let locale = 'en';

/* The chosen language, else the first of the browser's wishes that there is. */
export async function startLanguage(): Promise<void> {
  const offered = Object.keys(LANGUAGES) as Language[];
  const spoken = (tag: string | null) => offered.find((l) => l === tag?.split('-')[0]?.toLowerCase());
  language = [read('language'), ...navigator.languages].map(spoken).find(Boolean) ?? 'en';
  if (language !== 'en')
    try {
      ({ strings: catalog, metrics: metricNames } = await loaders[language].first());
      plurals = new Intl.PluralRules(language);
    } catch {
      language = 'en'; /* Not within reach: better English than nothing. */
    }
  locale = navigator.languages.find((tag) => spoken(tag) === language) ?? language;
  document.documentElement.lang = language;
}

export async function pageStrings(): Promise<void> {
  if (language === 'en') return;
  const { strings, fields } = await loaders[language].pages();
  Object.assign(catalog, strings);
  fieldNames = fields;
}

/* Chosen for good. Everything is said anew, so the page is loaded anew; its address keeps its state. */
export function chooseLanguage(chosen: string): void {
  write('language', chosen);
  location.reload();
}

interface Named {
  name: string;
  label: string;
  help: string;
}
function renamed<T extends Named>(thing: T, names: Names): T {
  const [label, help] = names[thing.name] ?? [thing.label, thing.help];
  return { ...thing, label, help };
}
/* A built-in metric, a field of an import in the page's language; a metric of one's own stays as it was named. */
export const metricInLanguage = <T extends Named>(metric: T): T => renamed(metric, metricNames);
export const fieldInLanguage = <T extends Named>(field: T): T => renamed(field, fieldNames);

function template(key: Key, n: Value | undefined): string {
  const entry: string | Plural = catalog[key] ?? english[key] ?? key;
  if (typeof entry === 'string') return entry;
  const rule = typeof n === 'number' ? (catalog[key] ? plurals : englishPlurals).select(n) : 'other';
  return entry[rule] ?? entry.other;
}

const text = (value: Value): string =>
  typeof value === 'number' ? value.toLocaleString(locale) : value;

/* The string of a key. A number named n picks the plural form. */
export function t(key: Key, parts?: Record<string, Value>): string {
  return template(key, parts?.n).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parts?.[name];
    return value === undefined ? whole : text(value);
  });
}

/* The same with elements as parts, for sentences whose figures stand out. */
export function rich(key: Key, parts: Record<string, ReactNode>): ReactNode {
  const n = parts.n;
  return template(key, typeof n === 'number' ? n : undefined)
    .split(/(\{\w+\})/)
    .map((piece, i) => {
      const name = /^\{(\w+)\}$/.exec(piece)?.[1];
      return <Fragment key={i}>{name !== undefined && name in parts ? parts[name] : piece}</Fragment>;
    });
}
