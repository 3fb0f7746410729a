// The keys of the keyboard: what each does, and the list of them.

import { t, type Text } from '../i18n';
import { closeDialog, showPanel } from './dialog';
import { h } from './dom';

/** What keys can do; everything but microphone and camera only in a meeting. */
export interface KeysHost {
  readonly inMeeting: boolean;
  readonly beforeMeeting: boolean;
  toggle(kind: 'audio' | 'video'): void;
  toggleHand(): void;
  panel(name: 'chat' | 'people' | null): void;
  /** Tiles or stage. */
  layout(): void;
  /** Pins the tile at this place, from 1, or takes the pin out. */
  pin(place: number): void;
  /** Space is held: the microphone is on for so long. */
  talk(on: boolean): void;
}

const LIST: readonly (readonly [Text, string])[] = [
  ['keys.mic', 'M'], ['keys.cam', 'V'], ['keys.talk', 'Space'], ['keys.hand', 'R'], ['keys.chat', 'C'], ['keys.people', 'P'], ['keys.layout', 'W'], ['keys.pin', '1–9'], ['keys.tiles', '← →'], ['keys.menu', 'Enter'], ['keys.close', 'Esc'], ['keys.list', '?'],
];

export class Keys {
  private talking = false;
  /** The button that was clicked last and has had focus since: Space is not meant for it. */
  private clicked: Element | null = null;

  constructor(private readonly host: KeysHost) {
    document.addEventListener('pointerdown', (event) => { this.clicked = button(event.target); });
    document.addEventListener('focusin', (event) => { if (event.target !== this.clicked) this.clicked = null; });
    document.addEventListener('keydown', (event) => this.onDown(event));
    document.addEventListener('keyup', (event) => this.onUp(event));
    window.addEventListener('blur', () => this.release());
  }

  private onDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === ' ') return this.onSpace(event);
    if (event.repeat) return;
    if (event.key === 'Escape') {
      if (!closeDialog()) this.host.panel(null);
    } else if (!typing(event.target) && this.run(event.key.toLowerCase())) {
      event.preventDefault();
    }
  }

  private run(key: string): boolean {
    const { host } = this;
    if (!host.inMeeting && !host.beforeMeeting) return false;
    if (key === 'm') host.toggle('audio');
    else if (key === 'v') host.toggle('video');
    else if (!host.inMeeting) return false;
    else if (key === 'c') host.panel('chat');
    else if (key === 'p') host.panel('people');
    else if (key === 'r') host.toggleHand();
    else if (key === 'w') host.layout();
    else if (/^[1-9]$/.test(key)) host.pin(Number(key));
    else if (key === '?') showKeys();
    else return false;
    return true;
  }

  private onSpace(event: KeyboardEvent): void {
    const focused = button(event.target);
    if (!this.host.inMeeting || typing(event.target) || (focused && focused !== this.clicked)) return;
    event.preventDefault();
    if (event.repeat || this.talking) return;
    this.talking = true;
    this.host.talk(true);
  }

  private onUp(event: KeyboardEvent): void {
    if (event.key !== ' ' || !this.talking) return;
    event.preventDefault(); // Firefox clicks a button when the key comes up.
    this.release();
  }

  private release(): void {
    if (!this.talking) return;
    this.talking = false;
    this.host.talk(false);
  }
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, select, textarea, [contenteditable]') !== null;
}

function button(target: EventTarget | null): Element | null {
  return target instanceof Element ? target.closest('button, a') : null;
}

export function showKeys(): void {
  showPanel(t('keys.title'), h('div', { class: 'stack' },
    h('ul', { class: 'keys' }, ...LIST.map(([label, key]) => h('li', {}, t(label), h('kbd', { class: 'kbd' }, key)))),
    h('p', { class: 'small quiet' }, t('keys.note'))));
}
