// The media connection of one Jingle session: an RTCPeerConnection that answers the focus' offer, gains and loses sources,
// and sends our microphone and camera.

import { type AnswerPart, BRIDGE, type Kind, type Offer, type Source, type Transport } from './jingle';
import { answerPartAt, answerParts, mungeSimulcast, remoteDescription, type Section } from './sdp';
import { type Encoding, encodings } from './wanted';

export interface PeerEvents {
  onTrack(source: Source, track: MediaStreamTrack): void;
  onTrackGone(source: Source): void;
  onState(state: RTCIceConnectionState | 'closed'): void;
}

/** Firefox makes simulcast out of restriction identifiers in the offer, Chromium and WebKit out of SSRC groups in the answer. */
const FIREFOX = /\bFirefox\//.test(navigator.userAgent);
const RIDS = FIREFOX ? ['1', '2', '3'] : [];
/** What is sent until it is known better: every client can show it. */
const FIRST_CODEC = 'vp8';
const LAYERED: readonly string[] = ['vp9', 'av1'];
/** Enough for small print that scrolls. */
const SCREEN_BITRATE = 2_500_000;

/** What we send. */
type Sent = Kind | 'screen';

export class Peer {
  readonly pc: RTCPeerConnection;
  private readonly sections: Section[] = [{ kind: 'audio', source: null, ours: 'on' }, { kind: 'video', source: null, ours: 'on' }];
  private readonly extraSsrcs = new Map<number, number[]>();
  private readonly tracks: Record<Sent, MediaStreamTrack | null> = { audio: null, video: null, screen: null };
  /** In which section each thing is sent. */
  private readonly mids: Record<Sent, number> = { audio: 0, video: 1, screen: -1 };
  private version = 0;
  private munge = !FIREFOX;
  private queue: Promise<unknown> = Promise.resolve();
  private readonly sendLimits = { video: -1, screen: -1 };
  private parts: AnswerPart[] = [];
  private codec = FIRST_CODEC;

  constructor(public offer: Offer, iceServers: RTCIceServer[], private readonly events: PeerEvents) {
    this.pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' });
    this.pc.oniceconnectionstatechange = () => events.onState(this.pc.iceConnectionState);
    for (const source of offer.sources) this.place(source);
  }

  /** Answers the offer; the result goes into session-accept. */
  start(): Promise<AnswerPart[]> {
    return this.enqueue(async () => {
      await this.negotiate();
      return this.parts;
    });
  }

  change(added: readonly Source[], removed: readonly Source[]): Promise<void> {
    return this.enqueue(async () => {
      const left = removed.filter((source) => this.vacate(source));
      for (const source of added) this.place(source);
      if (left.length || added.length) await this.negotiate();
    });
  }

  /** The bridge has a new transport: finds a path to it; the result tells the bridge of ours. */
  renew(transport: Transport): Promise<AnswerPart[]> {
    return this.enqueue(async () => {
      this.offer = { ...this.offer, transport: { ...transport, fingerprint: this.offer.transport.fingerprint } };
      await this.negotiate();
      return this.parts;
    });
  }

  /** What we send from now on; null stops sending, nothing at all leaves then. */
  setTrack(kind: Kind, track: MediaStreamTrack | null): Promise<void> {
    this.tracks[kind] = track;
    return this.enqueue(() => this.attach(kind));
  }

  /** Nobody wants more than this height of our camera or screen (-1: no limit). */
  setSendLimit(sent: 'video' | 'screen', maxHeight: number): Promise<void> {
    this.sendLimits[sent] = maxHeight;
    return this.enqueue(() => this.applyEncodings());
  }

  /** Sends this screen in a section of its own, and says how; nothing is negotiated if one was sent already. */
  share(track: MediaStreamTrack): Promise<AnswerPart | null> {
    return this.enqueue(async () => {
      const before = this.tracks.screen;
      this.tracks.screen = track;
      if (before) {
        await this.sender('screen')?.replaceTrack(track);
      } else {
        if (this.mids.screen < 0) this.mids.screen = this.sections.push({ kind: 'video', source: null }) - 1;
        const section = this.sections[this.mids.screen];
        if (section) section.ours = 'on';
        await this.negotiate();
      }
      return answerPartAt(this.pc.localDescription?.sdp ?? '', this.mids.screen);
    });
  }

  unshare(): Promise<void> {
    return this.enqueue(async () => {
      const section = this.sections[this.mids.screen];
      this.tracks.screen = null;
      if (!section) return;
      section.ours = 'off';
      await this.negotiate();
    });
  }

  /** Sends this codec from now on, in the same streams. */
  setCodec(name: string): Promise<void> {
    if (name === this.codec) return Promise.resolve();
    this.codec = name;
    // Before the first answer there is nothing to change: it takes the new codec along.
    return this.enqueue(async () => { if (this.version) await this.negotiate(); });
  }

  get sendEncodings(): number {
    return this.sender('video')?.getParameters().encodings.length ?? 0;
  }

  get sources(): Source[] {
    return this.sections.flatMap((s) => (s.source && s.source.owner !== BRIDGE ? [s.source] : []));
  }

