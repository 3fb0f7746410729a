// One stay: the stream to the box, the room we are in, and the parts of the conference that each know one thing. When the
// stream is lost the stay is over; whoever holds it makes a new one.

import { DISCO, discoAnswer } from './caps';
import { Breakout } from './conference/breakout';
import { type CodecPolicy, codecPolicy, NO_POLICY } from './conference/codec';
import { Entrance } from './conference/entrance';
import { Export } from './conference/export';
import { type Happening, MUTED } from './conference/happening';
import { Knock } from './conference/knock';
import { Lobby, lobbyOf, waitsForHost } from './conference/lobby';
import { type ChatEvent, type ChatMessage, Messages } from './conference/messages';
import { Moderation } from './conference/moderation';
import { type Participant, readParticipant } from './conference/participant';
import { Polls } from './conference/polls';
import { Recording } from './conference/recording';
import { Presence } from './conference/presence';
import { Reactions } from './conference/reactions';
import { type ConferenceEvents, type End, FOCUS, JITMEET, type Local, type MediaState, MUC_USER, type Part, type Room } from './conference/room';
import { MediaSession } from './conference/session';
import { RoomSettings } from './conference/settings';
import type { Quality } from './conference/quality';
import type { Statistics } from './conference/statistics';
import { TalkTime } from './conference/talktime';
import { Words } from './conference/words';
import type { Config } from './config';
import { bareJid, domainOf, nickOf, resource } from './names';
import type { View } from './wanted';
import { child, elements, json, text, type Xml } from './xml';
import { StanzaError, XmppStream } from './xmpp';

export type { ChatEvent, ChatMessage, ConferenceEvents, End, Happening, Local, MediaState, Participant };

/** A box that shuts down ends its rooms first and says why right after. */
const END_PAUSE_MS = 400;
/** A room that is just made, or our own shadow that has not left yet: worth another try, so often and after so long. */
const ENTER_TRIES = 4;
const ENTER_PAUSE_MS = 700;

export class Conference implements Room {
  me = '';
  moderator = false;
  joined = false;
  jid: string;
  readonly people = new Map<string, Participant>();
  policy: CodecPolicy = NO_POLICY;
  private held = false;
  readonly moderation = new Moderation(this);
  readonly polls = new Polls(this);
  readonly recording = new Recording(this);
  readonly export = new Export(this);
  readonly reactions = new Reactions(this);
  readonly talkTime = new TalkTime(this);
  readonly words = new Words(this);
  readonly messages: Messages;
  readonly settings: RoomSettings;
  readonly lobby: Lobby;
  readonly knock: Knock;
  readonly breakout: Breakout;
  private readonly stream: XmppStream;
  private readonly entrance: Entrance;
  private readonly presence = new Presence(this);
  private readonly session: MediaSession;
  private readonly parts: readonly Part[];
  /** The room that we came for. */
  private readonly home: string;
  /** The room that we are in or on the way to. */
  private heading: string;
  private tries = 0;
  private retry = 0;
  private end: End | null = null;
  private finished = false;

