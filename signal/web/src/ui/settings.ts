// The sheet of settings: language, look, sounds, keys.

import { language, languages, t, type Text } from '../i18n';
import { choose, setting, type Setting } from '../settings';
import { showPanel } from './dialog';
import { h, icon } from './dom';

export interface SettingsHost {
  speak(language: string): void;
  switchTheme(): void;
}

const SOUNDS: readonly (readonly [Setting, Text])[] = [['sound.people', 'settings.sound.people'], ['sound.message', 'settings.sound.message'], ['sound.door', 'settings.sound.door']];

export function showSettings(host: SettingsHost): void {
  showPanel(t('settings'), h('div', { class: 'stack' },
    h('div', { class: 'field' }, h('label', { for: 'language' }, t('settings.language')), languageChoice('language', (chosen) => host.speak(chosen))),
    h('fieldset', { class: 'choices' }, h('legend', {}, t('settings.sounds')), ...SOUNDS.map(([name, label]) => toggle(name, label))),
    h('fieldset', { class: 'choices' }, h('legend', {}, t('settings.keys')), toggle('keys', 'settings.keys.letters')),
    h('button', { type: 'button', class: 'btn start', 'data-test': 'settings-theme', onclick: () => host.switchTheme() }, icon('theme'), t('theme'))));
}

/** Every language by the name that its speakers give it. */
export function languageChoice(id: string, choose: (language: string) => void): HTMLElement {
  const select = h('select', { class: 'input small', id, 'data-test': 'language', onchange: () => choose(select.value) },
    ...Object.entries(languages).map(([tag, name]) => h('option', { value: tag, lang: tag, selected: tag === language() }, name)));
  return h('span', { class: 'pick' }, select, icon('down'));
}

/** The same on the pages before the meeting. */
export function languageField(choose: (language: string) => void): HTMLElement {
  return h('span', { class: 'row tight' }, h('label', { for: 'language', class: 'vh' }, t('settings.language')), icon('globe'), languageChoice('language', choose));
}

function toggle(name: Setting, label: Text): HTMLElement {
  const box = h('input', { type: 'checkbox', checked: setting(name), 'data-test': `setting-${name}`, onchange: () => choose(name, box.checked) });
  return h('label', { class: 'choice' }, box, h('span', {}, t(label)));
}
