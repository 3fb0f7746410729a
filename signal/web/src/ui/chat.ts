// Chat beside the hall.

import type { ChatLog, Entry } from '../chatlog';
import type { ChatMessage, Conference } from '../conference';
import { t, time } from '../i18n';
import { h, icon, setAttribute, setText } from './dom';
import { Frame, menu, menuItem, type Panel } from './panel';

export interface Addressee { readonly id: string; readonly name: string }

export interface ChatHost {
  readonly conference: Conference | null;
  readonly log: ChatLog;
  close(): void;
}

const SIGNS = ['👍', '❤️', '😂', '😮', '🎉', '🙏'] as const;
/** What the box takes in one message, in characters. */
const LONGEST = 2_000;
/** From here on is said how much more fits. */
const NEARLY = 200;
const QUOTED = 120;
const DOOR = 'door:';

export class ChatPanel implements Panel {
  readonly element: HTMLElement;
  private readonly frame: Frame;
  private readonly list = h('div', { class: 'log', role: 'log', 'aria-live': 'polite', 'aria-label': t('chat.log'), 'data-test': 'chat-log' });
  private readonly to = h('select', { class: 'to', 'data-test': 'chat-to', onchange: () => this.relabel() });
  private readonly input = h('textarea', { placeholder: t('chat.placeholder'), rows: 1, 'data-test': 'chat-input', maxlength: LONGEST, dir: 'auto', autocomplete: 'off', onkeydown: (event: KeyboardEvent) => this.onKey(event), oninput: () => this.count() });
  private readonly left = h('p', { class: 'tiny quiet', role: 'status' });
  private readonly quote = h('div', { class: 'quoting', hidden: true });
  private readonly views = new Map<string, MessageView>();
  private reply = '';
  private known = '';
  private names = new Map<string, string>();

  constructor(private readonly host: ChatHost) {
    const form = h('form', { class: 'stack tight', onsubmit: (event: Event) => {
      event.preventDefault();
      this.send();
    } },
    h('label', { class: 'row small quiet tight' }, t('chat.to'), this.to),
    this.quote,
    h('div', { class: 'input send' }, this.input, h('button', { class: 'btn first icon slim', 'aria-label': t('chat.send'), 'data-test': 'chat-send' }, icon('send', { class: 'mirror' }))),
    this.left);
    this.frame = new Frame('chat', [t('bar.chat')], t('bar.chat'), () => host.close(), h('footer', {}, form));
    this.element = this.frame.element;
    this.frame.body.tabIndex = 0;
    this.frame.body.append(h('p', { class: 'tiny quiet' }, t('chat.intro')), this.list);
    this.people([]);
    this.update();
  }

  people(people: readonly Addressee[]): void {
    const waiting = [...(this.host.conference?.lobby.waiting.values() ?? [])].map(({ id, name }) => ({ id: DOOR + id, name: t('chat.at.door', { name: name || t('meeting.someone') }) }));
    const all = [...people, ...waiting];
    const key = JSON.stringify(all);
    if (key === this.known) return;
    this.known = key;
    for (const { id, name } of all) this.names.set(id, name);
    const chosen = this.to.value;
    this.to.replaceChildren(h('option', { value: '' }, t('chat.everyone')), ...all.map((p) => h('option', { value: p.id }, p.name)));
    this.to.value = all.some((p) => p.id === chosen) ? chosen : '';
    this.relabel();
  }

  writeTo(id: string): void {
    this.to.value = id;
    this.relabel();
    this.input.focus();
  }

  /** Draws what is new, and what is not as it was. */
  update(): void {
    const { body } = this.frame;
    const atEnd = body.scrollHeight - body.scrollTop - body.clientHeight < 60;
    let before: MessageView | null = null;
    for (const entry of this.host.log.entries) {
      let view = this.views.get(entry.message.id);
      if (!view) {
        view = new MessageView(entry, this);
        this.views.set(entry.message.id, view);
        if (before) before.element.after(view.element);
        else this.list.prepend(view.element);
      }
      view.update();
      before = view;
    }
    while (this.views.size > this.host.log.length) this.dropFirst();
    if (atEnd) body.scrollTop = body.scrollHeight;
  }

