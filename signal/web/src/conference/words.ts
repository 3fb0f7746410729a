// Words from one program to another, over the bridge: pages around the meeting speak to each other so. Nobody here reads them.

import type { Part, Room } from './room';

export const WORD = 'endpoint-text-message';
const LONGEST = 10_000;

export class Words implements Part {
  constructor(private readonly room: Room) {}

  /** To one of the others, or to all of them with an empty `to`. */
  send(to: string, text: string): void {
    this.room.signal(to, { name: WORD, text });
  }

  onSignal(from: string, payload: Readonly<Record<string, unknown>>): void {
    const { name, text } = payload;
    if (name === WORD && typeof text === 'string' && text.length <= LONGEST && this.room.people.has(from)) this.room.tell({ what: 'word', from, text });
  }
}
