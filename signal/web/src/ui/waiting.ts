// At the door: told that one waits, with a word to those inside, and what they answer.

import type { ChatMessage } from '../conference';
import { t, time } from '../i18n';
import { h, icon } from './dom';
import type { State } from './state';

export interface WaitingHost {
  write(text: string): void;
  knock(): void;
  password(): void;
  leave(): void;
}

export type DoorState = 'waiting' | 'nobody' | 'refused';

export function waitingState(state: DoorState, host: WaitingHost, log: HTMLElement): State {
  const leave = { label: 'start', run: () => host.leave() } as const;
  if (state === 'refused') {
    return { sign: 'door', tone: 'warn', title: t('door.refused.title'), text: t('door.refused'), acts: [{ label: 'door.again', run: () => host.knock(), test: 'knock-again' }, leave] };
  }
  return {
    sign: 'door', title: t('door.title'), text: t(state === 'nobody' ? 'door.nobody' : 'door.waiting'), aside: true,
    ...(state === 'waiting' ? { extra: h('div', { class: 'stack tight' }, log, writer(host)) } : {}),
    acts: [{ label: 'door.password', run: () => host.password(), test: 'door-password' }, leave],
  };
}

/** Where words from and to the moderators appear. */
export function waitingLog(): HTMLElement {
  return h('div', { class: 'stack tight', role: 'log', 'aria-live': 'polite', 'aria-label': t('chat.log'), 'data-test': 'door-log' });
}

export function logLine(message: ChatMessage): HTMLElement {
  return h('p', { class: 'doorline' }, h('b', {}, message.mine ? t('meeting.you') : h('bdi', {}, message.name || t('people.moderator'))), ' ', h('time', { class: 'tiny quiet' }, time(message.at)), h('br'), h('span', { dir: 'auto' }, message.text));
}

function writer(host: WaitingHost): HTMLElement {
  const input = h('input', { 'aria-label': t('door.write'), placeholder: t('door.write'), maxlength: 500, dir: 'auto', autocomplete: 'off', 'data-test': 'door-input' });
  return h('form', { onsubmit: (event: Event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text) host.write(text);
    input.value = '';
  } }, h('div', { class: 'input send' }, input, h('button', { class: 'btn first icon slim', 'aria-label': t('chat.send'), 'data-test': 'door-send' }, icon('send', { class: 'mirror' }))));
}
