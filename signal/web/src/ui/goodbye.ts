// After leaving: how long it went on, how it was, and the way back. The box counts the answer and does not ask whose it is.

import { t } from '../i18n';
import { roomTitle } from '../names';
import { h } from './dom';
import type { State } from './state';

export interface GoodbyeHost {
  readonly room: string;
  readonly minutes: number;
  again(): void;
  start(): void;
}

export function goodbye({ room, minutes, again, start }: GoodbyeHost): State {
  return {
    sign: 'leave', title: t('left.title', { room: roomTitle(room) }),
    text: minutes > 0 ? t('left', { count: minutes }) : t('left.short'),
    extra: rating(), aside: true,
    acts: [{ label: 'again', run: again, test: 'again' }, { label: 'start', run: start }],
  };
}

function rating(): HTMLElement {
  const answer = h('p', { role: 'status', 'data-test': 'rate-answer' });
  const question = h('div', { class: 'row wrap', role: 'group', 'aria-labelledby': 'rate' }, h('b', { id: 'rate' }, t('rate.question')),
    ...(['good', 'bad'] as const).map((how) => h('button', { type: 'button', class: 'btn', 'data-test': `rate-${how}`, onclick: () => {
      question.remove();
      void send(how).then((counted) => { answer.textContent = counted ? `${t(`rate.thanks.${how}`)} ${t('rate.counted')}` : t(`rate.uncounted.${how}`); });
    } }, t(`rate.${how}`))));
  return h('div', { class: 'stack tight rating' }, question, answer);
}

/** Whether the box has counted it. */
async function send(answer: 'good' | 'bad'): Promise<boolean> {
  try {
    const { ok } = await fetch('/about/feedback', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ answer }), keepalive: true });
    return ok;
  } catch {
    return false;
  }
}
