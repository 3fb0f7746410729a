// Reactions: chosen from a small sheet, floating over the hall for a moment.

import { REACTIONS } from '../conference/reactions';
import { t, type Text } from '../i18n';
import { showSheet } from './dialog';
import { h } from './dom';
import { say } from './live';

const SHOWN_MS = 4_000;
const AT_ONCE = 24;
/** Nobody is told more often than this what others feel. */
const SAY_EVERY_MS = 3_000;

export function chooseReaction(send: (reaction: string) => void): void {
  showSheet(t('react.title'), (close) => h('div', { class: 'reactions lines' }, ...Object.entries(REACTIONS).map(([name, sign]) =>
    h('button', { type: 'button', 'data-test': `react-${name}`, onclick: () => { close(); send(name); } },
      h('span', { class: 'emoji', 'aria-hidden': 'true' }, sign), h('span', { class: 'tiny' }, t(`react.${name}` as Text))))));
}

export class Floaters {
  readonly element = h('div', { class: 'floaters', 'aria-hidden': 'true', 'data-test': 'floaters' });
  private said = 0;

  float(name: string, reactions: readonly string[]): void {
    const signs = reactions.flatMap((reaction) => REACTIONS[reaction] ?? []);
    for (const sign of signs) {
      if (this.element.childElementCount >= AT_ONCE) this.element.firstElementChild?.remove();
      const floater = h('div', { class: 'floater' }, h('span', {}, sign), h('span', { class: 'cut' }, h('bdi', {}, name)));
      floater.style.setProperty('--x', `${Math.round(8 + Math.random() * 84)}%`);
      this.element.append(floater);
      window.setTimeout(() => floater.remove(), SHOWN_MS);
    }
    if (!signs.length || Date.now() - this.said < SAY_EVERY_MS) return;
    this.said = Date.now();
    say(t('react.said', { name, sign: signs.join(' ') }));
  }
}
