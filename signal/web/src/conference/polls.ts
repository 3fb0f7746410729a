// Polls: everybody may ask and answer; the box keeps them for those who come later.

import { el } from '../xml';
import { CLIENT, JITMEET, type Part, type Room } from './room';

export interface Voter { readonly id: string; readonly name: string }
export interface Answer { readonly name: string; readonly voters: ReadonlyMap<string, Voter> }

export interface Poll {
  readonly id: string;
  readonly by: string;
  readonly byName: string;
  readonly question: string;
  readonly answers: readonly Answer[];
}

/** What the box takes: a poll as JSON has to stay below this. */
export const POLL_BYTES = 1024;
export const POLL_ANSWERS = 10;
const POLLS = 128;

type Json = Readonly<Record<string, unknown>>;

export class Polls implements Part {
  /** In the order in which they were asked. */
  readonly list = new Map<string, Poll>();

  constructor(private readonly room: Room) {}

  get supported(): boolean {
    return this.room.components.has('polls');
  }

  /** Asks; false if it is too long for the box. */
  ask(question: string, answers: readonly string[]): boolean {
    const pollId = Array.from({ length: 12 }, () => Math.floor(Math.random() * 36).toString(36)).join('');
    return this.command({ type: 'polls', command: 'new-poll', pollId, question, answers: answers.map((name) => ({ name })) });
  }

  answer(id: string, chosen: readonly boolean[]): void {
    this.command({ type: 'polls', command: 'answer-poll', pollId: id, answers: chosen });
  }

  /** Which answers of this poll are ours. */
  mine(poll: Poll): boolean[] {
    return poll.answers.map((answer) => answer.voters.has(this.room.me));
  }

  onJson(payload: Json, from: string): boolean {
    if (payload.type !== 'polls' || from !== this.room.components.get('polls')) return false;
    if (payload.command === 'old-polls' && Array.isArray(payload.polls)) {
      for (const poll of payload.polls) this.add(poll as Json);
      this.room.tell({ what: 'changed' });
    } else if (payload.command === 'new-poll') {
      const poll = this.add(payload);
      if (poll) this.room.tell({ what: 'poll', id: poll.id, by: poll.by === this.room.me ? '' : poll.byName });
    } else if (payload.command === 'answer-poll') {
      this.onAnswer(payload);
    }
    return true;
  }

  forget(): void {
    this.list.clear();
  }

  private add(json: Json): Poll | null {
    const id = String(json.pollId ?? '');
    if (!id || (!this.list.has(id) && this.list.size >= POLLS) || !Array.isArray(json.answers)) return null;
    const by = String(json.senderId ?? '');
    const poll: Poll = {
      id, by,
      byName: this.room.people.get(by)?.name || String(json.senderName ?? ''),
      question: String(json.question ?? ''),
      answers: (json.answers as Json[]).slice(0, 64).map((a) => ({ name: String(a?.name ?? ''), voters: voters(a?.voters) })),
    };
    this.list.set(id, poll);
    return poll;
  }

  private onAnswer(json: Json): void {
    const poll = this.list.get(String(json.pollId ?? ''));
    const id = String(json.senderId ?? '');
    if (!poll || !id || !Array.isArray(json.answers)) return;
    const chosen = json.answers as unknown[];
    const name = this.room.people.get(id)?.name || String(json.senderName ?? '');
    this.list.set(poll.id, { ...poll, answers: poll.answers.map((answer, index) => {
      const left = new Map(answer.voters);
      left.delete(id);
      if (chosen[index] === true) left.set(id, { id, name });
      return { ...answer, voters: left };
    }) });
    this.room.tell({ what: 'changed' });
  }

  private command(json: Json): boolean {
    const to = this.room.components.get('polls');
    const written = JSON.stringify(json);
    if (!to || new TextEncoder().encode(written).length >= POLL_BYTES) return false;
    this.room.send(el('message', { xmlns: CLIENT, type: 'chat', to }, el('json-message', { xmlns: JITMEET }, written)));
    return true;
  }
}

function voters(list: unknown): Map<string, Voter> {
  if (!Array.isArray(list)) return new Map();
  return new Map((list as Json[]).map((v) => [String(v?.id ?? ''), { id: String(v?.id ?? ''), name: String(v?.name ?? '') }]));
}
