// The meeting: lintel, notices, hall, panel, bar.

import type { ChatMessage } from '../conference';
import { t } from '../i18n';
import type { LocalMedia } from '../media';
import { roomTitle } from '../names';
import type { Shown } from '../wanted';
import { ChatPanel } from './chat';
import { DeviceFields } from './devices';
import { showPanel } from './dialog';
import { h, icon, setAttribute, setText } from './dom';
import { invitation, roomAddress } from './invite';
import { say } from './live';
import { type MoreItem, showMore } from './more';
import { Notices } from './notices';
import { PeoplePanel, type Person, type PeopleHost } from './people';
import type { Layout } from './stage';
import { type Face, Hall } from './tiles';
import { ShareKey } from './sharekey';
import { ToggleKey } from './toggle';

export interface MeetingHost {
  readonly media: LocalMedia;
  readonly room: string;
  readonly messages: readonly ChatMessage[];
  toggle(kind: 'audio' | 'video'): void;
  toggleHand(): void;
  share(): void;
  send(text: string, to: string): void;
  show(shown: readonly Shown[]): void;
  output(id: string): void;
  copyLink(): void;
  showKeys(): void;
  showSettings(): void;
  leave(): void;
  readonly people: Omit<PeopleHost, 'write' | 'close' | 'copyLink'>;
}

type PanelName = 'chat' | 'people';

export class Meeting {
  readonly element: HTMLElement;
  readonly hall: Hall;
  readonly notices = new Notices(t('meeting.notices'));
  private readonly chat: ChatPanel;
  private readonly people: PeoplePanel;
  private readonly mic: ToggleKey;
  private readonly camera: ToggleKey;
  private readonly hand: HTMLButtonElement;
  private readonly share: ShareKey;
  private readonly chatKey: HTMLButtonElement;
  private readonly peopleKey: HTMLButtonElement;
  private readonly unread = h('span', { class: 'count', hidden: true });
  private readonly number = h('span', { class: 'num' });
  private readonly shares = h('span', { class: 'pill shares mid', hidden: true });
  private readonly layoutKeys: Record<Layout, HTMLButtonElement>;
  private readonly layoutKey: HTMLElement;
  private screens: readonly Face[] = [];
  private readonly clock = h('span', { class: 'quiet small num wide', role: 'timer' });
  private readonly title: HTMLButtonElement;
  private open: PanelName | null = null;
  private seen = 0;
  private readonly invite: HTMLElement;
  private readonly inviteTitle = h('h2');

  constructor(private readonly host: MeetingHost) {
    this.hall = new Hall({
      show: (shown) => host.show(shown),
      changed: () => this.onLayout(),
      menu: (face) => this.tileMenu(face),
      everybody: () => this.panel('people'),
    });
    this.layoutKeys = { tiles: this.segment('tiles'), stage: this.segment('stage') };
    this.layoutKey = h('div', { class: 'seg mid', role: 'group', 'aria-label': t('layout') }, this.layoutKeys.tiles, this.layoutKeys.stage);
    this.onLayout();
    this.chat = new ChatPanel(host.messages, (text, to) => host.send(text, to), () => this.panel(null));
    this.people = new PeoplePanel({ ...host.people, copyLink: () => host.copyLink(), close: () => this.panel(null), write: (id) => { this.panel('chat'); this.chat.writeTo(id); } });
    this.mic = new ToggleKey('audio', host.media, () => host.toggle('audio'));
    this.camera = new ToggleKey('video', host.media, () => host.toggle('video'));
    this.share = new ShareKey(host.media.share, () => host.share());
    this.hand = this.key('hand', t('bar.hand'), t('bar.hand.up'), () => host.toggleHand(), 'hand');
    this.peopleKey = this.key('people', t('bar.people'), t('bar.people.label'), () => this.panel('people'), 'people');
    this.peopleKey.classList.add('mid');
    this.chatKey = this.key('chat', t('bar.chat'), t('bar.chat.label'), () => this.panel('chat'), 'chat');
    this.chatKey.append(this.unread);
    this.title = h('button', { type: 'button', class: 'row tight roomname', 'aria-label': t('bar.people.label'), onclick: () => this.panel('people') },
      icon('mark', { class: 'is-good' }), h('h1', { class: 'cut' }, h('bdi', {}, roomTitle(host.room))));
    this.invite = h('section', { class: 'tile invite' }, invitation(host.room, this.inviteTitle, () => host.copyLink()));
    this.element = this.build();
    this.seen = host.messages.length;
  }

  update(faces: readonly Face[], people: readonly Person[], moderator: boolean, handUp: boolean, alone: string | null): void {
    this.mic.update();
    this.camera.update();
    this.share.update();
    this.hand.classList.toggle('up', handUp);
    setAttribute(this.hand, 'aria-label', t(handUp ? 'bar.hand.down' : 'bar.hand.up'));
    this.people.update(people, moderator);
    this.chat.people(people.filter((p) => !p.me));
    setText(this.number, String(people.length));
    if (alone) setText(this.inviteTitle, alone);
    this.hall.update(faces, alone ? this.invite : null);
    this.showShares(faces.filter((f) => f.screen));
    this.layoutKey.hidden = people.length < 2 || alone !== null;
    this.element.dataset.count = String(people.length);
  }

