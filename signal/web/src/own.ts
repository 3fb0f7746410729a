// Our own microphone and camera in a meeting: turned on and off, pulled out, turned off by others, forgotten while talking; and
// what is told about it.

import { t } from './i18n';
import type { Device, LocalMedia, Problem } from './media';
import { say, alarm } from './ui/live';
import type { Notifier } from './ui/notices';
import { problemText } from './ui/problems';
import { VoiceWatch } from './voice';

export interface OwnHost {
  readonly media: LocalMedia;
  readonly notices: Notifier;
  chooseDevices(): void;
  /** Turns it on, if that is allowed now. */
  turnOn(kind: Device): void;
}

export class OwnDevices {
  private readonly voice = new VoiceWatch();
  private heldOn = false;

  constructor(private readonly host: OwnHost) {
    host.media.onUnplugged = (kind, label) => this.onUnplugged(kind, label);
  }

  async toggle(kind: Device): Promise<void> {
    const { media, notices } = this.host;
    await media.toggle(kind);
    notices.take(`muted-${kind}`);
    const problem = media.problems[kind];
    if (problem) return this.showProblem(kind, problem);
    if (media.waits(kind)) return;
    say(t(`say.${shortName(kind)}.${media.on(kind) ? 'on' : 'off'}`));
  }

  /** Space is held down: the microphone is on as long, unless it was on before. */
  async talkWhile(held: boolean): Promise<void> {
    const { media, notices } = this.host;
    if (held ? media.on('audio') : !this.heldOn) return;
    this.heldOn = held;
    await media.set('audio', held);
    notices.take('muted-audio');
  }

  async mutedBy(kind: Device, by: string): Promise<void> {
    await this.host.media.set(kind, false);
    if (kind === 'audio') this.host.media.share.mute();
    const name = shortName(kind);
    const text = by ? t(`muted.${name}`, { name: by }) : t(`muted.${name}.nobody`);
    alarm(text);
    this.host.notices.show({ key: `muted-${kind}`, sign: `${name}-off`, text, act: { label: t('turn.on'), test: 'notice-turn-on', run: () => this.host.turnOn(kind) } });
  }

  shareEndedBy(by: string): void {
    this.host.media.share.stop();
    const text = by ? t('muted.screen', { name: by }) : t('muted.screen.nobody');
    alarm(text);
    this.host.notices.show({ key: 'muted-desktop', sign: 'share-stop', text });
  }

  /** Begins to share a screen, or ends it. */
  async share(): Promise<void> {
    const { media: { share }, notices } = this.host;
    if (share.on) {
      share.stop();
      return say(t('say.share.off'));
    }
    const attempt = await share.start();
    if (attempt === 'closed') return;
    const again = { label: t('try.again'), run: () => void this.share() };
    if (attempt !== 'on') return notices.show({ key: 'share', sign: 'share', tone: 'warn', text: t(`share.${attempt}`), act: again });
    notices.take('share');
    say(t(`share.own.${share.surface}`));
  }

  /** What the loudness at the microphone tells: that somebody talks to nobody. */
  listen(): void {
    const { media, notices } = this.host;
    switch (this.voice.hear(media.heard(), media.on('audio'), performance.now())) {
      case 'muted-talk':
        say(t('voice.muted'));
        return notices.show({ key: 'muted-audio', sign: 'mic-off', tone: 'warn', text: t('voice.muted'), act: { label: t('turn.on'), run: () => this.host.turnOn('audio') } });
      case 'silence':
        say(t('voice.silence'));
        return notices.show({ key: 'silence', sign: 'mic', tone: 'warn', text: t('voice.silence'), act: { label: t('voice.choose'), run: () => this.host.chooseDevices() } });
    }
  }

  private showProblem(kind: Device, problem: Problem): void {
    const { notices } = this.host;
    if (problem === 'insecure') return notices.show({ key: `problem-${kind}`, sign: 'shield', tone: 'warn', text: t('insecure.title') });
    notices.show({
      key: `problem-${kind}`, sign: `${shortName(kind)}-off`, tone: 'warn', text: problemText(kind, problem),
      ...(problem === 'missing' ? {} : { act: { label: t('try.again'), run: () => void this.toggle(kind) } }),
    });
  }

  private onUnplugged(kind: Device, replacement: string): void {
    const problem = this.host.media.problems[kind];
    if (!replacement) return problem && this.showProblem(kind, problem);
    const text = t(`device.gone.${kind}`, { name: replacement });
    say(text);
    this.host.notices.show({ key: 'replaced', sign: 'usb', text, act: { label: t('device.other'), run: () => this.host.chooseDevices() } });
  }
}

function shortName(kind: Device): 'mic' | 'cam' {
  return kind === 'audio' ? 'mic' : 'cam';
}
