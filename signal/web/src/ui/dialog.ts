// Dialogs, only for what cannot be undone or asks for something. Focus stays inside, Esc is always "no".

import { t, type Text } from '../i18n';
import { h, icon } from './dom';

let close: (() => void) | null = null;

/** Closes the dialog that is open; says whether there was one. */
export function closeDialog(): boolean {
  const open = close;
  open?.();
  return open !== null;
}

function openDialog(title: string, role: string, look: string, body: (close: () => void) => readonly Node[], focus: (root: HTMLElement) => HTMLElement | null): void {
  closeDialog();
  const before = document.activeElement;
  const shut = (): void => {
    close = null;
    scrim.remove();
    if (before instanceof HTMLElement) before.focus();
  };
  const dialog = h('div', { class: look, role, 'aria-modal': 'true', 'aria-labelledby': 'dialog-title' });
  dialog.append(...body(shut));
  const scrim = h('div', { class: 'scrim over', onclick: (event: Event) => event.target === scrim && shut(), onkeydown: (event: KeyboardEvent) => keepFocus(event, dialog) }, dialog);
  dialog.prepend(h('div', { class: 'row' }, h('h2', { id: 'dialog-title', class: 'grow' }, title),
    h('button', { type: 'button', class: 'btn icon plain', 'aria-label': t('close'), onclick: shut }, icon('x'))));
  document.body.append(scrim);
  close = shut;
  (focus(dialog) ?? dialog.querySelector<HTMLElement>('button'))?.focus();
}

function keepFocus(event: KeyboardEvent, dialog: HTMLElement): void {
  if (event.key !== 'Tab') return;
  const stops = [...dialog.querySelectorAll<HTMLElement>('button, a[href], input, select, textarea, summary, [tabindex="0"]')].filter((e) => e.offsetParent);
  const edge = event.shiftKey ? stops[0] : stops[stops.length - 1];
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? stops[stops.length - 1] : stops[0])?.focus();
}

export interface Choice {
  readonly label: Text;
  readonly look?: 'risk' | 'first' | 'plain';
  readonly test?: string;
  /** Has focus when the dialog opens: the harmless one. */
  readonly focus?: boolean;
  /** What it does; without, it only closes. */
  run?(): void;
}

/** A question with several answers, below each other if `stacked`. */
export function choose(title: string, content: readonly HTMLElement[], choices: readonly Choice[], stacked = false): void {
  openDialog(title, 'alertdialog', 'dialog', (shut) => [...content, h('div', { class: stacked ? 'stack tight' : 'acts' }, ...choices.map((choice) =>
    h('button', { type: 'button', class: `btn ${choice.look ?? ''} ${stacked ? 'big' : ''}`, 'data-test': choice.test, 'data-focus': choice.focus === true, onclick: () => { shut(); choice.run?.(); } }, t(choice.label))))],
  (root) => root.querySelector<HTMLElement>('[data-focus]'));
}

export function ask(title: string, yes: Text, no: Text, run: () => void): void {
  choose(title, [], [{ label: no, focus: true }, { label: yes, look: 'risk', run, test: 'yes' }]);
}

export function showPanel(title: string, content: HTMLElement): void {
  openDialog(title, 'dialog', 'dialog wider', () => [content], () => null);
}

/** A choice of things to do, from the lower edge; `content` gets what closes it. */
export function showSheet(title: string, content: (close: () => void) => HTMLElement): void {
  openDialog(title, 'dialog', 'sheet', (shut) => [content(shut)], (root) => [...root.querySelectorAll<HTMLElement>('.lines button')].find((button) => button.offsetParent) ?? null);
}
