// What the parts of a conference share: the room as each of them sees it, what it may contribute, and what the page hears.

import type { Config } from '../config';
import type { CodecPolicy } from './codec';
import type { Xml } from '../xml';
import type { Happening, Muted } from './happening';
import type { ChatEvent } from './messages';
import type { Participant } from './participant';

export const CLIENT = 'jabber:client';
export const JITMEET = 'http://jitsi.org/jitmeet';
export const MUC = 'http://jabber.org/protocol/muc';
export const MUC_USER = 'http://jabber.org/protocol/muc#user';
export const MUC_ADMIN = 'http://jabber.org/protocol/muc#admin';
export const NICK = 'http://jabber.org/protocol/nick';
/** The focus' nick in every room. */
export const FOCUS = 'focus';

export interface Local {
  readonly name: string;
  readonly password: string;
  readonly hand: number;
  readonly audio: MediaStreamTrack | null;
  readonly video: MediaStreamTrack | null;
  readonly screen: MediaStreamTrack | null;
}

/** The room as a part of the conference sees it. */
export interface Room {
  /** Bare JID of the room we are in. */
  readonly jid: string;
  /** Our nick, which is our endpoint id too. */
  readonly me: string;
  readonly moderator: boolean;
  readonly joined: boolean;
  /** The connection to the box is gone: what is said now waits until it is back. */
  readonly broken: boolean;
  readonly config: Config;
  readonly local: Local;
  readonly people: ReadonlyMap<string, Participant>;
  /** What the focus says about codecs. */
  readonly policy: CodecPolicy;
  /** Addresses of the box's components by the type of their identity, for instance `polls`. */
  readonly components: ReadonlyMap<string, string>;
  send(stanza: Xml): void;
  iq(type: 'get' | 'set', to: string, payload: Xml, limitMs?: number): Promise<Xml>;
  /** To one endpoint over the bridge, or to everybody with an empty `to`. */
  signal(to: string, payload: Record<string, unknown>): void;
  /** Tells the page what happened. */
  tell(happening: Happening): void;
}

/** A part of the conference. Whatever it leaves out is none of its business. */
export interface Part {
  /** The room has let us in, for the first time or again after a move. */
  onJoined?(): void;
  /** A presence of another room than ours. */
  onForeignPresence?(stanza: Xml, from: string): void;
  /** Our role, or the room's settings, may have changed. */
  onChanged?(): void;
  /** A message; says whether it was for this part. */
  onMessage?(stanza: Xml, from: string): boolean;
  /** A JSON message of the room or of a component; says whether it was for this part. */
  onJson?(json: Readonly<Record<string, unknown>>, from: string): boolean;
  /** What another endpoint sends over the bridge. */
  onSignal?(from: string, payload: Readonly<Record<string, unknown>>): void;
  onSpeaker?(id: string): void;
  /** Somebody came, left, or changed; or we did. */
  onPeople?(): void;
  /** We go to another room: nothing of the one before is true any more. */
  forget?(): void;
}

/** Why a stay ended, or never began. */
export type End =
  | { why: 'left' } | { why: 'lost' } | { why: 'restarting' } | { why: 'ended' } | { why: 'full' } | { why: 'door' } | { why: 'refused' }
  | { why: 'removed'; by: string; reason: string }
  | { why: 'password'; wrong: boolean };

export type MediaState = 'none' | 'connecting' | 'connected' | 'lost' | 'failed';

export interface ConferenceEvents {
  onJoined(): void;
  /** Somebody came, left, or changed; or our own role did. */
  onPeople(came: Participant | null, left: Participant | null): void;
  onTracks(): void;
  onSpeaker(): void;
  onChat(event: ChatEvent): void;
  /** Anything else; see there. */
  onHappening(happening: Happening): void;
  /** A moderator turned something of ours off. */
  onMuted(kind: Muted, by: string): void;
  onMedia(state: MediaState): void;
  /** Somebody's connection got worse or better. */
  onQuality(): void;
  /** The room changed to a codec that everybody can show, for the sake of these. */
  onFallback(because: readonly string[]): void;
  /** The bridge gives the room no sound and picture, or does so again. */
  onHeld(held: boolean): void;
  /** The connection to the box is gone; the stay may be resumed. */
  onBroken(): void;
  onEnd(end: End): void;
}
