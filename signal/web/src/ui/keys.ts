// The keys of the keyboard: what each does, and the list of them.

import { t, type Text } from '../i18n';
import { setting } from '../settings';
import { closeDialog, showPanel } from './dialog';
import { h } from './dom';

/** What one key does. */
export interface Key {
  /** As it stands in the list. */
  readonly sign: string;
  /** What `KeyboardEvent.key` says, in lower case; each of them, where there are several. */
  readonly on: readonly string[];
  readonly label: Text;
  readonly run: (key: string) => void;
  /** It works before the meeting as well. */
  readonly early?: boolean;
}

export interface KeysHost {
  readonly inMeeting: boolean;
  readonly beforeMeeting: boolean;
  readonly keys: readonly Key[];
  /** Closes what is open, other than a dialog. */
  close(): void;
  /** Space is held: the microphone is on for so long. */
  talk(on: boolean): void;
}

/** Keys that are no single letter and work elsewhere: only listed here. */
const ELSEWHERE: readonly (readonly [Text, string])[] = [['keys.tiles', '← →'], ['keys.menu', 'Enter'], ['keys.region', 'F6'], ['keys.close', 'Esc']];
const REGIONS = 'header.lintel, .hall, .notices:not(:empty), .panel, nav.bar';

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

  /** The list of all keys. */
  show(): void {
    const { host } = this;
    const lines: (readonly [Text, string])[] = [...host.keys.map(({ label, sign }) => [label, sign] as const), ['keys.talk', t('keys.space')], ...ELSEWHERE, ['keys.list', '?']];
    showPanel(t('keys.title'), h('div', { class: 'stack' },
      setting('keys') ? null : h('p', { class: 'small' }, t('keys.letters.off')),
      h('ul', { class: 'keys' }, ...lines.map(([label, key]) => h('li', {}, t(label), h('kbd', { class: 'kbd' }, key)))),
      h('p', { class: 'small quiet' }, t('keys.note'))));
  }

  private onDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === ' ') return this.onSpace(event);
    if (event.repeat) return;
    if (event.key === 'Escape') {
      if (!closeDialog()) this.host.close();
    } else if (event.key === 'F6' && this.host.inMeeting) {
      event.preventDefault();
      nextRegion(event.shiftKey ? -1 : 1);
    } else if (!typing(event.target) && this.run(event.key.toLowerCase())) {
      event.preventDefault();
    }
  }

  private run(pressed: string): boolean {
    const { host } = this;
    if (pressed === '?' && host.inMeeting) return this.show(), true;
    const key = host.keys.find(({ on, early }) => on.includes(pressed) && (host.inMeeting || (early === true && host.beforeMeeting)));
    if (!key || !setting('keys')) return false;
    key.run(pressed);
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

/** Focus goes to the next part of the meeting that is in sight, to whatever can have it there. */
function nextRegion(by: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>(REGIONS)].filter((region) => region.offsetParent && stop(region));
  if (!regions.length) return;
  const at = regions.findIndex((region) => region.contains(document.activeElement));
  const next = at < 0 ? 0 : (at + by + regions.length) % regions.length;
  stop(regions[next])?.focus();
}

function stop(region: HTMLElement | undefined): HTMLElement | undefined {
  return [...(region?.querySelectorAll<HTMLElement>('button, [href], input, select, textarea, [tabindex="0"]') ?? [])].find((element) => element.offsetParent !== null);
}
