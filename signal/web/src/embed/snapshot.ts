// What an embedding page is told: the meeting as it is, the events that lead from one state of it to the next, and what happens
// in between. Pure.

import type { Happening } from '../conference/happening';
import { WORD } from '../conference/words';
import type { ApiEvent } from './names';

export interface Member { readonly id: string; readonly name: string; readonly moderator: boolean; readonly hand: boolean; readonly sharing: boolean }

export interface Snapshot {
  readonly phase: string;
  readonly room: string;
  /** Our name, whether we are in the room or not yet. */
  readonly name: string;
  /** Ourselves, once we are in the room. */
  readonly me: Member | null;
  readonly others: readonly Member[];
  readonly audioMuted: boolean;
  readonly videoMuted: boolean;
  readonly audioAvailable: boolean;
  readonly videoAvailable: boolean;
  /** When the meeting began, in milliseconds, or 0. */
  readonly created: number;
  readonly speaker: string;
  readonly tiles: boolean;
  readonly chatOpen: boolean;
  readonly peopleOpen: boolean;
  readonly unread: number;
}

export function eventsBetween(before: Snapshot, after: Snapshot): ApiEvent[] {
  const events: ApiEvent[] = [];
  const tell = (name: ApiEvent['name'], data: Readonly<Record<string, unknown>> = {}): void => void events.push({ name, ...data });
  if (after.phase === 'prejoin' && before.phase !== 'prejoin') tell('prejoin-screen-loaded', described({ id: 'local', name: after.name }));
  const stayed = before.me !== null && before.me.id === after.me?.id;
  if (before.me && !stayed) {
    for (const { id } of before.others) tell('participant-left', { id });
    tell('video-conference-left', { roomName: before.room });
  }
  if (after.me && after.me.id !== before.me?.id) tell('video-conference-joined', { roomName: after.room, ...described(after.me), avatarURL: '', breakoutRoom: false, visitor: false });
  tellPeople(stayed ? before.others : [], after.me ? after.others : [], tell);
  if (stayed && before.me && after.me) tellChanges(before.me, after.me, tell);
  tellSwitches(before, after, tell);
  return events;
}

type Tell = (name: ApiEvent['name'], data?: Readonly<Record<string, unknown>>) => void;

function tellPeople(before: readonly Member[], after: readonly Member[], tell: Tell): void {
  const known = new Map(before.map((one) => [one.id, one]));
  for (const { id } of before) if (!after.some((one) => one.id === id)) tell('participant-left', { id });
  for (const one of after) {
    const was = known.get(one.id);
    if (was) tellChanges(was, one, tell);
    else tell('participant-joined', described(one));
  }
  const sharing = (people: readonly Member[]): string[] => people.filter((one) => one.sharing).map(({ id }) => id);
  if (sharing(before).join() !== sharing(after).join()) tell('content-sharing-participants-changed', { data: { sharingParticipantIds: sharing(after) } });
}

function tellChanges(was: Member, one: Member, tell: Tell): void {
  const { id } = one;
  if (was.name !== one.name) tell('display-name-change', { id, displayname: one.name, formattedDisplayName: one.name });
  if (was.moderator !== one.moderator) tell('participant-role-changed', { id, role: one.moderator ? 'moderator' : 'participant' });
  if (was.hand !== one.hand) tell('raise-hand-updated', { id, handRaised: one.hand });
}

function tellSwitches(before: Snapshot, after: Snapshot, tell: Tell): void {
  if (before.audioMuted !== after.audioMuted) tell('audio-mute-status-changed', { muted: after.audioMuted });
  if (before.videoMuted !== after.videoMuted) tell('video-mute-status-changed', { muted: after.videoMuted });
  if (before.audioAvailable !== after.audioAvailable) tell('audio-availability-changed', { available: after.audioAvailable });
  if (before.videoAvailable !== after.videoAvailable) tell('video-availability-changed', { available: after.videoAvailable });
  const shares = after.me?.sharing ?? false;
  if ((before.me?.sharing ?? false) !== shares) tell('screen-sharing-status-changed', { on: shares, details: {} });
  if (after.created && before.created !== after.created) tell('conference-created-timestamp', { timestamp: after.created });
  if (after.speaker && before.speaker !== after.speaker) tell('dominant-speaker-changed', { id: after.speaker });
  if (before.tiles !== after.tiles) tell('tile-view-changed', { enabled: after.tiles });
  if (before.chatOpen !== after.chatOpen || before.unread !== after.unread) tell('chat-updated', { isOpen: after.chatOpen, unreadCount: after.unread });
  if (before.peopleOpen !== after.peopleOpen) tell('participants-pane-toggled', { open: after.peopleOpen });
}

function described({ id, name }: Pick<Member, 'id' | 'name'>): Record<string, unknown> {
  return { id, displayName: name, formattedDisplayName: name };
}

/** What a happening is called there; nothing for most of them. `me` and `jid` are our id and the room's address. */
export function eventsOf(happening: Happening, me: string, jid: string): ApiEvent[] {
  switch (happening.what) {
    case 'knock': return happening.gone ? [] : [{ name: 'knocking-participant', participant: { id: happening.id, name: happening.name } }];
    case 'moderated': return [{ name: 'moderation-status-changed', mediaType: happening.kind, enabled: happening.on }];
    case 'allowed': return [{ name: `moderation-participant-${happening.yes ? 'approved' : 'rejected'}`, id: me, mediaType: happening.kind }];
    case 'word': {
      const { from, text } = happening;
      return [{ name: 'endpoint-text-message-received', data: { senderInfo: { jid: `${jid}/${from}`, id: from }, eventData: { name: WORD, text } } }];
    }
    default: return [];
  }
}
