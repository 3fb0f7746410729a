// Texts by name, in the language of the person. All of them are in the script: it must speak while the network changes.

import { recall, remember } from '../../../../signal/web/src/storage';
import { de } from './de';
import { en } from './en';
import { es } from './es';

type Forms = { readonly other: string } & Partial<Readonly<Record<Intl.LDMLPluralRule, string>>>;
export type Word = keyof typeof en;
export type Words = Readonly<Record<Word, string | Forms>>;

const LANGUAGES: Readonly<Record<string, readonly [name: string, words: Words]>> = { en: ['English', en], de: ['Deutsch', de], es: ['Español', es] };

export const languages: readonly (readonly [tag: string, name: string])[] = Object.entries(LANGUAGES).map(([tag, [name]]) => [tag, name]);

let tag = 'en';
let words: Words = en;
let plural = new Intl.PluralRules(tag);

export function t(key: Word, values: Readonly<Record<string, string | number>> = {}): string {
  const entry = words[key];
  const pattern = typeof entry === 'string' ? entry : entry[plural.select(Number(values.count ?? 0))] ?? entry.other;
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

export function language(): string {
  return tag;
}

/** The language chosen on this device, else the first of the browser's that there is. */
export function loadLanguage(): void {
  const wanted = [recall('language'), ...navigator.languages].map((name) => name.toLowerCase().split('-')[0] ?? '');
  speak(wanted.find((name) => name in LANGUAGES) ?? 'en');
}

export function chooseLanguage(chosen: string): void {
  remember('language', chosen);
  speak(chosen);
}

function speak(chosen: string): void {
  words = LANGUAGES[chosen]?.[1] ?? en;
  tag = chosen;
  plural = new Intl.PluralRules(tag);
  document.documentElement.lang = tag;
  document.title = `${t('title')} – Moothall`;
}

/** Minutes and seconds. */
export function duration(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}