  open(): void {
    this.frame.open();
    this.frame.body.scrollTop = this.frame.body.scrollHeight;
    if (matchMedia('(pointer: fine)').matches) this.input.focus();
  }

  close(): void {
    this.frame.close();
  }

  // What a message needs to know

  get conference(): Conference | null {
    return this.host.conference;
  }

  nameOf(id: string): string {
    return id === this.conference?.me ? t('meeting.you') : this.conference?.people.get(id)?.name || this.names.get(id) || t('meeting.someone');
  }

  entry(id: string): Entry | undefined {
    return this.host.log.get(id);
  }

  answer(message: ChatMessage): void {
    this.reply = message.id;
    const alone = message.door ? DOOR + message.from : message.to ? (message.mine ? message.to : message.from) : '';
    if ([...this.to.options].some((o) => o.value === alone)) this.to.value = alone;
    this.quote.hidden = false;
    this.quote.replaceChildren(h('span', { class: 'grow cut' }, t('chat.replying', { name: message.mine ? t('meeting.you') : message.name || t('meeting.someone') }), ' ', h('span', { class: 'quiet', dir: 'auto' }, shortened(message.text))),
      h('button', { type: 'button', class: 'btn icon plain', 'aria-label': t('chat.reply.not'), onclick: () => this.answerNothing() }, icon('x')));
    this.relabel();
    this.input.focus();
  }

  private answerNothing(): void {
    this.reply = '';
    this.quote.hidden = true;
    this.input.focus();
  }

  private send(): void {
    const text = this.input.value.trim();
    const { conference } = this;
    if (!text || !conference?.joined) return;
    const to = this.to.value;
    if (to.startsWith(DOOR)) {
      conference.lobby.write(to.slice(DOOR.length), text);
      conference.messages.wroteToDoor(text, to.slice(DOOR.length));
    } else {
      conference.messages.write(text, to, this.reply);
    }
    this.input.value = '';
    this.count();
    if (this.reply) this.answerNothing();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  }

  private count(): void {
    const left = LONGEST - this.input.value.length;
    setText(this.left, left > NEARLY ? '' : t('chat.left', { count: left }));
  }

  private dropFirst(): void {
    for (const [id, view] of this.views) {
      if (this.host.log.get(id)) continue;
      view.element.remove();
      this.views.delete(id);
      return;
    }
  }

  private relabel(): void {
    const name = this.to.value ? this.names.get(this.to.value) ?? '' : '';
    setAttribute(this.input, 'aria-label', name ? t('chat.label.private', { name }) : t('chat.label'));
    this.frame.element.classList.toggle('whispers', name !== '');
  }
}

class MessageView {
  readonly element: HTMLElement;
  private readonly body = h('p', { dir: 'auto' });
  private readonly signs = h('div', { class: 'signs' });
  private readonly actions = h('div');
  private readonly more: HTMLButtonElement;
  private state = '';

  constructor(private readonly entry: Entry, private readonly chat: ChatPanel) {
    const { message } = entry;
    const secret = message.to !== '' || message.door;
    const label = message.door ? (message.mine ? t('chat.to.door', { name: chat.nameOf(DOOR + message.to) }) : t('chat.from.door')) : message.mine ? t('chat.private.mine', { name: chat.nameOf(message.to) }) : t('chat.private');
    const who = message.mine ? t('meeting.you') : message.name || t('meeting.someone');
    this.more = h('button', { type: 'button', class: 'btn icon slim plain do', 'aria-label': t('chat.actions', { name: who }), 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'data-key': message.id, 'data-test': 'message-menu', onclick: () => this.toggle() }, icon('more'));
    const quoted = message.reply ? chat.entry(message.reply) : undefined;
    this.body.append(...linked(message.text));
    this.element = h('article', { class: `msg ${secret ? 'private' : ''}`, 'data-message': message.id },
      h('header', {}, h('span', { dir: 'auto' }, who), h('time', { datetime: Number.isNaN(message.at.getTime()) ? '' : message.at.toISOString() }, time(message.at)), secret && h('span', { class: 'tiny only' }, label), h('span', { class: 'end' }), this.more),
      quoted && h('blockquote', { dir: 'auto', class: 'cut' }, `${quoted.message.mine ? t('meeting.you') : quoted.message.name}: ${shortened(quoted.message.text)}`),
      this.body, this.signs, this.actions);
  }

