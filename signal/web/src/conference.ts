// One stay: the stream to the box, the room we are in, and the parts of the conference that each know one thing. When the
// stream is lost the stay is over; whoever holds it makes a new one.

import { DISCO, discoAnswer } from './caps';
import { Entrance } from './conference/entrance';
import { type ChatMessage, Messages } from './conference/messages';
import { Moderation } from './conference/moderation';
import { type Participant, readParticipant } from './conference/participant';
import { Presence } from './conference/presence';
import { type ConferenceEvents, type End, FOCUS, JITMEET, type Local, type MediaState, MUC_USER, type Part, type Room } from './conference/room';
import { MediaSession } from './conference/session';
import type { Statistics } from './conference/statistics';
import type { Config } from './config';
import type { Kind } from './jingle';
import { bareJid, domainOf, nickOf, resource } from './names';
import type { Shown } from './wanted';
import { child, elements, json, text, type Xml } from './xml';
import { StanzaError, XmppStream } from './xmpp';

export type { ChatMessage, ConferenceEvents, End, Local, MediaState, Participant };

/** A box that shuts down ends its rooms first and says why right after. */
const END_PAUSE_MS = 400;

export class Conference implements Room {
  me = '';
  moderator = false;
  joined = false;
  jid: string;
  readonly people = new Map<string, Participant>();
  readonly moderation = new Moderation(this);
  readonly messages: Messages;
  private readonly stream: XmppStream;
  private readonly entrance: Entrance;
  private readonly presence = new Presence(this);
  private readonly session: MediaSession;
  private readonly parts: readonly Part[];
  private end: End | null = null;
  private finished = false;

  constructor(readonly config: Config, node: string, public local: Local, private readonly events: ConferenceEvents) {
    this.jid = `${node}@${config.hosts.muc.toLowerCase()}`;
    this.stream = new XmppStream(`${config.websocket}?room=${node}`, config.hosts.anonymousdomain ?? config.hosts.domain, {
      onStanza: (stanza) => this.onStanza(stanza),
      onBroken: () => this.joined ? events.onBroken() : this.stream.close(),
      onClosed: (reason) => this.finish(this.verdict(reason)),
    });
    this.entrance = new Entrance(this.stream, config);
    this.session = new MediaSession(this, {
      onTracks: () => events.onTracks(),
      onSpeaker: () => events.onSpeaker(),
      onMedia: (state) => this.onMedia(state),
      onMuted: (kind) => events.onMuted(kind, ''),
      onSignal: (from, payload) => this.parts.forEach((part) => part.onSignal?.(from, payload)),
    });
    this.messages = new Messages(this, (message) => events.onChat(message));
    this.parts = [this.messages];
  }

  // What the page asks for

  /** Goes in. `onJoined` says when the room has let us in, `onEnd` why it has not. */
  async enter(): Promise<void> {
    try {
      await this.stream.open();
      this.me = nickOf(this.stream.jid);
      const [ready] = await Promise.all([this.entrance.request(this.jid), this.entrance.learn()]);
      if (!ready) return this.finish({ why: 'refused' });
      this.session.iceServers = this.entrance.iceServers;
      this.presence.enter();
    } catch (error) {
      const condition = error instanceof StanzaError ? error.condition : '';
      this.finish({ why: condition === 'not-authorized' ? 'refused' : 'lost' });
    }
  }

  /** Leaves, telling the others. */
  leave(): void {
    this.end = { why: 'left' };
    this.session.close();
    this.presence.leave();
    this.stream.close();
  }

  /** Gives up this stay without a word, for instance because the network is gone. */
  abandon(): void {
    this.end = { why: 'lost' };
    this.stream.close();
  }

  async update(change: Partial<Local>): Promise<void> {
    const before = this.local;
    this.local = { ...before, ...change };
    if (this.joined) this.presence.update();
    await this.session.update(before, this.local);
  }

  /** The network may have changed: finds out at once whether the box still hears us. */
  probe(): void {
    this.stream.probe();
    this.session.recover();
  }

  /** The connection is gone while everything else may still be there. */
  get broken(): boolean {
    return this.stream.broken;
  }

  /** Takes up a broken stay where it was. Fails while the box cannot be reached; ends the stay if it is not known any more. */
  async resume(): Promise<void> {
    await this.stream.resume();
    if (!this.end) this.session.recover();
  }

  restartMedia(): void {
    this.session.recover();
  }

  show(shown: readonly Shown[]): void {
    this.session.show(shown);
  }

  level(sourceName: string): number {
    return this.session.level(sourceName);
  }

  stats(): Promise<Statistics> {
    return this.session.stats();
  }

  get tracks(): MediaSession['tracks'] {
    return this.session.tracks;
  }

  get speaker(): string {
    return this.session.speaker;
  }

  get media(): MediaState {
    return this.session.state;
  }

  // What the parts ask for

  get components(): ReadonlyMap<string, string> {
    return this.entrance.components;
  }

  send(stanza: Xml): void {
    this.stream.send(stanza);
  }

  iq(type: 'get' | 'set', to: string, payload: Xml, limitMs?: number): Promise<Xml> {
    return this.stream.iq(type, to, payload, limitMs);
  }

  signal(to: string, payload: Record<string, unknown>): void {
    this.session.signal(to, payload);
  }

  // What comes in

