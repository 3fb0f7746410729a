// The page as a whole: which view is shown, how a stay begins, breaks and begins again.

import { type ChatMessage, Conference, type End, type Local, type MediaState, type Participant } from './conference';
import { type Branding, fetchConfig } from './config';
import { t } from './i18n';
import { type Device, LocalMedia, type Problem } from './media';
import { roomNode, roomTitle } from './names';
import { recall, recentRooms, remember, rememberRoom } from './storage';
import { applyTheme, brandWith, switchTheme } from './theme';
import { ask, closeDialog } from './ui/dialog';
import { h, icon, setText } from './ui/dom';
import { copyText, roomAddress } from './ui/invite';
import { Keys } from './ui/keys';
import { brandLink, landing } from './ui/landing';
import { Meeting } from './ui/meeting';
import type { Person } from './ui/people';
import { Prejoin } from './ui/prejoin';
import { problemText } from './ui/problems';
import { Sound } from './ui/sound';
import { type State, stateCard, statePage } from './ui/state';
import type { Face } from './ui/tiles';
import { VoiceWatch } from './voice';

export type Phase = 'landing' | 'prejoin' | 'joining' | 'meeting' | 'reconnecting' | 'left' | 'removed' | 'ended' | 'refused';

/** Seconds before each further try to reach the box; the last one is repeated. */
const RETRY_S = [1, 2, 4, 8, 15] as const;
const RESTART_S = 4;
const TALK_EVERY_MS = 150;
/** From so many people on nobody is told any more who comes and goes. */
const CROWD = 12;
const CAME_TOGETHER_MS = 3_000;

export class App {
  phase: Phase = 'landing';
  readonly messages: ChatMessage[] = [];
  conference: Conference | null = null;
  private readonly media: LocalMedia;
  private readonly sound = new Sound(() => this.onSoundBlocked());
  private readonly voice = new VoiceWatch();
  private prejoin: Prejoin | null = null;
  private meeting: Meeting | null = null;
  private name = recall('name');
  private password = '';
  private handUp = 0;
  private heldOn = false;
  private since = 0;
  private lostAt = 0;
  private tries = 0;
  private retryAt = 0;
  private restarting = false;
  private ticker = 0;
  private talker = 0;
  private came: string[] = [];
  private hadCompany = false;
  private cameTimer = 0;
  private readonly polite = h('div', { class: 'vh', role: 'status' });
  private readonly urgent = h('div', { class: 'vh', role: 'alert' });
  private readonly root = h('div', { id: 'view' });

  constructor(readonly room: string, private readonly branding: Branding) {
    this.media = new LocalMedia(() => this.onMedia());
    this.media.onUnplugged = (kind, label) => this.onUnplugged(kind, label);
    for (const kind of ['audio', 'video', 'output'] as const) this.media.chosen[kind] = recall(`device.${kind}`);
    brandWith(branding);
    document.getElementById('view')?.replaceWith(this.root);
    document.body.append(this.polite, this.urgent);
    this.listenToKeys();
    window.addEventListener('online', () => this.onNetwork(true));
    window.addEventListener('offline', () => this.onNetwork(false));
    window.addEventListener('pagehide', () => this.conference?.leave());
    window.addEventListener('pageshow', (event) => event.persisted && location.reload());
  }

