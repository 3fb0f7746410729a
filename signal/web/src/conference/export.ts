// Whether the meeting's sound goes out to somebody who writes it down or keeps it, as the focus says.

import type { Part, Room } from './room';

const PROPERTY = 'audio-recording-enabled';

export class Export implements Part {
  on = false;

  constructor(private readonly room: Room) {}

  onJoined(): void {
    if (!this.on) return;
    // When the page shows the meeting, which it does next.
    queueMicrotask(() => this.room.tell({ what: 'export', on: true }));
  }

  onProperties(properties: ReadonlyMap<string, string>): void {
    const on = properties.get(PROPERTY) === 'true';
    if (on === this.on) return;
    this.on = on;
    if (this.room.joined) this.room.tell({ what: 'export', on });
  }

  forget(): void {
    this.on = false;
  }
}
