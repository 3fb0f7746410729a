// Chat beside the hall.

import type { ChatMessage } from '../conference';
import { t, time } from '../i18n';
import { h, icon, setAttribute, setText } from './dom';

export interface Addressee { readonly id: string; readonly name: string }

export class ChatPanel {
  readonly element: HTMLElement;
  private readonly log = h('div', { class: 'body', role: 'log', 'aria-live': 'polite', 'aria-label': t('chat.log'), tabindex: 0, 'data-test': 'chat-log' },
    h('p', { class: 'tiny quiet' }, t('chat.intro')));
  private readonly heading = h('h2', { tabindex: -1 }, t('bar.chat'));
  private readonly to = h('select', { class: 'to', onchange: () => this.relabel() });
  private readonly input = h('input', { placeholder: t('chat.placeholder'), 'data-test': 'chat-input', maxlength: 4000, dir: 'auto', autocomplete: 'off' });
  private shown = 0;
  private known = '';

  constructor(private readonly messages: readonly ChatMessage[], onSend: (text: string, to: string) => void, onClose: () => void) {
    const submit = (event: Event): void => {
      event.preventDefault();
      const text = this.input.value.trim();
      if (!text) return;
      onSend(text, this.to.value);
      this.input.value = '';
    };
    this.element = h('aside', { class: 'panel chat', 'aria-label': t('bar.chat'), hidden: true },
      h('header', {}, this.heading, h('span', { class: 'end' }), h('button', { type: 'button', class: 'btn icon plain', 'aria-label': t('chat.close'), onclick: onClose }, icon('x'))),
      this.log,
      h('footer', {}, h('form', { class: 'stack tight', onsubmit: submit },
        h('label', { class: 'row small quiet tight' }, t('chat.to'), this.to),
        h('div', { class: 'input send' }, this.input, h('button', { class: 'btn first icon slim', 'aria-label': t('chat.send'), 'data-test': 'chat-send' }, icon('send', { class: 'mirror' }))))));
    this.people([]);
    this.update();
  }

  people(people: readonly Addressee[]): void {
    const key = JSON.stringify(people);
    if (key === this.known) return;
    this.known = key;
    const chosen = this.to.value;
    this.to.replaceChildren(h('option', { value: '' }, t('chat.everyone')), ...people.map((p) => h('option', { value: p.id }, p.name)));
    this.to.value = people.some((p) => p.id === chosen) ? chosen : '';
    this.relabel();
  }

  writeTo(id: string): void {
    this.to.value = id;
    this.relabel();
    this.input.focus();
  }

  update(): void {
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60;
    for (; this.shown < this.messages.length; this.shown++) {
      const message = this.messages[this.shown];
      if (message) this.log.append(entry(message, this.nameOf(message.to)));
    }
    if (atEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  open(): void {
    this.element.hidden = false;
    this.log.scrollTop = this.log.scrollHeight;
    if (matchMedia('(pointer: fine)').matches) this.input.focus();
    else this.heading.focus();
  }

  close(): void {
    this.element.hidden = true;
  }

  private nameOf(id: string): string {
    return [...this.to.options].find((o) => o.value === id && id)?.textContent ?? '';
  }

  private relabel(): void {
    const name = this.nameOf(this.to.value);
    setAttribute(this.input, 'aria-label', name ? t('chat.label.private', { name }) : t('chat.label'));
  }
}

function entry(message: ChatMessage, addressee: string): HTMLElement {
  const secret = message.to !== '';
  const mark = secret && h('span', { class: 'end tiny only' }, message.mine ? t('chat.private.mine', { name: addressee }) : t('chat.private'));
  const body = h('p', { dir: 'auto' });
  body.append(...linked(message.text));
  const article = h('article', { class: `msg ${secret ? 'private' : ''}` },
    h('header', {}, h('span', { dir: 'auto' }), h('time', { datetime: Number.isNaN(message.at.getTime()) ? '' : message.at.toISOString() }, time(message.at)), mark),
    body);
  const name = article.querySelector('span');
  if (name) setText(name, message.mine ? t('meeting.you') : message.name || t('meeting.someone'));
  return article;
}

/** Addresses become links, everything else stays text. */
function linked(text: string): (string | HTMLElement)[] {
  return text.split(/(https?:\/\/[^\s<>"']+)/).map((part, index) =>
    index % 2 ? h('a', { href: part, target: '_blank', rel: 'noopener noreferrer nofollow' }, part) : part);
}