  start(): void {
    if (!('RTCPeerConnection' in window)) return this.page('refused', { sign: 'warn', tone: 'warn', title: t('unsupported.title'), text: t('unsupported') });
    if (this.room) this.showPrejoin();
    else this.showLanding();
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
      go: (room) => location.assign(`/${encodeURIComponent(room)}`),
    }));
  }

  private showPrejoin(): void {
    const prejoin = new Prejoin({
      brand: this.brand(), media: this.media, room: this.room, name: this.name,
      join: (name) => void this.join(name),
      listen: (name) => {
        void this.media.set('audio', false);
        void this.media.set('video', false);
        void this.join(name);
      },
    });
    this.view('prejoin', prejoin.element);
    this.prejoin = prejoin;
    document.title = `${roomTitle(this.room)} – ${this.boxName}`;
    prejoin.focus();
    if (!this.media.on('audio') && !this.media.on('video')) void this.media.start();
  }

  private showMeeting(): void {
    const meeting = new Meeting({
      media: this.media, room: this.room, messages: this.messages,
      toggle: (kind) => void this.toggle(kind),
      toggleHand: () => this.toggleHand(),
      send: (text, to) => this.conference?.messages.write(text, to),
      show: (shown) => this.conference?.show(shown),
      output: (id) => this.sound.choose(id),
      copyLink: () => void this.copyLink(),
      switchTheme: () => switchTheme(true),
      leave: () => this.leave(),
      people: {
        muteMic: (id) => void this.conference?.moderation.mute(id, 'audio'),
        stopCamera: (id) => void this.conference?.moderation.mute(id, 'video'),
        remove: (person) => ask(t('people.remove.title', { name: person.name }), 'people.remove.yes', 'people.remove.no',
          () => void this.conference?.moderation.remove(person.id, '')),
      },
    });
    this.view('meeting', meeting.element);
    this.meeting = meeting;
    this.since = Date.now();
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
  }

  private get boxName(): string {
    return this.branding.name || 'Moothall';
  }

  private brand(): HTMLElement {
    return brandLink(this.boxName, this.branding.logo ?? '');
  }

  // A stay

  private async join(name: string): Promise<void> {
    this.name = name;
    remember('name', name);
    rememberRoom(this.room);
    this.tries = 0;
    this.phase = 'joining';
    this.prejoin?.busy(true);
    await this.enter();
  }

  private async enter(): Promise<void> {
    const known = await fetchConfig();
    if (!known) return this.onEnd(null, { why: 'lost' });
    const conference: Conference = new Conference(known, roomNode(this.room), this.local(), {
      onJoined: () => this.conference === conference && this.onJoined(),
      onPeople: (came, left) => this.onPeople(came, left),
      onTracks: () => this.render(),
      onSpeaker: () => this.meeting?.hall.speaker(conference.speaker),
      onChat: (message) => this.onChat(message),
      onMuted: (kind, by) => void this.onMuted(kind, by),
      onMedia: (state) => this.conference === conference && this.onMediaState(state),
      onEnd: (end) => this.conference === conference && this.onEnd(conference, end),
    });
    this.conference = conference;
    await conference.enter();
  }

  private local(): Local {
    return { name: this.name, password: this.password, hand: this.handUp, audio: this.media.track('audio'), video: this.media.track('video') };
  }

  private onJoined(): void {
    const back = this.lostAt > 0;
    if (this.meeting) this.phase = 'meeting';
    else this.showMeeting();
    this.tries = 0;
    this.retryAt = 0;
    this.meeting?.hall.cover(null);
    void this.conference?.update(this.local());
    if (back) this.welcomeBack();
    this.render();
  }

  private welcomeBack(): void {
    const count = Math.max(1, Math.round((Date.now() - this.lostAt) / 1000));
    const micOn = this.media.on('audio');
    this.lostAt = 0;
    this.say(t('say.back'));
    this.meeting?.notices.show({
      key: 'back', sign: 'good', tone: 'good',
      text: `${t('back.title')}. ${t('back', { count })} ${t(micOn ? 'back.mic.on' : 'back.mic.off')}`,
      ...(micOn ? {} : { act: { label: t('back.turn.on'), run: () => void this.toggle('audio') } }),
    });
  }

  private leave(): void {
    const conference = this.conference;
    const minutes = Math.floor((Date.now() - this.since) / 60_000);
    this.finishStay();
    conference?.leave();
    this.page('left', {
      sign: 'leave', title: t('left.title', { room: roomTitle(this.room) }),
      text: minutes > 0 ? t('left', { count: minutes }) : t('left.short'),
      acts: [{ label: 'again', run: () => this.showPrejoin(), test: 'again' }, { label: 'start', run: () => location.assign('/') }],
    });
  }

  private finishStay(): void {
    this.conference = null;
    this.handUp = this.lostAt = this.retryAt = 0;
    this.hadCompany = false;
    this.sound.set(new Map());
    this.media.stop();
  }

  private onEnd(conference: Conference | null, end: End): void {
    this.sound.set(new Map());
    if (end.why === 'lost' || end.why === 'restarting') return this.onLost(end.why === 'restarting');
    if (this.conference === conference) this.conference = null;
    if (end.why === 'left') return;
    const again = { label: 'try.again', run: () => this.showPrejoin() } as const;
    const start = { label: 'start', run: () => location.assign('/') } as const;
    if (end.why === 'password') return this.askPassword(end.wrong);
    this.finishStay();
    switch (end.why) {
      case 'removed':
        this.alarm(t('say.removed'));
        return this.page('removed', { sign: 'person-out', tone: 'bad', title: t('removed.title'), text: (end.by ? t('removed.by', { name: end.by }) : t('removed')) + (end.reason ? ` “${end.reason}”` : ''), acts: [start] });
      case 'ended':
        return this.page('ended', { sign: 'leave', title: t('ended.title'), text: t('ended'), acts: [start, again] });
      case 'full':
        return this.page('refused', { sign: 'people', title: t('full.title'), text: t('full'), acts: [again, start] });
      case 'door':
        return this.page('refused', { sign: 'door', title: t('door.title'), text: t('door'), acts: [again, start] });
      case 'refused':
        return this.page('refused', { sign: 'warn', tone: 'warn', title: t('refused.title'), text: t('refused'), acts: [again, start] });
    }
  }

  private askPassword(wrong: boolean): void {
    const input = h('input', { type: 'password', autocomplete: 'current-password', 'aria-invalid': wrong ? 'true' : null, 'data-test': 'password' });
    const form = h('form', { class: 'stack', onsubmit: (event: Event) => {
      event.preventDefault();
      this.password = input.value;
      void this.enter();
    } }, h('label', { class: 'field' }, t('password.label'), h('span', { class: `input ${wrong ? 'bad' : ''}` }, input)), h('button', { class: 'btn first' }, t('password.go')));
    this.page('joining', { sign: 'lock', title: t('password.title'), text: t(wrong ? 'password.wrong' : 'password'), extra: form });
    input.focus();
  }

  // Losing the box and finding it again

  private onLost(restarting: boolean): void {
    const first = this.lostAt === 0;
    if (first) this.lostAt = Date.now();
    this.conference = null;
    this.phase = 'reconnecting';
    this.restarting = restarting || (this.restarting && !first);
    if (first && this.meeting) this.alarm(t('say.lost'));
    this.retryAt = Date.now() + 1000 * (restarting ? RESTART_S : RETRY_S[Math.min(this.tries, RETRY_S.length - 1)] ?? 15);
    this.tries++;
    if (!this.meeting) return this.showUnreachable();
    this.render();
    this.onTick();
  }

  /** The box did not answer when we wanted to go in. */
  private showUnreachable(): void {
    this.page('reconnecting', { sign: 'net', tone: 'warn', title: t('gone.title'), text: this.retryText(), acts: [{ label: 'gone.try', run: () => this.retry() }, { label: 'start', run: () => location.assign('/') }] });
    this.ticker = window.setInterval(() => {
      const text = this.root.querySelector('.state p');
      if (text) setText(text, this.retryText());
      if (this.retryAt && Date.now() >= this.retryAt) this.retry();
    }, 500);
  }

  private retryText(): string {
    const seconds = Math.ceil((this.retryAt - Date.now()) / 1000);
    const key = this.restarting ? 'restart' : this.meeting ? 'gone' : 'unreached';
    return this.retryAt && seconds > 0 ? t(key, { seconds }) : t(`${key}.now`);
  }

  private retry(): void {
    if (this.conference) return;
    this.retryAt = 0;
    void this.enter();
  }

  private onTick(): void {
    this.meeting?.tick(Math.floor((Date.now() - this.since) / 1000));
    if (this.phase !== 'reconnecting' || !this.meeting) return;
    if (this.retryAt && Date.now() >= this.retryAt && navigator.onLine) this.retry();
    const leave = { label: 'bar.leave', run: () => this.leave() } as const;
    if (!navigator.onLine) return this.cover('offline', { sign: 'net-off', tone: 'warn', title: t('offline.title'), text: t('offline'), acts: [] });
    const retry = { label: 'gone.try', run: () => this.retry() } as const;
    const key = this.restarting ? 'restart' : 'gone';
    this.cover(key, { sign: 'net', tone: 'warn', title: t(`${key}.title`), text: this.retryText(), acts: [retry, leave] });
  }

  /** Puts a state over the hall; a state that is already there only gets its new text, so that focus stays. */
  private cover(key: string, state: State): void {
    const there = this.meeting?.hall.element.querySelector<HTMLElement>('.hallstate .state');
    const text = there?.dataset.key === key ? there.querySelector('p') : null;
    if (text) return setText(text, state.text);
    const card = stateCard(state);
    card.dataset.key = key;
    card.dataset.test = `state-${key}`;
    this.meeting?.hall.cover(card);
  }

  private onNetwork(online: boolean): void {
    if (!this.meeting) return;
    if (!online) {
      if (this.phase === 'meeting') this.meeting.notices.show({ key: 'network', sign: 'net-off', tone: 'warn', text: `${t('offline.title')}. ${t('offline')}`, stays: true });
      return this.onTick();
    }
    this.meeting.notices.take('network');
    if (this.phase === 'reconnecting') return this.retry();
    this.meeting.notices.show({ key: 'network', sign: 'net', text: t('network.changed') });
    this.conference?.probe();
  }

  private onMediaState(state: MediaState): void {
    if (!this.meeting || this.phase !== 'meeting') return;
    if (state === 'failed') {
      this.meeting.notices.take('network');
      return this.cover('udp', {
        sign: 'net-off', tone: 'bad', title: t('udp.title'), text: t('udp'),
        acts: [{ label: 'udp.test', run: () => { this.meeting?.hall.cover(null); this.conference?.restartMedia(); } }],
      });
    }
    if (state === 'connected') {
      this.meeting.notices.take('network');
      this.meeting.hall.cover(null);
    }
    if (state === 'lost') this.meeting.notices.show({ key: 'network', sign: 'net', tone: 'warn', text: t('network.changed') });
  }

  // What changes in a meeting

  private onMedia(): void {
    for (const kind of ['audio', 'video', 'output'] as const) remember(`device.${kind}`, this.media.chosen[kind]);
    this.prejoin?.update();
    if (this.conference) void this.conference.update(this.local());
    this.render();
  }

  private async toggle(kind: Device): Promise<void> {
    await this.media.toggle(kind);
    this.meeting?.notices.take(`muted-${kind}`);
    const name = kind === 'audio' ? 'mic' : 'cam';
    const problem = this.media.problems[kind];
    if (problem) return this.showProblem(kind, problem);
    if (this.media.waits(kind)) return;
    this.say(t(`say.${name}.${this.media.on(kind) ? 'on' : 'off'}`));
  }

  private showProblem(kind: Device, problem: Problem): void {
    if (problem === 'insecure') return this.meeting?.notices.show({ key: `problem-${kind}`, sign: 'shield', tone: 'warn', text: t('insecure.title') });
    this.meeting?.notices.show({
      key: `problem-${kind}`, sign: kind === 'audio' ? 'mic-off' : 'cam-off', tone: 'warn', text: problemText(kind, problem),
      ...(problem === 'missing' ? {} : { act: { label: t('try.again'), run: () => void this.toggle(kind) } }),
    });
  }

  private onUnplugged(kind: Device, replacement: string): void {
    const problem = this.media.problems[kind];
    if (!replacement) return problem && this.showProblem(kind, problem);
    const text = t(`device.gone.${kind}`, { name: replacement });
    this.say(text);
    this.meeting?.notices.show({ key: 'replaced', sign: 'usb', text, act: { label: t('device.other'), run: () => this.meeting?.chooseDevices() } });
  }

  /** What the loudness at the microphone tells: that somebody talks to nobody. */
  private listenToVoice(): void {
    switch (this.voice.hear(this.media.heard(), this.media.on('audio'), performance.now())) {
      case 'muted-talk':
        this.say(t('voice.muted'));
        return this.meeting?.notices.show({ key: 'muted-audio', sign: 'mic-off', tone: 'warn', text: t('voice.muted'), act: { label: t('turn.on'), run: () => void this.toggle('audio') } });
      case 'silence':
        this.say(t('voice.silence'));
        return this.meeting?.notices.show({ key: 'silence', sign: 'mic', tone: 'warn', text: t('voice.silence'), act: { label: t('voice.choose'), run: () => this.meeting?.chooseDevices() } });
    }
  }

  /** Space is held down: the microphone is on as long, unless it was on before. */
  private async talkWhile(held: boolean): Promise<void> {
    if (held ? this.media.on('audio') : !this.heldOn) return;
    this.heldOn = held;
    await this.media.set('audio', held);
    this.meeting?.notices.take('muted-audio');
  }

  private toggleHand(): void {
    this.handUp = this.handUp ? 0 : Date.now();
    void this.conference?.update(this.local());
    this.render();
  }

  private async onMuted(kind: Device, by: string): Promise<void> {
    await this.media.set(kind, false);
    const name = kind === 'audio' ? 'mic' : 'cam';
    const text = by ? t(`muted.${name}`, { name: by }) : t(`muted.${name}.nobody`);
    this.alarm(text);
    this.meeting?.notices.show({ key: `muted-${kind}`, sign: `${name}-off`, text, act: { label: t('turn.on'), run: () => void this.toggle(kind) } });
  }

  private onPeople(came: Participant | null, left: Participant | null): void {
    const quiet = this.people.length >= CROWD || !this.conference?.joined;
    if (came) this.hadCompany = true;
    if (came && !quiet) this.announce(this.nameOf(came));
    if (left && !quiet) this.say(t('say.left', { name: this.nameOf(left) }));
    if (left) this.meeting?.notices.take('came');
    if (came) this.meeting?.notices.take('empty');
    if (left && this.people.length === 0) this.meeting?.notices.show({ key: 'empty', sign: 'person', text: t('alone.left') });
    this.render();
  }

  /** Who comes within three seconds is told of together. */
  private announce(name: string): void {
    this.came.push(name);
    window.clearTimeout(this.cameTimer);
    this.cameTimer = window.setTimeout(() => {
      const [first = '', ...more] = this.came.splice(0);
      const text = more.length ? t('toast.came.more', { name: first, count: more.length }) : t('toast.came', { name: first });
      this.meeting?.notices.show({ key: 'came', sign: 'person-in', tone: 'good', text });
      this.say(`${text}.`);
    }, this.came.length > 1 ? CAME_TOGETHER_MS : 400);
  }

  private onChat(message: ChatMessage): void {
    this.messages.push(message);
    this.meeting?.messages();
    if (!message.mine && !this.meeting?.chatOpen) {
      const text = t('say.message', { name: message.name || t('meeting.someone') });
      this.say(text);
      this.meeting?.notices.show({ key: 'message', sign: 'chat', text });
    }
  }

  private onSoundBlocked(): void {
    this.meeting?.notices.show({ key: 'sound', sign: 'speaker-off', tone: 'warn', text: t('sound.blocked'), stays: true, act: { label: t('sound.play'), run: () => this.sound.play() } });
  }

  private async copyLink(): Promise<void> {
    if (await copyText(roomAddress(this.room))) this.meeting?.notices.show({ key: 'copied', sign: 'check', tone: 'good', text: t('copied') });
  }

  private nameOf(person: Participant): string {
    return person.name || t('meeting.someone');
  }

  private say(text: string): void {
    this.polite.textContent = text;
  }

  private alarm(text: string): void {
    this.urgent.textContent = text;
  }

  private listenToKeys(): void {
    const phaseIs = (...phases: Phase[]): boolean => phases.includes(this.phase);
    new Keys({
      get inMeeting() { return phaseIs('meeting', 'reconnecting'); },
      get beforeMeeting() { return phaseIs('prejoin'); },
      toggle: (kind) => void this.toggle(kind),
      toggleHand: () => this.toggleHand(),
      panel: (name) => this.meeting?.panel(name),
      talk: (on) => void this.talkWhile(on),
    });
  }

  // Drawing

  private render(): void {
    if (!this.meeting) return;
    const people = this.people;
    const hands = [...people.filter((p) => p.hand).map((p) => ({ id: p.id, at: p.hand })), ...(this.handUp ? [{ id: 'me', at: this.handUp }] : [])].sort((a, b) => a.at - b.at);
    const rank = (id: string): number => hands.findIndex((hand) => hand.id === id) + 1;
    const listed: Person[] = [
      { id: 'me', name: this.name, me: true, moderator: this.conference?.moderator ?? false, audioMuted: !this.media.on('audio'), videoMuted: !this.media.on('video'), hand: rank('me') },
      ...people.map((p) => ({ id: p.id, name: this.nameOf(p), me: false, moderator: p.moderator, audioMuted: p.audioMuted, videoMuted: p.videoMuted, hand: rank(p.id) })),
    ];
    const alone = people.length > 0 || this.phase !== 'meeting' ? null : t(this.hadCompany ? 'alone.left' : 'alone.title');
    this.meeting.update(this.faces(people, rank), listed, this.conference?.moderator ?? false, this.handUp > 0, alone);
    this.sound.set(new Map([...(this.conference?.tracks ?? [])].filter(([, { source }]) => source.kind === 'audio').map(([name, { track }]) => [name, track])));
  }

  private faces(people: readonly Participant[], rank: (id: string) => number): Face[] {
    const faces = people.flatMap((p): Face[] => {
      const videos = [...(this.conference?.tracks.values() ?? [])].filter(({ source }) => source.owner === p.id && source.kind === 'video');
      const isScreen = (name: string, desktop: boolean): boolean => p.sources.get(name)?.desktop ?? desktop;
      const camera = videos.find(({ source }) => !isScreen(source.name, source.desktop));
      const screens = videos.filter(({ source }) => isScreen(source.name, source.desktop) && p.sources.get(source.name)?.muted !== true);
      const common = { name: this.nameOf(p), mine: false, micOff: p.audioMuted };
      return [
        ...screens.map(({ source, track }) => ({ ...common, id: source.name, source: source.name, screen: true, hand: 0, track })),
        { ...common, id: p.id, source: p.videoMuted ? '' : camera?.source.name ?? '', screen: false, hand: rank(p.id), track: p.videoMuted ? null : camera?.track ?? null },
      ];
    });
    const me: Face = { id: 'me', source: '', name: this.name, mine: true, screen: false, micOff: !this.media.on('audio'), hand: rank('me'), track: this.media.track('video') };
    return [...faces, me];
  }

  private onTalk(): void {
    this.listenToVoice();
    this.meeting?.hall.talk((face) => (face.mine ? this.media.level() * 0.3 : face.screen ? 0 : this.conference?.level(`${face.id}-a0`) ?? 0));
  }
}
