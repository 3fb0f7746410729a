// Before the meeting: your picture, your sound, your name.

import { t, type Text } from '../i18n';
import type { Device, LocalMedia, Problem } from '../media';
import { hue, initials, roomTitle } from '../names';
import { h, icon, setAttribute, setIcon, setText } from './dom';
import { DeviceFields } from './devices';
import { insecureCard } from './landing';
import { type State, stateCard } from './state';

export interface PrejoinHost {
  readonly brand: HTMLElement;
  readonly media: LocalMedia;
  readonly room: string;
  readonly name: string;
  join(name: string): void;
  listen(name: string): void;
}

export class Prejoin {
  readonly element: HTMLElement;
  private readonly video = h('video', { class: 'vid', autoplay: true, playsinline: true, 'aria-hidden': 'true' });
  private readonly face = h('span', { class: 'face', 'aria-hidden': 'true' });
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
    this.video.muted = true;
    this.mic = new ToggleKey('audio', media);
    this.camera = new ToggleKey('video', media);
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
    const track = media.track('video');
    const current = (this.video.srcObject as MediaStream | null)?.getVideoTracks()[0] ?? null;
    if (current !== track) this.video.srcObject = track ? new MediaStream([track]) : null;
    this.video.hidden = !track;
    this.face.hidden = !!track;
    setText(this.face, initials(this.name.value || '?'));
    this.face.style.setProperty('--h', String(hue(this.name.value)));
    this.showProblems();
  }

  focus(): void {
    if (!this.name.value) this.name.focus();
  }

  busy(joining: boolean): void {
    setText(this.joinButton, t(joining ? 'pre.joining' : 'pre.join'));
    setAttribute(this.joinButton, 'aria-disabled', joining ? 'true' : null);
  }

  dispose(): void {
    this.devices.dispose();
    this.video.srcObject = null;
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
          h('div', { class: 'tile preview' }, this.video, this.face, h('span', { class: 'plate' }, h('span', { class: 'cut' }, t('pre.you')))),
          h('div', { class: 'row centred' }, this.mic.element, this.camera.element, toggleDevices),
          this.devices.element),
        h('form', { class: 'stack roomy', onsubmit: submit, novalidate: true },
          h('h1', { dir: 'auto' }, roomTitle(this.host.room)),
          this.problems,
          h('label', { class: 'field' }, t('pre.name'), h('span', { class: 'input' }, this.name), this.hint),
          h('div', { class: 'stack tight joinbar' }, this.joinButton,
            h('p', { class: 'small quiet middle' }, `${t('pre.or')} `,
              h('button', { type: 'button', class: 'link', 'data-test': 'listen', onclick: () => this.named() && this.host.listen(this.name.value.trim()) }, t('pre.listen')),
              t('pre.listen.rest'))))),
      h('footer', { class: 'small quiet' }, h('span', { class: 'row tight' }, ...trust)));
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
    const { audio, video } = media.problems;
    if (video === 'insecure' || audio === 'insecure') {
      return this.problems.replaceChildren(insecureCard(true, () => this.named() && this.host.listen(this.name.value.trim())));
    }
    this.problems.replaceChildren(...[
      video && stateCard(problemState('video', video, () => void media.set('video', true), () => void media.set('video', false))),
      audio && stateCard(problemState('audio', audio, () => void media.set('audio', true), () => void media.set('audio', false))),
    ].filter((card): card is HTMLElement => !!card));
  }
}

/** What is wrong with a device, in words. */
export function problemState(kind: Device, problem: Exclude<Problem, 'insecure'>, again: () => void, without: () => void): State {
  const device = kind === 'audio' ? 'microphone' : 'camera';
  const missing = problem === 'missing';
  return {
    sign: problem === 'inuse' ? (kind === 'audio' ? 'mic' : 'cam') : kind === 'audio' ? 'mic-off' : 'cam-off',
    tone: 'warn', aside: true,
    title: t(`${device}.${problem}.title` as Text),
    text: t(`${device}.${problem}` as Text),
    acts: missing ? [{ label: 'join.without', run: without }] : [{ label: 'try.again', run: again }, { label: 'join.without', run: without }],
  };
}

/** A key that says what is so: "Mic on", "Mic off". */
export class ToggleKey {
  readonly element: HTMLButtonElement;
  private readonly sign: SVGSVGElement;
  private readonly word = document.createTextNode('');

  constructor(private readonly kind: Device, private readonly media: LocalMedia, toggle?: () => void) {
    this.sign = icon(kind === 'audio' ? 'mic' : 'cam');
    const act = toggle ?? ((): void => void media.set(kind, !media.on(kind)));
    this.element = h('button', { type: 'button', class: 'ctl', 'data-test': kind === 'audio' ? 'mic' : 'camera', onclick: act }, h('i', {}, this.sign), this.word);
    this.update();
  }

  update(): void {
    const on = this.media.on(this.kind);
    const name = this.kind === 'audio' ? 'mic' : 'cam';
    setIcon(this.sign, on ? name : `${name}-off`);
    const word = t(`${name}.${on ? 'on' : 'off'}` as Text);
    if (this.word.data !== word) this.word.data = word;
    setAttribute(this.element, 'aria-label', t(`${name}.turn.${on ? 'off' : 'on'}` as Text));
    this.element.classList.toggle('off', !on);
  }
}
