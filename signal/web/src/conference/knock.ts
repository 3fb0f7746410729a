// The door from without: we knock with our name and wait until somebody lets us in.

import { bareJid, resource } from '../names';
import { child, el, elements, text, type Xml } from '../xml';
import { CLIENT, MUC, MUC_USER, NICK, type Part, type Room } from './room';

export interface KnockEvents {
  /** We may come in; with this password, if one is needed. */
  onAdmitted(password: string): void;
  /** A moderator writes to us. */
  onWord(from: string, name: string, body: string): void;
  /** The lobby does not take us either. */
  onShut(): void;
}

export class Knock implements Part {
  state: 'away' | 'waiting' | 'refused' = 'away';
  private lobby = '';

  constructor(private readonly room: Room, private readonly events: KnockEvents) {}

  /** Knocks at this door, or once more at the same. */
  at(lobby = this.lobby): void {
    const { room } = this;
    this.lobby = lobby;
    this.state = 'waiting';
    room.send(el('presence', { xmlns: CLIENT, to: `${lobby}/${room.me}` }, el('x', { xmlns: MUC }), el('nick', { xmlns: NICK }, room.local.name)));
  }

  /** To the moderators. */
  write(body: string): void {
    const { room } = this;
    room.send(el('message', { xmlns: CLIENT, type: 'groupchat', to: this.lobby }, el('body', {}, body), el('nick', { xmlns: NICK }, room.local.name)));
  }

  /** We are in, or give up. */
  leave(): void {
    if (this.state === 'waiting') this.room.send(el('presence', { xmlns: CLIENT, type: 'unavailable', to: `${this.lobby}/${this.room.me}` }));
    this.state = 'away';
  }

  onJoined(): void {
    this.leave();
  }

  onForeignPresence(stanza: Xml, from: string): void {
    if (this.state === 'away' || bareJid(from) !== this.lobby) return;
    const mine = resource(from) === this.room.me || resource(from) === '';
    if (!mine) return;
    if (stanza.attrs.type === 'error') {
      this.state = 'away';
      return this.events.onShut();
    }
    const x = child(stanza, 'x', MUC_USER);
    if (stanza.attrs.type !== 'unavailable') return this.room.tell({ what: 'door', state: 'waiting' });
    this.state = 'refused';
    // Without a lobby there is no door any more.
    if (child(x, 'destroy')) return this.events.onAdmitted('');
    if (elements(x ?? stanza, 'status').some((s) => s.attrs.code === '307' || s.attrs.code === '301')) this.room.tell({ what: 'door', state: 'refused' });
  }

  onMessage(stanza: Xml, from: string): boolean {
    if (this.state === 'away') return false;
    const x = child(stanza, 'x', MUC_USER);
    if (from === this.room.jid && child(x, 'invite')) {
      this.events.onAdmitted(text(child(x, 'password')));
      return true;
    }
    if (bareJid(from) !== this.lobby) return false;
    const body = text(child(stanza, 'body'));
    const nick = resource(from);
    if (body && nick && nick !== this.room.me && stanza.attrs.type !== 'error') this.events.onWord(nick, text(child(stanza, 'nick')), body);
    return true;
  }
}
