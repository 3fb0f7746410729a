// Our own presence: everything the others see of us stands in it, each one replaces the one before.

import { capsElement, codecList } from '../caps';
import { el, serialize } from '../xml';
import { CLIENT, MUC, NICK, type Room } from './room';

export class Presence {
  private last = '';

  constructor(private readonly room: Room) {}

  /** Goes in: the only presence with the password, and with what makes it a join. */
  enter(): void {
    this.last = '';
    this.write(true);
  }

  /** Tells what has changed, if anything has. */
  update(): void {
    this.write(false);
  }

  leave(status = ''): void {
    const { room } = this;
    room.send(el('presence', { xmlns: CLIENT, type: 'unavailable', to: `${room.jid}/${room.me}` }, status ? el('status', {}, status) : null));
  }

  private write(first: boolean): void {
    const { jid, me, local: { audio, video, screen, name, hand, password } } = this.room;
    const info = {
      [`${me}-a0`]: { muted: !audio }, [`${me}-v0`]: { muted: !video },
      ...(screen ? { [`${me}-v1`]: { muted: false, videoType: 'desktop' } } : {}),
    };
    const presence = el('presence', { xmlns: CLIENT, to: `${jid}/${me}` },
      first ? el('x', { xmlns: MUC }, password ? el('password', {}, password) : null) : null,
      el('stats-id', {}, `Moothall-${me.slice(0, 3)}`),
      capsElement(),
      el('SourceInfo', {}, JSON.stringify(info)),
      el('audiomuted', {}, String(!audio)),
      el('videomuted', {}, String(!video)),
      el('jitsi_participant_codecList', {}, codecList()),
      hand ? el('jitsi_participant_raisedHand', {}, String(hand)) : null,
      el('nick', { xmlns: NICK }, name));
    const written = serialize(presence);
    if (written === this.last) return;
    this.last = written;
    this.room.send(presence);
  }
}
