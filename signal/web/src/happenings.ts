// What happens in the room, told to the person: as a notice, by voice of the screen reader, and with what can be done about it.

import type { Conference, Happening, Participant } from './conference';
import type { Muted } from './conference/happening';
import { chime } from './chimes';
import { nameOf } from './faces';
import { t } from './i18n';
import { alarm, say } from './ui/live';
import type { Notice, Notifier } from './ui/notices';
import type { PanelName } from './ui/panel';

export interface HappeningsHost {
  readonly conference: Conference | null;
  readonly notices: Notifier;
  turnOn(kind: Muted): void;
  raiseHand(): void;
  panel(name: PanelName): void;
  /** A reaction floats over the hall. */
  float(name: string, signs: readonly string[]): void;
}

const SIGNS: Readonly<Record<Muted, string>> = { audio: 'mic', video: 'cam', desktop: 'share' };

export class Happenings {
  /** Whose hands are up. */
  private hands = new Set<string>();

  constructor(private readonly host: HappeningsHost) {}

  tell(happening: Happening): void {
    switch (happening.what) {
      case 'knock':
        return this.knock(happening.id, happening.name, happening.gone);
      case 'door.by':
        return this.notice({ key: 'door.by', sign: 'door', text: t(`door.by.${happening.event}`, { name: happening.by, guest: happening.name || t('meeting.someone') }) });
      case 'asked':
        return this.asked(happening.kind, happening.by);
      case 'moderated':
        return this.notice({ key: `moderated-${happening.kind}`, sign: SIGNS[happening.kind], text: t(`moderated.${happening.kind}.${happening.on ? 'on' : 'off'}`) });
      case 'allowed':
        return this.allowed(happening.kind, happening.yes);
      case 'poll':
        return this.poll(happening.by);
      case 'reaction':
        return this.host.float(this.who(happening.from), happening.names);
      case 'moved':
        return this.notice({ key: 'moved', sign: 'move', text: happening.to ? t('rooms.you', { name: happening.to }) : t('rooms.back') });
      case 'unmoved':
        return this.notice({ key: 'moved', sign: 'warn', tone: 'warn', text: t('rooms.gone') });
      case 'recording':
        return this.recording(happening.event, happening.by);
      case 'export':
        return this.exported(happening.on);
      case 'unsent':
        return this.notice({ key: 'unsent', sign: 'warn', tone: 'warn', text: t(`unsent.${happening.reason}`) });
    }
  }

  /** Tells of hands that went up; a moderator can let them speak at once. */
  raised(people: readonly Participant[]): void {
    const up = people.filter((p) => p.hand > 0);
    for (const person of up) {
      if (this.hands.has(person.id) || !this.host.conference?.joined) continue;
      const name = nameOf(person);
      const mayLet = this.host.conference.moderator && person.audioMuted;
      this.notice({
        key: 'hand', sign: 'hand', text: t('say.hand', { name }),
        ...(mayLet ? { act: { label: t('people.let.speak'), run: () => this.host.conference?.moderation.ask(person.id, 'audio') } } : {}),
      });
    }
    this.hands = new Set(up.map((p) => p.id));
  }

  private knock(id: string, name: string, gone: boolean): void {
    const { notices } = this.host;
    const key = `knock-${id}`;
    if (gone) return notices.take(key);
    const text = t('door.knock', { name: name || t('meeting.someone') });
    alarm(text);
    notices.show({
      key, sign: 'door', text, stays: true,
      act: { label: t('people.letin'), test: 'notice-admit', run: () => this.host.conference?.lobby.admit([id]) },
      other: { label: t('people.refuse'), test: 'notice-refuse', run: () => void this.host.conference?.lobby.refuse(id) },
    });
  }

  private asked(kind: Muted, by: string): void {
    this.turnOn(kind, t(`asked.${kind}`, { name: by || t('people.moderator') }));
  }

  private allowed(kind: Muted, yes: boolean): void {
    if (yes) return this.turnOn(kind, t(`allowed.${kind}`));
    this.notice({ key: `asked-${kind}`, sign: SIGNS[kind], text: t(`allowed.${kind}.not`) });
  }

  private turnOn(kind: Muted, text: string): void {
    alarm(text);
    this.host.notices.show({ key: `asked-${kind}`, sign: SIGNS[kind], text, stays: true, act: { label: t(kind === 'desktop' ? 'asked.share' : 'turn.on'), test: 'notice-turn-on', run: () => this.host.turnOn(kind) }, other: { label: t('asked.later'), run: () => undefined } });
  }

  /** Somebody wants to turn on what only the allowed may: says so, and how to get there. */
  forbidden(kind: Muted): void {
    this.notice({ key: `forbidden-${kind}`, sign: SIGNS[kind], tone: 'warn', text: t(`forbidden.${kind}`), act: { label: t('forbidden.hand'), test: 'notice-hand', run: () => this.host.raiseHand() } });
  }

  private poll(by: string): void {
    if (!by) return;
    this.notice({ key: 'poll', sign: 'poll', text: t('poll.new', { name: by }), act: { label: t('poll.show'), test: 'notice-poll', run: () => this.host.panel('polls') } });
  }

  /** Everybody is told, by sound as well, and it stands there until it was read. */
  private recording(event: 'started' | 'running' | 'stopped' | 'failed', by: string): void {
    const mine = by !== '' && by === this.host.conference?.me;
    const told = event !== 'started' || (by && !mine) ? t(`record.${event}`, { name: this.who(by) }) : t(mine ? 'record.mine' : 'record.always');
    const runs = event === 'started' || event === 'running';
    const text = [told, runs && this.host.conference?.recording.notice].filter(Boolean).join(' ');
    const key = 'record';
    alarm(text);
    if (event === 'failed') return this.host.notices.show({ key, sign: 'warn', tone: 'bad', text });
    chime('record');
    if (event === 'stopped') return this.host.notices.show({ key, sign: 'record', text });
    this.host.notices.show({ key, sign: 'record', tone: 'bad', text, stays: true, act: { label: t('record.seen'), test: 'notice-recorded', run: () => undefined } });
  }

  /** As of a recording. */
  private exported(on: boolean): void {
    const key = 'export';
    const text = t(on ? 'export.on' : 'export.off');
    alarm(text);
    chime('record');
    if (!on) return this.host.notices.show({ key, sign: 'record', text });
    this.host.notices.show({ key, sign: 'record', tone: 'bad', text, stays: true, act: { label: t('record.seen'), test: 'notice-exported', run: () => undefined } });
  }

  private who(id: string): string {
    const { conference } = this.host;
    if (id === conference?.me) return t('meeting.you');
    const person = conference?.people.get(id);
    return person ? nameOf(person) : t('meeting.someone');
  }

  private notice(notice: Notice): void {
    say(notice.text);
    this.host.notices.show(notice);
  }
}
