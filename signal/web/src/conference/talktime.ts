// How long each person has spoken. The box counts for those who come later; we count on from what it told us.

import { el } from '../xml';
import { CLIENT, JITMEET, type Part, type Room } from './room';

export interface Talk { readonly id: string; readonly name: string; readonly ms: number; readonly here: boolean; readonly now: boolean }

export class TalkTime implements Part {
  private readonly spoken = new Map<string, { name: string; ms: number }>();
  private speaker = '';
  private since = 0;

  constructor(private readonly room: Room) {}

  get supported(): boolean {
    return this.room.components.has('speakerstats');
  }

  /** Everybody who is here or has spoken, who spoke longest first. */
  list(now = Date.now()): Talk[] {
    const { room } = this;
    const ids = new Set([...this.spoken.keys(), ...room.people.keys(), room.me]);
    return [...ids].map((id) => {
      const kept = this.spoken.get(id);
      const talks = id === this.speaker;
      return {
        id, now: talks,
        name: (id === room.me ? room.local.name : room.people.get(id)?.name) || kept?.name || '',
        ms: (kept?.ms ?? 0) + (talks ? now - this.since : 0),
        here: id === room.me || room.people.has(id),
      };
    }).filter((talk) => talk.here || talk.ms > 0).sort((a, b) => b.ms - a.ms);
  }

  onSpeaker(id: string, now = Date.now()): void {
    if (id === this.speaker) return;
    this.stop(now);
    this.speaker = id;
    this.since = now;
    const to = this.room.components.get('speakerstats');
    if (id === this.room.me && to) {
      this.room.send(el('message', { xmlns: CLIENT, to }, el('speakerstats', { xmlns: JITMEET, room: this.room.jid, silence: 'false' })));
    }
  }

  onJson(payload: Readonly<Record<string, unknown>>, from: string): boolean {
    if (payload.type !== 'speakerstats' || from !== this.room.components.get('speakerstats')) return false;
    for (const [id, value] of Object.entries((payload.users ?? {}) as Record<string, Readonly<Record<string, unknown>>>)) {
      this.spoken.set(id, { name: String(value?.displayName ?? ''), ms: Number(value?.totalDominantSpeakerTime) || 0 });
    }
    this.room.tell({ what: 'changed' });
    return true;
  }

  forget(): void {
    this.spoken.clear();
    this.speaker = '';
  }

  private stop(now: number): void {
    if (!this.speaker) return;
    const { room } = this;
    const kept = this.spoken.get(this.speaker);
    const name = (this.speaker === room.me ? room.local.name : room.people.get(this.speaker)?.name) || kept?.name || '';
    this.spoken.set(this.speaker, { name, ms: (kept?.ms ?? 0) + now - this.since });
  }
}
