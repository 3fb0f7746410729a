// A key that says what is so: "Mic on", "Mic off"; the bare name while the browser has not answered yet.

import { t, type Text } from '../i18n';
import type { Device, LocalMedia } from '../media';
import { h, icon, setAttribute, setIcon } from './dom';

export class ToggleKey {
  readonly element: HTMLButtonElement;
  private readonly sign: SVGSVGElement;
  private readonly word = document.createTextNode('');

  constructor(private readonly kind: Device, private readonly media: LocalMedia, toggle: () => void) {
    this.sign = icon(kind === 'audio' ? 'mic' : 'cam');
    this.element = h('button', { type: 'button', class: 'ctl', 'data-test': kind === 'audio' ? 'mic' : 'camera', onclick: toggle }, h('i', {}, this.sign), this.word);
    this.update();
  }

  update(): void {
    const name = this.kind === 'audio' ? 'mic' : 'cam';
    const state = this.media.on(this.kind) ? 'on' : this.media.waits(this.kind) ? 'waits' : 'off';
    setIcon(this.sign, state === 'off' ? `${name}-off` : name);
    const word = t(`${name}.${state}` as Text);
    if (this.word.data !== word) this.word.data = word;
    setAttribute(this.element, 'aria-label', t(`${name}.label.${state}` as Text));
    this.element.classList.toggle('off', state === 'off');
  }
}
