// How good the connection is, ours and everybody's: measured from the numbers of the media connection, told to the others over
// the bridge as every Jitsi client does (EndpointStats), and heard from them. Pure but for the clock that it is told.

import type { Source } from '../jingle';

type Report = Readonly<Record<string, unknown>>;

/** Kilobits a second, or per cent of packets, away from a person's device and towards it. */
export interface Ways { readonly up: number; readonly down: number }

/** What is known of one person's connection. */
export interface Line {
  /** 0 to 100. */
  readonly quality: number;
  readonly loss: Ways;
  readonly rate: Ways;
  /** Milliseconds to the bridge and back; 0 if it is not known. */
  readonly delay: number;
  readonly at: number;
}

/** What we get of one source. */
export interface Reception {
  readonly kind: 'audio' | 'video';
  readonly rate: number;
  readonly loss: number;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly jitter: number;
  readonly codec: string;
}

export type Grade = 'good' | 'fair' | 'weak';

const GOOD = 70;
const FAIR = 40;
/** Somebody who has told nothing for so long is not known of. */
const STALE_MS = 35_000;
/** A line that was bad counts as better only slowly, so that nothing flickers. */
const CLIMB_PER_SECOND = 5;
/** Loss up to which the picture suffers so much, in per cent. */
const LOSSES = [[2, 100], [4, 70], [6, 50], [8, 30], [12, 10]] as const;
const MOST_KBITS = 1_000_000;
/** So many measures in a row before it is said that the device is busy, or our line weak. */
const BUSY_TIMES = 10;
const WEAK_TIMES = 3;
/** A connection first has to find out how much the network takes. */
const RAMP_MS = 20_000;

export function grade(quality: number): Grade {
  return quality >= GOOD ? 'good' : quality >= FAIR ? 'fair' : 'weak';
}

export class Quality {
  mine: Line | null = null;
  private readonly theirs = new Map<string, Line>();
  private receptions = new Map<string, Reception>();
  private totals: Totals | null = null;
  private busyFor = 0;
  private weakFor = 0;
  private since = 0;

  /** Takes the measure of the media connection; `sourceOf` knows whose an SSRC is. */
  measure(reports: Iterable<Report>, sourceOf: (ssrc: number) => Source | undefined, now: number): void {
    const totals = add(reports, sourceOf, now);
    const before = this.totals;
    this.totals = totals;
    this.since ||= now;
    this.busyFor = totals.cpuLimited ? this.busyFor + 1 : 0;
    const seconds = before ? (now - before.at) / 1000 : 0;
    if (!before || seconds <= 0) return;
    const rate = (one: number, other: number): number => Math.max(0, Math.round(((one - other) * 8) / 1000 / seconds));
    const loss = { up: share(totals.up, before.up), down: share(totals.down, before.down) };
    this.receptions = new Map([...totals.sources].map(([name, flow]) => [name, receptionOf(flow, before.sources.get(name), seconds)]));
    const quality = Math.min(byLoss(loss.up), byLoss(loss.down), now - this.since < RAMP_MS ? 100 : totals.squeeze);
    const climbed = this.mine ? this.mine.quality + CLIMB_PER_SECOND * seconds : 100;
    this.mine = {
      quality: Math.round(Math.min(quality, climbed)), loss, delay: totals.delay, at: now,
      rate: { up: rate(totals.up.bytes, before.up.bytes), down: rate(totals.down.bytes, before.down.bytes) },
    };
    this.weakFor = grade(this.mine.quality) === 'weak' ? this.weakFor + 1 : 0;
  }

  /** A new media connection counts anew. */
  restart(): void {
    this.totals = this.mine = null;
    this.since = this.busyFor = this.weakFor = 0;
    this.receptions.clear();
  }

  /** The device cannot encode what it should, and that not only for a moment. */
  get busy(): boolean {
    return this.busyFor >= BUSY_TIMES;
  }

  /** Our own line is weak, and that not only for a moment. */
  get low(): boolean {
    return this.weakFor >= WEAK_TIMES;
  }

  /** What the others are told. */
  message(maxEnabledResolution: number): Record<string, unknown> | null {
    const { mine } = this;
    if (!mine) return null;
    return {
      bitrate: { upload: mine.rate.up, download: mine.rate.down },
      packetLoss: { total: Math.max(mine.loss.up, mine.loss.down), download: mine.loss.down, upload: mine.loss.up },
      connectionQuality: mine.quality,
      jvbRTT: mine.delay || undefined,
      maxEnabledResolution,
    };
  }

  /** What one of them tells. */
  hear(from: string, message: Report, now: number): void {
    const quality = number(message.connectionQuality, 100);
    if (!from || quality === null) return;
    const ways = (value: unknown, most: number): Ways => {
      const { upload, download } = (typeof value === 'object' && value !== null ? value : {}) as Report;
      return { up: number(upload, most) ?? 0, down: number(download, most) ?? 0 };
    };
    this.theirs.set(from, {
      quality: Math.round(quality), loss: ways(message.packetLoss, 100), rate: ways(message.bitrate, MOST_KBITS),
      delay: number(message.jvbRTT, 60_000) ?? 0, at: now,
    });
  }

