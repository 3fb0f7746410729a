// Stream management (XEP-0198) from our side: what we sent and the box has not confirmed yet, and how much we have heard. Pure.

export const SM = 'urn:xmpp:sm:3';

/** The box is asked to confirm after so many stanzas. */
const ASK_EVERY = 5;
/** More than this is never kept: a box that confirms nothing is gone. */
const KEPT = 500;
const COUNTER = 2 ** 32;

export class Management {
  /** Stanzas that have come in, as the box counts them. */
  heard = 0;
  private confirmed = 0;
  private readonly open: string[] = [];

  /** `id` is what the box calls this stream. */
  constructor(readonly id: string) {}

  /** Remembers a stanza that goes out; says whether the box is to be asked what has arrived. */
  sent(stanza: string): boolean {
    this.open.push(stanza);
    return this.open.length % ASK_EVERY === 0;
  }

  hear(): void {
    this.heard = (this.heard + 1) % COUNTER;
  }

  /** The box has so many of our stanzas. A count that cannot be is not believed. */
  confirm(count: number): void {
    const more = (count - this.confirmed + COUNTER) % COUNTER;
    if (!Number.isInteger(count) || more > this.open.length) return;
    this.open.splice(0, more);
    this.confirmed = count;
  }

  /** What has to go out again after a break, in its order. */
  get unconfirmed(): readonly string[] {
    return this.open;
  }

  get full(): boolean {
    return this.open.length > KEPT;
  }
}
