// One stay in one room: stream, conference request, room, Jingle sessions, bridge channel. When the stream is lost the stay is
// over; whoever holds it makes a new one.

import { bareJid, domainOf, nickOf, resource } from './names';
import { BridgeChannel } from './channel';
import { capsElement, codecList, DISCO, discoAnswer } from './caps';
import { type Kind, NS, type Offer, parseOffer, parseSources, sessionAccept, sessionTerminate, type Source } from './jingle';
import { Peer } from './peer';
import { child, el, elements, serialize, text, type Xml } from './xml';
import { StanzaError, XmppStream } from './xmpp';
import type { Config } from './config';
import type { Shown } from './wanted';

const MUC = 'http://jabber.org/protocol/muc';
const MUC_USER = 'http://jabber.org/protocol/muc#user';
const MUC_ADMIN = 'http://jabber.org/protocol/muc#admin';
const NICK = 'http://jabber.org/protocol/nick';
const CLIENT = 'jabber:client';
const FOCUS = 'focus';

export interface Participant {
  readonly id: string;
  readonly jid: string;
  name: string;
  moderator: boolean;
  audioMuted: boolean;
  videoMuted: boolean;
  /** Since when the hand is up, or 0. */
  hand: number;
  /** Muted state and kind of each announced source. */
  sources: Map<string, { muted: boolean; desktop: boolean }>;
}

export interface ChatMessage { readonly from: string; readonly name: string; readonly text: string; readonly at: Date; readonly to: string; readonly mine: boolean }

/** Why a stay ended, or never began. */
export type End =
  | { why: 'left' | 'lost' | 'ended' | 'full' | 'door' | 'refused' }
  | { why: 'restarting' }
  | { why: 'removed'; by: string; reason: string }
  | { why: 'password'; wrong: boolean };

export type MediaState = 'none' | 'connecting' | 'connected' | 'lost' | 'failed';

export interface ConferenceEvents {
  onJoined(): void;
  /** Somebody came, left, or changed; or our own role did. */
  onPeople(came: Participant | null, left: Participant | null): void;
  onTracks(): void;
  onSpeaker(): void;
  onChat(message: ChatMessage): void;
  /** A moderator turned something of ours off. */
  onMuted(kind: Kind, by: string): void;
  onMedia(state: MediaState): void;
  onEnd(end: End): void;
}

export interface Local { readonly name: string; readonly password: string; readonly hand: number; readonly audio: MediaStreamTrack | null; readonly video: MediaStreamTrack | null }

/** Media that is not through after this long is blocked somewhere on the way. */
const ICE_LIMIT_MS = 15_000;
const RESTART_PAUSE_MS = 5_500;
/** A path that is silent for so long is given up before the browser does. */
const LOST_MS = 7_000;
/** How often a blocked network is tried anew by ourselves. */
const RETRY_MEDIA_MS = 6_000;
const STATS_EVERY_MS = 10_000;
const REQUEST_TRIES = 8;
const END_PAUSE_MS = 400;

export class Conference {
  me = '';
  moderator = false;
  joined = false;
  speaker = '';
  media: MediaState = 'none';
  readonly people = new Map<string, Participant>();
  readonly tracks = new Map<string, { source: Source; track: MediaStreamTrack }>();
  private readonly stream: XmppStream;
  private readonly room: string;
  private focusJid = '';
  private iceServers: RTCIceServer[] = [];
  private peer: Peer | null = null;
  private channel: BridgeChannel | null = null;
  private shown: readonly Shown[] = [];
  private end: End | null = null;
  private iceTimer = 0;
  private restartTimer = 0;
  private statsTimer = 0;
  private lastRestart = 0;
  private lastPresence = '';
  /** Media went through in the session of now. */
  private nowConnected = false;

  constructor(private readonly config: Config, node: string, private local: Local, private readonly events: ConferenceEvents) {
    this.room = `${node}@${config.hosts.muc.toLowerCase()}`;
    this.stream = new XmppStream(`${config.websocket}?room=${node}`, config.hosts.anonymousdomain ?? config.hosts.domain, {
      onStanza: (stanza) => this.onStanza(stanza),
      onClosed: (reason) => this.finish(this.verdict(reason)),
    });
  }