  update(): void {
    const { entry } = this;
    const state = JSON.stringify([entry.retracted, [...entry.signs].map(([sign, given]) => [sign, [...given]])]);
    if (state === this.state) return;
    this.state = state;
    if (entry.retracted) {
      this.shut();
      this.body.className = 'quiet';
      setText(this.body, t('chat.retracted'));
      this.signs.replaceChildren();
      this.more.hidden = true;
      return;
    }
    this.signs.replaceChildren(...[...entry.signs].map(([sign, given]) => {
      const names = [...given].map((id) => this.chat.nameOf(id)).join(', ');
      return h('button', { type: 'button', class: `sign ${given.has(this.chat.conference?.me ?? '') ? 'mine' : ''}`, title: names, 'aria-label': t('chat.sign.label', { sign, names }), 'data-test': 'sign', onclick: () => this.react(sign) }, sign, h('span', { class: 'num tiny' }, String(given.size)));
    }));
  }

  private toggle(): void {
    if (this.actions.childElementCount) return this.shut();
    const { message } = this.entry;
    const mayRetract = message.mine || (this.chat.conference?.moderator === true && message.to === '');
    this.more.setAttribute('aria-expanded', 'true');
    this.actions.append(menu(t('chat.actions', { name: message.name }), message.id, () => this.shut(),
      message.door ? null : h('div', { class: 'picks' }, ...SIGNS.map((sign) => h('button', { type: 'button', role: 'menuitem', 'aria-label': t('chat.react', { sign }), 'data-test': 'pick', onclick: () => { this.shut(); this.react(sign); } }, sign))),
      menuItem({ sign: 'back', label: t('chat.reply'), key: 'reply', run: () => { this.shut(); this.chat.answer(message); } }),
      mayRetract && !message.door && menuItem({ sign: 'trash', label: t('chat.retract'), key: 'retract', bad: true, run: () => { this.shut(); this.chat.conference?.messages.retract(message.id, this.alone); } })));
    this.actions.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    this.actions.scrollIntoView({ block: 'nearest' });
  }

  private shut(): void {
    if (this.actions.contains(document.activeElement)) this.more.focus();
    this.actions.replaceChildren();
    this.more.setAttribute('aria-expanded', 'false');
  }

  private react(sign: string): void {
    const me = this.chat.conference?.me ?? '';
    const mine = [...this.entry.signs].filter(([, given]) => given.has(me)).map(([given]) => given);
    const signs = mine.includes(sign) ? mine.filter((s) => s !== sign) : [...mine, sign];
    this.chat.conference?.messages.react(this.entry.message.id, signs, this.alone);
  }

  /** The one other who has this message too; empty for everybody. */
  private get alone(): string {
    const { message } = this.entry;
    return message.to ? (message.mine ? message.to : message.from) : '';
  }
}

/** Addresses become links, everything else stays text. */
export function linked(text: string): (string | HTMLElement)[] {
  return text.split(/(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]])/).map((part, index) =>
    index % 2 ? h('a', { href: part, target: '_blank', rel: 'noopener noreferrer nofollow' }, part) : part);
}

function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > QUOTED ? `${line.slice(0, QUOTED)}…` : line;
}
