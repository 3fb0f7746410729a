// The meeting: lintel, notices, hall, panel, bar.

import type { ChatLog } from '../chatlog';
import type { Conference } from '../conference';
import { duration, t } from '../i18n';
import type { LocalMedia } from '../media';
import { roomTitle } from '../names';
import type { Pictures, View } from '../wanted';
import { RoomsPanel } from './breakout';
import { ChatPanel } from './chat';
import { DeviceFields } from './devices';
import { type ConnectionHost, showConnection } from './connection';
import { choose, showPanel } from './dialog';
import { showDoor } from './door';
import { h, icon, setAttribute, setText } from './dom';
import { Floating } from './floating';
import { invitation, roomAddress } from './invite';
import { say } from './live';
import { type MoreItem, showMore } from './more';
import { Notices } from './notices';
import { type PanelName, Panels } from './panel';
import { PeoplePanel, type Person } from './people';
import { PollsPanel } from './polls';
import { chooseReaction, Floaters } from './reactions';
import { RecordingsPanel } from './recordings';
import type { Layout } from './stage';
import { TalkPanel } from './talktime';
import { type Face, Hall } from './tiles';
import { ShareKey } from './sharekey';
import { ToggleKey } from './toggle';

export interface MeetingHost {
  readonly media: LocalMedia;
  readonly room: string;
  readonly log: ChatLog;
  /** The stay of now; none while the box is gone. */
  readonly conference: Conference | null;
  toggle(kind: 'audio' | 'video'): void;
  toggleHand(): void;
  share(): void;
  show(view: View): void;
  output(id: string): void;
  copyLink(): void;
  showKeys(): void;
  showSettings(): void;
  leave(): void;
}

export class Meeting {
  readonly element: HTMLElement;
  readonly hall: Hall;
  readonly notices = new Notices(t('meeting.notices'));
  private readonly chat: ChatPanel;
  private readonly people: PeoplePanel;
  private readonly polls: PollsPanel;
  private readonly rooms: RoomsPanel;
  private readonly talk: TalkPanel;
  private readonly recordings: RecordingsPanel;
  private readonly panels: Panels;
  private readonly floaters = new Floaters();
  private readonly mic: ToggleKey;
  private readonly camera: ToggleKey;
  private readonly hand: HTMLButtonElement;
  private readonly share: ShareKey;
  private readonly chatKey: HTMLButtonElement;
  private readonly moreKey: HTMLButtonElement;
  private readonly peopleKey: HTMLButtonElement;
  private readonly unread = h('span', { class: 'count', hidden: true });
  private readonly number = h('span', { class: 'num' });
  private readonly shares = h('span', { class: 'pill shares mid', hidden: true });
  private readonly layoutKeys: Record<Layout, HTMLButtonElement>;
  private readonly layoutKey: HTMLElement;
  private readonly floating: Floating;
  private screens: readonly Face[] = [];
  private listed: readonly Person[] = [];
  private readonly saving = h('span', { class: 'pill sharing', hidden: true, 'data-test': 'saving' });
  private readonly recorded = h('span', { class: 'pill rec', hidden: true, 'data-test': 'recorded' }, h('span', { class: 'dot' }), h('span', {}, t('record.on')));
  /** The person decided about pictures: nothing is changed by itself any more. */
  private chosePictures = false;
  /** What was said of our own line last. */
  private line = '';
  private readonly clock = h('span', { class: 'quiet small num wide', role: 'timer' });
  private readonly title: HTMLButtonElement;
  private readonly atDoor = h('span', { class: 'count wait', hidden: true });
  private readonly lock = h('span', { class: 'row tight quiet small' });
  private readonly room = h('span', { class: 'pill away', hidden: true, 'data-test': 'room-pill' });
  private readonly backKey: HTMLButtonElement;
  private missed = 0;
  private readonly invite: HTMLElement;
  private readonly inviteTitle = h('h2');

