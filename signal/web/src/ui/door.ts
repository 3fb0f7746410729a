// Who may come in: the password of the room, and whether somebody has to open the door.

import type { Conference } from '../conference';
import { t } from '../i18n';
import { showPanel } from './dialog';
import { h, icon, setText } from './dom';
import { say } from './live';

export function showDoor(conference: Conference): void {
  const element = h('div', { class: 'stack', 'data-test': 'door-dialog' }, conference.lobby.supported && doorSwitch(conference), password(conference));
  showPanel(t('door.settings'), element);
}

function doorSwitch(conference: Conference): HTMLElement {
  const { settings } = conference;
  const knob = h('button', { type: 'button', class: 'switch', role: 'switch', 'aria-checked': String(settings.membersOnly), 'aria-labelledby': 'door-switch', 'data-test': 'door-switch', onclick: async () => {
    const on = knob.getAttribute('aria-checked') !== 'true';
    knob.setAttribute('aria-checked', String(on));
    if (await settings.setMembersOnly(on)) say(t(on ? 'door.is.shut' : 'door.is.open'));
    else knob.setAttribute('aria-checked', String(!on));
  } });
  return h('div', { class: 'row' }, h('div', { class: 'grow' },
    h('b', { id: 'door-switch' }, t('door.switch')), h('p', { class: 'small quiet' }, t('door.switch.hint'))), knob);
}

function password(conference: Conference): HTMLElement {
  const { settings } = conference;
  const now = h('p', { class: 'small quiet', role: 'status', 'data-test': 'password-state' });
  const input = h('input', { maxlength: 80, autocomplete: 'off', dir: 'ltr', spellcheck: 'false', 'data-test': 'new-password' });
  const set = h('button', { class: 'btn first', 'data-test': 'set-password' });
  const remove = h('button', { type: 'button', class: 'btn', 'data-test': 'remove-password', onclick: () => void change('') }, t('password.remove'));
  const tell = (): void => {
    setText(now, !settings.locked ? t('password.none') : settings.password ? t('password.is', { password: settings.password }) : t('password.set.by.other'));
    setText(set, t(settings.locked ? 'password.change' : 'password.set'));
    remove.hidden = !settings.locked;
  };
  const change = async (wanted: string): Promise<void> => {
    const done = await settings.setPassword(wanted);
    if (done) input.value = '';
    tell();
    if (!done) setText(now, t('password.not.taken'));
  };
  const form = h('form', { class: 'stack tight', onsubmit: (event: Event) => {
    event.preventDefault();
    const wanted = input.value.trim();
    if (wanted) void change(wanted);
    else input.focus();
  } },
  h('label', { class: 'field' }, t('password.new'), h('span', { class: 'input' }, input), h('span', { class: 'hint' }, t('password.new.hint'))),
  h('div', { class: 'row tight wrap' }, set, remove));
  tell();
  return h('section', { class: 'stack tight' }, h('div', { class: 'row tight' }, icon('lock'), h('b', {}, t('password.label'))), now, form);
}
