// Sound and picture: the Jingle session with the focus, the media connection, the bridge channel, and whether all of it gets
// through. Sessions replace each other; what is meant is always the one of now.

import { sendableCodecs } from '../caps';
import { BridgeChannel } from '../channel';
import { iceRestart, type Kind, type Offer, parseOffer, parseRenewal, parseSources, sessionAccept, sessionTerminate, type Source, transportInfo } from '../jingle';
import { Peer } from '../peer';
import type { View } from '../wanted';
import type { Xml } from '../xml';
import { StanzaError } from '../xmpp';
import { sendCodec } from './codec';
import { grade, Quality } from './quality';
import { FOCUS, type Local, type MediaState, type Room } from './room';
import { ScreenSource } from './screen';
import { heard, statistics, type Statistics } from './statistics';

export interface SessionEvents {
  onTracks(): void;
  onSpeaker(): void;
  onMedia(state: MediaState): void;
  /** The room's policy turned something of ours off as we came in. */
  onMuted(kind: Kind): void;
  /** Somebody's connection got worse or better. */
  onQuality(): void;
  /** What another endpoint sends over the bridge. */
  onSignal(from: string, payload: Record<string, unknown>): void;
}

/** Media that is not through after this long is blocked somewhere on the way; where it was through before, somewhat earlier. */
const ICE_LIMIT_MS = 15_000;
const LOST_LIMIT_MS = 9_000;
const RESTART_PAUSE_MS = 5_500;
/** A path that is silent for so long is given up before the browser does. */
const LOST_MS = 1_500;
/** Even where nobody sends anything, both ends ask more often than this whether the other is there. */
const SILENT_MS = 3_000;
/** A new path in the session that there is has so long to come up. */
const RENEW_LIMIT_MS = 8_000;
/** How often a blocked network is tried anew by ourselves. */
const RETRY_MEDIA_MS = 2_000;
/** How often the connection is measured, and after how many times the others are told. */
const MEASURE_EVERY_MS = 2_000;
const TELL_EVERY = 5;
/** What is said before the bridge's channel opens waits for it: so much, and so long. */
const MOST_UNSAID = 16;
const UNSAID_MS = 30_000;

export class MediaSession {
  speaker = '';
  state: MediaState = 'none';
  iceServers: RTCIceServer[] = [];
  readonly quality = new Quality();
  readonly tracks = new Map<string, { source: Source; track: MediaStreamTrack }>();
  private peer: Peer | null = null;
  private screen: ScreenSource | null = null;
  private channel: BridgeChannel | null = null;
  /** What was to be said before the channel opened. */
  private unsaid: { to: string; payload: Record<string, unknown>; at: number }[] = [];
  private view: View = { shown: [], pictures: 'all' };
  private iceTimer = 0;
  private restartTimer = 0;
  private measureTimer = 0;
  private measures = 0;
  private told = '';
  private lastRestart = 0;
  /** Since when nothing gets through that did before, or 0. */
  private lostAt = 0;
  /** Media went through in the session of now. */
  private nowConnected = false;
  private over = false;
  private listening = false;

  constructor(private readonly room: Room, private readonly events: SessionEvents) {}

  // What the page wants

  async update(before: Local, now: Local): Promise<void> {
    if (before.audio !== now.audio) await this.peer?.setTrack('audio', now.audio).catch(() => undefined);
    if (before.video !== now.video) await this.peer?.setTrack('video', now.video).catch(() => undefined);
    this.tellTypes(now);
    if (before.screen !== now.screen) await this.screen?.set(now.screen).catch(() => undefined);
  }

  /** Who is there, or what the focus says, has changed: so may the codec that everybody can show. */
  chooseCodec(): void {
    const { peer, room } = this;
    if (!peer) return;
    const order = peer.offer.descriptions.video.codecs.map((codec) => codec.name);
    const codec = sendCodec(order, sendableCodecs(), [...room.people.values()].map((p) => p.codecs), room.policy.fallback);
    if (codec) void peer.setCodec(codec).catch(() => undefined);
  }

  show(view: View): void {
    this.view = view;
    this.channel?.show(view);
  }

  level(sourceName: string): number {
    return this.peer?.level(sourceName) ?? 0;
  }

  /** Over the bridge, to one or to all; soon, if its channel is about to open. */
  signal(to: string, payload: Record<string, unknown>): void {
    if (this.channel?.open) this.channel.message(to, payload);
    else this.unsaid = [...this.unsaid, { to, payload, at: Date.now() }].slice(-MOST_UNSAID);
  }

  private sayWhatWaited(): void {
    const since = Date.now() - UNSAID_MS;
    for (const { to, payload, at } of this.unsaid.splice(0)) if (at >= since) this.channel?.message(to, payload);
  }

  async stats(): Promise<Statistics> {
    return this.peer ? statistics(this.peer, this.channel?.open ?? false) : {};
  }