  constructor(private readonly host: MeetingHost) {
    this.hall = new Hall({
      show: (view) => host.show(view),
      changed: () => this.onLayout(),
      menu: (face) => this.tileMenu(face),
      everybody: () => this.panel('people'),
    });
    const { hall } = this;
    this.floating = new Floating({
      get first() { return hall.first; },
      get micOn() { return host.media.on('audio'); },
      toggleMic: () => host.toggle('audio'),
    });
    this.layoutKeys = { tiles: this.segment('tiles'), stage: this.segment('stage') };
    this.layoutKey = h('div', { class: 'seg mid', role: 'group', 'aria-label': t('layout') }, this.layoutKeys.tiles, this.layoutKeys.stage);
    this.onLayout();
    const panelHost = { get conference() { return host.conference; }, close: () => void this.panel(null) };
    this.chat = new ChatPanel({ get conference() { return host.conference; }, log: host.log, close: panelHost.close });
    this.people = new PeoplePanel({
      get conference() { return host.conference; },
      close: panelHost.close, copyLink: () => host.copyLink(), door: () => this.showDoor(),
      write: (id) => { this.panels.show('chat'); this.chat.writeTo(id); },
    });
    this.polls = new PollsPanel(panelHost);
    this.rooms = new RoomsPanel(panelHost);
    this.talk = new TalkPanel(panelHost);
    this.recordings = new RecordingsPanel(panelHost);
    this.panels = new Panels({ chat: this.chat, people: this.people, polls: this.polls, rooms: this.rooms, talk: this.talk, recordings: this.recordings }, (before) => this.onPanel(before));
    this.mic = new ToggleKey('audio', host.media, () => host.toggle('audio'));
    this.camera = new ToggleKey('video', host.media, () => host.toggle('video'));
    this.share = new ShareKey(host.media.share, () => host.share());
    this.hand = this.key('hand', t('bar.hand'), t('bar.hand.up'), () => host.toggleHand(), 'hand');
    this.peopleKey = this.key('people', t('bar.people'), t('bar.people.label'), () => this.panel('people'), 'people');
    this.peopleKey.classList.add('mid');
    this.peopleKey.append(this.atDoor);
    this.backKey = h('button', { type: 'button', class: 'btn slim', hidden: true, 'data-test': 'back-to-main', onclick: () => host.conference?.breakout.visit(host.conference.breakout.main) }, icon('back', { class: 'mirror' }), h('span', { class: 'wide' }, t('rooms.go.back')));
    this.chatKey = this.key('chat', t('bar.chat'), t('bar.chat.label'), () => this.panel('chat'), 'chat');
    this.chatKey.append(this.unread);
    this.moreKey = this.key('more', t('bar.more'), t('bar.more'), () => this.showMore(), 'more');
    this.title = h('button', { type: 'button', class: 'row tight roomname', 'aria-label': t('bar.people.label'), onclick: () => this.panel('people') },
      icon('mark', { class: 'is-good' }), h('h1', { class: 'cut' }, h('bdi', {}, roomTitle(host.room))));
    this.invite = h('section', { class: 'tile invite' }, invitation(host.room, this.inviteTitle, () => host.copyLink()));
    this.hall.element.append(this.floaters.element);
    this.element = this.build();
  }

  update(faces: readonly Face[], people: readonly Person[], handUp: boolean, alone: string | null): void {
    this.mic.update();
    this.camera.update();
    this.share.update();
    this.hand.classList.toggle('up', handUp);
    setAttribute(this.hand, 'aria-label', t(handUp ? 'bar.hand.down' : 'bar.hand.up'));
    this.listed = people;
    this.people.update(people);
    this.chat.people(people.filter((p) => !p.me));
    setText(this.number, String(people.length));
    if (alone) setText(this.inviteTitle, alone);
    this.hall.update(faces, alone ? this.invite : null);
    this.floating.update();
    this.showShares(faces.filter((f) => f.screen));
    this.layoutKey.hidden = people.length < 2 || alone !== null;
    this.element.dataset.count = String(people.length);
    this.showRoom();
  }

  /** Where we are, how it is locked, who waits; and the panels that show the same. */
  private showRoom(): void {
    const { conference } = this.host;
    this.polls.update();
    this.rooms.update();
    this.recordings.update();
    if (!conference) return;
    const { breakout, settings, lobby, recording } = conference;
    this.recorded.hidden = recording.state !== 'on' && !conference.export.on;
    this.room.hidden = this.backKey.hidden = !breakout.away;
    setText(this.room, breakout.away ? breakout.nameOf(conference.jid) : '');
    const waiting = conference.moderator ? lobby.waiting.size : 0;
    this.atDoor.hidden = waiting === 0;
    setText(this.atDoor, String(waiting));
    setAttribute(this.atDoor, 'aria-label', `${t('people.door')}: ${waiting}`);
    const signs = `${settings.locked}${settings.membersOnly}`;
    if (this.lock.dataset.signs === signs) return;
    this.lock.dataset.signs = signs;
    this.lock.replaceChildren(...(settings.locked ? [icon('lock', { label: t('room.locked') })] : []), ...(settings.membersOnly ? [icon('door', { label: t('room.door') })] : []));
  }

