// Breakout rooms: moderators make them and send people there; everybody sees who is where and can go back.

import { bareJid, domainOf, resource } from '../names';
import { el } from '../xml';
import { CLIENT, type Part, type Room } from './room';

const FEATURE = 'features/breakout-rooms';

export interface Seat {
  readonly id: string;
  /** The real JID, by which people are sent. */
  readonly jid: string;
  readonly name: string;
  readonly moderator: boolean;
}

export interface BreakoutRoom {
  readonly jid: string;
  readonly name: string;
  readonly main: boolean;
  readonly seats: readonly Seat[];
}

type Json = Readonly<Record<string, unknown>>;

export class Breakout implements Part {
  rooms: readonly BreakoutRoom[] = [];
  /** How many were made so far, for names that do not come twice. */
  private counter = 0;
  /** The room to come back to as soon as we are in the meeting and the room is seen to be still there. */
  private wanted = '';

  constructor(private readonly room: Room, private readonly home: string, private readonly go: (jid: string) => void) {}

  get supported(): boolean {
    return this.room.components.has('breakout_rooms');
  }

  /** We are in a breakout room now. */
  get away(): boolean {
    return this.room.jid !== this.home && domainOf(this.room.jid) === this.room.components.get('breakout_rooms');
  }

  /** The breakout room that is ours, empty for the main room: what a stay that begins anew comes back to. */
  get place(): string {
    return this.wanted || (this.away ? this.room.jid : '');
  }

  set place(jid: string) {
    this.wanted = jid;
  }

  get main(): string {
    return this.rooms.find((r) => r.main)?.jid ?? this.home;
  }

  /** The name of a room; empty for the main room. */
  nameOf(jid: string): string {
    return jid === this.main ? '' : this.rooms.find((r) => r.jid === jid)?.name ?? '';
  }

  get others(): BreakoutRoom[] {
    return this.rooms.filter((r) => !r.main);
  }

  /** Somebody else is in the meeting, but in another room. */
  get elsewhere(): boolean {
    return this.rooms.some((r) => r.jid !== this.room.jid && r.seats.some((seat) => seat.id !== this.room.me));
  }

  get nextNumber(): number {
    return Math.max(this.counter, this.others.length) + 1;
  }

  add(subject: string): void {
    this.counter = this.nextNumber;
    this.command('add', { subject });
  }

  rename(jid: string, subject: string): void {
    this.command('rename', { breakoutRoomJid: jid, subject });
  }

  /** Sends everybody back who is there, then takes the room away. */
  close(jid: string): void {
    this.callBack(jid);
    this.command('remove', { breakoutRoomJid: jid });
  }

  /** Sends everybody of a room, or of all rooms, back to the main room. */
  callBack(jid?: string): void {
    for (const room of this.others) if (!jid || room.jid === jid) for (const seat of room.seats) this.send(seat, this.main);
  }

  send(seat: Seat, roomJid: string): void {
    if (seat.id === this.room.me) return this.visit(roomJid);
    this.command('move-to-room', { participantJid: seat.jid, roomJid });
  }

  /** Shares everybody in the main room but the moderators out, as evenly as can be. */
  shareOut(random: () => number = Math.random): void {
    const people = [...(this.rooms.find((r) => r.main)?.seats ?? [])].filter((seat) => !seat.moderator);
    for (let i = people.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [people[i], people[j]] = [people[j] as Seat, people[i] as Seat];
    }
    people.forEach((seat, index) => {
      const target = this.others[index % this.others.length];
      if (target) this.send(seat, target.jid);
    });
  }

  /** Goes to a room ourselves. */
  visit(jid: string): void {
    this.wanted = '';
    if (jid) this.go(jid);
  }

  onJoined(): void {
    this.comeBack();
  }

  onJson(payload: Json, from: string): boolean {
    if (payload.type !== 'breakout_rooms' || from !== this.room.components.get('breakout_rooms')) return false;
    if (payload.event === `${FEATURE}/move-to-room`) this.visit(String(payload.roomJid ?? ''));
    if (payload.event === `${FEATURE}/update` && typeof payload.rooms === 'object' && payload.rooms) {
      this.counter = Number(payload.roomCounter) || this.counter;
      this.rooms = Object.values(payload.rooms as Record<string, Json>).map((r) => this.read(r)).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
      this.comeBack();
      this.room.tell({ what: 'changed' });
    }
    return true;
  }

  private comeBack(): void {
    const { wanted } = this;
    if (!wanted || !this.room.joined || !this.rooms.length) return;
    this.wanted = '';
    if (this.others.some((r) => r.jid === wanted)) this.visit(wanted);
  }

  private read(json: Json): BreakoutRoom {
    const participants = typeof json.participants === 'object' && json.participants ? (json.participants as Record<string, Json>) : {};
    const { hiddenDomain } = this.room.config;
    return {
      jid: String(json.jid ?? ''),
      name: String(json.name ?? ''),
      main: json.isMainRoom === true,
      seats: Object.entries(participants).map(([occupant, p]) => ({
        id: resource(occupant), jid: String(p?.jid ?? ''), name: String(p?.displayName ?? ''), moderator: p?.role === 'moderator',
      })).filter((seat) => seat.jid && (!hiddenDomain || domainOf(bareJid(seat.jid)) !== hiddenDomain)),
    };
  }

  private command(type: string, attrs: Record<string, string>): void {
    const to = this.room.components.get('breakout_rooms');
    if (to) this.room.send(el('message', { xmlns: CLIENT, to }, el('breakout_rooms', { type: `${FEATURE}/${type}`, ...attrs })));
  }
}