  private onStanza(stanza: Xml): Xml | 'handled' | null {
    const from = stanza.attrs.from ?? '';
    if (stanza.name === 'presence') return this.onPresence(stanza, from), null;
    if (stanza.name === 'message') return this.onMessage(stanza, from), null;
    const [payload] = elements(stanza);
    if (!payload) return null;
    if (payload.name === 'query' && payload.ns === DISCO && stanza.attrs.type === 'get') return discoAnswer(payload.attrs.node);
    if (payload.name === 'ping') return 'handled';
    if (from !== `${this.jid}/${FOCUS}` || stanza.attrs.type !== 'set') return null;
    if (payload.name === 'jingle') return this.session.onJingle(payload);
    if (payload.name === 'mute') return this.onMute(payload);
    return null;
  }

  private onPresence(stanza: Xml, from: string): void {
    if (bareJid(from) !== this.jid) return this.parts.forEach((part) => part.onForeignPresence?.(stanza, from));
    const nick = resource(from);
    if (stanza.attrs.type === 'error') return this.onPresenceError(stanza);
    const x = child(stanza, 'x', MUC_USER);
    const item = child(x, 'item');
    const codes = elements(x ?? stanza, 'status').map((s) => s.attrs.code);
    if (stanza.attrs.type === 'unavailable') return this.onGone(x, nick, codes);
    if (!x || !item) return;
    if (nick === this.me || codes.includes('110')) return this.onSelf(item);
    if (this.isUnseen(nick, item.attrs.jid ?? '')) return;
    const known = this.people.has(nick);
    const person = readParticipant(stanza, nick, item);
    this.people.set(nick, person);
    this.events.onPeople(known ? null : person, null);
  }

  /** The focus, and recorders, are no people. */
  private isUnseen(nick: string, jid: string): boolean {
    const { focusJid } = this.entrance;
    const { hiddenDomain } = this.config;
    return nick === FOCUS || (focusJid !== '' && bareJid(jid) === focusJid) || (!!hiddenDomain && domainOf(jid) === hiddenDomain);
  }

  private onSelf(item: Xml): void {
    this.moderator = item.attrs.role === 'moderator';
    const first = !this.joined;
    this.joined = true;
    if (first) this.events.onJoined();
    else this.events.onPeople(null, null);
    for (const part of this.parts) {
      if (first) part.onJoined?.();
      else part.onChanged?.();
    }
  }

  private onGone(x: Xml | undefined, nick: string, codes: (string | undefined)[]): void {
    if (nick === this.me) return this.onOut(child(x, 'item'), codes);
    const person = this.people.get(nick);
    if (!person) return;
    this.people.delete(nick);
    this.session.gone(nick);
    this.events.onPeople(null, person);
  }

  /** It is ourselves who are not in the room any more. */
  private onOut(item: Xml | undefined, codes: (string | undefined)[]): void {
    if (this.end) return;
    const actor = child(item, 'actor')?.attrs.nick ?? '';
    this.end = codes.includes('307') || codes.includes('301')
      ? { why: 'removed', by: this.people.get(actor)?.name ?? '', reason: text(child(item, 'reason')) }
      : { why: 'ended' };
    window.setTimeout(() => this.stream.close(), END_PAUSE_MS);
  }

  private onPresenceError(stanza: Xml): void {
    if (this.joined) return;
    const error = child(stanza, 'error') ?? stanza;
    const conditions = elements(error).map((e) => e.name);
    const has = (name: string): boolean => conditions.includes(name);
    if (has('not-authorized')) this.end = { why: 'password', wrong: this.local.password !== '' };
    else if (has('registration-required')) this.end = { why: 'door' };
    else if (has('service-unavailable') || has('resource-constraint')) this.end = { why: 'full' };
    else if (has('conflict')) this.end = { why: 'lost' };
    else this.end = { why: 'refused' };
    this.stream.close();
  }

  private onMessage(stanza: Xml, from: string): void {
    const payload = this.believes(from) ? json(child(stanza, 'json-message', JITMEET)) : undefined;
    if (payload && this.parts.some((part) => part.onJson?.(payload, from))) return;
    this.parts.some((part) => part.onMessage?.(stanza, from));
  }

  /** JSON messages count only when they come from our room or from a component of the box. */
  private believes(from: string): boolean {
    return bareJid(from) === this.jid || [...this.components.values()].includes(from);
  }

  private onMute(payload: Xml): 'handled' {
    const kind: Kind = payload.attrs.xmlns?.endsWith('/video') ? 'video' : 'audio';
    const by = this.people.get(resource(payload.attrs.actor ?? ''))?.name ?? '';
    if (text(payload) === 'true') this.events.onMuted(kind, by);
    return 'handled';
  }

  // Breaking, and the end

  /** When nothing gets through, the connection to the box is doubted as well. */
  private onMedia(state: MediaState): void {
    if (state === 'lost') this.stream.probe();
    this.events.onMedia(state);
  }

  private verdict(reason: string): End {
    if (this.end?.why === 'left') return this.end;
    if (reason === 'system-shutdown') return { why: 'restarting' };
    return this.end ?? { why: 'lost' };
  }

  private finish(end: End): void {
    if (this.finished) return;
    this.finished = true;
    this.end = end;
    this.session.close();
    this.events.onEnd(end);
  }
}
