// What a moderator may do to others.

import type { Kind } from '../jingle';
import { el } from '../xml';
import { FOCUS, JITMEET, MUC_ADMIN, type Room } from './room';

export class Moderation {
  constructor(private readonly room: Room) {}

  /** Turns somebody's microphone or camera off. */
  async mute(id: string, kind: Kind): Promise<void> {
    const { room } = this;
    const payload = el('mute', { xmlns: `${JITMEET}/${kind}`, jid: `${room.jid}/${id}` }, 'true');
    await room.iq('set', `${room.jid}/${FOCUS}`, payload).catch(() => undefined);
  }

  /** Removes somebody from the room. */
  async remove(id: string, reason: string): Promise<void> {
    const payload = el('query', { xmlns: MUC_ADMIN }, el('item', { nick: id, role: 'none' }, el('reason', {}, reason)));
    await this.room.iq('set', this.room.jid, payload).catch(() => undefined);
  }
}
