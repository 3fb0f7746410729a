// Texts by name, with the places filled in.

import { en } from './en';

export type Text = keyof typeof en;
type Values = Readonly<Record<string, string | number>>;

const language = 'en';
const plural = new Intl.PluralRules(language);

export function t(key: Text, values: Values = {}): string {
  const entry: string | { readonly one: string; readonly other: string } = en[key];
  const pattern = typeof entry === 'string' ? entry : plural.select(Number(values.count ?? 0)) === 'one' ? entry.one : entry.other;
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function time(at: Date): string {
  return Number.isNaN(at.getTime()) ? '' : clock.format(at);
}
