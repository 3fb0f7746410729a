// What is wrong between us and the box, in words: over the hall in a meeting, or as a page of its own before it.

import { t, type Text } from '../i18n';
import type { State } from './state';

export interface TroubleActs { retry(): void; leave(): void; testAgain(): void }

/** How long until the box is tried again, and what it is thought to do meanwhile. */
export interface Wait { readonly seconds: number; readonly restarting: boolean; readonly inMeeting: boolean }

export function retryText({ seconds, restarting, inMeeting }: Wait): string {
  const key = restarting ? 'restart' : inMeeting ? 'gone' : 'unreached';
  return seconds > 1 ? t(key, { seconds }) : t(`${key}.now`);
}

/** The box is gone in mid-meeting. */
export function awayState(wait: Wait, acts: TroubleActs): State & { key: string } {
  if (!navigator.onLine) return { key: 'offline', sign: 'net-off', tone: 'warn', title: t('offline.title'), text: t('offline'), acts: [] };
  const key = wait.restarting ? 'restart' : 'gone';
  return { key, sign: 'net', tone: 'warn', title: t(`${key}.title` as Text), text: retryText(wait), acts: [{ label: 'gone.try', run: acts.retry }, { label: 'bar.leave', run: acts.leave }] };
}

/** Everything but sound and picture gets through. */
export function blockedState(acts: TroubleActs): State & { key: string } {
  return { key: 'udp', sign: 'net-off', tone: 'bad', title: t('udp.title'), text: t('udp'), acts: [{ label: 'udp.test', run: acts.testAgain }] };
}

/** The box did not answer when we wanted to go in. */
export function unreachableState(wait: Wait, acts: Omit<TroubleActs, 'testAgain'>): State {
  return { sign: 'net', tone: 'warn', title: t('gone.title'), text: retryText(wait), acts: [{ label: 'gone.try', run: acts.retry }, { label: 'start', run: acts.leave }] };
}
