// Live regions: what a screen reader says by itself. Polite waits for a pause, an alarm does not.

import { h } from './dom';

const polite = h('div', { class: 'vh', role: 'status' });
const urgent = h('div', { class: 'vh', role: 'alert' });

/** They have to be in the document before anything is said. */
export function placeLiveRegions(): void {
  document.body.append(polite, urgent);
}

export function say(text: string): void {
  polite.textContent = text;
}

export function alarm(text: string): void {
  urgent.textContent = text;
}
