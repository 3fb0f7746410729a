// What all panels beside the hall have in common: a heading that takes focus, a body that is drawn anew, and one open at a time.

import { t } from '../i18n';
import { h, icon } from './dom';

export type PanelName = 'chat' | 'people' | 'polls' | 'rooms' | 'talk' | 'recordings';

export interface Panel {
  readonly element: HTMLElement;
  open(): void;
  close(): void;
}

/** The frame of a panel. */
export class Frame {
  readonly element: HTMLElement;
  readonly body = h('div', { class: 'body' });
  readonly heading: HTMLElement;

  constructor(name: PanelName, title: (string | Node)[], label: string, close: () => void, footer: HTMLElement | null) {
    this.heading = h('h2', { tabindex: -1 }, ...title);
    this.element = h('aside', { class: `panel ${name === 'people' ? 'members' : name}`, 'aria-label': label, hidden: true, 'data-test': `${name}-panel` },
      h('header', {}, this.heading, h('span', { class: 'end' }),
        h('button', { type: 'button', class: 'btn icon plain', 'aria-label': t('panel.close', { name: label }), onclick: close }, icon('x'))),
      this.body, footer);
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    this.element.hidden = false;
    this.heading.focus();
  }

  close(): void {
    this.element.hidden = true;
  }
}

/** The panels of a meeting, of which one at most is open. */
export class Panels {
  current: PanelName | null = null;

  /** `changed` hears which one was open before. */
  constructor(private readonly all: Readonly<Record<PanelName, Panel>>, private readonly changed: (before: PanelName | null) => void) {}

  /** Opens a panel, or closes it if it is open; null closes whatever is open and says whether something was. */
  toggle(name: PanelName | null): boolean {
    const before = this.current;
    if (before) this.all[before].close();
    this.current = name === before ? null : name;
    if (this.current) this.all[this.current].open();
    this.changed(before);
    return before !== null;
  }

  show(name: PanelName): void {
    if (this.current !== name) this.toggle(name);
  }
}

/** Draws the content anew, and leaves focus and scroll where they were: elements are known by their `data-key`. */
export function redraw(parent: HTMLElement, ...children: (Node | null | false | undefined)[]): void {
  const focused = parent.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.key : undefined;
  const { scrollTop } = parent;
  parent.replaceChildren(...children.filter((c): c is Node => !!c));
  parent.scrollTop = scrollTop;
  if (focused) focusKey(parent, focused);
}

export function focusKey(parent: ParentNode, key: string): void {
  [...parent.querySelectorAll<HTMLElement>('[data-key]')].find((e) => e.dataset.key === key)?.focus();
}

/** Up and down go from item to item, Escape gives focus back to what opened the menu. */
export function menu(label: string, opener: string, shut: () => void, ...items: (HTMLElement | null | false)[]): HTMLElement {
  const element = h('div', { class: 'menu', role: 'menu', 'aria-label': label, onkeydown: (event: KeyboardEvent) => {
    const all = [...element.querySelectorAll<HTMLElement>('[role^=menuitem]')];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step) {
      event.preventDefault();
      all[(at + step + all.length) % all.length]?.focus();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      const body = element.closest('.body');
      shut();
      if (body) focusKey(body, opener);
    }
  } }, ...items);
  return element;
}

export interface MenuItem { readonly sign: string; readonly label: string; readonly key: string; run(): void; readonly bad?: boolean; readonly checked?: boolean }

export function menuItem({ sign, label, key, run, bad, checked }: MenuItem): HTMLElement {
  return h('button', {
    type: 'button', role: checked === undefined ? 'menuitem' : 'menuitemcheckbox', 'aria-checked': checked === undefined ? null : String(checked),
    class: bad ? 'is-bad' : '', onclick: run, 'data-key': key, 'data-test': key,
  }, icon(sign), h('span', { class: 'grow' }, label), checked !== undefined && icon(checked ? 'check' : 'minus', { class: checked ? 'is-good' : 'faint' }));
}
