// Before the meeting: your picture, your sound, your name.

import { t } from '../i18n';
import type { Device, LocalMedia } from '../media';
import { roomTitle } from '../names';
import { remember } from '../storage';
import { h, icon, setAttribute, setText } from './dom';
import { DeviceFields } from './devices';
import { insecureCard } from './landing';
import { Picture } from './picture';
import { problemStates } from './problems';
import { languageField } from './settings';
import { stateCard } from './state';
import { ToggleKey } from './toggle';

export interface PrejoinHost {
  readonly brand: HTMLElement;
  readonly media: LocalMedia;
  readonly room: string;
  readonly name: string;
  join(name: string): void;
  listen(name: string): void;
  speak(language: string): void;
}

export class Prejoin {
  readonly element: HTMLElement;
  private readonly picture = new Picture(() => this.caption());
  private readonly words = h('span', { class: 'cut' });
  private readonly plate = h('span', { class: 'plate' }, this.words);
  private readonly mic: ToggleKey;
  private readonly camera: ToggleKey;
  private readonly devices: DeviceFields;
  private readonly problems = h('div', { class: 'stack tight', role: 'status' });
  private readonly name: HTMLInputElement;
  private readonly hint = h('span', { class: 'hint', id: 'name-hint' }, t('pre.name.hint'));
  private readonly joinButton = h('button', { class: 'btn first big', 'data-test': 'join' }, t('pre.join'));
  private shownProblems = '';

  constructor(private readonly host: PrejoinHost) {
    const { media } = host;
    this.mic = new ToggleKey('audio', media, () => this.toggle('audio'));
    this.camera = new ToggleKey('video', media, () => this.toggle('video'));
    this.devices = new DeviceFields(media, () => undefined);
    this.name = h('input', { value: host.name, autocomplete: 'name', maxlength: 64, 'data-test': 'display-name', 'aria-describedby': 'name-hint', dir: 'auto', oninput: () => this.update() });
    this.element = this.build();
    this.update();
  }

  update(): void {
    const { media } = this.host;
    this.mic.update();
    this.camera.update();
    this.devices.update();
    this.picture.update(media.track('video'), this.name.value || '?');
    this.showProblems();
  }

  /** To the name, if it is missing: without moving the page, and not where focus brings up a keyboard over it. */
  focus(): void {
    if (!this.name.value && matchMedia('(pointer: fine)').matches) this.name.focus({ preventScroll: true });
  }

  busy(joining: boolean): void {
    setText(this.joinButton, t(joining ? 'pre.joining' : 'pre.join'));
    setAttribute(this.joinButton, 'aria-disabled', joining ? 'true' : null);
  }

  dispose(): void {
    this.devices.dispose();
    this.picture.dispose();
  }

  /** Who goes in silent or unseen does so the next time too. */
  private toggle(kind: Device): void {
    void this.host.media.toggle(kind);
    remember(`on.${kind}`, this.host.media.wanted[kind] ? 'on' : 'off');
  }

  private build(): HTMLElement {
    const secure = location.protocol === 'https:';
    const trust = secure ? [icon('shield', { class: 'is-good' }), t('pre.secure')] : window.isSecureContext ? [] : [icon('warn', { class: 'is-warn' }), t('pre.insecure')];
    const submit = (event: Event): void => {
      event.preventDefault();
      if (this.joinButton.hasAttribute('aria-disabled')) return;
      if (this.named()) this.host.join(this.name.value.trim());
    };
    const toggleDevices = h('button', { type: 'button', class: 'ctl dev-btn', 'aria-expanded': 'false', onclick: () => {
      const open = this.devices.element.classList.toggle('open');
      toggleDevices.setAttribute('aria-expanded', String(open));
    } }, h('i', {}, icon('sliders')), t('pre.devices'));
    return h('div', { class: 'page' },
      h('header', {}, this.host.brand, h('span', { class: 'end' }), h('span', { class: 'small quiet mid' }, t('pre.private'))),
      h('main', { class: 'two pre' },
        h('section', { class: 'stack', 'aria-label': t('pre.section') },
          h('div', { class: 'tile preview' }, this.picture.video, this.picture.face, this.plate),
          h('div', { class: 'row centred' }, this.mic.element, this.camera.element, toggleDevices),
          this.devices.element),
        h('form', { class: 'stack roomy', onsubmit: submit, novalidate: true },
          h('h1', {}, h('bdi', {}, roomTitle(this.host.room))),
          this.problems,
          h('label', { class: 'field' }, t('pre.name'), h('span', { class: 'input' }, this.name), this.hint),
          h('div', { class: 'stack tight joinbar' }, this.joinButton,
            h('p', { class: 'small quiet middle' }, `${t('pre.or')} `,
              h('button', { type: 'button', class: 'link', 'data-test': 'listen', onclick: () => this.named() && this.host.listen(this.name.value.trim()) }, t('pre.listen')),
              t('pre.listen.rest'))))),
      h('footer', { class: 'small quiet' }, languageField((language) => this.host.speak(language)), h('span', { class: 'row tight' }, ...trust)));
  }

  /** What the picture shows, once it is clear whether there is one. */
  private caption(): void {
    const track = this.host.media.track('video');
    const { seen } = this.picture;
    setText(this.words, t(seen ? 'pre.you' : 'pre.you.off'));
    this.plate.hidden = !seen && (track !== null || this.host.media.waits('video'));
    this.plate.parentElement?.classList.toggle('bare', !seen && !track && !this.host.media.waits('video'));
  }

  private named(): boolean {
    const given = this.name.value.trim() !== '';
    setAttribute(this.name, 'aria-invalid', given ? null : 'true');
    this.name.parentElement?.classList.toggle('bad', !given);
    this.hint.classList.toggle('is-bad', !given);
    setText(this.hint, t(given ? 'pre.name.hint' : 'pre.name.empty'));
    if (!given) this.name.focus();
    return given;
  }

  private showProblems(): void {
    const { media } = this.host;
    const key = JSON.stringify(media.problems);
    if (key === this.shownProblems) return;
    this.shownProblems = key;
    if (media.problems.video === 'insecure' || media.problems.audio === 'insecure') {
      return this.problems.replaceChildren(insecureCard(true, () => this.named() && this.host.listen(this.name.value.trim())));
    }
    this.problems.replaceChildren(...problemStates(media, () => this.named() && this.host.join(this.name.value.trim())).map((state) => stateCard(state)));
  }
}