  /** Goes in. Resolves when the room has let us in; otherwise `onEnd` says why not. */
  async enter(): Promise<void> {
    try {
      await this.stream.open();
      this.me = nickOf(this.stream.jid);
      const [ready] = await Promise.all([this.request(), this.learnServers()]);
      if (!ready) return this.finish({ why: 'refused' });
      this.sendPresence(true);
    } catch (error) {
      const condition = error instanceof StanzaError ? error.condition : '';
      this.finish({ why: condition === 'not-authorized' ? 'refused' : 'lost' });
    }
  }

  /** Leaves, telling the others. */
  leave(): void {
    this.end = { why: 'left' };
    this.stopMedia();
    this.stream.send(el('presence', { xmlns: CLIENT, type: 'unavailable', to: `${this.room}/${this.me}` }));
    this.stream.close();
  }

  /** Gives up this stay without a word, for instance because the network is gone. */
  abandon(): void {
    this.end = { why: 'lost' };
    this.stream.close();
  }

  async update(local: Partial<Local>): Promise<void> {
    const before = this.local;
    this.local = { ...before, ...local };
    if (this.joined) this.sendPresence(false);
    if (before.audio !== this.local.audio) await this.peer?.setTrack('audio', this.local.audio).catch(() => undefined);
    if (before.video !== this.local.video) await this.peer?.setTrack('video', this.local.video).catch(() => undefined);
    this.channel?.videoType(`${this.me}-v0`, this.local.video ? 'camera' : 'none');
  }

  /** The network may have changed: finds out at once whether the box still hears us. */
  probe(): void {
    this.stream.probe();
  }

  show(shown: readonly Shown[]): void {
    this.shown = shown;
    this.channel?.show(shown);
  }

  level(sourceName: string): number {
    return this.peer?.level(sourceName) ?? 0;
  }

  chat(body: string, to = ''): void {
    const id = `c${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
    this.stream.send(el('message', { xmlns: CLIENT, id, type: to ? 'chat' : 'groupchat', to: to ? `${this.room}/${to}` : this.room },
      el('body', {}, body), el('nick', { xmlns: NICK }, this.local.name)));
    if (to) this.events.onChat({ from: this.me, name: this.local.name, text: body, at: new Date(), to, mine: true });
  }

  /** As a moderator: turns somebody's microphone or camera off. */
  async mute(id: string, kind: Kind): Promise<void> {
    const payload = el('mute', { xmlns: `http://jitsi.org/jitmeet/${kind}`, jid: `${this.room}/${id}` }, 'true');
    await this.stream.iq('set', `${this.room}/${FOCUS}`, payload).catch(() => undefined);
  }

  /** As a moderator: removes somebody from the room. */
  async remove(id: string, reason: string): Promise<void> {
    const payload = el('query', { xmlns: MUC_ADMIN }, el('item', { nick: id, role: 'none' }, el('reason', {}, reason)));
    await this.stream.iq('set', this.room, payload).catch(() => undefined);
  }

  /** Asks the focus for a new media session. */
  restartMedia(): void {
    const { peer } = this;
    if (!peer || this.end) return;
    const wait = this.lastRestart + RESTART_PAUSE_MS - Date.now();
    window.clearTimeout(this.restartTimer);
    if (wait > 0) return this.restartLater(wait);
    this.lastRestart = Date.now();
    const payload = sessionTerminate(peer.offer, `${this.room}/${this.me}`, 'connectivity-error', 'ICE FAILED', true);
    void this.stream.iq('set', `${this.room}/${FOCUS}`, payload).catch(() => this.restartLater(RETRY_MEDIA_MS));
    this.setMedia('connecting');
  }

  private restartLater(ms: number): void {
    window.clearTimeout(this.restartTimer);
    this.restartTimer = window.setTimeout(() => this.restartMedia(), ms);
  }

