// Whether the box records the meeting, as the focus says; moderators start and stop it (http://jitsi.org/protocol/jibri).

import { resource } from '../names';
import { isRecording, type Recording as Kept } from '../recordings/recording';
import { child, el, json, type Xml } from '../xml';
import { FOCUS, type Part, type Room } from './room';

const JIBRI = 'http://jitsi.org/protocol/jibri';
/** The box's own: what was recorded in this room, for its moderators. */
const RECORDINGS = 'https://moothall.org/protocol/recordings';

export class Recording implements Part {
  /** From when it is asked for until it ends. */
  state: 'off' | 'pending' | 'on' = 'off';
  private session = '';

  constructor(private readonly room: Room) {}

  /** The box can, and we may. */
  get offered(): boolean {
    return this.room.config.recordingService?.enabled === true && this.room.moderator;
  }

  /** What the operator wants people to read. */
  get notice(): string {
    return this.room.config.recordingService?.notice ?? '';
  }

  start(): void {
    void this.ask({ action: 'start', recording_mode: 'file' }).catch(() => this.room.tell({ what: 'recording', event: 'failed', by: '' }));
  }

  stop(): void {
    // Somebody else was faster.
    void this.ask({ action: 'stop' }).catch(() => undefined);
  }

  /** What was recorded in this room, the newest first; nothing if the box does not say. */
  async list(): Promise<readonly Kept[] | null> {
    try {
      const said = json(child(await this.room.iq('get', `${this.room.jid}/${FOCUS}`, el('recordings', { xmlns: RECORDINGS })), 'recordings', RECORDINGS));
      return Array.isArray(said?.recordings) ? said.recordings.filter(isRecording) : null;
    } catch {
      return null;
    }
  }

  /** Deletes one for good. Says whether it is gone. */
  async remove(name: string): Promise<boolean> {
    const payload = el('recordings', { xmlns: RECORDINGS }, el('delete', { name }));
    return this.room.iq('set', `${this.room.jid}/${FOCUS}`, payload).then(() => true, () => false);
  }

  onJoined(): void {
    if (this.state !== 'on') return;
    // When the page shows the meeting, which it does next.
    queueMicrotask(() => this.room.tell({ what: 'recording', event: 'running', by: '' }));
  }

  onFocus(stanza: Xml): void {
    const status = child(stanza, 'jibri-recording-status', JIBRI);
    const session = status?.attrs.session_id ?? '';
    const said = status?.attrs.status;
    const state = said === 'on' || said === 'pending' ? said : 'off';
    const before = session === this.session || state !== 'off' ? this.state : 'off';
    this.session = session;
    if (state === this.state) return;
    this.state = state;
    if (!this.room.joined) return;
    if (state === 'on') this.room.tell({ what: 'recording', event: 'started', by: resource(status?.attrs.initiator ?? '') });
    else if (state === 'off' && status?.attrs.failure_reason) this.room.tell({ what: 'recording', event: 'failed', by: '' });
    else if (before === 'on') this.room.tell({ what: 'recording', event: 'stopped', by: '' });
    else this.room.tell({ what: 'changed' });
  }

  forget(): void {
    this.state = 'off';
    this.session = '';
  }

  private ask(attributes: Readonly<Record<string, string>>): Promise<Xml> {
    return this.room.iq('set', `${this.room.jid}/${FOCUS}`, el('jibri', { xmlns: JIBRI, ...attributes }));
  }
}
