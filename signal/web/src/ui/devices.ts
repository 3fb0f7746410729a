// Choosing camera, microphone and speaker: the same fields before and in the meeting.

import { playNotes } from '../chimes';
import { t, type Text } from '../i18n';
import type { Device, LocalMedia } from '../media';
import { h, icon } from './dom';

const canChooseOutput = 'setSinkId' in HTMLMediaElement.prototype;

export class DeviceFields {
  readonly element = h('div', { class: 'devices' });
  private readonly meter = h('span', { class: 'level', role: 'meter', 'aria-label': t('pre.level'), 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': 0 },
    ...Array.from({ length: 12 }, () => h('i')));
  private readonly blurBox = h('input', { type: 'checkbox', role: 'switch', 'data-test': 'blur', onchange: () => void this.media.setBlur(this.blurBox.checked) });
  private readonly blur = h('label', { class: 'choice', hidden: true }, this.blurBox, h('span', {}, t('pre.blur')));
  private listed = '';
  private timer = 0;

  constructor(private readonly media: LocalMedia, private readonly onOutput: (id: string) => void) {
    this.update();
    this.timer = window.setInterval(() => this.measure(), 100);
  }

  update(): void {
    const { devices, chosen, problems, blur } = this.media;
    this.blur.hidden = blur === null;
    this.blurBox.checked = blur === true;
    const key = JSON.stringify([devices.map((d) => [d.kind, d.deviceId, d.label]), chosen, problems]);
    if (key === this.listed) return;
    this.listed = key;
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    this.element.replaceChildren(
      this.field('pre.camera', 'video', 'videoinput', this.blur),
      this.field('pre.microphone', 'audio', 'audioinput', this.meter),
      ...(canChooseOutput ? [this.field('pre.speaker', 'output', 'audiooutput', this.toneButton())] : []));
    if (focused) this.focusAgain(focused);
  }

  dispose(): void {
    window.clearInterval(this.timer);
  }

  /** Who has just chosen by keyboard goes on from there. */
  private focusAgain(focused: Element): void {
    const same = focused.id ? this.element.querySelector(`#${focused.id}`) : focused;
    if (same instanceof HTMLElement) same.focus();
  }

  private field(label: Text, kind: Device | 'output', deviceKind: MediaDeviceKind, below?: HTMLElement): HTMLElement {
    const id = `device-${kind}`;
    const known = this.media.devices.filter((d) => d.kind === deviceKind);
    const real = known.filter((d) => d.deviceId && d.deviceId !== 'default' && d.deviceId !== 'communications');
    const without = this.without(kind, known.length);
    const select = h('select', { class: 'input small', id, 'data-test': id, disabled: without !== null, onchange: () => this.choose(kind, select.value) },
      h('option', { value: '' }, t(without ?? 'pre.default')),
      ...real.map((d, index) => h('option', { value: d.deviceId, selected: d.deviceId === this.current(kind) }, d.label || `${t(label)} ${index + 1}`)));
    return h('div', { class: 'field' }, h('label', { for: id }, t(label)), h('span', { class: 'pick' }, select, icon('down')), below);
  }

  /** Why there is nothing to choose from, if so. */
  private without(kind: Device | 'output', known: number): Text | null {
    if (this.media.problems.audio === 'insecure') return 'pre.unavailable';
    const problem = kind === 'output' ? undefined : this.media.problems[kind];
    if (problem === 'blocked') return 'pre.blocked';
    return known > 0 ? null : this.media.devices.length > 0 || problem ? 'pre.none' : 'pre.looking';
  }

  private current(kind: Device | 'output'): string {
    return this.media.chosen[kind] || (kind === 'output' ? '' : this.media.track(kind)?.getSettings().deviceId ?? '');
  }

  private choose(kind: Device | 'output', id: string): void {
    void this.media.choose(kind, id);
    if (kind === 'output') this.onOutput(id);
  }

  private toneButton(): HTMLElement {
    return h('button', { type: 'button', class: 'btn plain slim start', onclick: () => playTone(this.media.chosen.output) }, icon('play'), t('pre.tone'));
  }

  private measure(): void {
    const level = this.media.level();
    const lit = Math.round(level * 12);
    [...this.meter.children].forEach((bar, index) => bar.classList.toggle('on', index < lit));
    this.meter.setAttribute('aria-valuenow', String(Math.round(level * 100)));
  }
}

/** Two soft notes on the chosen speaker. */
function playTone(output: string): void {
  const context = new AudioContext();
  const sink = (context as AudioContext & { setSinkId?: (id: string) => Promise<void> }).setSinkId;
  const begin = (): void => {
    playNotes(context, [[523, 0], [659, 0.25]], 0.2, 0.2);
    window.setTimeout(() => void context.close(), 1500);
  };
  void (output && sink ? sink.call(context, output).catch(() => undefined) : Promise.resolve()).then(begin);
}
