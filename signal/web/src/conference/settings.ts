// What is set for the room as a whole: password, door, and since when people meet in it.

import { DISCO } from '../caps';
import { child, el, elements, text, type Xml } from '../xml';
import { MUC_USER, type Part, type Room } from './room';

const OWNER = 'http://jabber.org/protocol/muc#owner';
const FORM = 'jabber:x:data';
const INFO_LIMIT_MS = 10_000;

export class RoomSettings implements Part {
  /** Who comes in needs a password. */
  locked = false;
  /** Who comes in has to be let in. */
  membersOnly = false;
  /** Where people wait who want to come in; empty without a door. */
  lobby = '';
  /** When the meeting began, in milliseconds, or 0. */
  createdAt = 0;
  /** The password, as far as we set or used it ourselves. */
  password = '';
  private asked = 0;

  constructor(private readonly room: Room, private readonly onChange: () => void) {}

  onJoined(): void {
    this.password = this.room.local.password;
    void this.learn();
  }

  onMessage(stanza: Xml, from: string): boolean {
    if (from !== this.room.jid) return false;
    const codes = elements(child(stanza, 'x', MUC_USER) ?? stanza, 'status').map((s) => s.attrs.code);
    if (!codes.includes('104')) return false;
    void this.learn();
    return true;
  }

  onJson(payload: Readonly<Record<string, unknown>>): boolean {
    if (payload.type !== 'conference_duration') return false;
    this.createdAt = Number(payload.created_timestamp) || this.createdAt;
    this.onChange();
    return true;
  }

  forget(): void {
    this.locked = this.membersOnly = false;
    this.lobby = '';
    this.createdAt = 0;
  }

  /** Sets the password, changes it, or takes it away with an empty one; false if the room did not take it. */
  async setPassword(password: string): Promise<boolean> {
    const done = await this.submit({ 'muc#roomconfig_roomsecret': password, 'muc#roomconfig_passwordprotectedroom': password ? '1' : '0', ...this.doorField() });
    if (done) {
      this.locked = password !== '';
      this.password = password;
      this.onChange();
    }
    return done;
  }

  /** Puts somebody at the door who asks, or lets everybody in. */
  async setMembersOnly(on: boolean): Promise<boolean> {
    const done = await this.submit({ 'muc#roomconfig_membersonly': on ? 'true' : 'false', ...(this.locked ? { 'muc#roomconfig_passwordprotectedroom': '1' } : {}) });
    if (done) this.membersOnly = on;
    return done;
  }

  private doorField(): Record<string, string> {
    return this.membersOnly ? { 'muc#roomconfig_membersonly': 'true' } : {};
  }

  private async submit(values: Record<string, string>): Promise<boolean> {
    const field = (name: string, value: string): Xml => el('field', { var: name }, el('value', {}, value));
    const form = el('x', { xmlns: FORM, type: 'submit' },
      field('FORM_TYPE', 'http://jabber.org/protocol/muc#roomconfig'),
      ...Object.entries(values).map(([name, value]) => field(name, value)),
      field('muc#roomconfig_whois', 'anyone'));
    try {
      await this.room.iq('set', this.room.jid, el('query', { xmlns: OWNER }, form));
      void this.learn();
      return true;
    } catch {
      return false;
    }
  }

  private async learn(): Promise<void> {
    const { jid } = this.room;
    const turn = ++this.asked;
    const answer = await this.room.iq('get', jid, el('query', { xmlns: DISCO }), INFO_LIMIT_MS).catch(() => null);
    const query = answer && child(answer, 'query');
    if (!query || turn !== this.asked || this.room.jid !== jid) return;
    const features = elements(query, 'feature').map((f) => f.attrs.var);
    const value = (name: string): string => text(child(elements(child(query, 'x', FORM) ?? query, 'field').find((f) => f.attrs.var === name), 'value'));
    this.locked = features.includes('muc_passwordprotected');
    this.membersOnly = features.includes('muc_membersonly');
    this.lobby = this.membersOnly ? value('muc#roominfo_lobbyroom') : '';
    this.createdAt = Number(value('muc#roominfo_created_timestamp')) || this.createdAt;
    if (!this.locked) this.password = '';
    this.onChange();
  }
}
