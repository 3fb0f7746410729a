// Who is here: at the door, hands up in their order, then everybody; what may be done about somebody is in one menu.

import type { Conference } from '../conference';
import { MUTED, type Muted } from '../conference/happening';
import { t } from '../i18n';
import { hue, initials } from '../names';
import { h, icon, setText } from './dom';
import { focusKey, Frame, menu, menuItem, type Panel, redraw } from './panel';
import { askToRemove } from './remove';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly me: boolean;
  readonly moderator: boolean;
  readonly audioMuted: boolean;
  readonly videoMuted: boolean;
  readonly sharing: boolean;
  /** The place in the row of hands, or 0. */
  readonly hand: number;
}

export interface PeopleHost {
  readonly conference: Conference | null;
  /** Opens the chat, addressed to this person; `door:` before the id means somebody at the door. */
  write(id: string): void;
  copyLink(): void;
  /** Password and door. */
  door(): void;
  close(): void;
}

/** From so many people on one may look for a name. */
const MANY = 8;
const ALL = 'all';
/** The row of a long list is not drawn beyond this; the search finds the others. */
const ROWS = 250;

export class PeoplePanel implements Panel {
  private readonly frame: Frame;
  private readonly count = h('span', { class: 'quiet num' });
  private readonly search = h('input', { type: 'search', placeholder: t('people.search'), 'aria-label': t('people.search'), autocomplete: 'off', 'data-test': 'people-search', oninput: () => this.draw() });
  private readonly searching = h('div', { class: 'input find', hidden: true }, this.search);
  private readonly list = h('div');
  private readonly doorKey: HTMLButtonElement;
  private people: readonly Person[] = [];
  private menu = '';
  private drawn = '';

  constructor(private readonly host: PeopleHost) {
    this.doorKey = h('button', { type: 'button', class: 'btn', 'data-test': 'door-settings', onclick: () => host.door() }, icon('lock'), t('door.settings.short'));
    this.frame = new Frame('people', [`${t('bar.people')} `, this.count], t('bar.people'), () => host.close(),
      h('footer', { class: 'row tight wrap' }, h('button', { type: 'button', class: 'btn grow', onclick: () => host.copyLink() }, icon('link'), t('copy')), this.doorKey));
    this.frame.body.append(this.searching, this.list);
  }

  get element(): HTMLElement {
    return this.frame.element;
  }

  update(people: readonly Person[]): void {
    this.people = people;
    setText(this.count, String(people.length));
    if (this.frame.isOpen) this.draw();
  }

  open(): void {
    this.draw();
    this.frame.open();
  }

  close(): void {
    this.menu = '';
    this.frame.close();
  }

  private get moderator(): boolean {
    return this.host.conference?.moderator ?? false;
  }