  /** Somebody is gone, and with them all they sent. */
  gone(id: string): void {
    if (this.speaker === id) this.speaker = '';
    this.quality.forget(id);
    const left = this.peer?.sources.filter((s) => s.owner === id) ?? [];
    if (left.length) void this.peer?.change([], left).catch(() => undefined);
  }

  /** If nothing gets through: looks for a new path now. A path that has just gone does not say so, and is listened to first. */
  recover(): void {
    const { peer } = this;
    if (peer && this.state === 'connected') void this.listen(peer);
    else if (peer && this.state !== 'connecting') this.renew();
  }

  private async listen(peer: Peer): Promise<void> {
    if (this.listening) return;
    this.listening = true;
    try {
      const before = await heard(peer);
      await new Promise((resolve) => window.setTimeout(resolve, SILENT_MS));
      if (await heard(peer) <= before && this.peer === peer && this.state === 'connected') this.renew();
    } finally {
      this.listening = false;
    }
  }

  /** Asks for a new path in place, which keeps everything else; where that is not to be had, for a new session. */
  private renew(): void {
    const { peer, room } = this;
    if (!peer || this.over || room.broken) return; // Who comes back to the room looks for the path then.
    window.clearTimeout(this.restartTimer);
    this.setState('connecting');
    const still = (): boolean => this.peer === peer && this.state !== 'connected';
    room.iq('set', `${room.jid}/${FOCUS}`, iceRestart(peer.offer, `${room.jid}/${room.me}`)).then(
      () => { if (still()) this.restartTimer = window.setTimeout(() => still() && this.restart(), RENEW_LIMIT_MS); },
      (error: unknown) => {
        if (!still()) return;
        // Without an answer it is the way to the box that is broken, not the session.
        if (error instanceof StanzaError && ['timeout', 'closed'].includes(error.condition)) this.setState('lost');
        else this.restart();
      });
  }

  private async onRenewal(jingle: Xml): Promise<void> {
    const { peer, room } = this;
    const renewal = parseRenewal(jingle);
    if (!peer || !renewal || jingle.attrs.sid !== peer.offer.sid) return;
    try {
      const [part] = await peer.renew(renewal.transport);
      if (part) await room.iq('set', `${room.jid}/${FOCUS}`, transportInfo(peer.offer, `${room.jid}/${room.me}`, part, renewal.generation));
    } catch {
      if (this.peer === peer && this.state !== 'connected') this.restart();
    }
  }

  /** Asks the focus for a new media session. */
  private restart(): void {
    const { peer, room } = this;
    if (!peer || this.over) return;
    const wait = this.lastRestart + RESTART_PAUSE_MS - Date.now();
    window.clearTimeout(this.restartTimer);
    if (wait > 0) return this.restartLater(wait);
    this.lastRestart = Date.now();
    const payload = sessionTerminate(peer.offer, `${room.jid}/${room.me}`, 'connectivity-error', 'ICE FAILED', true);
    void room.iq('set', `${room.jid}/${FOCUS}`, payload).catch(() => this.restartLater(RETRY_MEDIA_MS));
    this.setState('connecting');
  }

  stop(): void {
    window.clearTimeout(this.iceTimer);
    window.clearTimeout(this.restartTimer);
    window.clearInterval(this.measureTimer);
    this.channel?.close();
    this.channel = null;
    const { peer } = this;
    this.peer = this.screen = null;
    peer?.close();
    if (this.tracks.size) {
      this.tracks.clear();
      this.events.onTracks();
    }
    this.setState('none');
  }

  /** The stay is over: no session begins any more. */
  close(): void {
    this.over = true;
    this.stop();
  }

  // Jingle