  /** Numbers of every remote endpoint and, under `local`, of what we send. */
  async stats(): Promise<Record<string, Record<string, unknown>>> {
    const result: Record<string, Record<string, unknown>> = {};
    const { peer } = this;
    if (!peer) return result;
    const owners = new Map<number, Source>();
    for (const source of peer.sources) for (const ssrc of source.ssrcs) owners.set(ssrc, source);
    const encodings: Record<string, unknown>[] = [];
    (await peer.pc.getStats()).forEach((report: Record<string, unknown>) => {
      if (report.type === 'inbound-rtp') addInbound(result, owners.get(Number(report.ssrc)), report);
      if (report.type === 'outbound-rtp' && report.kind === 'video') encodings.push(outbound(report));
      if (report.type === 'outbound-rtp' && report.kind === 'audio') {
        result.local = { ...result.local, audioPacketsSent: report.packetsSent };
      }
    });
    result.local = { ...result.local, encodings, ice: peer.pc.iceConnectionState, channel: this.channel?.open ?? false };
    return result;
  }

  // Going in

  private async request(): Promise<boolean> {
    const { hosts } = this.config;
    const properties = (['startAudioMuted', 'startVideoMuted'] as const).flatMap((name) => {
      const value = this.config[name];
      return value === undefined ? [] : [el('property', { name, value })];
    });
    for (let attempt = 0; attempt < REQUEST_TRIES; attempt++) {
      const answer = await this.stream.iq('set', hosts.focus ?? `focus.${hosts.domain}`,
        el('conference', { xmlns: NS.focus, room: this.room, 'machine-uid': machineId() }, ...properties));
      const conference = child(answer, 'conference');
      this.focusJid = conference?.attrs.focusjid ?? this.focusJid;
      if (conference?.attrs.ready === 'true') return true;
      await pause(1000 * 2 ** Math.min(attempt, 4));
    }
    return false;
  }

  private async learnServers(): Promise<void> {
    try {
      const answer = await this.stream.iq('get', this.config.hosts.domain, el('services', { xmlns: 'urn:xmpp:extdisco:2' }), 3000);
      this.iceServers = elements(child(answer, 'services') ?? answer, 'service').flatMap((s) => this.iceServer(s.attrs));
    } catch {
      this.iceServers = []; // No relays: most networks need none.
    }
  }

  private iceServer(a: Readonly<Record<string, string>>): RTCIceServer[] {
    if (a.type !== 'turn' && a.type !== 'turns') return [];
    if (a.transport === 'udp' && !this.config.useTurnUdp) return [];
    const host = a.host?.includes(':') ? `[${a.host}]` : a.host;
    const urls = `${a.type}:${host}${a.port ? `:${a.port}` : ''}${a.transport ? `?transport=${a.transport}` : ''}`;
    return [{ urls, ...(a.username ? { username: a.username } : {}), ...(a.password ? { credential: a.password } : {}) }];
  }

  private sendPresence(first: boolean): void {
    const { audio, video, name, hand, password } = this.local;
    const info = { [`${this.me}-a0`]: { muted: !audio }, [`${this.me}-v0`]: { muted: !video } };
    const presence = el('presence', { xmlns: CLIENT, to: `${this.room}/${this.me}` },
      first ? el('x', { xmlns: MUC }, password ? el('password', {}, password) : null) : null,
      el('stats-id', {}, `Moothall-${this.me.slice(0, 3)}`),
      capsElement(),
      el('SourceInfo', {}, JSON.stringify(info)),
      el('audiomuted', {}, String(!audio)),
      el('videomuted', {}, String(!video)),
      el('jitsi_participant_codecList', {}, codecList()),
      hand ? el('jitsi_participant_raisedHand', {}, String(hand)) : null,
      el('nick', { xmlns: NICK }, name));
    const written = serialize(presence);
    if (written === this.lastPresence) return;
    this.lastPresence = written;
    this.stream.send(presence);
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
    if (from !== `${this.room}/${FOCUS}` || stanza.attrs.type !== 'set') return null;
    if (payload.name === 'jingle') return this.onJingle(payload);
    if (payload.name === 'mute') return this.onMute(payload);
    return null;
  }

