// What each command of an embedding page does here, and what it is told of the meeting.

import type { Conference, Participant } from '../conference';
import type { LocalMedia } from '../media';
import type { Stay } from '../stay';
import type { Meeting } from '../ui/meeting';
import type { Notice, Notifier } from '../ui/notices';
import type { Controls } from './frame';
import type { Member, Snapshot } from './snapshot';

/** The page as commands see it. */
export interface Desk {
  readonly room: string;
  readonly phase: string;
  readonly media: LocalMedia;
  readonly stay: Stay;
  readonly notices: Notifier;
  readonly conference: Conference | null;
  readonly people: readonly Participant[];
  readonly meeting: Meeting | null;
  rename(name: string): void;
  toggle(kind: 'audio' | 'video'): Promise<void>;
  share(): void;
  toggleHand(): void;
  usePassword(password: string): void;
  leave(): void;
}

const LONGEST_TEXT = 1_000;

export function controls(desk: Desk): Controls {
  const id = (value: unknown): string => desk.people.find((p) => p.id === value)?.id ?? '';
  const text = (value: unknown): string => (typeof value === 'string' ? value.slice(0, LONGEST_TEXT) : '');
  const tiles = (on: boolean): void => desk.meeting?.hall.choose(on ? 'tiles' : 'stage');
  return {
    'toggle-audio': () => void desk.toggle('audio'),
    'toggle-video': () => void desk.toggle('video'),
    'toggle-share-screen': () => desk.share(),
    'toggle-raise-hand': () => desk.toggleHand(),
    'toggle-chat': () => desk.meeting?.panel('chat'),
    'toggle-participants-pane': (open) => { if (open !== desk.meeting?.peopleOpen) desk.meeting?.panel('people'); },
    'toggle-tile-view': () => desk.meeting?.hall.toggleLayout(),
    'set-tile-view': (on) => tiles(on !== false),
    'pin-participant': (who) => { if (id(who)) desk.meeting?.hall.pin(id(who)); },
    'set-large-video-participant': (who) => { if (id(who)) desk.meeting?.hall.pin(id(who)); },
    'display-name': (name) => { if (text(name).trim()) desk.rename(text(name).trim().slice(0, 64)); },
    'password': (password) => desk.usePassword(text(password)),
    'send-chat-message': (message, to) => { if (text(message) && (!to || id(to))) desk.conference?.messages.write(text(message), id(to)); },
    'send-endpoint-text-message': (to, message) => { if (text(message)) desk.conference?.signal(id(to), { name: 'endpoint-text-message', text: text(message) }); },
    'kick-participant': (who) => { if (id(who)) void desk.conference?.moderation.remove(id(who), ''); },
    'mute-everyone': (kind) => void desk.conference?.moderation.muteAll(kind === 'video' ? 'video' : 'audio'),
    'grant-moderator': (who) => { if (id(who)) void desk.conference?.moderation.grant(id(who)); },
    'answer-knocking-participant': (who, approved) => { if (approved === true) desk.conference?.lobby.admit([text(who)]); },
    'toggle-lobby': (on) => void desk.conference?.settings.setMembersOnly(on === true),
    'end-conference': () => desk.conference?.moderation.endForAll(),
    'show-notification': (given) => {
      const notice = noticeOf(given as Readonly<Record<string, unknown>> | undefined, text);
      if (notice) desk.notices.show(notice);
    },
    'hide-notification': (uid) => desk.notices.take(`embed-${text(uid)}`),
    'video-hangup': () => desk.leave(),
  };
}

function noticeOf(given: Readonly<Record<string, unknown>> | undefined, text: (value: unknown) => string): Notice | null {
  const words = [text(given?.title), text(given?.description)].filter(Boolean).join('. ');
  const bad = given?.type === 'error' || given?.type === 'warning';
  return words ? { key: `embed-${text(given?.uid)}`, sign: bad ? 'warn' : 'info', ...(bad ? { tone: 'warn' } : {}), text: words, stays: given?.timeout === 'sticky' } : null;
}

export function snapshot(desk: Desk): Snapshot {
  const { media, meeting, conference, people, stay } = desk;
  const member = (p: Participant): Member => ({ id: p.id, name: p.name, moderator: p.moderator, hand: p.hand > 0, sharing: p.sharing });
  const here = conference?.joined === true;
  return {
    phase: desk.phase, room: desk.room,
    me: here ? { id: conference.me, name: stay.name, moderator: conference.moderator, hand: stay.hand > 0, sharing: media.share.on } : null,
    others: here ? people.map(member) : [],
    audioMuted: !media.on('audio'), videoMuted: !media.on('video'),
    audioAvailable: !media.problems.audio, videoAvailable: !media.problems.video,
    speaker: conference?.speaker ?? '',
    tiles: meeting?.hall.stage.layout !== 'stage',
    chatOpen: meeting?.chatOpen ?? false, peopleOpen: meeting?.peopleOpen ?? false, unread: meeting?.unreadCount ?? 0,
  };
}
