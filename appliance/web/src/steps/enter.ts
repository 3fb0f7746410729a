// The first step: the code on the screen, or the password that somebody chose before.

import { h, setText } from '../../../../signal/web/src/ui/dom';
import { ask, Refused } from '../box';
import { first, head, once, passwordField } from '../view';
import { duration, t } from '../words';

export interface Enter {
  /** They came in. */
  entered(): void;
  /** The box has something else to say than before. */
  changed(): void;
  failed(error: unknown): void;
}

export function codeStep(digits: number, host: Enter): HTMLElement {
  const places = Array.from({ length: digits }, () => h('b', {}));
  const wrong = h('p', { class: 'alarm', role: 'alert', id: 'code-wrong' });
  const input = h('input', {
    id: 'code', 'data-test': 'code', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: digits, pattern: '[0-9]*', spellcheck: 'false', 'aria-label': t('code.label'),
    'aria-describedby': 'code-wrong code-hint',
  });
  const field = h('div', { class: 'code' }, ...places.map((place) => (place.setAttribute('aria-hidden', 'true'), place)), input);
  const draw = (): void => {
    input.value = input.value.replace(/\D/g, '').slice(0, digits);
    places.forEach((place, at) => {
      setText(place, input.value[at] ?? '');
      place.classList.toggle('now', at === Math.min(input.value.length, digits - 1));
    });
  };
  const say = (text: string): void => {
    setText(wrong, text);
    field.classList.toggle('bad', text !== '');
    input.toggleAttribute('aria-invalid', text !== '');
  };
  input.addEventListener('input', () => (draw(), say('')));
  draw();
  const button = first(t('next'));
  const submit = async (): Promise<void> => {
    if (input.value.length < digits) return say(t('code.short'));
    try {
      await ask('code', { code: input.value });
      host.entered();
    } catch (error) {
      if (!(error instanceof Refused)) return host.failed(error);
      input.value = '';
      draw();
      input.focus();
      if (error.reason === 'code') return say(t('code.wrong', { count: Number(error.said.left) }));
      if (error.reason !== 'gone') return host.changed();
      // That puts a new one there.
      await ask('state').catch(() => undefined);
      say(t('code.gone'));
    }
  };
  return h('form', { class: 'step', novalidate: true, onsubmit: (event: Event) => (event.preventDefault(), void once(button, submit)) },
    head('code.title', t('code.lead')),
    h('div', { class: 'stack tight' }, field, wrong),
    h('p', { class: 'small quiet', id: 'code-hint' }, t('code.hint')),
    h('div', { class: 'acts' }, button));
}

export function passwordStep(host: Enter): HTMLElement {
  const field = passwordField('password', t('password.label'), 'current-password');
  const button = first(t('next'));
  const submit = async (): Promise<void> => {
    try {
      await ask('password', { password: field.value });
      host.entered();
    } catch (error) {
      if (!(error instanceof Refused)) return host.failed(error);
      if (error.reason === 'password') return field.bad(t('password.wrong'));
      if (error.reason === 'wait') return field.bad(t('password.wait', { time: duration(Number(error.said.seconds)) }));
      host.changed();
    }
  };
  return h('form', { class: 'step', novalidate: true, onsubmit: (event: Event) => (event.preventDefault(), void once(button, submit)) },
    head('password.title', t('password.lead')), field.element,
    h('p', { class: 'small quiet' }, t('password.forgotten')),
    h('div', { class: 'acts' }, button));
}