  private onPresence(stanza: Xml, from: string): void {
    if (bareJid(from) !== this.room) return;
    const nick = resource(from);
    if (stanza.attrs.type === 'error') return this.onPresenceError(stanza);
    const x = child(stanza, 'x', MUC_USER);
    const item = child(x, 'item');
    const codes = elements(x ?? stanza, 'status').map((s) => s.attrs.code);
    if (stanza.attrs.type === 'unavailable') return this.onGone(stanza, nick, codes);
    if (!x || !item) return;
    if (nick === this.me || codes.includes('110')) return this.onSelf(item);
    const jid = item.attrs.jid ?? '';
    if (nick === FOCUS || (this.focusJid && bareJid(jid) === this.focusJid)) return;
    if (this.config.hiddenDomain && domainOf(jid) === this.config.hiddenDomain) return;
    const known = this.people.get(nick);
    const person = this.readPerson(stanza, nick, jid, item);
    this.people.set(nick, person);
    this.events.onPeople(known ? null : person, null);
  }

  private readPerson(stanza: Xml, id: string, jid: string, item: Xml): Participant {
    const info = safeJson(text(child(stanza, 'SourceInfo')));
    const sources = new Map<string, { muted: boolean; desktop: boolean }>();
    for (const [name, value] of Object.entries(info)) {
      if (!name.startsWith(`${id}-`) || typeof value !== 'object' || value === null) continue;
      const { muted, videoType } = value as { muted?: boolean; videoType?: string };
      sources.set(name, { muted: muted === true, desktop: videoType === 'desktop' });
    }
    const muted = (kind: Kind): boolean => {
      const announced = [...sources].filter(([name, s]) => name.startsWith(`${id}-${kind[0]}`) && !s.desktop);
      return announced.length ? announced.every(([, s]) => s.muted) : text(child(stanza, `${kind}muted`)) !== 'false';
    };
    return {
      id, jid, sources,
      name: text(child(stanza, 'nick')).trim(),
      moderator: item.attrs.role === 'moderator',
      audioMuted: muted('audio'), videoMuted: muted('video'),
      hand: Number(text(child(stanza, 'jitsi_participant_raisedHand'))) || 0,
    };
  }

  private onSelf(item: Xml): void {
    this.moderator = item.attrs.role === 'moderator';
    if (this.joined) return this.events.onPeople(null, null);
    this.joined = true;
    this.events.onJoined();
  }

  private onGone(stanza: Xml, nick: string, codes: (string | undefined)[]): void {
    const x = child(stanza, 'x', MUC_USER);
    if (nick === this.me) {
      if (this.end) return;
      const item = child(x, 'item');
      const actor = child(item, 'actor')?.attrs.nick ?? '';
      if (codes.includes('307') || codes.includes('301')) {
        this.end = { why: 'removed', by: this.people.get(actor)?.name ?? '', reason: text(child(item, 'reason')) };
      } else {
        this.end = { why: 'ended' };
      }
      // A box that shuts down ends its rooms first and says why right after.
      window.setTimeout(() => this.stream.close(), END_PAUSE_MS);
      return;
    }
    const person = this.people.get(nick);
    if (!person) return;
    this.people.delete(nick);
    if (this.speaker === nick) this.speaker = '';
    const left = this.peer?.sources.filter((s) => s.owner === nick) ?? [];
    if (left.length) void this.peer?.change([], left).catch(() => undefined);
    this.events.onPeople(null, person);
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
    const body = text(child(stanza, 'body'));
    if (!body || bareJid(from) !== this.room || stanza.attrs.type === 'error') return;
    const nick = resource(from);
    if (!nick) return;
    const stamp = child(stanza, 'delay')?.attrs.stamp;
    const mine = nick === this.me;
    const name = mine ? this.local.name : this.people.get(nick)?.name || text(child(stanza, 'nick'));
    this.events.onChat({ from: nick, name, text: body, mine, at: stamp ? new Date(stamp) : new Date(), to: stanza.attrs.type === 'chat' ? this.me : '' });
  }