  /** New messages: shown if the chat is open, counted if not. */
  messages(): void {
    this.chat.update();
    if (this.open === 'chat') this.seen = this.host.messages.length;
    const count = this.host.messages.length - this.seen;
    this.unread.hidden = count === 0;
    setText(this.unread, String(count));
    setAttribute(this.unread, 'aria-label', t('unread', { count }));
  }

  get chatOpen(): boolean {
    return this.open === 'chat';
  }

  tick(seconds: number): void {
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    const two = (n: number): string => String(n).padStart(2, '0');
    setText(this.clock, hours ? `${hours}:${two(minutes % 60)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`);
  }

  /** Opens a panel, or closes it if it is open; null closes whatever is open and says whether something was. */
  panel(name: PanelName | null): boolean {
    const before = this.open;
    if (before === 'chat') this.chat.close();
    if (before === 'people') this.people.close();
    this.open = name === before ? null : name;
    if (this.open === 'chat') {
      this.notices.take('message');
      this.messages();
      this.chat.open();
    } else if (this.open === 'people') {
      this.people.open();
    } else if (before) {
      (before === 'chat' ? this.chatKey : this.peopleKey.offsetParent ? this.peopleKey : this.title).focus();
    }
    this.chatKey.classList.toggle('open', this.open === 'chat');
    this.peopleKey.classList.toggle('open', this.open === 'people');
    setAttribute(this.chatKey, 'aria-expanded', String(this.open === 'chat'));
    setAttribute(this.peopleKey, 'aria-expanded', String(this.open === 'people'));
    return before !== null;
  }

  dispose(): void {
    this.hall.dispose();
  }

  private key(sign: string, word: string, label: string, run: () => void, test: string): HTMLButtonElement {
    return h('button', { type: 'button', class: 'ctl', 'aria-label': label, 'data-test': test, onclick: run }, h('i', {}, icon(sign)), word);
  }

  private build(): HTMLElement {
    const chooser = (label: string): HTMLElement => h('button', { type: 'button', class: 'more', 'aria-label': label, onclick: () => this.chooseDevices() }, icon('down'));
    const leave = h('button', { type: 'button', class: 'ctl leave', 'data-test': 'leave', onclick: () => this.host.leave() }, h('i', {}, icon('leave', { class: 'mirror' })), t('bar.leave'));
    const more = this.key('more', t('bar.more'), t('bar.more'), () => this.showMore(), 'more');
    more.setAttribute('aria-haspopup', 'dialog');
    return h('main', { class: 'meet' },
      h('a', { class: 'skip btn first', href: '#bar' }, t('meeting.skip')),
      h('header', { class: 'lintel' }, this.title, this.clock, this.shares, this.share.pill, h('span', { class: 'end' }), this.layoutKey,
        h('span', { class: 'pill num' }, icon('people', { label: t('bar.people') }), this.number),
        h('button', { type: 'button', class: 'btn slim', 'aria-label': t('meeting.invite.label'), 'data-test': 'invite', onclick: () => this.showInvitation() }, icon('link'), h('span', { class: 'wide' }, t('meeting.invite')))),
      this.hall.element,
      this.notices.element,
      this.chat.element, this.people.element,
      h('nav', { class: 'bar', id: 'bar', tabindex: -1, 'aria-label': t('meeting.controls') },
        h('div', { class: 'group' },
          h('span', { class: 'duo' }, this.mic.element, chooser(t('choose.mic'))),
          h('span', { class: 'duo' }, this.camera.element, chooser(t('choose.cam')))),
        h('div', { class: 'group' }, this.share.element, this.hand),
        h('div', { class: 'group' }, this.peopleKey, this.chatKey,
          more),
        h('div', { class: 'group go' }, leave)));
  }

  private showMore(): void {
    const { hall: { stage: { layout } }, host } = this;
    showMore([
      ...(host.media.share.available ? [{ sign: 'share', label: host.media.share.on ? 'share.stop' : 'share.start', narrow: true, run: () => host.share() } as const] : []),
      ...(this.layoutKey.hidden ? [] : [{ sign: layout === 'tiles' ? 'stage' : 'tiles', label: layout === 'tiles' ? 'layout.stage' : 'layout.tiles', run: () => this.hall.toggleLayout() } as const]),
      { sign: 'people', label: 'bar.people', narrow: true, note: this.number.textContent ?? '', run: () => this.panel('people') },
      { sign: 'link', label: 'meeting.invite.more', note: roomAddress(this.host.room).replace(/^https?:\/\//, ''), run: () => this.showInvitation() },
      { sign: 'sliders', label: 'bar.devices', run: () => this.chooseDevices() },
      { sign: 'globe', label: 'settings', run: () => this.host.showSettings() },
      { sign: 'keys', label: 'bar.keys', run: () => this.host.showKeys() },
    ]);
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

  private segment(layout: Layout): HTMLButtonElement {
    return h('button', { type: 'button', 'data-test': `layout-${layout}`, onclick: () => this.hall.choose(layout) }, icon(layout), t(`layout.${layout}`));
  }

  private onLayout(): void {
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
    showMore(items, face.mine ? t('meeting.you') : face.screen ? t('meeting.screen', { name: face.name }) : face.name);
  }

  private showInvitation(): void {
    showPanel(t('meeting.invite'), invitation(this.host.room, null, () => this.host.copyLink()));
  }
}