  /** Something of what the panels show has changed. */
  changed(people: readonly Person[]): void {
    this.people.update(people);
    this.chat.people(people.filter((p) => !p.me));
    this.showRoom();
  }

  float(name: string, reactions: readonly string[]): void {
    this.floaters.float(name, reactions);
  }

  /** What was written: shown if the chat is open; if not, what is `fresh` is counted. */
  messages(fresh: boolean): void {
    this.chat.update();
    this.missed = this.chatOpen ? 0 : this.missed + (fresh ? 1 : 0);
    this.unread.hidden = this.missed === 0;
    setText(this.unread, this.missed > 99 ? '99+' : String(this.missed));
    setAttribute(this.unread, 'aria-label', t('unread', { count: this.missed }));
  }

  get chatOpen(): boolean {
    return this.panels.current === 'chat';
  }

  get peopleOpen(): boolean {
    return this.panels.current === 'people';
  }

  get unreadCount(): number {
    return this.missed;
  }

  tick(seconds: number): void {
    setText(this.clock, duration(seconds));
    this.talk.tick();
  }

  /** Opens a panel, or closes it if it is open; null closes whatever is open and says whether something was. */
  panel(name: PanelName | null): boolean {
    return this.panels.toggle(name);
  }

  private onPanel(before: PanelName | null): void {
    const { current } = this.panels;
    if (current === 'chat') {
      this.notices.take('message');
      this.messages(false);
    } else if (!current && before) {
      const key = before === 'chat' ? this.chatKey : before === 'people' ? this.peopleKey : this.moreKey;
      (key.offsetParent ? key : this.title).focus();
    }
    for (const [name, key] of [['chat', this.chatKey], ['people', this.peopleKey]] as const) {
      key.classList.toggle('open', current === name);
      setAttribute(key, 'aria-expanded', String(current === name));
    }
  }

  dispose(): void {
    this.hall.dispose();
    this.floating.close();
  }

  private key(sign: string, word: string, label: string, run: () => void, test: string): HTMLButtonElement {
    return h('button', { type: 'button', class: 'ctl', 'aria-label': label, 'data-test': test, onclick: run }, h('i', {}, icon(sign)), word);
  }

  private build(): HTMLElement {
    const chooser = (label: string): HTMLElement => h('button', { type: 'button', class: 'more', 'aria-label': label, onclick: () => this.chooseDevices() }, icon('down'));
    const leave = h('button', { type: 'button', class: 'ctl leave', 'data-test': 'leave', onclick: () => this.host.leave() }, h('i', {}, icon('leave', { class: 'mirror' })), t('bar.leave'));
    const react = this.key('smile', t('bar.react'), t('bar.react'), () => this.react(), 'react');
    react.classList.add('react');
    for (const key of [react, this.moreKey]) key.setAttribute('aria-haspopup', 'dialog');
    return h('main', { class: 'meet' },
      h('a', { class: 'skip btn first', href: '#bar' }, t('meeting.skip')),
      h('header', { class: 'lintel' }, this.title, this.lock, this.clock, this.recorded, this.room, this.backKey, this.shares, h('div', { class: 'doing' }, this.share.pill, this.saving), h('span', { class: 'end' }), this.layoutKey,
        h('span', { class: 'pill num' }, icon('people', { label: t('bar.people') }), this.number),
        h('button', { type: 'button', class: 'btn slim', 'aria-label': t('meeting.invite.label'), 'data-test': 'invite', onclick: () => this.showInvitation() }, icon('link'), h('span', { class: 'wide' }, t('meeting.invite')))),
      this.hall.element,
      this.notices.element,
      this.chat.element, this.people.element, this.polls.element, this.rooms.element, this.talk.element, this.recordings.element,
      h('nav', { class: 'bar', id: 'bar', tabindex: -1, 'aria-label': t('meeting.controls') },
        h('div', { class: 'group' },
          h('span', { class: 'duo' }, this.mic.element, chooser(t('choose.mic'))),
          h('span', { class: 'duo' }, this.camera.element, chooser(t('choose.cam')))),
        h('div', { class: 'group' }, this.share.element, this.hand, react),
        h('div', { class: 'group' }, this.peopleKey, this.chatKey, this.moreKey),
        h('div', { class: 'group go' }, leave)));
  }

