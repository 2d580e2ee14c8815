/* Strings by key, with {parts} and plural rules. English is complete; a catalog of another language
 * may lack keys, which then read English. How to add one: see README.md. */
import { Fragment, type ReactNode } from 'react';
import type { ctr } from './ctr';
import type { decide } from './decide';
import { en } from './en';
import type { experiments } from './experiments';

export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };
type Whole = typeof en & typeof decide & typeof ctr & typeof experiments;
export type Catalog = { -readonly [K in keyof Whole]: Whole[K] extends string ? string : Plural };
export type Key = keyof Catalog;
type Value = string | number;

/* Offered in the order of the browser's wishes; loaded only when chosen. */
const loaders: Record<string, () => Promise<Partial<Catalog>>> = {
  uk: () => import('./uk').then((m) => m.uk),
  ru: () => import('./ru').then((m) => m.ru),
};

let language = 'en';
let catalog: Partial<Catalog> = {};
const english: Partial<Catalog> = { ...en };
/* Strings of pages that the first load does without: they come with the page. */
export const addStrings = (more: Partial<Catalog>): void => void Object.assign(english, more);
const englishPlurals = new Intl.PluralRules('en');
let plurals = englishPlurals;

/* Numbers and dates follow the browser's locale when it speaks the page's language. */
export let locale = 'en';

export async function startLanguage(): Promise<void> {
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem('winnow.language');
  } catch {
    /* Storage may be forbidden: English. */
  }
  if (chosen && loaders[chosen]) {
    catalog = await loaders[chosen]!();
    language = chosen;
    plurals = new Intl.PluralRules(chosen);
  }
  locale = navigator.languages.find((l) => l.toLowerCase().startsWith(language)) ?? language;
  document.documentElement.lang = language;
}

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
