// The page as a whole: which view is shown, and what leads from one to the next.

import { chimeOn } from './chimes';
import { ChatLog } from './chatlog';
import type { ChatEvent, Conference, Happening, Participant } from './conference';
import type { Muted } from './conference/happening';
import { type Branding, config } from './config';
import { Doorway } from './doorway';
import type { Desk } from './embed/controls';
import { Frame } from './embed/frame';
import type { Wishes } from './embed/wishes';
import { faces, handRank, nameOf, type Own, personLines, voices } from './faces';
import { Happenings } from './happenings';
import { chooseLanguage, t } from './i18n';
import { LocalMedia } from './media';
import { roomTitle } from './names';
import { News } from './news';
import { OwnDevices } from './own';
import { Recovery, type RecoveryHost } from './recovery';
import { type Over, type RoomEvents, Stay } from './stay';
import { recall, recentRooms, remember, rememberRoom } from './storage';
import { applyTheme, brandWith, switchTheme } from './theme';
import { closeDialog } from './ui/dialog';
import { h, icon, setText } from './ui/dom';
import { endedPage, passwordState } from './ui/ended';
import { goodbye } from './ui/goodbye';
import { copyText, roomAddress } from './ui/invite';
import { Keys } from './ui/keys';
import { brandLink, landing } from './ui/landing';
import { askToLeave } from './ui/leave';
import { alarm, placeLiveRegions, say } from './ui/live';
import { Meeting } from './ui/meeting';
import type { Notifier } from './ui/notices';
import type { Person } from './ui/people';
import { Prejoin } from './ui/prejoin';
import { showSettings } from './ui/settings';
import { Sound } from './ui/sound';
import { type State, statePage } from './ui/state';
import { retryText, unreachableState } from './ui/trouble';

export type Phase = 'landing' | 'prejoin' | 'joining' | 'door' | 'meeting' | 'reconnecting' | 'left' | 'removed' | 'ended' | 'refused';

const TALK_EVERY_MS = 150;

export class App implements Desk {
  phase: Phase = 'landing';
  readonly log = new ChatLog();
  readonly media = new LocalMedia(() => this.onMedia());
  private readonly sound = new Sound(() => this.onSoundBlocked());
  readonly notices: Notifier = {
    show: (notice) => this.meeting?.notices.show(notice),
    take: (key) => this.meeting?.notices.take(key),
  };
  private readonly own = new OwnDevices({ media: this.media, notices: this.notices, chooseDevices: () => this.meeting?.chooseDevices(), turnOn: (kind) => void this.toggle(kind) });
  private readonly news = new News(this.notices);
  private readonly happenings: Happenings;
  private readonly doorway: Doorway;
  readonly stay: Stay;
  private readonly recovery: Recovery;
  private frame: Frame | null = null;
  private prejoin: Prejoin | null = null;
  meeting: Meeting | null = null;
  private since = 0;
  private ticker = 0;
  private talker = 0;
  private readonly keys = this.listenToKeys();
  private readonly root = h('div', { id: 'view' });

  constructor(readonly room: string, private readonly branding: Branding, private readonly wishes: Wishes) {
    this.stay = new Stay(room, {
      media: this.media, events: this.roomEvents(),
      onIn: (away) => this.onIn(away),
      onResumed: (away) => this.onResumed(away),
      onLost: () => this.onLost(),
      onMedia: (state) => this.recovery.onMedia(state),
      onOver: (end) => this.onOver(end),
    });
    this.output(recall('device.output'));
    this.recovery = new Recovery(this.recoveryHost());
    this.stay.name = wishes.name || recall('name');
    this.media.wanted.audio = !wishes.audioMuted && recall('on.audio') !== 'off';
    this.media.wanted.video = !wishes.videoMuted && recall('on.video') !== 'off';
    const conference = (): Conference | null => this.conference;
    this.happenings = new Happenings({
      get conference() { return conference(); },
      notices: this.notices,
      turnOn: (kind) => (kind === 'desktop' ? this.share() : void this.toggle(kind)),
      raiseHand: () => this.stay.hand || this.toggleHand(),
      panel: (name) => this.meeting?.panel(name),
      float: (name, signs) => this.meeting?.float(name, signs),
    });
    this.doorway = new Doorway({
      get conference() { return conference(); },
      page: (state) => this.page('door', state),
      askPassword: () => {
        this.stay.leave();
        this.askPassword(false);
      },
      leave: () => {
        this.stay.leave();
        location.assign('/');
      },
    });
    for (const kind of ['audio', 'video', 'output'] as const) this.media.chosen[kind] = recall(`device.${kind}`);
    this.media.wantsBlur = recall('blur') === 'on';
    brandWith(branding);
    document.getElementById('view')?.replaceWith(this.root);
    placeLiveRegions();
    window.addEventListener('pagehide', () => this.conference?.leave());
    window.addEventListener('pageshow', (event) => event.persisted && location.reload());
  }

