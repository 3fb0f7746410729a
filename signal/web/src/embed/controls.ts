// What each command of an embedding page does here, and what it is told of the meeting.

import type { Conference, Participant } from '../conference';
import type { LocalMedia } from '../media';
import type { Stay } from '../stay';
import type { Meeting } from '../ui/meeting';
import type { Notice, Notifier } from '../ui/notices';
import type { Muted } from '../conference/happening';
import { nodeOf } from '../names';
import type { Command } from './names';
import type { Member, Snapshot } from './snapshot';

export type Controls = Readonly<Record<Command, (...values: readonly unknown[]) => void>>;

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
  const kind = (value: unknown): Muted => (value === 'video' || value === 'desktop' ? value : 'audio');
  const tiles = (on: boolean): void => desk.meeting?.hall.choose(on ? 'tiles' : 'stage');
  const toOne = (who: unknown, act: (id: string, conference: Conference) => unknown): void => {
    if (id(who) && desk.conference) void act(id(who), desk.conference);
  };
  return {
    ...rooms(desk, text),
    'toggle-audio': () => void desk.toggle('audio'),
    'toggle-video': () => void desk.toggle('video'),
    'toggle-share-screen': (given) => { if ((given as { enable?: unknown } | null | undefined)?.enable !== desk.media.share.on) desk.share(); },
    'toggle-raise-hand': () => desk.toggleHand(),
    'toggle-chat': () => desk.meeting?.panel('chat'),
    'toggle-participants-pane': (open) => { if (open !== desk.meeting?.peopleOpen) desk.meeting?.panel('people'); },
    'toggle-tile-view': () => desk.meeting?.hall.toggleLayout(),
    'set-tile-view': (on) => tiles(on !== false),
    'set-blurred-background': (how) => { if (desk.media.blur !== null) void desk.media.setBlur(text(how) !== '' && how !== 'none'); },
    'pin-participant': (who, videoType) => pin(desk, who, videoType),
    'set-large-video-participant': (who, videoType) => pin(desk, who, videoType),
    'display-name': (name) => { if (text(name).trim()) desk.rename(text(name).trim().slice(0, 64)); },
    'password': (password) => {
      if (desk.conference?.joined) void desk.conference.settings.setPassword(text(password));
      else desk.usePassword(text(password));
    },
    'send-chat-message': (message, to) => { if (text(message) && (!to || id(to))) desk.conference?.messages.write(text(message), id(to)); },
    'send-endpoint-text-message': (to, message) => { if (text(message) && (!to || id(to))) desk.conference?.words.send(id(to), text(message)); },
    'kick-participant': (who) => toOne(who, (one, { moderation }) => moderation.remove(one, '')),
    'mute-everyone': (what) => void desk.conference?.moderation.muteAll(kind(what)),
    'mute-remote-participant': (who, what) => toOne(who, (one, { moderation }) => moderation.mute(one, kind(what))),
    'grant-moderator': (who) => toOne(who, (one, { moderation }) => moderation.grant(one)),
    'toggle-moderation': (on, what) => desk.conference?.moderation.moderate(kind(what), on === true),
    'ask-to-unmute': (who) => toOne(who, (one, { moderation }) => moderation.ask(one, 'audio')),
    'approve-video': (who) => toOne(who, (one, { moderation }) => moderation.ask(one, 'video')),
    'reject-participant': (who, what) => toOne(who, (one, { moderation }) => moderation.allow(one, kind(what), false)),
    'answer-knocking-participant': (who, approved) => {
      if (approved === true) desk.conference?.lobby.admit([text(who)]);
      else void desk.conference?.lobby.refuse(text(who));
    },
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

type RoomCommand = 'add-breakout-room' | 'close-breakout-room' | 'join-breakout-room' | 'remove-breakout-room' | 'send-participant-to-room';

/** Breakout rooms, which are called by the part of their address before the `@`, or by all of it. */
function rooms(desk: Desk, text: (value: unknown) => string): Pick<Controls, RoomCommand> {
  const called = (value: unknown): string => desk.conference?.breakout.rooms.find(({ jid }) => jid === value || nodeOf(jid) === value)?.jid ?? '';
  const at = (value: unknown, act: (jid: string, conference: Conference) => void): void => {
    if (desk.conference && called(value)) act(called(value), desk.conference);
  };
  return {
    'add-breakout-room': (name) => { if (text(name).trim()) desk.conference?.breakout.add(text(name).trim().slice(0, 64)); },
    'remove-breakout-room': (room) => at(room, (jid, { breakout }) => breakout.close(jid)),
    'close-breakout-room': (room) => at(room, (jid, { breakout }) => breakout.callBack(jid)),
    'join-breakout-room': (room) => desk.conference?.breakout.visit(room ? called(room) : desk.conference.breakout.main),
    'send-participant-to-room': (who, room) => at(room, (jid, { breakout }) => {
      const seat = breakout.rooms.flatMap((one) => one.seats).find((one) => one.id === who);
      if (seat) breakout.send(seat, jid);
    }),
  };
}

/** Pins somebody or the screen that they share; with an empty `who` it takes all pins out. */
function pin({ meeting, people }: Desk, who: unknown, videoType: unknown): void {
  const person = people.find((p) => p.id === who);
  const screen = [...(person?.sources ?? [])].find(([, source]) => source.desktop && !source.muted)?.[0];
  const all = people.flatMap((p) => [p.id, ...p.sources.keys()]);
  const wanted = who ? [videoType === 'desktop' ? screen : person?.id] : all;
  for (const id of all) if (wanted.includes(id) && meeting?.hall.pinned(id) === !who) meeting.hall.pin(id);
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
    phase: desk.phase, room: desk.room, name: stay.name,
    me: here ? { id: conference.me, name: stay.name, moderator: conference.moderator, hand: stay.hand > 0, sharing: media.share.on } : null,
    others: here ? people.map(member) : [],
    audioMuted: !media.on('audio'), videoMuted: !media.on('video'),
    audioAvailable: !media.problems.audio, videoAvailable: !media.problems.video,
    created: here ? conference.settings.createdAt : 0,
    speaker: conference?.speaker ?? '',
    tiles: meeting?.hall.stage.layout !== 'stage',
    chatOpen: meeting?.chatOpen ?? false, peopleOpen: meeting?.peopleOpen ?? false, unread: meeting?.unreadCount ?? 0,
  };
}
