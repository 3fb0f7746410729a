// How long each person has spoken. The box counts for those who come later; we count on from what it told us.

import { el } from '../xml';
import { CLIENT, JITMEET, type Part, type Room } from './room';

export interface Talk { readonly id: string; readonly name: string; readonly ms: number; readonly here: boolean; readonly now: boolean }

export class TalkTime implements Part {
  private readonly spoken = new Map<string, { name: string; ms: number }>();
  /** Remains who it is until somebody else speaks, however silent. */
  private dominant = '';
  private talking = '';
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
      const talks = id === this.talking;
      return {
        id, now: talks, name: this.nameOf(id),
        ms: (this.spoken.get(id)?.ms ?? 0) + (talks ? now - this.since : 0),
        here: id === room.me || room.people.has(id),
      };
    }).filter((talk) => talk.here || talk.ms > 0).sort((a, b) => b.ms - a.ms);
  }

  onSpeaker(id: string, now = Date.now()): void {
    this.dominant = id;
    this.look(now);
  }

  onPeople(now = Date.now()): void {
    this.look(now);
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
    this.dominant = this.talking = '';
  }

  /** Starts and stops the clock: whose microphone is off does not speak. */
  private look(now: number): void {
    const { room, dominant, talking: was } = this;
    const audible = dominant === room.me ? room.local.audio !== null : room.people.get(dominant)?.audioMuted === false;
    const talking = audible ? dominant : '';
    if (talking === was) return;
    if (was) this.spoken.set(was, { name: this.nameOf(was), ms: (this.spoken.get(was)?.ms ?? 0) + now - this.since });
    this.talking = talking;
    this.since = now;
    // Who leaves has a name in the list as well.
    if (talking) this.spoken.set(talking, { name: this.nameOf(talking), ms: this.spoken.get(talking)?.ms ?? 0 });
    if (dominant === room.me) this.tellBox(!audible);
  }

  /** Everybody speaks for themselves; that another goes on is the other's to say. */
  private tellBox(silent: boolean): void {
    const { room } = this;
    const to = room.components.get('speakerstats');
    if (to) room.send(el('message', { xmlns: CLIENT, to }, el('speakerstats', { xmlns: JITMEET, room: room.jid, silence: String(silent) })));
  }

  private nameOf(id: string): string {
    const { room } = this;
    return (id === room.me ? room.local.name : room.people.get(id)?.name) || this.spoken.get(id)?.name || '';
  }
}