  /** Loudness of a source now, 0 to 1, or nothing while no packets come. */
  level(name: string): number {
    const mid = this.sections.findIndex((s) => s.source?.name === name);
    const receiver = mid < 0 ? undefined : this.transceiver(mid)?.receiver;
    const [latest] = receiver?.getSynchronizationSources?.() ?? [];
    return latest && performance.now() + performance.timeOrigin - latest.timestamp < 1000 ? latest.audioLevel ?? 0 : 0;
  }

  close(): void {
    this.pc.oniceconnectionstatechange = null;
    this.pc.close();
    this.events.onState('closed');
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const run = this.queue.then(() => {
      if (this.pc.signalingState === 'closed') throw new Error('the connection is closed');
      return work();
    });
    this.queue = run.catch(() => undefined);
    return run;
  }

  private place(source: Source): void {
    if (source.owner === BRIDGE) {
      const own = this.sections[source.kind === 'audio' ? 0 : 1];
      if (own) own.source = source;
      return;
    }
    const known = this.sections.findIndex((s) => s.source?.name === source.name);
    const vacant = this.sections.findIndex((s) => !s.ours && s.kind === source.kind && !s.source);
    const mid = known >= 0 ? known : vacant;
    const section = this.sections[mid];
    if (section) section.source = source;
    else this.sections.push({ kind: source.kind, source });
  }

  private vacate(source: Source): boolean {
    const section = this.sections.find((s) => s.source?.name === source.name && s.source.owner !== BRIDGE);
    if (!section?.source) return false;
    this.events.onTrackGone(section.source);
    section.source = null;
    return true;
  }

  private async negotiate(): Promise<void> {
    const sdp = remoteDescription(this.offer, this.sections, ++this.version, { rids: RIDS, codec: this.codec });
    await this.pc.setRemoteDescription({ type: 'offer', sdp });
    for (const sent of ['audio', 'video', 'screen'] as const) await this.prepare(sent);
    const answer = await this.pc.createAnswer();
    await this.applyAnswer(answer.sdp ?? '');
    this.parts = answerParts(this.pc.localDescription?.sdp ?? '');
    await this.applyEncodings();
    this.announceTracks();
  }

  private async prepare(sent: Sent): Promise<void> {
    const own = this.transceiver(this.mids[sent]);
    if (!own) return;
    const direction = sent !== 'screen' ? 'sendrecv' : this.tracks.screen ? 'sendonly' : 'inactive';
    if (own.direction !== direction) own.direction = direction;
    if (own.sender.track !== this.tracks[sent]) await own.sender.replaceTrack(this.tracks[sent]);
  }

  private async applyAnswer(sdp: string): Promise<void> {
    if (this.munge) {
      try {
        await this.pc.setLocalDescription({ type: 'answer', sdp: mungeSimulcast(sdp, '1', this.extraSsrcs, Math.random) });
        return;
      } catch {
        this.munge = false; // This browser does not take SSRC groups any more: one encoding it is.
      }
    }
    await this.pc.setLocalDescription({ type: 'answer', sdp });
  }

  private announceTracks(): void {
    this.sections.forEach((section, mid) => {
      const track = this.transceiver(mid)?.receiver.track;
      if (!section.ours && section.source && track) this.events.onTrack(section.source, track);
    });
  }

  private async attach(kind: Kind): Promise<void> {
    const sender = this.sender(kind);
    if (!sender || sender.track === this.tracks[kind]) return;
    await sender.replaceTrack(this.tracks[kind]);
    if (kind === 'video') await this.applyEncodings();
  }

  private async applyEncodings(): Promise<void> {
    await this.encode('video', (count, height) => encodings(count, height, this.sendLimits.video));
    // A screen that is scaled down cannot be read: it comes whole or not at all.
    await this.encode('screen', () => [{ active: this.sendLimits.screen !== 0, scaleResolutionDownBy: 1, maxBitrate: SCREEN_BITRATE }]);
  }

  private async encode(sent: Sent, wish: (count: number, height: number) => readonly Encoding[]): Promise<void> {
    const sender = this.sender(sent);
    const parameters = sender?.getParameters();
    if (!sender || !parameters?.encodings?.length) return;
    const { width = 1280, height = 720 } = sender.track?.getSettings() ?? {};
    const wanted = wish(parameters.encodings.length, Math.min(width, height));
    parameters.encodings.forEach((encoding: RTCRtpEncodingParameters & { scalabilityMode?: string }, index) => {
      Object.assign(encoding, wanted[index]);
      // Else browsers put all sizes of these into one stream, in layers.
      if (LAYERED.includes(this.codec)) encoding.scalabilityMode = 'L1T3';
      else delete encoding.scalabilityMode;
    });
    await sender.setParameters(parameters).catch(() => undefined);
  }

  private sender(sent: Sent): RTCRtpSender | undefined {
    return this.transceiver(this.mids[sent])?.sender;
  }

  private transceiver(mid: number): RTCRtpTransceiver | undefined {
    return this.pc.getTransceivers().find((t) => t.mid === String(mid));
  }
}
