// Notices over the hall: one at a time, the others wait. One that asks something stays until it is answered.

import { h, icon } from './dom';

export interface NoticeAct { readonly label: string; readonly test?: string; run(): void }

export interface Notice {
  /** A notice with the same key replaces the one before it. */
  readonly key: string;
  readonly sign: string;
  readonly tone?: 'warn' | 'good' | 'bad';
  readonly text: string;
  readonly act?: NoticeAct;
  /** The other answer, where there are two. */
  readonly other?: NoticeAct;
  /** Stays until it is answered or taken back. */
  readonly stays?: boolean;
}

/** Shows notices where there is a place for them. */
export interface Notifier { show(notice: Notice): void; take(key: string): void }

const SHOWN_MS = 5_000;

export class Notices implements Notifier {
  readonly element: HTMLElement;
  private readonly waiting: Notice[] = [];
  private current: Notice | null = null;
  private timer = 0;

  constructor(label: string) {
    this.element = h('div', { class: 'notices', role: 'region', 'aria-label': label });
  }

  show(notice: Notice): void {
    if (this.current?.key === notice.key) return this.present(notice);
    const at = this.waiting.findIndex((w) => w.key === notice.key);
    if (at >= 0) this.waiting[at] = notice;
    else if (notice.act) this.waiting.unshift(notice);
    else this.waiting.push(notice);
    // Who is asked something does not wait behind news.
    if (!this.current || (notice.act && !this.current.act && !this.current.stays)) this.next();
  }

  take(key: string): void {
    const at = this.waiting.findIndex((w) => w.key === key);
    if (at >= 0) this.waiting.splice(at, 1);
    if (this.current?.key === key) this.next();
  }

  private next(): void {
    window.clearTimeout(this.timer);
    this.current = null;
    const notice = this.waiting.shift();
    if (notice) this.present(notice);
    else {
      this.element.classList.remove('push');
      this.element.replaceChildren();
    }
  }

  private present(notice: Notice): void {
    window.clearTimeout(this.timer);
    this.current = notice;
    const asks = notice.act !== undefined && notice.stays === true;
    this.element.classList.toggle('push', asks);
    const button = (act: NoticeAct | undefined, look: string): HTMLElement | undefined =>
      act && h('button', { type: 'button', class: `btn ${look}`, 'data-test': act.test, onclick: () => { this.take(notice.key); act.run(); } }, act.label);
    const act = button(notice.act, notice.other ? 'first' : '');
    this.element.replaceChildren(h('div', { class: `toast ${act ? '' : 'text'}`, 'data-notice': notice.key }, icon(notice.sign, { class: notice.tone ? `is-${notice.tone}` : '' }), h('span', { class: 'grow' }, notice.text), button(notice.other, ''), act));
    if (!notice.stays) this.timer = window.setTimeout(() => this.next(), act ? 2 * SHOWN_MS : SHOWN_MS);
  }
}
