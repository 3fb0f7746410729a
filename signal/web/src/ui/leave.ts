// Leaving: at once for who may end nothing, with a question for a moderator who leaves others behind.

import type { Conference } from '../conference';
import { nameOf } from '../faces';
import { t } from '../i18n';
import { choose } from './dialog';
import { h } from './dom';

export function askToLeave(conference: Conference | null, leave: () => void): void {
  const others = [...(conference?.people.values() ?? [])];
  if (!conference?.moderator || others.length === 0) return leave();
  const [next] = others;
  const text = others.some((p) => p.moderator) || !next ? t('leave.others') : t('leave.only', { name: nameOf(next) });
  choose(t('leave.title'), [h('p', { class: 'quiet' }, text)], [
    { label: 'bar.leave', look: 'risk', test: 'leave-yes', run: leave },
    ...(conference.moderation.canEndForAll ? [{ label: 'leave.end', test: 'end-for-all', run: () => conference.moderation.endForAll() } as const] : []),
    { label: 'leave.stay', look: 'plain', focus: true, test: 'leave-no' },
  ], true);
}
