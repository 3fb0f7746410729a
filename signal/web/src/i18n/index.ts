// Texts by name, with the places filled in, in the language of the person.

import { recall, remember } from '../storage';
import type { Forms, Language, Text } from './language';
import { en } from './languages/en';

export type { Text } from './language';
type Values = Readonly<Record<string, string | number>>;

/** Every language but English, by tag, as its speakers call it. Set by the build. */
declare const LANGUAGES: Readonly<Record<string, string>>;

const ENGLISH = 'en';

export const languages: Readonly<Record<string, string>> = { [ENGLISH]: 'English', ...LANGUAGES };

let tag = ENGLISH;
let texts: Language['texts'] = en;
let plural = new Intl.PluralRules(tag);
let clock = clockOf(tag);

export function t(key: Text, values: Values = {}): string {
  const entry: string | Forms = texts[key] ?? en[key];
  const pattern = typeof entry === 'string' ? entry : entry[plural.select(Number(values.count ?? 0))] ?? entry.other;
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

export function time(at: Date): string {
  return Number.isNaN(at.getTime()) ? '' : clock.format(at);
}

/** A length of time: minutes and seconds, hours where there are some. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const two = (n: number): string => String(n).padStart(2, '0');
  return hours ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`;
}

/** The tag of the language that the page speaks. */
export function language(): string {
  return tag;
}

/** The language chosen on this device, else the first of the browser's that there is. */
export function preferredLanguage(chosen: string, wanted: readonly string[]): string {
  const known = (candidate: string): string | undefined =>
    Object.keys(languages).find((l) => l.toLowerCase() === candidate.toLowerCase()) ?? Object.keys(languages).find((l) => l === candidate.toLowerCase().split('-')[0]);
  return [chosen, ...wanted].map((candidate) => candidate && known(candidate)).find(Boolean) || ENGLISH;
}

/** Takes up the language of this person, or else the one that the address names, before anything is shown. */
export function loadLanguage(named: string): Promise<void> {
  return takeUp(preferredLanguage(recall('language'), [...(named ? [named] : []), ...navigator.languages]));
}

/** Another language from now on, on this device. What is already shown has to be shown again. */
export function chooseLanguage(wanted: string): Promise<void> {
  remember('language', wanted);
  return takeUp(wanted);
}

/** Without the language's file the page goes on as it is. */
async function takeUp(wanted: string): Promise<void> {
  if (wanted === tag) return;
  if (wanted === ENGLISH) return speak(ENGLISH, { name: 'English', texts: en });
  try {
    const answer = await fetch(`/lang/${wanted}.json`);
    if (answer.ok) speak(wanted, (await answer.json()) as Language);
  } catch {
    // The box cannot be reached just now.
  }
}

export function speak(language: string, { texts: said, dir = 'ltr' }: Language): void {
  tag = language;
  texts = said;
  plural = new Intl.PluralRules(tag);
  clock = clockOf(tag);
  if (typeof document === 'undefined') return;
  document.documentElement.lang = tag;
  document.documentElement.dir = dir;
}

/** Times as the device writes them, in the words of the language. */
function clockOf(language: string): Intl.DateTimeFormat {
  const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions();
  return new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', ...(hourCycle ? { hourCycle } : {}) });
}
