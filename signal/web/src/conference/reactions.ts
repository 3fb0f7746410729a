// Reactions that everybody sees for a moment. They go over the bridge, in the words that Jitsi Meet uses.

import type { Part, Room } from './room';

/** What may be sent, and the picture of it. */
export const REACTIONS: Readonly<Record<string, string>> = {
  like: '👍', clap: '👏', laugh: '😀', surprised: '😮', love: '💖', boo: '🙁', silence: '😶',
};

const NAME = 'endpoint-reaction';
const AT_ONCE = 10;

export class Reactions implements Part {
  constructor(private readonly room: Room) {}

  /** The bridge sends it to the others only, so we tell ourselves. */
  send(reaction: string): void {
    this.room.signal('', { name: NAME, reactions: [reaction], timestamp: Date.now() });
    this.room.tell({ what: 'reaction', from: this.room.me, names: [reaction] });
  }

  onSignal(from: string, payload: Readonly<Record<string, unknown>>): void {
    if (payload.name !== NAME || !Array.isArray(payload.reactions) || !from || from === this.room.me) return;
    const names = payload.reactions.filter((r): r is string => typeof r === 'string' && Object.hasOwn(REACTIONS, r)).slice(0, AT_ONCE);
    if (names.length) this.room.tell({ what: 'reaction', from, names });
  }
}
