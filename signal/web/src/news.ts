// What others do, told in notices and live regions: who comes, who leaves, who writes.

import type { ChatMessage, Participant } from './conference';
import { chime } from './chimes';
import { nameOf } from './faces';
import { t } from './i18n';
import { say } from './ui/live';
import type { Notifier } from './ui/notices';

/** From so many people on nobody is told any more who comes and goes. */
const CROWD = 12;
const CAME_TOGETHER_MS = 3_000;

export class News {
  /** Somebody has been here: who is alone now was left, not first. */
  hadCompany = false;
  private readonly came: string[] = [];
  private timer = 0;

  constructor(private readonly notices: Notifier) {}

  /** `others` are in the room now; `quiet` while the list of who is there comes in. Who leaves may go to a `breakout` room. */
  people(came: Participant | null, left: Participant | null, others: number, quiet: boolean, breakout: boolean): void {
    const told = !quiet && others < CROWD;
    if (came) {
      this.hadCompany = true;
      this.notices.take('empty');
      if (told) this.announce(nameOf(came));
      if (told) chime('came');
    }
    if (left) {
      this.notices.take('came');
      if (told) say(t('say.left', { name: nameOf(left) }));
      if (told) chime('left');
      if (others === 0 && !breakout) this.notices.show({ key: 'empty', sign: 'person', text: t('alone.left') });
    }
  }

  /** The room uses another video format for the sake of `names`, or of ourselves. */
  fallback(names: readonly string[], ours: boolean): void {
    const [first = ''] = names;
    const text = ours ? t('codec.fallback.mine') : names.length === 1 ? t('codec.fallback.name', { name: first }) : t('codec.fallback');
    say(text);
    this.notices.show({ key: 'codec', sign: 'info', text });
  }

  /** The box drains or is full: who waits for sound and picture is told why. */
  held(held: boolean): void {
    if (!held) return this.notices.take('held');
    say(t('held'));
    this.notices.show({ key: 'held', sign: 'net', tone: 'warn', text: t('held'), stays: true });
  }

  message(message: ChatMessage): void {
    const text = t('say.message', { name: message.name || t('meeting.someone') });
    say(text);
    chime('message');
    this.notices.show({ key: 'message', sign: 'chat', text });
  }

  /** Who comes within three seconds is told of together. */
  private announce(name: string): void {
    this.came.push(name);
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const [first = '', ...more] = this.came.splice(0);
      const text = more.length ? t('toast.came.more', { name: first, count: more.length }) : t('toast.came', { name: first });
      this.notices.show({ key: 'came', sign: 'person-in', tone: 'good', text });
      say(`${text}.`);
    }, this.came.length > 1 ? CAME_TOGETHER_MS : 400);
  }
}
