// Our shared screen in one media session: a source of its own, announced when it begins and taken back when it ends.

import { type AnswerPart, sourceChange } from '../jingle';
import type { Peer } from '../peer';
import { FOCUS, type Room } from './room';

export class ScreenSource {
  private announced: { part: AnswerPart; msid: string } | null = null;
  private shares = 0;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(private readonly room: Room, private readonly peer: Peer) {}

  /** Sends this, or nothing any more. */
  set(track: MediaStreamTrack | null): Promise<void> {
    const run = this.queue.then(() => (track ? this.begin(track) : this.end()));
    this.queue = run.catch(() => undefined);
    return run;
  }

  private async begin(track: MediaStreamTrack): Promise<void> {
    const part = await this.peer.share(track);
    if (this.announced || !part) return;
    const { me } = this.room;
    // The library of 2022 takes no track identifier twice.
    const number = ++this.shares;
    this.announced = { part, msid: `${me}-video-1-${number} ${me}-v1-${number}` };
    await this.tell('source-add', this.announced);
  }

  private async end(): Promise<void> {
    const { announced } = this;
    if (!announced) return;
    this.announced = null;
    await this.peer.unshare();
    await this.tell('source-remove', announced);
  }

  private async tell(action: 'source-add' | 'source-remove', { part, msid }: { part: AnswerPart; msid: string }): Promise<void> {
    const { room, peer } = this;
    const source = { name: `${room.me}-v1`, msid, desktop: true };
    await room.iq('set', `${room.jid}/${FOCUS}`, sourceChange(peer.offer, `${room.jid}/${room.me}`, action, part, source));
  }
}
