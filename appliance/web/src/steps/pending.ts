// The two minutes in which a new network has to prove itself.

import { h, setText } from '../../../../signal/web/src/ui/dom';
import { askInside, elsewhere } from '../box';
import { note, once } from '../view';
import { duration, t, type Word } from '../words';
import type { View } from './networks';

export interface Asked {
  keep(): Promise<void>;
  undo(): Promise<void>;
  failed(error: unknown): void;
}

export class Pending {
  readonly element = h('div', { class: 'stack', 'data-test': 'pending' });
  private readonly text = h('p', { class: 'lead' });
  private readonly places = h('div', { class: 'stack tight' });
  private readonly call = h('div', { class: 'stack', 'aria-live': 'polite' });
  private readonly keep = h('button', { type: 'button', class: 'btn first big', 'data-test': 'keep' }, t('net.keep'));
  private readonly undo = h('button', { type: 'button', class: 'btn big', 'data-test': 'undo' }, t('net.undo'));
  private ends = Date.now() + 120_000;
  private word: Word = 'net.pending.connecting';
  private called = false;
  private readonly clock: number;

  constructor(asked: Asked) {
    const question = h('h2', { tabindex: '-1', id: 'pending' }, t('net.pending'));
    this.keep.addEventListener('click', () => void once(this.keep, () => asked.keep().catch((error: unknown) => asked.failed(error))));
    this.undo.addEventListener('click', () => void once(this.undo, () => asked.undo().catch((error: unknown) => asked.failed(error))));
    this.element.append(h('div', { class: 'card stack', role: 'group', 'aria-labelledby': 'pending' }, question, this.text, this.places, this.call,
      h('div', { class: 'acts' }, this.keep, this.undo)));
    this.clock = window.setInterval(() => this.draw(), 1000);
    this.draw();
    queueMicrotask(() => question.focus());
  }

  end(): void {
    clearInterval(this.clock);
  }

  update(view: View): void {
    this.ends = Date.now() + (view.pending ?? 0) * 1000;
    const busy = view.devices.some(({ state }) => state === 'connecting');
    this.word = busy ? 'net.pending.connecting' : 'net.pending.text';
    // A network that gives no address is none, until somebody says that the one which the box took for itself will do.
    const addresses = view.devices.flatMap((device) => device.addresses);
    this.keep.hidden = busy && addresses.length === 0;
    const others = addresses.filter((address) => address !== location.hostname.replace(/^\[|\]$/g, ''));
    this.places.replaceChildren(...(others.length ? [h('p', { class: 'small quiet' }, t('net.pending.at')),
      ...others.map((address) => h('a', { class: 'mono address', dir: 'ltr', href: elsewhere(address) }, elsewhere(address).replace(/\/setup.*/, '')))] : []));
    if (!busy) void this.test();
    this.draw();
  }

  /** The box is not where it was. */
  lost(): void {
    this.word = 'net.pending.lost';
    this.keep.hidden = true;
    this.draw();
  }

  /** Once, as soon as it is connected. */
  private async test(): Promise<void> {
    if (this.called) return;
    this.called = true;
    const said = await askInside('call').catch(() => null);
    if (said?.call === true) this.call.replaceChildren(note('good', 'good', h('p', {}, t('net.call'))));
    if (said?.call === false) this.call.replaceChildren(note('warn', 'warn', h('p', {}, t('net.call.bad'))));
  }

  private draw(): void {
    const left = Math.max(0, Math.ceil((this.ends - Date.now()) / 1000));
    setText(this.text, t(this.word, { time: duration(left) }));
  }
}
