// The administrator's list of all recordings. The token stays in this tab, and goes with the tab.

import { t, type Text } from '../i18n';
import { roomTitle } from '../names';
import { h, icon } from '../ui/dom';
import { say } from '../ui/live';
import { redraw } from '../ui/panel';
import { recordingLine } from './line';
import { type Recording, addressOf, beginText, isRecording } from './recording';

const KEY = 'recordings-token';
const LIST = '/api/v1/recordings';

export class Admin {
  readonly element = h('div', { class: 'stack' });
  private token = recallToken();
  private recordings: readonly Recording[] = [];
  private more = false;
  private trouble: Text | null = null;

  start(): void {
    if (this.token) void this.load();
    else this.draw();
  }

  /** What the box says to a request with the token; nothing if it says no. */
  private async ask(method: string, address: string): Promise<unknown> {
    try {
      const answer = await fetch(address, { method, headers: { Authorization: `Bearer ${this.token}` } });
      if (answer.ok) return answer.status === 204 ? {} : await answer.json();
      this.trouble = answer.status === 401 ? 'keeper.wrong' : answer.status === 429 ? 'keeper.often' : answer.status === 404 && address.startsWith(LIST) && method === 'GET' ? 'keeper.absent' : 'recordings.failed';
      if (answer.status === 401 || answer.status === 404) this.forget();
    } catch {
      this.trouble = 'recordings.failed';
    }
    return null;
  }

  private async load(older = false): Promise<void> {
    this.trouble = null;
    const last = older ? this.recordings[this.recordings.length - 1] : undefined;
    const said = (await this.ask('GET', last ? `${LIST}?${new URLSearchParams({ before: last.name }).toString()}` : LIST)) as { recordings?: unknown[]; more?: boolean } | null;
    if (said?.recordings) {
      keepToken(this.token);
      this.recordings = [...(older ? this.recordings : []), ...said.recordings.filter(isRecording)];
      this.more = said.more === true;
    }
    this.draw();
  }

  private async remove(recording: Recording): Promise<void> {
    if (await this.ask('DELETE', addressOf(recording.name))) {
      this.recordings = this.recordings.filter((one) => one !== recording);
      say(t('recordings.deleted'));
    }
    this.draw();
  }

  private async stop(recording: Recording): Promise<void> {
    await this.ask('POST', `${addressOf(recording.name)}/stop`);
    await this.load();
  }

  private forget(): void {
    this.token = '';
    this.recordings = [];
    keepToken('');
  }

  private draw(): void {
    redraw(this.element, ...(this.token ? this.list() : [this.door()]));
  }

  private door(): HTMLElement {
    const input = h('input', { type: 'password', name: 'token', autocomplete: 'off', spellcheck: 'false', required: true, 'data-test': 'token', 'aria-describedby': 'token-hint' });
    const form = h('form', { class: 'card stack narrow', onsubmit: (event: Event) => {
      event.preventDefault();
      this.token = input.value.trim();
      void this.load();
    } },
    h('label', { class: 'field' }, t('keeper.token'), h('span', { class: 'input' }, input), h('span', { class: 'hint', id: 'token-hint' }, t('keeper.token.hint'))),
    this.trouble && h('p', { class: 'note bad small', role: 'alert', 'data-test': 'trouble' }, icon('bad'), h('span', {}, t(this.trouble))),
    h('div', { class: 'acts' }, h('button', { type: 'submit', class: 'btn first', 'data-test': 'open' }, t('keeper.open'))));
    return form;
  }

  private list(): HTMLElement[] {
    const deeds = {
      remove: (recording: Recording) => void this.remove(recording),
      stop: (recording: Recording) => void this.stop(recording),
      failed: () => {
        this.trouble = 'recordings.failed';
        this.draw();
      },
    };
    const lines = this.recordings.map((one) => recordingLine(one, `${roomTitle(decoded(one.room))}, ${beginText(one)}`, deeds));
    return [
      h('div', { class: 'row tight wrap' },
        h('button', { type: 'button', class: 'btn slim', 'data-test': 'reload', onclick: () => void this.load() }, icon('flip'), t('keeper.reload')),
        h('button', { type: 'button', class: 'btn slim', 'data-test': 'forget', onclick: () => { this.forget(); this.trouble = null; this.draw(); } }, icon('lock'), t('keeper.leave'))),
      ...(this.trouble ? [h('p', { class: 'note warn small', role: 'alert', 'data-test': 'trouble' }, icon('warn'), h('span', {}, t(this.trouble)))] : []),
      h('div', { class: 'card list' }, ...(lines.length ? lines : [h('p', { class: 'quiet' }, t('keeper.none'))])),
      ...(this.more ? [h('div', { class: 'acts' }, h('button', { type: 'button', class: 'btn', 'data-test': 'older', onclick: () => void this.load(true) }, t('keeper.more')))] : []),
    ];
  }
}

/** Rooms are kept as they stand in addresses. */
function decoded(room: string): string {
  try {
    return decodeURIComponent(room);
  } catch {
    return room;
  }
}

/** Some browsers forbid a page to remember anything. */
function recallToken(): string {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

function keepToken(token: string): void {
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Then it is asked for again.
  }
}
