// What a language consists of. One file in `languages/` is one language; the build finds it by itself.

import type { en } from './languages/en';

export type Text = keyof typeof en;
/** Texts of what is counted, by the plural forms that the language has (`Intl.PluralRules`). */
export type Forms = { readonly other: string } & Partial<Readonly<Record<Exclude<Intl.LDMLPluralRule, 'other'>, string>>>;

export interface Language {
  /** As its speakers call it. */
  readonly name: string;
  readonly dir?: 'ltr' | 'rtl';
  /** What is missing is said in English. */
  readonly texts: Partial<Readonly<Record<Text, string | Forms>>>;
}
