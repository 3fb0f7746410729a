// One stay in a room, over all its breaks: goes in, notices that the box is gone, finds it again. Shows nothing itself.

import { Conference, type ConferenceEvents, type End, type Local, type MediaState } from './conference';
import { fetchConfig } from './config';
import type { LocalMedia } from './media';
import { roomNode } from './names';

/** An end that no further try changes. */
export type Over = Exclude<End, { why: 'lost' | 'restarting' }>;
export type RoomEvents = Omit<ConferenceEvents, 'onJoined' | 'onMedia' | 'onBroken' | 'onEnd'>;

export interface StayHost {
  readonly media: LocalMedia;
  readonly events: RoomEvents;
  /** We are in the room: for the first time, or anew after a break of `away` milliseconds. */
  onIn(away: number): void;
  /** The break is over, and everything is as it was before. */
  onResumed(away: number): void;
  /** The box is gone, since now. */
  onLost(): void;
  onMedia(state: MediaState): void;
  onOver(end: Over): void;
}

/** From so long ago on the box is tried every so many milliseconds: a short break is to be over at once, a long one costs little. */
const PACE = [[0, 1_000], [60_000, 3_000], [300_000, 10_000]] as const;
const REACH_LIMIT_MS = 3_000;
/** Answers of something in front of a box that is not there. */
const NOT_THERE = [502, 503, 504];

export class Stay {
  conference: Conference | null = null;
  name = '';
  password = '';
  /** Since when our hand is up, or 0. */
  hand = 0;
  /** The box said that it restarts. */
  restarting = false;
  private lostAt = 0;
  private retryAt = 0;
  private timer = 0;
  private trying = false;
  /** The breakout room to come back to. */
  private place = '';

  constructor(private readonly room: string, private readonly host: StayHost) {}

  async enter(): Promise<void> {
    const known = await fetchConfig();
    if (!known) return this.onEnd(null, { why: 'lost' });
    const conference: Conference = new Conference(known, roomNode(this.room), this.local(), {
      ...this.host.events,
      onJoined: () => this.conference === conference && this.onJoined(),
      onMedia: (state) => this.conference === conference && this.host.onMedia(state),
      onBroken: () => this.conference === conference && this.onLost(),
      onEnd: (end) => this.conference === conference && this.onEnd(conference, end),
    });
    this.conference = conference;
    conference.breakout.place = this.place;
    await conference.enter();
  }

  /** Tells the room what is so now: name, hand, microphone, camera. */
  update(): void {
    void this.conference?.update(this.local());
  }

  leave(): void {
    const { conference } = this;
    this.forget();
    conference?.leave();
  }

  get away(): boolean {
    return this.lostAt > 0;
  }

  /** For how long we have been away, in milliseconds. */
  get awayFor(): number {
    return this.lostAt ? Date.now() - this.lostAt : 0;
  }

  /** Seconds until the next try; 0 while one is made. */
  get nextTry(): number {
    return this.retryAt ? Math.max(0, Math.ceil((this.retryAt - Date.now()) / 1000)) : 0;
  }

  /** Tries now, unless a try is being made. */
  retry(): void {
    void this.attempt();
  }

  /** Something happened after which the way to the box may be another one: the network changed, the device slept. */
  doubt(): void {
    if (this.away) this.retry();
    else this.conference?.probe();
  }

  private local(): Local {
    const { media } = this.host;
    return { name: this.name, password: this.password, hand: this.hand, audio: media.share.mix(media.track('audio')), video: media.track('video'), screen: media.share.track };
  }

  private onJoined(): void {
    const away = this.awayFor;
    this.backAgain();
    this.host.onIn(away);
    this.update();
  }

  private onEnd(conference: Conference | null, end: End): void {
    if (this.conference === conference) this.conference = null;
    if (conference) this.place = conference.breakout.place;
    if (end.why === 'lost' || end.why === 'restarting') {
      if (end.why === 'restarting') this.restarting = true;
      return this.onLost();
    }
    if (end.why !== 'password') this.forget();
    this.host.onOver(end);
  }

  private onLost(): void {
    const first = !this.away;
    this.lostAt ||= Date.now();
    // A stay that could not be resumed is begun anew at once: the box is there.
    this.retryIn(first ? 0 : this.pace());
    if (first || !this.conference) this.host.onLost();
  }

  private async attempt(): Promise<void> {
    if (this.trying || (this.conference && !this.conference.broken)) return;
    this.trying = true;
    window.clearTimeout(this.timer);
    this.retryAt = 0;
    try {
      if (await reachable()) await this.comeBack();
    } catch {
      // The next try follows.
    }
    this.trying = false;
    if (this.away && (!this.conference || this.conference.broken)) this.retryIn(this.pace());
  }

  /** Takes up the stay where it broke; if the box does not know it any more, goes in anew. */
  private async comeBack(): Promise<void> {
    const { conference } = this;
    if (conference?.broken) await conference.resume();
    if (conference && this.conference === conference) {
      const away = this.awayFor;
      this.backAgain();
      this.host.onResumed(away);
      return this.update();
    }
    if (this.away && !this.conference) await this.enter();
  }

  private pace(): number {
    const [, ms] = PACE.filter(([from]) => this.awayFor >= from).at(-1) ?? PACE[0];
    return ms * (0.8 + 0.4 * Math.random()); // All were cut at once; they need not knock at once.
  }

  private retryIn(ms: number): void {
    window.clearTimeout(this.timer);
    this.retryAt = Date.now() + ms;
    this.timer = window.setTimeout(() => this.retry(), ms);
  }

  private backAgain(): void {
    window.clearTimeout(this.timer);
    this.retryAt = this.lostAt = 0;
    this.restarting = false;
  }

  private forget(): void {
    this.backAgain();
    this.conference = null;
    this.hand = 0;
    this.place = '';
  }
}

/** Whether the box answers at all. Browsers slow down sockets that fail often, so these are tried only when it does. */
async function reachable(): Promise<boolean> {
  const limit = new AbortController();
  const timer = window.setTimeout(() => limit.abort(), REACH_LIMIT_MS);
  try {
    const { status } = await fetch('/about/health', { cache: 'no-store', signal: limit.signal });
    return !NOT_THERE.includes(status);
  } catch {
    return false;
  } finally {
    window.clearTimeout(timer);
  }
}
