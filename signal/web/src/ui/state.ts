// A state in words: what is so, what to do, one button that does it.

import { t, type Text } from '../i18n';
import { h, icon } from './dom';

export interface Act { readonly label: Text; readonly run: () => void; readonly test?: string }

export interface State {
  readonly sign: string;
  readonly tone?: 'warn' | 'bad' | 'good';
  readonly title: string;
  readonly text: string;
  readonly acts?: readonly Act[];
  readonly extra?: HTMLElement;
  /** Another button of the view is the first one. */
  readonly aside?: boolean;
}

export function stateCard(state: State, heading: 'h1' | 'h2' = 'h2'): HTMLElement {
  const acts = (state.acts ?? []).map((act, index) =>
    h('button', { type: 'button', class: `btn ${index > 0 ? 'plain' : state.aside ? '' : 'first'}`, onclick: act.run, 'data-test': act.test }, t(act.label)));
  return h('section', { class: 'card state' },
    icon(state.sign, { class: state.tone ? `is-${state.tone}` : '' }),
    h(heading, {}, state.title),
    h('p', {}, state.text),
    (acts.length > 0 || state.extra) && h('div', { class: 'acts' }, state.extra, ...acts));
}

/** A state that is all there is to see: the meeting is over, or could not begin. */
export function statePage(brand: HTMLElement, state: State): HTMLElement {
  return h('div', { class: 'page' }, h('header', {}, brand), h('main', { class: 'alone' }, stateCard(state, 'h1')), h('footer', {}));
}