  private draw(): void {
    const { people, moderator, menu } = this;
    const { lobby, moderation } = this.host.conference ?? {};
    const door = moderator ? [...(lobby?.waiting.values() ?? [])] : [];
    const sought = this.search.value.trim().toLocaleLowerCase();
    const allowed = moderator && moderation ? people.map((p) => MUTED.map((kind) => moderation.mayOther(p.id, kind))) : [];
    const drawn = JSON.stringify([people, moderator, menu, door, sought, [...(moderation?.moderated ?? [])], allowed, lobby?.supported]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.searching.hidden = people.length < MANY && !sought;
    this.doorKey.hidden = !moderator;
    const hands = people.filter((p) => p.hand > 0).sort((a, b) => a.hand - b.hand);
    const found = sought ? people.filter((p) => p.name.toLocaleLowerCase().includes(sought)) : people;
    redraw(this.list,
      ...(door.length ? this.atTheDoor(door) : []),
      ...(hands.length ? [h('h3', {}, t('people.hands')), ...hands.map((p) => this.handRow(p))] : []),
      h('h3', {}, t('people.room'), moderator && people.length > 1 && this.opener(ALL, t('people.all'), 'end')),
      menu === ALL && moderator && this.forAll(),
      ...found.slice(0, ROWS).flatMap((p) => [this.row(p), ...(menu === p.id ? [this.forOne(p)] : [])]),
      found.length === 0 && h('p', { class: 'small quiet' }, t('people.nobody')),
      found.length > ROWS && h('p', { class: 'small quiet' }, t('people.rest', { count: found.length - ROWS })));
  }

  private atTheDoor(door: readonly { id: string; name: string }[]): HTMLElement[] {
    const lobby = this.host.conference?.lobby;
    const heading = h('h3', {}, t('people.door'), h('span', { class: 'pill tiny count-pill' }, String(door.length)),
      door.length > 1 && h('button', { type: 'button', class: 'btn plain slim end', 'data-test': 'admit-all', 'data-key': 'admit-all', onclick: () => lobby?.admit(door.map((k) => k.id)) }, t('people.door.all')));
    return [heading, ...door.map(({ id, name }) => h('div', { class: 'person knocks' }, faceOf(name || t('meeting.someone')),
      h('span', { class: 'grow cut', dir: 'auto' }, name || t('meeting.someone')),
      h('button', { type: 'button', class: 'btn icon slim', 'aria-label': t('people.write', { name }), 'data-key': `write-${id}`, onclick: () => this.host.write(`door:${id}`) }, icon('chat')),
      h('span', { class: 'row tight end' },
        h('button', { type: 'button', class: 'btn slim', 'aria-label': t('people.refuse.label', { name }), 'data-test': 'refuse', 'data-key': `refuse-${id}`, onclick: () => void lobby?.refuse(id) }, t('people.refuse')),
        h('button', { type: 'button', class: 'btn slim first', 'aria-label': t('people.letin.label', { name }), 'data-test': 'admit', 'data-key': `admit-${id}`, onclick: () => lobby?.admit([id]) }, t('people.letin')))))];
  }

  private handRow(person: Person): HTMLElement {
    const letSpeak = this.moderator && !person.me && person.audioMuted;
    return h('div', { class: 'person' }, faceOf(person.name), this.nameOf(person),
      h('span', { class: 'num small is-hand', role: 'img', 'aria-label': t('meeting.hand', { number: person.hand }) }, String(person.hand)),
      letSpeak && h('button', { type: 'button', class: 'btn slim', 'data-test': 'let-speak', 'data-key': `speak-${person.id}`, 'aria-label': t('people.let.speak.label', { name: person.name }), onclick: () => this.host.conference?.moderation.ask(person.id, 'audio') }, t('people.let.speak')));
  }

  private row(person: Person): HTMLElement {
    return h('div', { class: `person ${this.menu === person.id ? 'sel' : ''}`, 'data-person': person.id }, faceOf(person.name), this.nameOf(person),
      person.moderator && h('span', { class: 'pill tiny' }, t('people.moderator')),
      person.hand > 0 && icon('hand', { class: 'is-hand', label: t('meeting.hand', { number: person.hand }) }),
      person.sharing && icon('share', { label: t('people.shares') }),
      person.videoMuted && icon('cam-off', { label: t('meeting.cam.off') }),
      person.audioMuted && icon('mic-off', { label: t('meeting.mic.off') }),
      !person.me && this.opener(person.id, t('people.actions', { name: person.name })));
  }

  private nameOf(person: Person): HTMLElement {
    return h('span', { class: 'grow cut', dir: 'auto' }, person.name, person.me && h('span', { class: 'quiet' }, ` (${t('meeting.you')})`));
  }

  private opener(id: string, label: string, more = ''): HTMLElement {
    const open = this.menu === id;
    return h('button', { type: 'button', class: `btn icon slim ${more}`, 'aria-label': label, 'aria-expanded': String(open), 'aria-haspopup': 'menu', 'data-key': `menu-${id}`, 'data-test': `menu-${id === ALL ? ALL : 'person'}`, onclick: () => {
      this.menu = open ? '' : id;
      this.draw();
      if (open) return;
      this.list.querySelector<HTMLElement>('[role^=menuitem]')?.focus({ preventScroll: true });
      this.list.querySelector('.menu')?.scrollIntoView({ block: 'nearest' });
    } }, icon('more'));
  }

  /** What opened the menu has focus again, for a dialog to give it back to, unless `run` moves it. */
  private shut(run?: () => void): void {
    const opener = `menu-${this.menu}`;
    this.menu = '';
    this.draw();
    focusKey(this.list, opener);
    run?.();
  }

  private forAll(): HTMLElement {
    const moderation = this.host.conference?.moderation;
    const off = (kind: Muted, sign: string): HTMLElement => menuItem({ sign, key: `all-${kind}`, label: t(`people.all.${kind}`), run: () => this.shut(() => void moderation?.muteAll(kind)) });
    const only = (kind: Muted, sign: string): HTMLElement => {
      const on = moderation?.moderated.has(kind) ?? false;
      return menuItem({ sign, key: `only-${kind}`, label: t(`people.only.${kind}`), checked: on, run: () => this.shut(() => moderation?.moderate(kind, !on)) });
    };
    return menu(t('people.all'), `menu-${ALL}`, () => this.shut(),
      off('audio', 'mic-off'), off('video', 'cam-off'), this.people.some((p) => p.sharing && !p.me) && off('desktop', 'share-stop'),
      ...(moderation?.supported ? [h('hr'), only('audio', 'mic'), only('video', 'cam'), only('desktop', 'share')] : []));
  }

  private forOne(person: Person): HTMLElement {
    const { id, name } = person;
    const moderation = this.host.conference?.moderation;
    const item = (sign: string, label: string, key: string, run: () => void, bad = false): HTMLElement => menuItem({ sign, label, key, bad, run: () => this.shut(run) });
    const moderator = this.moderator && moderation !== undefined;
    return menu(name, `menu-${id}`, () => this.shut(),
      item('chat', t('people.write', { name }), 'write', () => this.host.write(id)),
      ...(moderator ? [
        ...this.forDevices(person),
        !person.moderator && item('key', t('people.grant'), 'grant', () => void moderation.grant(id)),
        h('hr'),
        item('person-out', t('people.remove'), 'remove', () => this.host.conference && askToRemove(this.host.conference, id, name), true),
      ] : []));
  }

  /** What a moderator may turn off for somebody, allow, or ask for. */
  private forDevices(person: Person): (HTMLElement | false)[] {
    const { id } = person;
    const moderation = this.host.conference?.moderation;
    if (!moderation) return [];
    const item = (sign: string, label: string, key: string, run: () => void): HTMLElement => menuItem({ sign, label, key, run: () => this.shut(run) });
    const permit = (kind: Muted, sign: string): HTMLElement | false => {
      if (!moderation.moderated.has(kind) || person.moderator) return false;
      const may = moderation.mayOther(id, kind);
      return menuItem({ sign, label: t(`people.may.${kind}`), key: `may-${kind}`, checked: may, run: () => this.shut(() => moderation.allow(id, kind, !may)) });
    };
    return [
      person.audioMuted ? item('mic', t('people.ask.audio'), 'ask-audio', () => moderation.ask(id, 'audio')) : item('mic-off', t('people.mute'), 'mute-audio', () => void moderation.mute(id, 'audio')),
      person.videoMuted ? item('cam', t('people.ask.video'), 'ask-video', () => moderation.ask(id, 'video')) : item('cam-off', t('people.stop'), 'mute-video', () => void moderation.mute(id, 'video')),
      person.sharing && item('share-stop', t('people.stop.screen'), 'mute-desktop', () => void moderation.mute(id, 'desktop')),
      permit('audio', 'mic'), permit('video', 'cam'), permit('desktop', 'share'),
    ];
  }
}

/** The initials of somebody, in the colour of the name. */
export function faceOf(name: string): HTMLElement {
  const face = h('span', { class: 'face', 'aria-hidden': 'true' }, initials(name));
  face.style.setProperty('--h', String(hue(name)));
  return face;
}