  private showMore(): void {
    const { hall: { stage: { layout } }, host } = this;
    showMore([
      ...(host.media.share.available ? [{ sign: 'share', label: host.media.share.on ? 'share.stop' : 'share.start', narrow: true, run: () => host.share() } as const] : []),
      ...(this.layoutKey.hidden ? [] : [{ sign: layout === 'tiles' ? 'stage' : 'tiles', label: layout === 'tiles' ? 'layout.stage' : 'layout.tiles', run: () => this.hall.toggleLayout() } as const]),
      ...(this.floating.available ? [{ sign: 'pip', label: this.floating.open ? 'pip.close' : 'pip', run: () => void this.floating.toggle() } as const] : []),
      ...(document.fullscreenEnabled ? [{ sign: 'full', label: document.fullscreenElement ? 'full.leave' : 'full.screen', run: () => this.toggleFullScreen() } as const] : []),
      { sign: 'people', label: 'bar.people', narrow: true, note: this.number.textContent ?? '', run: () => this.panel('people') },
      ...this.together(),
      { sign: 'link', label: 'meeting.invite.more', note: roomAddress(this.host.room).replace(/^https?:\/\//, ''), run: () => this.showInvitation() },
      { sign: 'sliders', label: 'bar.devices', run: () => this.chooseDevices() },
      { sign: 'ear', label: 'pictures', note: t(`pictures.${this.hall.pictures}`), run: () => this.choosePictures() },
      { sign: 'signal', label: 'connection', run: () => this.showConnection() },
      { sign: 'globe', label: 'settings', run: () => this.host.showSettings() },
      { sign: 'keys', label: 'bar.keys', run: () => this.host.showKeys() },
    ]);
  }

  /** What people can do together, as far as the box and our role allow it. */
  private together(): MoreItem[] {
    const { conference } = this.host;
    if (!conference) return [];
    const { polls, breakout, talkTime, moderator, recording } = conference;
    return [
      ...(recording.offered && !breakout.away ? [recording.state === 'off' ? { sign: 'record', label: 'record.start', run: () => this.askToRecord() } as const : { sign: 'stop', label: 'record.stop', test: 'record-stop', run: () => recording.stop() } as const] : []),
      ...(recording.offered && !breakout.away ? [{ sign: 'list', label: 'recordings', test: 'recordings', run: () => this.panels.show('recordings') } as const] : []),
      { sign: 'smile', label: 'bar.react', narrow: true, run: () => this.react() },
      ...(polls.supported ? [{ sign: 'poll', label: 'polls', run: () => this.panels.show('polls') } as const] : []),
      ...(breakout.supported && (moderator || breakout.others.length > 0) ? [{ sign: 'move', label: 'rooms', run: () => this.panels.show('rooms') } as const] : []),
      ...(moderator && !breakout.away ? [{ sign: 'lock', label: 'door.settings', run: () => this.showDoor() } as const] : []),
      ...(talkTime.supported ? [{ sign: 'clock', label: 'talk', run: () => this.panels.show('talk') } as const] : []),
    ];
  }

  private askToRecord(): void {
    const notice = this.host.conference?.recording.notice;
    choose(t('record.ask'), [h('p', {}, t('record.ask.told')), ...(notice ? [h('p', { dir: 'auto', 'data-test': 'record-notice' }, notice)] : [])], [
      { label: 'record.go', test: 'record-go', focus: true, run: () => this.host.conference?.recording.start() },
      { label: 'record.no' },
    ]);
  }

  private react(): void {
    chooseReaction((reaction) => this.host.conference?.reactions.send(reaction));
  }

  private showDoor(): void {
    if (this.host.conference) showDoor(this.host.conference);
  }

  chooseDevices(): void {
    const fields = new DeviceFields(this.host.media, (id) => this.host.output(id));
    fields.element.classList.add('open', 'inrows');
    showPanel(t('bar.devices'), fields.element);
    const watch = window.setInterval(() => {
      if (fields.element.isConnected) return fields.update();
      window.clearInterval(watch);
      fields.dispose();
    }, 500);
  }

  /** Somebody's connection got worse or better: of our own it is said, with what can be done. */
  onQuality(): void {
    const quality = this.host.conference?.quality;
    const line = quality?.busy ? 'busy' : quality?.low ? 'low' : '';
    if (line === this.line) return;
    this.line = line;
    this.notices.take('line');
    if (!line || this.hall.pictures === 'none') return;
    if (line === 'busy' && !this.chosePictures) this.hall.showPictures('small');
    this.showSaving();
    say(t(line));
    this.notices.show({ key: 'line', sign: line === 'busy' ? 'cpu' : 'signal', tone: 'warn', text: t(line), act: { label: t('pictures.none'), run: () => this.showPictures('none') } });
  }

  showConnection(id = ''): void {
    showConnection((): ConnectionHost => {
      const { conference } = this.host;
      return {
        people: this.listed, quality: conference?.quality ?? null,
        sourcesOf: (who) => [...(conference?.tracks.values() ?? [])].filter(({ source }) => source.owner === who).map(({ source }) => source),
      };
    }, id);
  }

  showPictures(pictures: Pictures): void {
    this.chosePictures = true;
    this.hall.showPictures(pictures);
    if (pictures === 'none' && this.host.media.on('video')) this.host.toggle('video');
    this.showSaving();
    say(t(`say.pictures.${pictures}`));
  }

  /** As long as not all pictures are shown it is said, with the way back. */
  private showSaving(): void {
    const { pictures } = this.hall;
    this.saving.hidden = pictures === 'all';
    if (pictures !== 'all') {
      this.saving.replaceChildren(icon(pictures === 'none' ? 'ear' : 'signal'), h('span', { class: 'cut' }, t(`pictures.${pictures}`)),
        h('button', { type: 'button', class: 'btn slim', 'data-test': 'pictures-back', onclick: () => this.showPictures('all') }, t('pictures.back')));
    }
  }

  private choosePictures(): void {
    showMore((['all', 'small', 'none'] as const).map((pictures) => ({
      sign: this.hall.pictures === pictures ? 'check' : pictures === 'none' ? 'ear' : pictures === 'small' ? 'signal' : 'tiles',
      label: `pictures.${pictures}` as const, hint: t(`pictures.${pictures}.note`), test: `pictures-${pictures}`, run: () => this.showPictures(pictures),
    })), t('pictures'));
  }

  /** All of the meeting, without the browser around it. */
  toggleFullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void document.documentElement.requestFullscreen?.().catch(() => undefined);
  }

  toggleSelf(): void {
    this.hall.toggleSelf();
    say(t(this.hall.selfHidden ? 'say.self.off' : 'say.self.on'));
  }

  private segment(layout: Layout): HTMLButtonElement {
    return h('button', { type: 'button', 'data-test': `layout-${layout}`, onclick: () => this.hall.choose(layout) }, icon(layout), t(`layout.${layout}`));
  }

  private onLayout(): void {
    this.floating.update();
    for (const layout of ['tiles', 'stage'] as const) setAttribute(this.layoutKeys[layout], 'aria-pressed', String(this.hall.stage.layout === layout));
  }

  /** Says who shares a screen, when it begins and as long as it goes on. */
  private showShares(screens: readonly Face[]): void {
    for (const { id, name } of screens) {
      if (!this.screens.some((s) => s.id === id)) say(t('say.shares', { name }));
    }
    for (const { id, name } of this.screens) {
      if (screens.some((s) => s.id === id)) continue;
      say(t('share.ended', { name }));
      this.notices.show({ key: 'share-ended', sign: 'share', text: t('share.ended', { name }) });
    }
    const [one] = screens;
    const text = screens.length > 1 ? t('shares.several', { count: screens.length }) : one ? t('shares', { name: one.name }) : '';
    this.shares.hidden = !one;
    if (this.shares.lastChild?.textContent !== text) this.shares.replaceChildren(icon('share'), h('span', { class: 'cut' }, text));
    this.screens = screens;
  }

  /** What can be done with a tile. */
  private tileMenu(face: Face): void {
    const items: MoreItem[] = [{ sign: 'pin', label: this.hall.pinned(face.id) ? 'tile.unpin' : 'tile.pin', run: () => this.hall.pin(face.id) }];
    const tile = this.hall.tile(face.id);
    if (tile && document.fullscreenEnabled) items.push({ sign: 'full', label: 'full.screen', run: () => this.hall.full(tile) });
    if (!face.screen) items.push({ sign: 'signal', label: 'connection', run: () => this.showConnection(face.id) });
    showMore(items, face.mine ? t('meeting.you') : face.screen ? t('meeting.screen', { name: face.name }) : face.name);
  }

  private showInvitation(): void {
    showPanel(t('meeting.invite'), invitation(this.host.room, null, () => this.host.copyLink()));
  }
}
