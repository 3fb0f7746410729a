import assert from 'node:assert/strict';
import { test } from 'node:test';
import { preferredLanguage } from '../src/i18n';
import type { Forms, Text } from '../src/i18n/language';
import de from '../src/i18n/languages/de';
import { en } from '../src/i18n/languages/en';
import es from '../src/i18n/languages/es';

const LANGUAGES = { de, es };
type Entry = string | Forms;

const keys = Object.keys(en) as Text[];
const places = (text: string): string => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join();
const forms = (entry: Entry): string[] => (typeof entry === 'string' ? [entry] : Object.values(entry));

for (const [tag, { texts }] of Object.entries(LANGUAGES) as [string, { texts: Partial<Record<Text, Entry>> }][]) {
  test(`every text is there in ${tag}, and none that nobody shows`, () => {
    assert.deepEqual(keys.filter((key) => texts[key] === undefined), []);
    assert.deepEqual(Object.keys(texts).filter((key) => !(key in en)), []);
  });

  test(`texts in ${tag} name the same places, in every plural form`, () => {
    const needed = new Intl.PluralRules(tag).resolvedOptions().pluralCategories.filter((form) => form !== 'many');
    for (const key of keys) {
      const [ours, theirs] = [en[key] as Entry, texts[key]];
      if (theirs === undefined) continue;
      assert.equal(typeof theirs, typeof ours, key);
      if (typeof theirs !== 'string') assert.deepEqual(needed.filter((form) => !(form in theirs)), [], key);
      for (const form of forms(theirs)) assert.equal(places(form), places(forms(ours)[0] ?? ''), key);
    }
  });

  test(`words on the bar are short in ${tag}`, () => {
    const bar = keys.filter((key) => /^(bar\.\w+|(mic|cam)\.(on|off|waits))$/.test(key) && !['bar.devices', 'bar.keys'].includes(key));
    assert.deepEqual(bar.filter((key) => String(texts[key]).length > 14).map((key) => texts[key]), []);
  });
}

test('the chosen language comes first, then the browser’s, by country or without', () => {
  assert.equal(preferredLanguage('', ['fr-CA', 'de-AT', 'en']), 'de');
  assert.equal(preferredLanguage('es', ['de']), 'es');
  assert.equal(preferredLanguage('tlh', ['xx']), 'en');
  assert.equal(preferredLanguage('', ['en-GB', 'de']), 'en');
});