  private onMute(payload: Xml): 'handled' {
    const kind: Kind = payload.attrs.xmlns?.endsWith('/video') ? 'video' : 'audio';
    const by = this.people.get(resource(payload.attrs.actor ?? ''))?.name ?? '';
    if (text(payload) === 'true') this.events.onMuted(kind, by);
    return 'handled';
  }

  // Jingle

  private onJingle(jingle: Xml): Xml | 'handled' | null {
    switch (jingle.attrs.action) {
      case 'session-initiate': {
        const offer = parseOffer(jingle);
        // The acknowledgement goes out first, as the focus expects.
        queueMicrotask(() => void this.accept(offer));
        return 'handled';
      }
      case 'source-add':
        void this.peer?.change(parseSources(jingle), []).catch(() => undefined);
        return 'handled';
      case 'source-remove':
        void this.peer?.change([], parseSources(jingle)).catch(() => undefined);
        return 'handled';
      case 'session-terminate':
        if (jingle.attrs.sid === this.peer?.offer.sid) this.stopMedia();
        return 'handled';
      case 'transport-info':
      case 'transport-replace':
        return 'handled';
      default:
        return null;
    }
  }

  private async accept(offer: Offer): Promise<void> {
    this.stopMedia();
    const peer = new Peer(offer, this.iceServers, {
      onTrack: (source, track) => this.addTrack(source, track),
      onTrackGone: (source) => this.dropTrack(source),
      onState: (state) => this.peer === peer && this.onIce(state),
    });
    this.peer = peer;
    this.nowConnected = false;
    this.setMedia('connecting');
    this.watchIce();
    this.openChannel(offer);
    void peer.setTrack('audio', this.local.audio);
    void peer.setTrack('video', this.local.video);
    try {
      const parts = await peer.start();
      const responder = `${this.room}/${this.me}`;
      await this.stream.iq('set', `${this.room}/${FOCUS}`, sessionAccept(offer, responder, parts, {
        audio: { name: `${this.me}-a0`, msid: `${this.me}-audio-0-1 ${this.me}-a0-1` },
        video: { name: `${this.me}-v0`, msid: `${this.me}-video-0-1 ${this.me}-v0-1` },
      }));
    } catch (error) {
      if (this.peer !== peer || this.end) return;
      console.error('the media session could not be set up', error);
      this.setMedia('failed');
      return;
    }
    if (offer.startMuted.audio && this.local.audio) this.events.onMuted('audio', '');
    if (offer.startMuted.video && this.local.video) this.events.onMuted('video', '');
  }

  private openChannel(offer: Offer): void {
    const ignored = this.config.bridgeChannel?.ignoreDomain;
    const url = offer.channels.find((u) => !ignored || !u.includes(`//${ignored}/`));
    if (!url) return;
    this.channel = new BridgeChannel(url, {
      onSpeaker: (endpoint) => {
        this.speaker = endpoint;
        this.events.onSpeaker();
      },
      onForwarded: () => this.events.onTracks(),
      onSendLimit: (source, height) => {
        if (source === `${this.me}-v0`) void this.peer?.setSendLimit(height).catch(() => undefined);
      },
      onMessage: () => undefined,
      onStats: () => undefined,
      onOpen: () => undefined,
    });
    this.channel.videoType(`${this.me}-v0`, this.local.video ? 'camera' : 'none');
    this.channel.show(this.shown);
    this.statsTimer = window.setInterval(() => void this.reportStats(), STATS_EVERY_MS);
  }

  private async reportStats(): Promise<void> {
    if (!this.peer || this.media !== 'connected') return;
    const rtt = { ms: 0 };
    (await this.peer.pc.getStats()).forEach((r: Record<string, unknown>) => {
      if (r.type === 'candidate-pair' && r.nominated) rtt.ms = Math.round(Number(r.currentRoundTripTime ?? 0) * 1000);
    });
    this.channel?.stats({ connectionQuality: 100, jvbRTT: rtt.ms, maxEnabledResolution: this.local.video ? 720 : 0 });
  }