  start(): void {
    if (!('RTCPeerConnection' in window)) return this.page('refused', { sign: 'warn', tone: 'warn', title: t('unsupported.title'), text: t('unsupported') });
    if (this.wishes.frame !== null && window.parent !== window) {
      this.frame = new Frame(this.wishes.frame, config()?.embedders ?? [], this);
    }
    if (!this.room) return this.showLanding();
    const straight = this.wishes.straight && this.stay.name !== '';
    this.showPrejoin(straight ? 'joining' : 'prejoin');
    if (straight) this.join(this.stay.name);
  }

  get conference(): Conference | null {
    return this.stay.conference;
  }

  get people(): Participant[] {
    return [...(this.conference?.people.values() ?? [])];
  }

  // Views

  private showLanding(): void {
    this.view('landing', landing({
      brand: this.brand(),
      themeButton: h('button', { type: 'button', class: 'btn icon plain', 'aria-label': t('theme'), onclick: () => switchTheme(false) }, icon('theme')),
      welcome: this.branding.welcome ?? '',
      recent: recentRooms(),
      insecure: !window.isSecureContext,
      trustPage: config()?.trustPage ?? '',
      setupPage: config()?.setupPage ?? '',
      go: (room) => location.assign(`/${encodeURIComponent(room)}`),
      speak: (language) => void this.speak(language),
    }));
  }

  private showPrejoin(phase: Phase = 'prejoin'): void {
    const prejoin = new Prejoin({
      brand: this.brand(), media: this.media, room: this.room, name: this.stay.name,
      join: (name) => this.join(name),
      speak: (language) => void this.speak(language),
      listen: (name) => {
        void this.media.set('audio', false);
        void this.media.set('video', false);
        this.join(name);
      },
    });
    this.view(phase, prejoin.element);
    this.prejoin = prejoin;
    document.title = `${roomTitle(this.room)} – ${this.boxName}`;
    prejoin.focus();
    if (!this.media.on('audio') && !this.media.on('video')) void this.media.start();
  }

  private showMeeting(): void {
    const conference = (): Conference | null => this.conference;
    const meeting = new Meeting({
      get conference() { return conference(); },
      media: this.media, room: this.room, log: this.log,
      toggle: (kind) => void this.toggle(kind),
      toggleHand: () => this.toggleHand(),
      share: () => void this.share(),
      show: (view) => this.conference?.show(view),
      output: (id) => this.output(id),
      copyLink: () => void this.copyLink(),
      showKeys: () => this.keys.show(),
      showSettings: () => showSettings({ speak: (language) => void this.speak(language), switchTheme: () => switchTheme(true) }),
      leave: () => askToLeave(this.conference, () => this.leave()),
    });
    this.view('meeting', meeting.element);
    this.meeting = meeting;
    this.recovery.reset();
    this.ticker = window.setInterval(() => this.onTick(), 1000);
    this.talker = window.setInterval(() => this.onTalk(), TALK_EVERY_MS);
    this.render();
  }

  private page(phase: Phase, state: State): void {
    this.view(phase, statePage(this.brand(), state));
    this.root.querySelector<HTMLElement>('.btn')?.focus();
  }

  private view(phase: Phase, element: HTMLElement): void {
    closeDialog();
    window.clearInterval(this.ticker);
    window.clearInterval(this.talker);
    this.prejoin?.dispose();
    this.meeting?.dispose();
    this.prejoin = this.meeting = null;
    this.phase = phase;
    applyTheme(phase === 'meeting');
    this.root.replaceChildren(element);
    this.frame?.update();
  }

  /** Another language from now on: whatever is shown is shown again in it. */
  private async speak(language: string): Promise<void> {
    await chooseLanguage(language);
    if (this.phase === 'landing') this.showLanding();
    else if (this.prejoin) this.showPrejoin();
    else if (this.meeting) this.showMeeting();
  }

  private get boxName(): string {
    return this.branding.name || 'Moothall';
  }

  private brand(): HTMLElement {
    return brandLink(this.boxName, this.branding.logo ?? '');
  }

  // The stay: coming in, breaks, the end

  private join(name: string): void {
    this.stay.name = name;
    remember('name', name);
    rememberRoom(this.room);
    this.phase = 'joining';
    this.prejoin?.busy(true);
    void this.stay.enter();
  }