  onJingle(jingle: Xml): Xml | 'handled' | null {
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
        if (jingle.attrs.sid === this.peer?.offer.sid) this.stop();
        return 'handled';
      case 'transport-info':
        queueMicrotask(() => void this.onRenewal(jingle));
        return 'handled';
      case 'transport-replace':
        return 'handled';
      default:
        return null;
    }
  }

  private async accept(offer: Offer): Promise<void> {
    this.stop();
    if (this.over) return;
    const { room } = this;
    const peer = new Peer(offer, this.iceServers, {
      onTrack: (source, track) => this.addTrack(source, track),
      onTrackGone: (source) => this.dropTrack(source),
      onState: (state) => this.peer === peer && this.onIce(state),
    });
    this.peer = peer;
    this.nowConnected = false;
    this.setState('connecting');
    this.watchIce();
    this.openChannel(offer);
    this.quality.restart();
    this.measureTimer = window.setInterval(() => void this.measure(), MEASURE_EVERY_MS);
    this.chooseCodec();
    void peer.setTrack('audio', room.local.audio);
    void peer.setTrack('video', room.local.video);
    try {
      const parts = await peer.start();
      const { me } = room;
      await room.iq('set', `${room.jid}/${FOCUS}`, sessionAccept(offer, `${room.jid}/${me}`, parts, {
        audio: { name: `${me}-a0`, msid: `${me}-audio-0-1 ${me}-a0-1` },
        video: { name: `${me}-v0`, msid: `${me}-video-0-1 ${me}-v0-1` },
      }));
    } catch (error) {
      if (this.peer !== peer || this.over) return;
      console.error('the media session could not be set up', error);
      this.setState('failed');
      return;
    }
    this.screen = new ScreenSource(room, peer);
    if (room.local.screen) void this.screen.set(room.local.screen).catch(() => undefined);
    if (offer.startMuted.audio && room.local.audio) this.events.onMuted('audio');
    if (offer.startMuted.video && room.local.video) this.events.onMuted('video');
  }

  private openChannel(offer: Offer): void {
    const { me, config, local } = this.room;
    const ignored = config.bridgeChannel?.ignoreDomain;
    const url = offer.channels.find((u) => !ignored || !u.includes(`//${ignored}/`));
    if (!url) return;
    this.channel = new BridgeChannel(url, {
      onSpeaker: (endpoint) => {
        this.speaker = endpoint;
        this.events.onSpeaker();
      },
      onForwarded: () => this.events.onTracks(),
      onSendLimit: (source, height) => {
        const sent = source === `${me}-v0` ? 'video' : source === `${me}-v1` ? 'screen' : null;
        if (sent) void this.peer?.setSendLimit(sent, height).catch(() => undefined);
      },
      onMessage: (from, payload) => {
        // Old mobile clients tell their numbers so.
        if (payload.type === 'stats' && typeof payload.values === 'object' && payload.values !== null) this.quality.hear(from, payload.values as Record<string, unknown>, Date.now());
        else this.events.onSignal(from, payload);
      },
      onStats: (from, numbers) => this.quality.hear(from, numbers, Date.now()),
      onOpen: () => this.sayWhatWaited(),
    });
    this.tellTypes(local);
    this.channel.show(this.view);
  }

  /** The bridge gives the place of what is off to others. */
  private tellTypes({ video, screen }: Local): void {
    this.channel?.videoType(`${this.room.me}-v0`, video ? 'camera' : 'none');
    this.channel?.videoType(`${this.room.me}-v1`, screen ? 'desktop' : 'none');
  }

  private async measure(): Promise<void> {
    const { peer, quality, room } = this;
    if (!peer || this.state !== 'connected') return;
    const owners = new Map(peer.sources.flatMap((source) => source.ssrcs.map((ssrc) => [ssrc, source] as const)));
    const reports: Record<string, unknown>[] = [];
    (await peer.pc.getStats()).forEach((report: Record<string, unknown>) => reports.push(report));
    if (this.peer !== peer) return;
    const now = Date.now();
    quality.measure(reports, (ssrc) => owners.get(ssrc), now);
    const told = JSON.stringify([quality.mine && grade(quality.mine.quality), quality.low, quality.busy, [...room.people.keys()].filter((id) => quality.weak(id, now))]);
    const changed = told !== this.told;
    this.told = told;
    if (changed) this.events.onQuality();
    const message = quality.message(room.local.video ? 720 : 0);
    if (message && (changed || this.measures++ % TELL_EVERY === 0)) this.channel?.stats(message);
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
    const limit = this.lostAt ? Math.max(LOST_LIMIT_MS - (Date.now() - this.lostAt), RESTART_PAUSE_MS) : ICE_LIMIT_MS;
    window.clearTimeout(this.iceTimer);
    this.iceTimer = window.setTimeout(() => {
      if (this.state === 'connected' || this.room.broken) return;
      this.setState('failed');
      this.restartLater(RETRY_MEDIA_MS);
    }, limit);
  }

  private restartLater(ms: number): void {
    window.clearTimeout(this.restartTimer);
    this.restartTimer = window.setTimeout(() => this.restart(), ms);
  }

  private onIce(state: RTCIceConnectionState | 'closed'): void {
    if (state === 'connected' || state === 'completed') {
      window.clearTimeout(this.iceTimer);
      window.clearTimeout(this.restartTimer);
      this.lostAt = 0;
      this.nowConnected = true;
      this.setState('connected');
    } else if (state === 'disconnected') {
      if (this.nowConnected && this.state === 'connected') this.onPathLost(); // Else still the first tries: the clock that runs decides.
    } else if (state === 'failed') {
      if (this.nowConnected) {
        this.onPathLost();
      } else {
        this.setState('failed');
        this.restartLater(RETRY_MEDIA_MS);
      }
    }
  }

  /** A path that once was there is gone. Often it comes back by itself in a moment; if not, another one is looked for. */
  private onPathLost(): void {
    this.lostAt ||= Date.now();
    this.setState('lost');
    this.watchIce();
    window.clearTimeout(this.restartTimer);
    this.restartTimer = window.setTimeout(() => this.renew(), LOST_MS);
  }

  private setState(state: MediaState): void {
    if (this.state === state) return;
    this.state = state;
    this.events.onMedia(state);
  }
}
