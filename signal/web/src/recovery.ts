// What a person sees and hears of breaks in a meeting: the box gone, the network gone or changed, sound and picture blocked.

import type { MediaState } from './conference';
import { t } from './i18n';
import type { Stay } from './stay';
import { setText } from './ui/dom';
import { alarm, say } from './ui/live';
import type { Meeting } from './ui/meeting';
import type { Notifier } from './ui/notices';
import { type State, stateCard } from './ui/state';
import { awayState, blockedState, type TroubleActs, type Wait } from './ui/trouble';

export interface RecoveryHost {
  readonly stay: Stay;
  readonly notices: Notifier;
  readonly meeting: Meeting | null;
  readonly micOn: boolean;
  turnMicOn(): void;
  leave(): void;
}

/** A break that nobody has to know of. */
const SHORT_MS = 2_000;
/** The clock was behind by so much: the device slept. */
const SLEPT_MS = 5_000;

export class Recovery {
  private ticked = 0;
  private shown: '' | 'notice' | 'cover' = '';
  private readonly acts: TroubleActs = {
    retry: () => this.host.stay.retry(),
    leave: () => this.host.leave(),
    testAgain: () => {
      this.host.meeting?.hall.cover(null);
      this.host.stay.conference?.restartMedia();
    },
  };

  constructor(private readonly host: RecoveryHost) {
    window.addEventListener('online', () => this.onNetwork(true));
    window.addEventListener('offline', () => this.onNetwork(false));
    networkInformation()?.addEventListener('change', () => this.doubt());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.tick());
  }

  get wait(): Wait {
    const { stay, meeting } = this.host;
    return { seconds: stay.nextTry, restarting: stay.restarting, inMeeting: meeting !== null };
  }

  /** To be called every second of a meeting. */
  tick(): void {
    const now = Date.now();
    if (this.ticked && now - this.ticked > SLEPT_MS) this.doubt();
    this.ticked = now;
    if (this.host.stay.away) this.showAway();
  }

  /** The meeting is begun, or over: what was before is forgotten. */
  reset(): void {
    this.ticked = 0;
    this.shown = '';
  }

  back(away: number): void {
    this.shown = '';
    this.host.notices.take('away');
    if (this.host.stay.conference?.media !== 'failed') this.host.meeting?.hall.cover(null);
    if (away >= SHORT_MS) this.welcome(away);
  }

  onMedia(state: MediaState): void {
    const { meeting, notices, stay } = this.host;
    if (!meeting || stay.away) return;
    if (state === 'lost') return notices.show({ key: 'network', sign: 'net', tone: 'warn', text: t('media.lost') });
    if (state !== 'failed' && state !== 'connected') return;
    notices.take('network');
    if (state === 'failed') this.cover(blockedState(this.acts));
    else meeting.hall.cover(null);
  }

  private welcome(away: number): void {
    const { notices, micOn } = this.host;
    const count = Math.max(1, Math.round(away / 1000));
    say(t('say.back'));
    notices.show({
      key: 'back', sign: 'good', tone: 'good',
      text: `${t('back.title')}. ${t('back', { count })} ${t(micOn ? 'back.mic.on' : 'back.mic.off')}`,
      ...(micOn ? {} : { act: { label: t('back.turn.on'), run: () => this.host.turnMicOn() } }),
    });
  }

  /** The box is gone. As long as sound and picture go on nothing is put over them. */
  private showAway(): void {
    const { stay, notices } = this.host;
    if (stay.awayFor < SHORT_MS && stay.conference) return;
    const state = awayState(this.wait, this.acts);
    for (const lesser of ['network', 'line']) notices.take(lesser);
    if (!this.shown) alarm(t('say.lost'));
    if (stay.conference?.media !== 'connected') {
      notices.take('away');
      this.shown = 'cover';
      return this.cover(state);
    }
    if (this.shown === 'notice') return;
    this.shown = 'notice';
    notices.show({ key: 'away', sign: state.sign, tone: 'warn', text: `${state.title}. ${t('gone.partly')}`, stays: true });
  }

  /** Puts a state over the hall; a state that is already there only gets its new text, so that focus stays. */
  private cover(state: State & { key: string }): void {
    const { hall } = this.host.meeting ?? {};
    const there = hall?.element.querySelector<HTMLElement>('.hallstate .state');
    const text = there?.dataset.key === state.key ? there.querySelector('p') : null;
    if (text) return setText(text, state.text);
    const card = stateCard(state);
    card.dataset.key = state.key;
    card.dataset.test = `state-${state.key}`;
    hall?.cover(card);
  }

  private doubt(): void {
    if (this.host.meeting) this.host.stay.doubt();
  }

  private onNetwork(online: boolean): void {
    const { meeting, notices, stay } = this.host;
    if (!meeting) return;
    if (!online) {
      if (!stay.away) notices.show({ key: 'network', sign: 'net-off', tone: 'warn', text: `${t('offline.title')}. ${t('offline')}`, stays: true });
      return this.tick();
    }
    notices.take('network');
    stay.doubt();
    if (!stay.away) notices.show({ key: 'network', sign: 'net', text: t('network.changed') });
  }
}

/** What some browsers tell of a change from one network to another. */
function networkInformation(): EventTarget | undefined {
  return (navigator as Navigator & { connection?: EventTarget }).connection;
}