  constructor(readonly config: Config, node: string, public local: Local, private readonly events: ConferenceEvents) {
    this.jid = this.home = this.heading = `${node}@${config.hosts.muc.toLowerCase()}`;
    this.stream = new XmppStream(`${config.websocket}?room=${node}`, config.hosts.anonymousdomain ?? config.hosts.domain, {
      onStanza: (stanza) => this.onStanza(stanza),
      onBroken: () => this.joined ? events.onBroken() : this.stream.close(),
      onClosed: (reason) => this.finish(this.verdict(reason)),
    });
    this.entrance = new Entrance(this.stream, config);
    this.session = new MediaSession(this, {
      onTracks: () => events.onTracks(),
      onSpeaker: () => {
        this.parts.forEach((part) => part.onSpeaker?.(this.session.speaker));
        events.onSpeaker();
      },
      onMedia: (state) => this.onMedia(state),
      onMuted: (kind) => events.onMuted(kind, ''),
      onQuality: () => events.onQuality(),
      onSignal: (from, payload) => this.parts.forEach((part) => part.onSignal?.(from, payload)),
    });
    this.messages = new Messages(this, (event) => events.onChat(event));
    this.settings = new RoomSettings(this, () => this.onSettings());
    this.lobby = new Lobby(this, ({ id, name }, body) => this.messages.heardFromDoor(id, name, body));
    this.knock = new Knock(this, {
      onAdmitted: (password) => this.admitted(password),
      onWord: (from, name, body) => this.messages.heardFromDoor(from, name, body),
      onShut: () => this.giveUp({ why: 'door' }),
    });
    this.breakout = new Breakout(this, this.home, (jid) => void this.move(jid));
    this.parts = [this.settings, this.knock, this.lobby, this.moderation, this.polls, this.recording, this.export, this.breakout, this.reactions, this.talkTime, this.words, this.messages];
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

  /** Goes on in another room of the same meeting, or back. The new room is ready before we leave the old one; the last wish counts. */
  async move(jid: string): Promise<void> {
    this.heading = jid;
    if (this.end || jid === this.jid) return;
    const ready = await this.entrance.request(jid).catch(() => false);
    if (this.end || jid !== this.heading || jid === this.jid) return;
    if (!ready) return this.stranded();
    window.clearTimeout(this.retry);
    for (const part of this.parts) part.forget?.();
    this.presence.leave('switch_room');
    this.session.stop();
    this.people.clear();
    this.joined = this.moderator = false;
    this.jid = jid;
    this.tries = 0;
    this.presence.enter();
    this.events.onPeople(null, null);
    this.tell({ what: 'moved', to: this.breakout.nameOf(jid) });
  }

  /** The room that we wanted to go to is not there: we stay where we are, or come back to the meeting from outside. */
  private stranded(): void {
    this.heading = this.jid;
    if (this.joined) return this.tell({ what: 'unmoved' });
    this.giveUp({ why: 'lost' });
  }

  /** Leaves, telling the others. */
  leave(): void {
    this.end = { why: 'left' };
    this.session.close();
    this.knock.leave();
    this.lobby.forget();
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
    this.parts.forEach((part) => part.onPeople?.());
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

  show(view: View): void {
    this.session.show(view);
  }

  level(sourceName: string): number {
    return this.session.level(sourceName);
  }

  stats(): Promise<Statistics> {
    return this.session.stats();
  }

  get quality(): Quality {
    return this.session.quality;
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

  tell(happening: Happening): void {
    this.events.onHappening(happening);
  }

  private onSettings(): void {
    this.lobby.watch(this.settings.lobby);
    this.tell({ what: 'changed' });
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
    if (nick === FOCUS) this.onFocus(stanza);
    if (this.isUnseen(nick, item.attrs.jid ?? '')) return;
    const known = this.people.has(nick);
    const person = readParticipant(stanza, nick, item);
    this.people.set(nick, person);
    this.session.chooseCodec();
    this.peopleChanged(known ? null : person, null);
  }

  /** What the focus says of the room. */
  private onFocus(stanza: Xml): void {
    const held = child(stanza, 'bridgeNotAvailable') !== undefined;
    if (held !== this.held) this.events.onHeld(this.held = held);
    this.recording.onFocus(stanza);
    const before = this.policy;
    const listed = elements(child(stanza, 'conference-properties') ?? stanza, 'property');
    const properties = new Map(listed.map(({ attrs }) => [attrs.key ?? '', attrs.value ?? '']));
    this.export.onProperties(properties);
    this.policy = codecPolicy(properties);
    if (before.fallback === this.policy.fallback) return;
    this.session.chooseCodec();
    if (this.policy.fallback) this.events.onFallback(this.policy.because);
  }

  /** The focus, and recorders, are no people. */
  private isUnseen(nick: string, jid: string): boolean {
    const { focusJid } = this.entrance;
    const { hiddenDomain } = this.config;
    return nick === FOCUS || (focusJid !== '' && bareJid(jid) === focusJid) || (!!hiddenDomain && domainOf(jid) === hiddenDomain);
  }

  private onSelf(item: Xml): void {
    const was = this.moderator;
    this.moderator = item.attrs.role === 'moderator';
    const first = !this.joined;
    this.joined = true;
    this.tries = 0;
    if (!first) {
      if (was !== this.moderator) this.onSettings();
      return this.events.onPeople(null, null);
    }
    for (const part of this.parts) part.onJoined?.();
    this.events.onJoined();
  }

  private onGone(x: Xml | undefined, nick: string, codes: (string | undefined)[]): void {
    if (nick === this.me) return this.onOut(x, codes);
    const person = this.people.get(nick);
    if (!person) return;
    this.people.delete(nick);
    this.session.gone(nick);
    this.session.chooseCodec();
    this.peopleChanged(null, person);
  }

  private peopleChanged(came: Participant | null, left: Participant | null): void {
    this.parts.forEach((part) => part.onPeople?.());
    this.events.onPeople(came, left);
  }

  /** It is ourselves who are not in the room any more. */
  private onOut(x: Xml | undefined, codes: (string | undefined)[]): void {
    if (this.end || !this.joined) return;
    const item = child(x, 'item');
    const actor = child(item, 'actor')?.attrs.nick ?? '';
    const next = child(x, 'destroy')?.attrs.jid;
    // A breakout room that is taken away names the room to go back to.
    if (next && this.breakout.away) {
      this.joined = false;
      return void this.move(next);
    }
    this.end = codes.includes('307') || codes.includes('301')
      ? { why: 'removed', by: this.people.get(actor)?.name ?? '', reason: text(child(item, 'reason')) }
      : { why: 'ended' };
    window.setTimeout(() => this.stream.close(), END_PAUSE_MS);
  }

  private onPresenceError(stanza: Xml): void {
    if (this.joined || this.end) return;
    const conditions = elements(child(stanza, 'error') ?? stanza).map((e) => e.name);
    const has = (...names: string[]): boolean => names.some((name) => conditions.includes(name));
    const lobby = has('registration-required') ? lobbyOf(stanza) : '';
    if (has('not-authorized')) return this.giveUp({ why: 'password', wrong: this.local.password !== '' });
    if (has('registration-required') && waitsForHost(stanza)) this.tell({ what: 'door', state: 'nobody' });
    if (lobby) return this.knock.at(lobby);
    if (has('registration-required')) return this.giveUp({ why: 'door' });
    if (has('service-unavailable', 'resource-constraint')) return this.giveUp({ why: 'full' });
    if (has('conflict', 'room-does-not-exist') && this.tries < ENTER_TRIES) return this.enterLater();
    if (this.jid !== this.home && !has('conflict')) return void this.move(this.home);
    this.giveUp({ why: has('conflict') ? 'lost' : 'refused' });
  }

  /** The room was not ready for us; soon it is. */
  private enterLater(): void {
    const { jid } = this;
    this.tries++;
    this.retry = window.setTimeout(() => {
      void this.entrance.request(jid).catch(() => false).then((ready) => {
        if (this.jid !== jid || this.joined || this.end) return;
        if (ready || jid === this.home) this.presence.enter();
        else void this.move(this.home);
      });
    }, ENTER_PAUSE_MS * this.tries * (0.75 + Math.random() / 2));
  }

  /** Somebody opened the door to us. */
  private admitted(password: string): void {
    if (password) this.local = { ...this.local, password };
    this.presence.enter();
  }

  private giveUp(end: End): void {
    this.end = end;
    this.stream.close();
  }

  private onMessage(stanza: Xml, from: string): void {
    const element = child(stanza, 'json-message', JITMEET);
    // What others once told the room by JSON is over; a component says what is so now.
    const payload = element && this.believes(from) && !child(stanza, 'delay') ? json(element) : undefined;
    if (payload && this.parts.some((part) => part.onJson?.(payload, from))) return;
    this.parts.some((part) => part.onMessage?.(stanza, from));
  }

  /** JSON messages count only when they come from our room or from a component of the box. */
  private believes(from: string): boolean {
    return bareJid(from) === this.jid || [...this.components.values()].includes(from);
  }

  private onMute(payload: Xml): 'handled' {
    const kind = MUTED.find((k) => payload.attrs.xmlns?.endsWith(`/${k}`)) ?? 'audio';
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
    window.clearTimeout(this.retry);
    this.session.close();
    this.events.onEnd(end);
  }
}
