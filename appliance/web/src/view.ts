// The frame of every step, and the parts that steps share.

import { h, icon, setText } from '../../../signal/web/src/ui/dom';
import { chooseLanguage, language, languages, t, type Word } from './words';

export type Step = 'enter' | 'room' | 'network' | 'trust';
const STEPS: readonly Step[] = ['enter', 'room', 'network', 'trust'];

/** What the frame has to know of the page. */
export interface Frame {
  /** By the code on the screen, or by the password. */
  readonly way: 'code' | 'password';
  /** Shows the same again, in another language. */
  again(): void;
}

/** Shows a step and moves there whoever reads with ears or keys. */
export function show(frame: Frame, step: Step | null, content: HTMLElement): void {
  const names: Readonly<Record<Step, Word>> = { enter: frame.way === 'code' ? 'step.code' : 'step.password', room: 'step.room', network: 'step.network', trust: 'step.trust' };
  const now = step ? STEPS.indexOf(step) : STEPS.length;
  const list = h('ol', { class: 'steps', 'aria-label': t('steps') }, ...STEPS.map((name, place) =>
    h('li', { class: place < now ? 'done' : '', 'aria-current': name === step ? 'step' : null }, h('span', {}, t(names[name])))));
  document.getElementById('view')?.replaceChildren(h('div', { class: 'page' }, header(frame), h('main', { class: 'wiz' }, list, content)));
  const heading = content.querySelector('h1');
  heading?.setAttribute('tabindex', '-1');
  heading?.focus();
}

/** Something to say in the place of all steps. */
export function showAlone(frame: Frame, title: Word, text: string, ...acts: HTMLElement[]): void {
  const content = h('div', { class: 'step' }, head(title, text), h('div', { class: 'acts' }, ...acts));
  document.getElementById('view')?.replaceChildren(h('div', { class: 'page' }, header(frame), h('main', { class: 'wiz' }, h('span', {}), content)));
}

function header(frame: Frame): HTMLElement {
  const choice = h('select', { class: 'input small', id: 'language', 'data-test': 'language', onchange: () => (chooseLanguage(choice.value), frame.again()) },
    ...languages.map(([tag, name]) => h('option', { value: tag, lang: tag, selected: tag === language() }, name)));
  return h('header', {}, h('a', { class: 'brand', href: '/' }, icon('mark'), 'Moothall'), h('span', { class: 'end' }),
    h('label', { class: 'vh', for: 'language' }, t('language')), icon('globe'), h('span', { class: 'pick' }, choice, icon('down')));
}

export function head(title: Word, lead: string): HTMLElement {
  return h('div', { class: 'stack tight' }, h('h1', {}, t(title)), h('p', { class: 'lead' }, lead));
}

export function note(tone: 'good' | 'warn' | 'bad', sign: string, ...said: (HTMLElement | string)[]): HTMLElement {
  return h('div', { class: `note ${tone}` }, icon(sign), h('div', { class: 'grow stack tight small' }, ...said));
}

/** A field with its label, what helps to fill it, and what was wrong with it. */
export class Field {
  readonly element: HTMLElement;
  private readonly wrong = h('p', { class: 'alarm', role: 'alert' });

  constructor(readonly input: HTMLInputElement | HTMLSelectElement, label: string, frame: HTMLElement, hint: string | Node | null = null) {
    const id = input.id;
    const help = hint === null ? null : h('span', { class: 'hint', id: `${id}-hint` }, hint);
    this.wrong.id = `${id}-wrong`;
    input.setAttribute('aria-describedby', help ? `${help.id} ${this.wrong.id}` : this.wrong.id);
    this.element = h('div', { class: 'field' }, h('label', { for: id }, label), frame, help, this.wrong);
    input.addEventListener('input', () => this.good());
  }

  get value(): string {
    return this.input.value;
  }

  bad(text: string): void {
    setText(this.wrong, text);
    this.input.setAttribute('aria-invalid', 'true');
    this.input.closest('.input')?.classList.add('bad');
    this.input.focus();
  }

  good(): void {
    setText(this.wrong, '');
    this.input.removeAttribute('aria-invalid');
    this.input.closest('.input')?.classList.remove('bad');
  }
}

export function textField(id: string, label: string, value: string, hint: string | Node | null = null, ltr = false): Field {
  const input = h('input', { id, 'data-test': id, value, autocomplete: 'off', spellcheck: 'false', dir: ltr ? 'ltr' : 'auto' });
  return new Field(input, label, h('span', { class: 'input' }, input), hint);
}

/** Can be looked at, and pasted into. */
export function passwordField(id: string, label: string, complete: string, hint: string | null = null): Field {
  const input = h('input', { id, 'data-test': id, type: 'password', autocomplete: complete, spellcheck: 'false', autocapitalize: 'none', dir: 'ltr' });
  const eye = h('button', { type: 'button', class: 'btn plain icon', 'aria-label': t('show'), onclick: () => {
    const hidden = input.type === 'password';
    input.type = hidden ? 'text' : 'password';
    eye.setAttribute('aria-label', t(hidden ? 'hide' : 'show'));
  } }, icon('eye'));
  return new Field(input, label, h('span', { class: 'input' }, input, eye), hint);
}

export function first(label: string, test = 'next'): HTMLButtonElement {
  return h('button', { class: 'btn first big', 'data-test': test }, label);
}

export function plain(label: string, run: () => void, test: string): HTMLButtonElement {
  return h('button', { type: 'button', class: 'btn big plain', 'data-test': test, onclick: run }, label);
}

/** Takes no second press while the first one is on its way. */
export async function once(button: HTMLButtonElement, work: () => Promise<void>): Promise<void> {
  if (button.getAttribute('aria-disabled') === 'true') return;
  button.setAttribute('aria-disabled', 'true');
  button.setAttribute('aria-busy', 'true');
  try {
    await work();
  } finally {
    button.removeAttribute('aria-disabled');
    button.removeAttribute('aria-busy');
  }
}