  private onIn(away: number): void {
    if (!this.meeting) {
      this.since = Date.now();
      this.showMeeting();
    }
    this.phase = 'meeting';
    this.recovery.back(away);
    this.render();
  }

  private onResumed(away: number): void {
    this.phase = 'meeting';
    this.recovery.back(away);
    this.render();
  }

  leave(): void {
    const minutes = Math.floor((Date.now() - this.began) / 60_000);
    this.stay.leave();
    this.silence();
    this.page('left', goodbye({ room: this.room, minutes, again: () => this.showPrejoin(), start: () => location.assign('/') }));
    this.frame?.tell({ name: 'video-ready-to-close' });
  }

  /** When the meeting began: for everybody the same, if the box says so and the clocks agree. */
  private get began(): number {
    const said = this.conference?.settings.createdAt ?? 0;
    return said > 0 && said < Date.now() ? said : this.since;
  }

  private silence(): void {
    this.news.hadCompany = false;
    this.sound.set(new Map());
    this.media.stop();
  }

  private onOver(end: Over): void {
    if (end.why === 'left') return;
    if (end.why === 'password') return this.askPassword(end.wrong);
    this.silence();
    if (end.why === 'removed') {
      alarm(t('say.removed'));
      this.frame?.removed(end.by);
    }
    const { phase, state } = endedPage(end, { again: () => this.showPrejoin(), start: () => location.assign('/') });
    this.page(phase, state);
  }

  private askPassword(wrong: boolean): void {
    this.frame?.tell({ name: 'password-required' });
    this.page('joining', passwordState(wrong, (password) => this.usePassword(password)));
    this.root.querySelector<HTMLElement>('[data-test=password]')?.focus();
  }

  private onLost(): void {
    this.phase = 'reconnecting';
    if (!this.meeting) return this.showUnreachable();
    this.render();
    if (!this.conference) this.recovery.tick();
  }

  private showUnreachable(): void {
    const { recovery, stay } = this;
    this.page('reconnecting', unreachableState(recovery.wait, { retry: () => stay.retry(), leave: () => location.assign('/') }));
    this.ticker = window.setInterval(() => {
      const text = this.root.querySelector('.state p');
      if (text) setText(text, retryText(recovery.wait));
    }, 500);
  }

  private onTick(): void {
    this.meeting?.tick(Math.floor((Date.now() - this.began) / 1000));
    this.recovery.tick();
    this.frame?.update();
  }

  rename(name: string): void {
    this.stay.name = name;
    this.stay.update();
    this.render();
  }

  usePassword(password: string): void {
    this.stay.password = password;
    if (this.phase === 'joining' && !this.conference) void this.stay.enter();
  }

  private recoveryHost(): RecoveryHost {
    const meeting = (): Meeting | null => this.meeting;
    const { media, own, stay, notices } = this;
    return {
      stay, notices,
      get meeting() { return meeting(); },
      get micOn() { return media.on('audio'); },
      turnMicOn: () => void own.toggle('audio'),
      leave: () => this.leave(),
    };
  }

  // What changes in a meeting

  private roomEvents(): RoomEvents {
    return {
      onPeople: (came, left) => {
        this.news.people(came, left, this.people.length, !this.conference?.joined, (this.conference?.breakout.others.length ?? 0) > 0);
        this.render();
      },
      onTracks: () => this.render(),
      onSpeaker: () => this.meeting?.hall.speaker(this.conference?.speaker ?? ''),
      onChat: (event) => this.onChat(event),
      onMuted: (kind, by) => (kind === 'desktop' ? this.own.shareEndedBy(by) : void this.own.mutedBy(kind, by)),
      onHappening: (happening) => this.onHappening(happening),
      onQuality: () => {
        this.meeting?.onQuality();
        this.render();
      },
      onFallback: (because) => {
        const { conference } = this;
        const names = because.flatMap((id) => conference?.people.get(id) ?? []).map(nameOf);
        this.news.fallback(names, because.includes(conference?.me ?? ''));
      },
      onHeld: (held) => this.news.held(held),
    };
  }

  private onMedia(): void {
    for (const kind of ['audio', 'video', 'output'] as const) remember(`device.${kind}`, this.media.chosen[kind]);
    remember('blur', this.media.wantsBlur ? 'on' : '');
    this.prejoin?.update();
    this.stay.update();
    this.render();
  }

  toggleHand(): void {
    this.stay.hand = this.stay.hand ? 0 : Date.now();
    this.stay.update();
    this.render();
    if (this.stay.hand) say(t('hand.yours', { number: handRank(this.people, this.shownSelf)('me') }));
  }

