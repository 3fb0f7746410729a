// What was recorded in this room, for its moderators.

import type { Conference } from '../conference';
import { t } from '../i18n';
import { recordingLine } from '../recordings/line';
import { type Recording, beginText } from '../recordings/recording';
import { h, icon } from './dom';
import { say } from './live';
import { Frame, type Panel, redraw } from './panel';

export interface RecordingsHost { readonly conference: Conference | null; close(): void }

export class RecordingsPanel implements Panel {
  private readonly frame: Frame;
  /** Nothing as long as the box has not answered. */
  private listed: readonly Recording[] | null = null;
  private failed = false;
  /** What the recording of now was when the list was made. */
  private state = '';

  constructor(private readonly host: RecordingsHost) {
    this.frame = new Frame('recordings', [t('recordings')], t('recordings'), () => host.close(), null);
  }

  get element(): HTMLElement {
    return this.frame.element;
  }

  /** A recording may have begun or ended. */
  update(): void {
    const { recording } = this.host.conference ?? {};
    if (this.frame.isOpen && recording && `${recording.state}${recording.offered}` !== this.state) void this.load();
  }

  open(): void {
    this.listed = null;
    this.draw();
    this.frame.open();
    void this.load();
  }

  close(): void {
    this.frame.close();
  }

  private async load(): Promise<void> {
    const { recording } = this.host.conference ?? {};
    this.state = recording ? `${recording.state}${recording.offered}` : '';
    const listed = (await recording?.list()) ?? null;
    this.failed = listed === null;
    this.listed = listed ?? this.listed;
    this.draw();
  }

  private async remove(recording: Recording): Promise<void> {
    const gone = (await this.host.conference?.recording.remove(recording.name)) ?? false;
    if (gone) say(t('recordings.deleted'));
    await this.load();
    if (!gone) this.complain();
  }

  private complain(): void {
    this.failed = true;
    this.draw();
  }

  private draw(): void {
    const deeds = {
      remove: (recording: Recording) => void this.remove(recording),
      stop: () => this.host.conference?.recording.stop(),
      failed: () => this.complain(),
    };
    const { listed } = this;
    redraw(this.frame.body, h('p', { class: 'small quiet' }, t('recordings.intro')),
      this.failed && h('div', { class: 'note warn small', role: 'alert' }, icon('warn'), h('span', { class: 'grow' }, t('recordings.failed'), ' ',
        h('button', { type: 'button', class: 'link', 'data-key': 'again', onclick: () => void this.load() }, t('recordings.again')))),
      !listed && !this.failed && h('p', { class: 'small quiet', role: 'status' }, t('watch.loading')),
      listed?.length === 0 && h('p', { class: 'small', 'data-test': 'recordings-none' }, t('recordings.none')),
      ...(listed ?? []).map((one) => recordingLine(one, beginText(one), deeds)));
  }
}