  private addTrack(source: Source, track: MediaStreamTrack): void {
    if (this.tracks.get(source.name)?.track === track) return;
    this.tracks.set(source.name, { source, track });
    this.events.onTracks();
  }

  private dropTrack(source: Source): void {
    if (this.tracks.delete(source.name)) this.events.onTracks();
  }

  // Whether sound and picture get through

  private watchIce(): void {
    window.clearTimeout(this.iceTimer);
    this.iceTimer = window.setTimeout(() => {
      if (this.media === 'connected') return;
      this.setMedia('failed');
      this.restartLater(RETRY_MEDIA_MS);
    }, ICE_LIMIT_MS);
  }

  private onIce(state: RTCIceConnectionState | 'closed'): void {
    if (state === 'connected' || state === 'completed') {
      window.clearTimeout(this.iceTimer);
      window.clearTimeout(this.restartTimer);
      this.nowConnected = true;
      this.setMedia('connected');
    } else if (state === 'disconnected') {
      if (!this.nowConnected) return; // Still the first tries: the clock that runs decides.
      this.setMedia('lost');
      this.restartLater(LOST_MS);
    } else if (state === 'failed') {
      // A path that once was there and is gone: the network changed, a new session finds the new path.
      if (this.nowConnected) {
        this.watchIce();
        this.restartMedia();
      } else {
        this.setMedia('failed');
        this.restartLater(RETRY_MEDIA_MS);
      }
    }
  }

  private setMedia(state: MediaState): void {
    if (this.media === state) return;
    this.media = state;
    this.events.onMedia(state);
  }

  private stopMedia(): void {
    window.clearTimeout(this.iceTimer);
    window.clearTimeout(this.restartTimer);
    window.clearInterval(this.statsTimer);
    this.channel?.close();
    this.channel = null;
    const { peer } = this;
    this.peer = null;
    peer?.close();
    if (this.tracks.size) {
      this.tracks.clear();
      this.events.onTracks();
    }
    this.setMedia('none');
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
    this.stopMedia();
    this.events.onEnd(end);
  }

  private finished = false;
}

function addInbound(result: Record<string, Record<string, unknown>>, source: Source | undefined, report: Record<string, unknown>): void {
  if (!source) return;
  const entry = (result[source.owner] ??= {});
  if (source.kind === 'audio') {
    Object.assign(entry, {
      audioEnergy: report.totalAudioEnergy ?? 0, audioLevel: report.audioLevel ?? 0,
      audioPacketsReceived: report.packetsReceived ?? 0, audioPacketsLost: report.packetsLost ?? 0,
    });
    return;
  }
  Object.assign(entry, {
    framesDecoded: report.framesDecoded ?? 0, framesPerSecond: report.framesPerSecond ?? 0,
    frameWidth: report.frameWidth ?? 0, frameHeight: report.frameHeight ?? 0,
    keyFramesDecoded: report.keyFramesDecoded ?? 0, freezeCount: report.freezeCount ?? 0,
    packetsReceived: report.packetsReceived ?? 0, packetsLost: report.packetsLost ?? 0, bytesReceived: report.bytesReceived ?? 0,
    nackCount: report.nackCount ?? 0, pliCount: report.pliCount ?? 0,
  });
}

function outbound(r: Record<string, unknown>): Record<string, unknown> {
  return { ssrc: r.ssrc, rid: r.rid, active: r.active, frameWidth: r.frameWidth, frameHeight: r.frameHeight, framesEncoded: r.framesEncoded, packetsSent: r.packetsSent, targetBitrate: r.targetBitrate };
}

function safeJson(value: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(value || '{}');
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function machineId(): string {
  return Array.from({ length: 12 }, () => Math.floor(Math.random() * 16).toString(16)).join('');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => window.setTimeout(resolve, ms));
}