  private onChat(event: ChatEvent): void {
    const message = this.log.take(event);
    const fresh = message !== null && !message.mine && !message.old;
    if (message && !message.old) this.frame?.message(message);
    if (message && this.phase === 'door') this.doorway.message(message);
    this.meeting?.messages(fresh);
    if (fresh && this.meeting && !this.meeting.chatOpen) this.news.message(message);
  }

  private onHappening(happening: Happening): void {
    if (happening.what === 'door') return this.doorway.show(happening.state);
    this.happenings.tell(happening);
    this.frame?.happened(happening);
    this.meeting?.changed(this.lines());
    if (this.people.length === 0) this.render();
  }

  async toggle(kind: 'audio' | 'video'): Promise<void> {
    if (!this.media.on(kind) && !this.mayTurnOn(kind)) return this.happenings.forbidden(kind);
    await this.own.toggle(kind);
  }

  share(): void {
    if (!this.media.share.on && !this.mayTurnOn('desktop')) return this.happenings.forbidden('desktop');
    void this.own.share();
  }

  private mayTurnOn(kind: Muted): boolean {
    return this.conference?.moderation.may(kind) ?? true;
  }

  private output(device: string): void {
    this.sound.choose(device);
    chimeOn(device);
  }

  private onSoundBlocked(): void {
    this.notices.show({ key: 'sound', sign: 'speaker-off', tone: 'warn', text: t('sound.blocked'), stays: true, act: { label: t('sound.play'), run: () => this.sound.play() } });
  }

  private async copyLink(): Promise<void> {
    if (await copyText(roomAddress(this.room))) this.notices.show({ key: 'copied', sign: 'check', tone: 'good', text: t('copied') });
  }

  private listenToKeys(): Keys {
    const phaseIs = (...phases: Phase[]): boolean => phases.includes(this.phase);
    const digits = Array.from({ length: 9 }, (_, index) => String(index + 1));
    return new Keys({
      get inMeeting() { return phaseIs('meeting', 'reconnecting'); },
      get beforeMeeting() { return phaseIs('prejoin'); },
      keys: [
        { sign: 'M', on: ['m'], label: 'keys.mic', early: true, run: () => void this.toggle('audio') },
        { sign: 'V', on: ['v'], label: 'keys.cam', early: true, run: () => void this.toggle('video') },
        ...(this.media.share.available ? [{ sign: 'D', on: ['d'], label: 'keys.share', run: () => this.share() } as const] : []),
        { sign: 'R', on: ['r'], label: 'keys.hand', run: () => this.toggleHand() },
        { sign: 'C', on: ['c'], label: 'keys.chat', run: () => this.meeting?.panel('chat') },
        { sign: 'P', on: ['p'], label: 'keys.people', run: () => this.meeting?.panel('people') },
        { sign: 'F', on: ['f'], label: 'full.screen', run: () => this.meeting?.toggleFullScreen() },
        { sign: 'H', on: ['h'], label: 'keys.self', run: () => this.meeting?.toggleSelf() },
        { sign: 'A', on: ['a'], label: 'keys.connection', run: () => this.meeting?.showConnection() },
        { sign: 'W', on: ['w'], label: 'keys.layout', run: () => this.meeting?.hall.toggleLayout() },
        { sign: '1–9', on: digits, label: 'keys.pin', run: (key) => this.meeting?.hall.pinAt(Number(key)) },
      ],
      close: () => this.meeting?.panel(null),
      talk: (on) => (on && !this.mayTurnOn('audio') ? this.happenings.forbidden('audio') : void this.own.talkWhile(on)),
    });
  }

  // Drawing

  private render(): void {
    if (!this.meeting) return;
    const { people, conference, shownSelf } = this;
    const rank = handRank(people, shownSelf);
    const alone = people.length > 0 || this.phase !== 'meeting' || !conference?.joined ? null : t(conference.breakout.elsewhere ? 'alone.rooms' : this.news.hadCompany ? 'alone.left' : 'alone.title');
    this.meeting.update(faces(conference, people, shownSelf, rank), personLines(conference, people, shownSelf, rank), shownSelf.hand > 0, alone);
    this.sound.set(voices(conference));
    this.frame?.update();
    this.happenings.raised(people);
  }

  private get shownSelf(): Own {
    return { name: this.stay.name, hand: this.stay.hand, media: this.media };
  }

  private lines(): Person[] {
    return personLines(this.conference, this.people, this.shownSelf, handRank(this.people, this.shownSelf));
  }

  private onTalk(): void {
    this.own.listen();
    this.meeting?.hall.talk((face) => (face.mine ? this.media.level() * 0.3 : face.screen ? 0 : this.conference?.level(`${face.id}-a0`) ?? 0));
  }
}
