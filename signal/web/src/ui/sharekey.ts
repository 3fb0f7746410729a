// The key that shares a screen, and the line in the lintel that says that one is shared and ends it.

import { t } from '../i18n';
import type { ScreenShare } from '../share';
import { h, icon, setAttribute, setIcon, setText } from './dom';

export class ShareKey {
  readonly element: HTMLButtonElement;
  readonly pill: HTMLElement;
  private readonly sign = icon('share');
  private readonly word = h('span', {});
  private readonly said = h('span', { class: 'cut' });

  constructor(private readonly share: ScreenShare, run: () => void) {
    this.element = h('button', { type: 'button', class: 'ctl mid', hidden: !share.available, 'data-test': 'share', onclick: run }, h('i', {}, this.sign), this.word);
    this.pill = h('span', { class: 'pill sharing', hidden: true, 'data-test': 'sharing' }, icon('share'), this.said,
      h('button', { type: 'button', class: 'btn slim', 'data-test': 'share-stop', onclick: run }, t('share.stop')));
    this.update();
  }

  update(): void {
    const { on, surface, hasSound } = this.share;
    setIcon(this.sign, on ? 'share-stop' : 'share');
    setText(this.word, t(on ? 'bar.share.on' : 'bar.share'));
    setAttribute(this.element, 'aria-label', t(on ? 'bar.share.label.on' : 'bar.share.label'));
    this.element.classList.toggle('open', on);
    this.pill.hidden = !on;
    if (on) setText(this.said, t(hasSound ? `share.own.${surface}.sound` : `share.own.${surface}`));
  }
}
