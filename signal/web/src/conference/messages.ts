// Chat: to everybody, or to one person alone.

import { bareJid, resource } from '../names';
import { child, el, text, type Xml } from '../xml';
import { CLIENT, NICK, type Part, type Room } from './room';

export interface ChatMessage {
  readonly from: string;
  readonly name: string;
  readonly text: string;
  readonly at: Date;
  readonly to: string;
  readonly mine: boolean;
}

export class Messages implements Part {
  constructor(private readonly room: Room, private readonly onChat: (message: ChatMessage) => void) {}

  write(body: string, to = ''): void {
    const { room } = this;
    const id = `c${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
    room.send(el('message', { xmlns: CLIENT, id, type: to ? 'chat' : 'groupchat', to: to ? `${room.jid}/${to}` : room.jid },
      el('body', {}, body), el('nick', { xmlns: NICK }, room.local.name)));
    if (to) this.onChat({ from: room.me, name: room.local.name, text: body, at: new Date(), to, mine: true });
  }

  onMessage(stanza: Xml, from: string): boolean {
    const { room } = this;
    const body = text(child(stanza, 'body'));
    if (!body || bareJid(from) !== room.jid || stanza.attrs.type === 'error') return false;
    const nick = resource(from);
    if (!nick) return false;
    const stamp = child(stanza, 'delay')?.attrs.stamp;
    const mine = nick === room.me;
    const name = mine ? room.local.name : room.people.get(nick)?.name || text(child(stanza, 'nick'));
    this.onChat({ from: nick, name, text: body, mine, at: stamp ? new Date(stamp) : new Date(), to: stanza.attrs.type === 'chat' ? room.me : '' });
    return true;
  }
}