  of(id: string, now: number): Line | null {
    const line = this.theirs.get(id);
    return line && now - line.at < STALE_MS ? line : null;
  }

  weak(id: string, now: number): boolean {
    const line = this.of(id, now);
    return line !== null && grade(line.quality) === 'weak';
  }

  forget(id: string): void {
    this.theirs.delete(id);
  }

  /** What we get of a source, since the measure before the last. */
  reception(source: string): Reception | null {
    return this.receptions.get(source) ?? null;
  }
}

interface Packets { bytes: number; packets: number; lost: number }
interface Flow extends Packets { kind: 'audio' | 'video'; width: number; height: number; fps: number; jitter: number; codec: string }

interface Totals {
  readonly at: number;
  readonly up: Packets;
  readonly down: Packets;
  readonly sources: Map<string, Flow>;
  delay: number;
  /** How much of what we would send the network lets through, in per cent. */
  squeeze: number;
  cpuLimited: boolean;
}

function add(reports: Iterable<Report>, sourceOf: (ssrc: number) => Source | undefined, at: number): Totals {
  const totals: Totals = { at, up: { bytes: 0, packets: 0, lost: 0 }, down: { bytes: 0, packets: 0, lost: 0 }, sources: new Map(), delay: 0, squeeze: 100, cpuLimited: false };
  const all = [...reports];
  const codecs = new Map(all.filter((r) => r.type === 'codec').map((r) => [r.id, String(r.mimeType ?? '').split('/')[1] ?? '']));
  for (const r of all) {
    if (r.type === 'inbound-rtp') addInbound(totals, r, sourceOf(value(r.ssrc)), codecs.get(r.codecId) ?? '');
    else if (r.type === 'outbound-rtp') addOutbound(totals, r);
    else if (r.type === 'remote-inbound-rtp') totals.up.lost += value(r.packetsLost);
    else if (r.type === 'candidate-pair' && r.nominated) totals.delay = Math.round(value(r.currentRoundTripTime) * 1000);
  }
  return totals;
}

function addInbound({ down, sources }: Totals, r: Report, source: Source | undefined, codec: string): void {
  const packets = { bytes: value(r.bytesReceived), packets: value(r.packetsReceived), lost: Math.max(0, value(r.packetsLost)) };
  down.bytes += packets.bytes;
  down.packets += packets.packets;
  down.lost += packets.lost;
  if (!source) return;
  // Until the bridge settles on one of several SSRCs of a source, the one that brings most is meant.
  const known = sources.get(source.name);
  if (known && known.bytes > packets.bytes) return;
  sources.set(source.name, {
    ...packets, kind: source.kind, width: value(r.frameWidth), height: value(r.frameHeight), fps: Math.round(value(r.framesPerSecond)),
    jitter: Math.round(value(r.jitter) * 1000), codec,
  });
}

function addOutbound(totals: Totals, r: Report): void {
  totals.up.bytes += value(r.bytesSent);
  totals.up.packets += value(r.packetsSent);
  if (r.kind !== 'video' || r.active === false) return;
  if (r.qualityLimitationReason === 'cpu') totals.cpuLimited = true;
  if (r.qualityLimitationReason !== 'bandwidth') return;
  // Half of the pictures that were meant to be sent is half of the quality.
  const wanted = value(r.frameHeight) >= 700 ? 1_500_000 : value(r.frameHeight) >= 350 ? 500_000 : 150_000;
  totals.squeeze = Math.min(totals.squeeze, Math.max(10, Math.min(100, (100 * value(r.targetBitrate)) / wanted)));
}

function receptionOf(flow: Flow, before: Flow | undefined, seconds: number): Reception {
  const { kind, width, height, fps, jitter, codec } = flow;
  const rate = before ? Math.max(0, Math.round(((flow.bytes - before.bytes) * 8) / 1000 / seconds)) : 0;
  return { kind, width, height, fps, jitter, codec, rate, loss: before ? share(flow, before) : 0 };
}

/** Packets lost of those sent since then, in per cent. */
function share(now: Packets, before: Packets): number {
  const [lost, packets] = [Math.max(0, now.lost - before.lost), Math.max(0, now.packets - before.packets)];
  return lost + packets > 0 ? Math.min(100, Math.round((100 * lost) / Math.max(packets, lost))) : 0;
}

function byLoss(loss: number): number {
  return LOSSES.find(([most]) => loss <= most)?.[1] ?? 0;
}

function value(of: unknown): number {
  const n = Number(of ?? 0);
  return Number.isFinite(n) ? n : 0;
}

function number(of: unknown, most: number): number | null {
  return typeof of === 'number' && Number.isFinite(of) ? Math.min(most, Math.max(0, of)) : null;
}
