// The question before somebody is removed: why, and whether the door shuts behind them.

import type { Conference } from '../conference';
import { t } from '../i18n';
import { choose } from './dialog';
import { h } from './dom';

export function askToRemove(conference: Conference, id: string, name: string): void {
  const { breakout, lobby, moderation, settings } = conference;
  const reason = h('input', { maxlength: 200, dir: 'auto', autocomplete: 'off', 'data-test': 'remove-reason' });
  const mayShut = lobby.supported && !breakout.away && !settings.membersOnly;
  // The box knows people by their connection alone, and the next one is new to it: only the door keeps somebody out.
  const shut = (): void => {
    void moderation.ban(id, reason.value.trim());
    void settings.setMembersOnly(true);
  };
  choose(t('people.remove.title', { name }),
    [
      h('label', { class: 'field' }, t('people.remove.reason'), h('span', { class: 'input' }, reason), h('span', { class: 'hint' }, t('people.remove.hint'))),
      h('p', { class: 'small quiet' }, t(settings.membersOnly ? 'people.remove.knock' : 'people.remove.back')),
    ],
    [
      { label: 'people.remove.no', focus: true },
      { label: 'people.remove.yes', look: 'risk', test: 'remove-yes', run: () => void (settings.membersOnly ? moderation.ban(id, reason.value.trim()) : moderation.remove(id, reason.value.trim())) },
      ...(mayShut ? [{ label: 'people.remove.shut', look: 'risk', test: 'remove-shut', run: shut } as const] : []),
    ]);
}
