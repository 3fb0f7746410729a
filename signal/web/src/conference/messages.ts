// Chat: to everybody or to one person alone, with replies, signs of approval, and taking back what one wrote.

import { bareJid, resource } from '../names';
import { child, el, elements, text, type Xml } from '../xml';
import { CLIENT, NICK, type Part, type Room } from './room';

const REACTIONS = 'urn:xmpp:reactions:0';
const RETRACT = 'urn:xmpp:message-retract:1';
const FALLBACK = 'urn:xmpp:fallback:0';
const HINTS = 'urn:xmpp:hints';
/** More signs in one stanza are nobody's honest wish. */
const REACTIONS_AT_ONCE = 8;
const REACTION_LENGTH = 16;

export interface ChatMessage {
  readonly id: string;
  readonly from: string;
  readonly name: string;
  readonly text: string;
  readonly at: Date;
  /** Who alone got it: another's id, or ours; empty for everybody. */
  readonly to: string;
  readonly mine: boolean;
  /** The id of the message that it answers. */
  readonly reply: string;
  /** Written before we came. */
  readonly old: boolean;
  /** Written by somebody who waits at the door, or to them. */
  readonly door: boolean;
}

export type ChatEvent =
  | { readonly what: 'message'; readonly message: ChatMessage }
  | { readonly what: 'reactions'; readonly id: string; readonly from: string; readonly signs: readonly string[] }
  | { readonly what: 'retraction'; readonly id: string; readonly from: string; readonly moderator: boolean };

export class Messages implements Part {
  constructor(private readonly room: Room, private readonly onChat: (event: ChatEvent) => void) {}

  write(body: string, to = '', reply = ''): void {
    const id = newId();
    this.send(to, id, el('body', {}, body), el('nick', { xmlns: NICK }, this.room.local.name), reply ? el('reply', { to: reply }) : null);
    // What goes to everybody comes back to us too, what goes to one person does not.
    if (to) this.onChat({ what: 'message', message: this.own(id, body, to, reply, false) });
  }

  /** What we wrote to somebody at the door. */
  wroteToDoor(body: string, to: string): void {
    this.onChat({ what: 'message', message: this.own(newId(), body, to, '', true) });
  }

  /** What somebody at the door writes. */
  heardFromDoor(from: string, name: string, body: string): void {
    const { me } = this.room;
    this.onChat({ what: 'message', message: { id: newId(), from, name, text: body, at: new Date(), to: me, mine: false, reply: '', old: false, door: true } });
  }

  /** All our signs at a message; they take the place of those before. */
  react(id: string, signs: readonly string[], to = ''): void {
    this.send(to, newId(), el('reactions', { xmlns: REACTIONS, id }, ...signs.map((sign) => el('reaction', {}, sign))), el('store', { xmlns: HINTS }));
    if (to) this.onChat({ what: 'reactions', id, from: this.room.me, signs });
  }

  retract(id: string, to = ''): void {
    this.send(to, newId(), el('retract', { xmlns: RETRACT, id }), el('fallback', { xmlns: FALLBACK, for: RETRACT }),
      el('body', {}, 'This message was taken back.'), el('store', { xmlns: HINTS }));
    if (to) this.onChat({ what: 'retraction', id, from: this.room.me, moderator: false });
  }

  onMessage(stanza: Xml, from: string): boolean {
    if (bareJid(from) !== this.room.jid) return false;
    if (stanza.attrs.type === 'error') return this.onError(stanza);
    const nick = resource(from);
    if (!nick) return false;
    return this.onReactions(stanza, nick) || this.onRetraction(stanza, nick) || this.onBody(stanza, nick);
  }

  private onBody(stanza: Xml, nick: string): boolean {
    const { room } = this;
    const body = text(child(stanza, 'body'));
    if (!body) return false;
    const stamp = child(stanza, 'delay')?.attrs.stamp;
    const mine = nick === room.me;
    const name = mine ? room.local.name : room.people.get(nick)?.name || text(child(stanza, 'display-name')) || text(child(stanza, 'nick'));
    this.onChat({ what: 'message', message: {
      id: stanza.attrs.id ?? newId(), from: nick, name, text: body, mine,
      at: stamp ? new Date(stamp) : new Date(), old: stamp !== undefined, door: false,
      to: stanza.attrs.type === 'chat' ? room.me : '', reply: child(stanza, 'reply')?.attrs.to ?? '',
    } });
    return true;
  }

  private onReactions(stanza: Xml, from: string): boolean {
    const reactions = child(stanza, 'reactions', REACTIONS);
    if (!reactions) return false;
    const signs = elements(reactions, 'reaction').map((r) => text(r).trim()).filter((sign) => sign && sign.length <= REACTION_LENGTH);
    this.onChat({ what: 'reactions', id: reactions.attrs.id ?? '', from, signs: signs.slice(0, REACTIONS_AT_ONCE) });
    return true;
  }

  private onRetraction(stanza: Xml, from: string): boolean {
    const retract = child(stanza, 'retract', RETRACT);
    if (!retract) return false;
    const { room } = this;
    const moderator = from === room.me ? room.moderator : room.people.get(from)?.moderator === true;
    this.onChat({ what: 'retraction', id: retract.attrs.id ?? '', from, moderator });
    return true;
  }

  private onError(stanza: Xml): boolean {
    const conditions = elements(child(stanza, 'error') ?? stanza).map((e) => e.name);
    const has = (...names: string[]): boolean => names.some((name) => conditions.includes(name));
    const reason = has('not-acceptable', 'policy-violation') ? 'too-long' : has('resource-constraint') ? 'too-fast' : has('item-not-found') ? 'gone' : 'not-allowed';
    this.room.tell({ what: 'unsent', reason });
    return true;
  }

  private own(id: string, body: string, to: string, reply: string, door: boolean): ChatMessage {
    const { me, local } = this.room;
    return { id, from: me, name: local.name, text: body, at: new Date(), to, mine: true, reply, old: false, door };
  }

  private send(to: string, id: string, ...children: (Xml | null)[]): void {
    const { jid } = this.room;
    this.room.send(el('message', { xmlns: CLIENT, id, type: to ? 'chat' : 'groupchat', to: to ? `${jid}/${to}` : jid }, ...children));
  }
}

function newId(): string {
  return `c${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
}
