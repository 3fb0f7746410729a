// The door from within: moderators see who waits, and let in or refuse.

import { bareJid, resource } from '../names';
import { child, el, elements, text, type Xml } from '../xml';
import { CLIENT, MUC, MUC_ADMIN, MUC_USER, NICK, type Part, type Room } from './room';

export interface Knocker {
  readonly id: string;
  readonly jid: string;
  readonly name: string;
}

export class Lobby implements Part {
  readonly waiting = new Map<string, Knocker>();
  /** The lobby that we watch, or nothing. */
  private watched = '';

  constructor(private readonly room: Room, private readonly onWord: (knocker: Knocker, body: string) => void) {}

  get supported(): boolean {
    return this.room.components.has('lobbyrooms');
  }

  /** Watches this lobby if we may; an empty address means that there is none. */
  watch(lobby: string): void {
    const wanted = this.room.moderator ? lobby : '';
    if (wanted === this.watched) return;
    if (this.watched) this.unwatch();
    this.watched = wanted;
    if (wanted) this.presence();
  }

  admit(ids: readonly string[]): void {
    const invites = ids.flatMap((id) => this.waiting.get(id) ?? []).map(({ jid }) => el('invite', { to: jid }));
    if (!invites.length) return;
    this.room.send(el('message', { xmlns: CLIENT, to: this.room.jid, id: `l${Date.now().toString(36)}` }, el('x', { xmlns: MUC_USER }, ...invites)));
  }

  async refuse(id: string): Promise<void> {
    if (!this.watched) return;
    const payload = el('query', { xmlns: MUC_ADMIN }, el('item', { nick: id, role: 'none' }));
    await this.room.iq('set', this.watched, payload).catch(() => undefined);
  }

  /** Writes to somebody who waits. */
  write(id: string, body: string): void {
    if (this.watched) this.room.send(el('message', { xmlns: CLIENT, type: 'chat', to: `${this.watched}/${id}` }, el('body', {}, body), el('nick', { xmlns: NICK }, this.room.local.name)));
  }

  onForeignPresence(stanza: Xml, from: string): void {
    if (!this.watched || bareJid(from) !== this.watched || stanza.attrs.type === 'error') return;
    const id = resource(from);
    const item = child(child(stanza, 'x', MUC_USER), 'item');
    if (id === this.room.me || !id) {
      if (stanza.attrs.type === 'unavailable') this.unwatch();
      return;
    }
    if (stanza.attrs.type === 'unavailable') return this.onGone(id);
    const jid = item?.attrs.jid ?? '';
    // The moderators stand in the lobby too.
    if (!jid || item?.attrs.role === 'moderator' || [...this.room.people.values()].some((p) => p.jid === jid)) return;
    const known = this.waiting.has(id);
    const knocker = { id, jid, name: text(child(stanza, 'nick')).trim() };
    this.waiting.set(id, knocker);
    this.room.tell(known ? { what: 'changed' } : { what: 'knock', id, name: knocker.name, gone: false });
  }

  onMessage(stanza: Xml, from: string): boolean {
    if (!this.watched || bareJid(from) !== this.watched) return false;
    const knocker = this.waiting.get(resource(from));
    const body = text(child(stanza, 'body'));
    if (knocker && body && stanza.attrs.type !== 'error') this.onWord(knocker, body);
    return true;
  }

  onJson(payload: Readonly<Record<string, unknown>>, from: string): boolean {
    if (payload.type !== 'lobby-notify') return false;
    const actor = resource(from);
    if (actor === this.room.me) return true;
    const by = this.room.people.get(actor);
    if (!by?.moderator) return true;
    const event = payload.event === 'LOBBY-ENABLED' ? (payload.value === true ? 'shut' : 'opened')
      : payload.event === 'LOBBY-ACCESS-GRANTED' ? 'granted' : payload.event === 'LOBBY-ACCESS-DENIED' ? 'denied' : null;
    if (event) this.room.tell({ what: 'door.by', event, by: by.name, name: String(payload.name ?? '') });
    return true;
  }

  /** In another room there is another door. */
  forget(): void {
    if (!this.watched) return;
    this.room.send(el('presence', { xmlns: CLIENT, type: 'unavailable', to: `${this.watched}/${this.room.me}` }));
    this.unwatch();
  }

  private onGone(id: string): void {
    const knocker = this.waiting.get(id);
    if (this.waiting.delete(id) && knocker) this.room.tell({ what: 'knock', id, name: knocker.name, gone: true });
  }

  private unwatch(): void {
    this.watched = '';
    for (const id of [...this.waiting.keys()]) this.onGone(id);
  }

  private presence(): void {
    const { room } = this;
    room.send(el('presence', { xmlns: CLIENT, to: `${this.watched}/${room.me}` }, el('x', { xmlns: MUC }), el('nick', { xmlns: NICK }, room.local.name)));
  }
}

/** Where to knock, from the presence error that refused us; nothing if there is no door. */
export function lobbyOf(stanza: Xml): string {
  const error = child(stanza, 'error');
  return text(child(error, 'lobbyroom') ?? child(stanza, 'lobbyroom')).trim();
}

/** Nobody is there yet who could open. */
export function waitsForHost(stanza: Xml): boolean {
  return elements(child(stanza, 'error') ?? stanza, 'waiting-for-host').length > 0;
}
