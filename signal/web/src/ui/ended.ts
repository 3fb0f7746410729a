// Pages for a stay that is over or could not begin.

import { t } from '../i18n';
import type { Over } from '../stay';
import { h } from './dom';
import type { State } from './state';

export interface EndedActs { again(): void; start(): void }

export type EndedPhase = 'left' | 'removed' | 'ended' | 'refused';

export function endedPage(end: Exclude<Over, { why: 'password' | 'left' }>, acts: EndedActs): { phase: EndedPhase; state: State } {
  const again = { label: 'try.again', run: acts.again } as const;
  const start = { label: 'start', run: acts.start } as const;
  switch (end.why) {
    case 'removed': {
      const by = end.by ? t('removed.by', { name: end.by }) : t('removed');
      return { phase: 'removed', state: { sign: 'person-out', tone: 'bad', title: t('removed.title'), text: end.reason ? `${by} ${t('removed.reason', { reason: end.reason })}` : by, acts: [start] } };
    }
    case 'ended':
      return { phase: 'ended', state: { sign: 'leave', title: t('ended.title'), text: t('ended'), acts: [start, again] } };
    case 'full':
      return { phase: 'refused', state: { sign: 'people', title: t('full.title'), text: t('full'), acts: [again, start] } };
    case 'door':
      return { phase: 'refused', state: { sign: 'door', title: t('door.closed.title'), text: t('door.closed'), acts: [again, start] } };
    case 'refused':
      return { phase: 'refused', state: { sign: 'warn', tone: 'warn', title: t('refused.title'), text: t('refused'), acts: [again, start] } };
  }
}

export function passwordState(wrong: boolean, go: (password: string) => void): State {
  const input = h('input', { type: 'password', autocomplete: 'current-password', 'aria-invalid': wrong ? 'true' : null, 'data-test': 'password' });
  const form = h('form', { class: 'stack', onsubmit: (event: Event) => {
    event.preventDefault();
    go(input.value);
  } }, h('label', { class: 'field' }, t('password.label'), h('span', { class: `input ${wrong ? 'bad' : ''}` }, input)), h('button', { class: 'btn first' }, t('password.go')));
  return { sign: 'lock', title: t('password.title'), text: t(wrong ? 'password.wrong' : 'password'), extra: form };
}
