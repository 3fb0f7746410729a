// What moderators may do to others, and what they let others do: muting, removing, granting, and "only who is allowed".

import { bareJid, resource } from '../names';
import { el } from '../xml';
import { MUTED, type Muted } from './happening';
import { CLIENT, FOCUS, JITMEET, MUC_ADMIN, type Part, type Room } from './room';

/** Our own word for it, where the box has no AV moderation. */
const ASK = 'ask-to-unmute';

export class Moderation implements Part {
  /** Only who is allowed may turn these on. */
  readonly moderated = new Set<Muted>();
  /** What we are allowed, although it is moderated. */
  private readonly mine = new Set<Muted>();
  /** Who else is allowed; only moderators are told. */
  private readonly allowed = new Map<Muted, ReadonlySet<string>>();

  constructor(private readonly room: Room) {}

  get supported(): boolean {
    return this.room.components.has('av_moderation');
  }

  /** Whether we may turn it on now. */
  may(kind: Muted): boolean {
    return this.room.moderator || !this.moderated.has(kind) || this.mine.has(kind);
  }

  /** Whether somebody else may turn it on now, as far as we are told. */
  mayOther(id: string, kind: Muted): boolean {
    return !this.moderated.has(kind) || this.room.people.get(id)?.moderator === true || this.allowed.get(kind)?.has(id) === true;
  }

  async mute(id: string, kind: Muted): Promise<void> {
    const { room } = this;
    const payload = el('mute', { xmlns: `${JITMEET}/${kind}`, jid: `${room.jid}/${id}` }, 'true');
    await room.iq('set', `${room.jid}/${FOCUS}`, payload).catch(() => undefined);
  }

  /** Everybody but moderators' own choice: whoever has it on is turned off. */
  async muteAll(kind: Muted): Promise<void> {
    const on = [...this.room.people.values()].filter((p) => (kind === 'audio' ? !p.audioMuted : kind === 'video' ? !p.videoMuted : p.sharing));
    await Promise.all(on.map((p) => this.mute(p.id, kind)));
  }

  /** Asks somebody to turn it on; where that is moderated, allows it too. */
  ask(id: string, kind: Muted): void {
    const { room } = this;
    if (this.supported) return this.allow(id, kind, true);
    room.send(el('message', { xmlns: CLIENT, type: 'chat', to: `${room.jid}/${id}` },
      el('json-message', { xmlns: JITMEET }, JSON.stringify({ type: ASK, mediaType: kind }))));
  }

  allow(id: string, kind: Muted, yes: boolean): void {
    this.command({ mediaType: kind, [yes ? 'jidToWhitelist' : 'jidToBlacklist']: `${this.room.jid}/${id}` });
  }

  moderate(kind: Muted, on: boolean): void {
    this.command({ enable: String(on), mediaType: kind });
  }

  async grant(id: string): Promise<void> {
    const jid = this.room.people.get(id)?.jid;
    if (jid) await this.admin({ affiliation: 'owner', jid: bareJid(jid) }, '');
  }

  async remove(id: string, reason: string): Promise<void> {
    await this.admin({ nick: id, role: 'none' }, reason);
  }

  /** Removes somebody, who does not come back by this connection, not even when admitted before. */
  async ban(id: string, reason: string): Promise<void> {
    const jid = this.room.people.get(id)?.jid;
    if (jid) await this.admin({ affiliation: 'outcast', jid: bareJid(jid) }, reason);
  }

  /** Ends the meeting for everybody, where the box can; else nothing happens. */
  endForAll(): void {
    const to = this.room.components.get('end_conference');
    if (to) this.room.send(el('message', { xmlns: CLIENT, to }, el('end_conference')));
  }

  get canEndForAll(): boolean {
    return this.room.moderator && this.room.components.has('end_conference');
  }

  onJson(payload: Readonly<Record<string, unknown>>, from: string): boolean {
    if (payload.type === ASK) return this.onAsked(payload, from);
    if (payload.type !== 'av_moderation' || from !== this.room.components.get('av_moderation')) return false;
    const kind = MUTED.find((k) => k === payload.mediaType);
    if (!kind) return true;
    if (typeof payload.whitelists === 'object' && payload.whitelists) this.onAllowedOthers(kind, payload.whitelists as Record<string, unknown>);
    else if (typeof payload.enabled === 'boolean') this.onModerated(kind, payload.enabled, resource(String(payload.actor ?? '')));
    else if (payload.removed === true) this.onAllowed(kind, false);
    else if (payload.approved === true) this.onApproved(kind, resource(String(payload.from ?? '')));
    return true;
  }

  forget(): void {
    this.moderated.clear();
    this.mine.clear();
    this.allowed.clear();
  }

  private onAsked(payload: Readonly<Record<string, unknown>>, from: string): boolean {
    const who = this.room.people.get(resource(from));
    const kind = MUTED.find((k) => k === payload.mediaType);
    if (who?.moderator && kind) this.room.tell({ what: 'asked', kind, by: who.name });
    return true;
  }

  private onModerated(kind: Muted, on: boolean, actor: string): void {
    if (this.moderated.has(kind) === on) return;
    if (on) this.moderated.add(kind);
    else this.moderated.delete(kind);
    this.mine.delete(kind);
    this.allowed.delete(kind);
    this.room.tell({ what: 'moderated', kind, on, by: actor === this.room.me ? '' : this.room.people.get(actor)?.name ?? '' });
  }

  /** Where nothing is moderated, leave that is given is a request. */
  private onApproved(kind: Muted, from: string): void {
    if (this.moderated.has(kind)) return this.onAllowed(kind, true);
    this.room.tell({ what: 'asked', kind, by: this.room.people.get(from)?.name ?? '' });
  }

  private onAllowed(kind: Muted, yes: boolean): void {
    if (this.mine.has(kind) === yes) return;
    if (yes) this.mine.add(kind);
    else this.mine.delete(kind);
    this.room.tell({ what: 'allowed', kind, yes });
  }

  private onAllowedOthers(kind: Muted, lists: Record<string, unknown>): void {
    const jids = Array.isArray(lists[kind]) ? (lists[kind] as unknown[]) : [];
    this.allowed.set(kind, new Set(jids.map((jid) => resource(String(jid)))));
    this.room.tell({ what: 'changed' });
  }

  private command(attrs: Record<string, string>): void {
    const to = this.room.components.get('av_moderation');
    if (to) this.room.send(el('message', { xmlns: CLIENT, to }, el('av_moderation', attrs)));
  }

  private async admin(item: Record<string, string>, reason: string): Promise<void> {
    const payload = el('query', { xmlns: MUC_ADMIN }, el('item', item, reason ? el('reason', {}, reason) : null));
    await this.room.iq('set', this.room.jid, payload).catch(() => undefined);
  }
}

