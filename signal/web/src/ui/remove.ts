// The question before somebody is removed: why, and for how long.

import { t } from '../i18n';
import { choose } from './dialog';
import { h } from './dom';

export function askToRemove(name: string, remove: (reason: string, ban: boolean) => void): void {
  const reason = h('input', { maxlength: 200, dir: 'auto', autocomplete: 'off', 'data-test': 'remove-reason' });
  const run = (ban: boolean) => () => remove(reason.value.trim(), ban);
  choose(t('people.remove.title', { name }),
    [h('label', { class: 'field' }, t('people.remove.reason'), h('span', { class: 'input' }, reason), h('span', { class: 'hint' }, t('people.remove.hint')))],
    [
      { label: 'people.remove.no', focus: true },
      { label: 'people.remove.yes', look: 'risk', test: 'remove-yes', run: run(false) },
      { label: 'people.remove.ban', look: 'risk', test: 'remove-ban', run: run(true) },
    ]);
}
