// One stay in a room, over all its breaks: goes in, notices that the box is gone, finds it again. Shows nothing itself.

import { Conference, type ConferenceEvents, type End, type Local, type MediaState } from './conference';
import { fetchConfig } from './config';
import type { LocalMedia } from './media';
import { roomNode } from './names';

/** An end that no further try changes. */
export type Over = Exclude<End, { why: 'lost' | 'restarting' }>;
export type RoomEvents = Omit<ConferenceEvents, 'onJoined' | 'onMedia' | 'onEnd'>;

export interface StayHost {
  readonly media: LocalMedia;
  readonly events: RoomEvents;
  /** We are in the room, for the first time or after a break of `away` milliseconds. */
  onIn(away: number): void;
  /** The box is gone, since now. */
  onLost(): void;
  onMedia(state: MediaState): void;
  onOver(end: Over): void;
}

/** Seconds before each further try to reach the box; the last one is repeated. */
const RETRY_S = [1, 2, 4, 8, 15] as const;
const RESTART_S = 4;

export class Stay {
  conference: Conference | null = null;
  name = '';
  password = '';
  /** Since when our hand is up, or 0. */
  hand = 0;
  /** The box said that it restarts. */
  restarting = false;
  private lostAt = 0;
  private tries = 0;
  private retryAt = 0;

  constructor(private readonly room: string, private readonly host: StayHost) {}

  async enter(): Promise<void> {
    const known = await fetchConfig();
    if (!known) return this.onEnd(null, { why: 'lost' });
    const conference: Conference = new Conference(known, roomNode(this.room), this.local(), {
      ...this.host.events,
      onJoined: () => this.conference === conference && this.onJoined(),
      onMedia: (state) => this.conference === conference && this.host.onMedia(state),
      onEnd: (end) => this.conference === conference && this.onEnd(conference, end),
    });
    this.conference = conference;
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

  /** Seconds until the next try; 0 while one is made. */
  get nextTry(): number {
    return this.retryAt ? Math.max(0, Math.ceil((this.retryAt - Date.now()) / 1000)) : 0;
  }

  retry(): void {
    if (this.conference) return;
    this.retryAt = 0;
    void this.enter();
  }

  /** To be called about once a second. */
  tick(): void {
    if (this.away && this.retryAt && Date.now() >= this.retryAt && navigator.onLine) this.retry();
  }

  onNetwork(): void {
    if (this.away) this.retry();
    else this.conference?.probe();
  }

  private local(): Local {
    const { media } = this.host;
    return { name: this.name, password: this.password, hand: this.hand, audio: media.track('audio'), video: media.track('video') };
  }

  private onJoined(): void {
    const away = this.lostAt ? Date.now() - this.lostAt : 0;
    this.tries = this.retryAt = this.lostAt = 0;
    this.restarting = false;
    this.host.onIn(away);
    this.update();
  }

  private onEnd(conference: Conference | null, end: End): void {
    if (end.why === 'lost' || end.why === 'restarting') return this.onLost(end.why === 'restarting');
    if (this.conference === conference) this.conference = null;
    if (end.why !== 'password') this.forget();
    this.host.onOver(end);
  }

  private onLost(restarting: boolean): void {
    const first = !this.away;
    if (first) this.lostAt = Date.now();
    this.conference = null;
    this.restarting = restarting || (this.restarting && !first);
    this.retryAt = Date.now() + 1000 * (restarting ? RESTART_S : RETRY_S[Math.min(this.tries, RETRY_S.length - 1)] ?? 15);
    this.tries++;
    this.host.onLost();
  }

  private forget(): void {
    this.conference = null;
    this.hand = this.lostAt = this.retryAt = 0;
  }
}
