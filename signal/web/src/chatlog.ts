// What was written in the meeting, over all breaks and rooms: each message once, with what became of it. Pure.

import type { ChatEvent, ChatMessage } from './conference/messages';

export interface Entry {
  readonly message: ChatMessage;
  /** Who gave which sign. */
  readonly signs: Map<string, Set<string>>;
  retracted: boolean;
}

/** Older entries are forgotten: a page that stays open for days must not grow. */
const KEPT = 2_000;
const SIGNS_EACH = 20;

export class ChatLog {
  readonly entries: Entry[] = [];
  private readonly byId = new Map<string, Entry>();

  /** Takes up what came; the new message, if it is one that was not there before. */
  take(event: ChatEvent): ChatMessage | null {
    if (event.what === 'message') return this.add(event.message);
    const entry = this.byId.get(event.id);
    if (!entry || entry.retracted) return null;
    if (event.what === 'retraction') {
      entry.retracted = event.moderator || event.from === entry.message.from;
    } else {
      for (const [sign, given] of entry.signs) if (given.delete(event.from) && given.size === 0) entry.signs.delete(sign);
      for (const sign of event.signs) this.sign(entry, sign, event.from);
    }
    return null;
  }

  get(id: string): Entry | undefined {
    return this.byId.get(id);
  }

  get length(): number {
    return this.entries.length;
  }

  private add(message: ChatMessage): ChatMessage | null {
    if (this.byId.has(message.id)) return null;
    const entry: Entry = { message, signs: new Map(), retracted: false };
    this.byId.set(message.id, entry);
    // History comes late, but belongs before.
    const at = message.old ? this.entries.findIndex((e) => e.message.at > message.at) : -1;
    if (at < 0) this.entries.push(entry);
    else this.entries.splice(at, 0, entry);
    if (this.entries.length > KEPT) this.byId.delete(this.entries.shift()?.message.id ?? '');
    return message;
  }

  private sign(entry: Entry, sign: string, from: string): void {
    const given = entry.signs.get(sign);
    if (given) given.add(from);
    else if (entry.signs.size < SIGNS_EACH) entry.signs.set(sign, new Set([from]));
  }
}
