// Breakout rooms: who is where. Everybody may go to a room and back; moderators make rooms and send people.

import type { Conference } from '../conference';
import type { BreakoutRoom, Seat } from '../conference/breakout';
import { t } from '../i18n';
import { choose } from './dialog';
import { h, icon } from './dom';
import { faceOf } from './people';
import { focusKey, Frame, menu, menuItem, type Panel, redraw } from './panel';

export interface RoomsHost { readonly conference: Conference | null; close(): void }

export class RoomsPanel implements Panel {
  private readonly frame: Frame;
  private readonly list = h('div', { class: 'stack' });
  private menu = '';
  private drawn = '';

  constructor(private readonly host: RoomsHost) {
    this.frame = new Frame('rooms', [t('rooms')], t('rooms'), () => host.close(), null);
    this.frame.body.append(this.list);
  }

  get element(): HTMLElement {
    return this.frame.element;
  }

  update(): void {
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

  private draw(): void {
    const { conference } = this.host;
    const { breakout } = conference ?? {};
    if (!conference || !breakout) return;
    const drawn = JSON.stringify([breakout.rooms, conference.moderator, conference.jid, this.menu]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const { others } = breakout;
    const main = breakout.rooms.find((r) => r.main);
    redraw(this.list,
      breakout.away && this.whereWeAre(breakout.nameOf(conference.jid)),
      conference.moderator && this.forAll(others),
      !others.length && h('p', { class: 'small quiet' }, t(conference.moderator ? 'rooms.none.moderator' : 'rooms.none')),
      ...others.map((room) => this.room(room)),
      main && others.length > 0 && this.room(main));
  }

  private whereWeAre(name: string): HTMLElement {
    return h('div', { class: 'note good' }, icon('move'), h('div', { class: 'stack tight grow' }, h('span', {}, t('rooms.in', { name })),
      h('button', { type: 'button', class: 'btn first slim start', 'data-test': 'rooms-back', 'data-key': 'back', onclick: () => this.breakout?.visit(this.breakout.main) }, t('rooms.go.back'))));
  }

  private get breakout(): Conference['breakout'] | undefined {
    return this.host.conference?.breakout;
  }

  private forAll(others: readonly BreakoutRoom[]): HTMLElement {
    const { breakout } = this;
    const seated = others.some((r) => r.seats.length > 0);
    return h('div', { class: 'row tight wrap' },
      h('button', { type: 'button', class: 'btn slim first', 'data-test': 'room-add', 'data-key': 'add', onclick: () => breakout?.add(t('rooms.name', { number: breakout.nextNumber })) }, icon('plus'), t('rooms.add')),
      others.length > 0 && h('button', { type: 'button', class: 'btn slim', 'data-test': 'rooms-share-out', 'data-key': 'share-out', onclick: () => breakout?.shareOut() }, t('rooms.share.out')),
      seated && h('button', { type: 'button', class: 'btn slim', 'data-test': 'rooms-all-back', 'data-key': 'all-back', onclick: () => breakout?.callBack() }, t('rooms.all.back')));
  }

  private room(room: BreakoutRoom): HTMLElement {
    const here = room.jid === this.host.conference?.jid;
    const name = room.main ? t('rooms.main') : room.name;
    const key = `room-${room.jid}`;
    return h('section', { class: 'breakout', 'data-test': 'breakout-room', 'data-room': name },
      h('div', { class: 'row tight' }, h('h3', { class: 'grow cut', dir: 'auto' }, name), h('span', { class: 'quiet num small' }, String(room.seats.length)),
        here ? h('span', { class: 'pill tiny' }, t('rooms.here')) : h('button', { type: 'button', class: 'btn slim', 'data-test': 'room-visit', 'data-key': `visit-${room.jid}`, 'aria-label': t('rooms.go.label', { name }), onclick: () => this.breakout?.visit(room.jid) }, t('rooms.go')),
        this.moderator && !room.main && this.opener(key, t('people.actions', { name }), 'room-menu')),
      this.menu === key && this.roomMenu(room, key),
      ...room.seats.flatMap((seat) => this.seat(seat, room)));
  }

  private get moderator(): boolean {
    return this.host.conference?.moderator ?? false;
  }

  private seat(seat: Seat, room: BreakoutRoom): (HTMLElement | null)[] {
    const key = `seat-${seat.jid}`;
    const name = seat.name || t('meeting.someone');
    const me = seat.id === this.host.conference?.me;
    return [
      h('div', { class: `person ${this.menu === key ? 'sel' : ''}` }, faceOf(name), h('span', { class: 'grow cut', dir: 'auto' }, name, me && h('span', { class: 'quiet' }, ` (${t('meeting.you')})`)),
        this.moderator && !me && this.opener(key, t('rooms.send.label', { name }), 'seat-menu')),
      this.menu === key ? this.seatMenu(seat, room, key) : null,
    ];
  }

  private opener(key: string, label: string, test: string): HTMLElement {
    const open = this.menu === key;
    return h('button', { type: 'button', class: 'btn icon slim', 'aria-label': label, 'aria-expanded': String(open), 'aria-haspopup': 'menu', 'data-key': key, 'data-test': test, onclick: () => {
      this.menu = open ? '' : key;
      this.draw();
      if (open) return;
      this.list.querySelector<HTMLElement>('[role=menuitem]')?.focus({ preventScroll: true });
      this.list.querySelector('.menu')?.scrollIntoView({ block: 'nearest' });
    } }, icon(test === 'seat-menu' ? 'move' : 'more'));
  }

  private shut(run?: () => void): void {
    const opener = this.menu;
    this.menu = '';
    this.draw();
    focusKey(this.list, opener);
    run?.();
  }

  private roomMenu(room: BreakoutRoom, key: string): HTMLElement {
    const { breakout } = this;
    return menu(room.name, key, () => this.shut(),
      menuItem({ sign: 'list', label: t('rooms.rename'), key: 'room-rename', run: () => this.shut(() => askForName(room.name, (name) => breakout?.rename(room.jid, name))) }),
      room.seats.length > 0 && menuItem({ sign: 'back', label: t('rooms.room.back'), key: 'room-back', run: () => this.shut(() => breakout?.callBack(room.jid)) }),
      h('hr'),
      menuItem({ sign: 'x', label: t('rooms.close'), key: 'room-close', bad: true, run: () => this.shut(() => breakout?.close(room.jid)) }));
  }

  private seatMenu(seat: Seat, from: BreakoutRoom, key: string): HTMLElement {
    const { breakout } = this;
    const targets = (breakout?.rooms ?? []).filter((r) => r.jid !== from.jid);
    return menu(seat.name, key, () => this.shut(), ...targets.map((room) =>
      menuItem({ sign: room.main ? 'back' : 'next', label: t('rooms.send', { name: room.main ? t('rooms.main') : room.name }), key: `send-${room.main ? 'main' : room.name}`, run: () => this.shut(() => breakout?.send(seat, room.jid)) })));
  }
}

function askForName(now: string, rename: (name: string) => void): void {
  const input = h('input', { value: now, maxlength: 60, dir: 'auto', autocomplete: 'off', 'data-test': 'room-name-input' });
  choose(t('rooms.rename.title'), [h('label', { class: 'field' }, t('rooms.rename.label'), h('span', { class: 'input' }, input))], [
    { label: 'rooms.rename.yes', look: 'first', test: 'rename-yes', run: () => { if (input.value.trim()) rename(input.value.trim()); } },
    { label: 'rooms.rename.no', focus: true },
  ]);
  input.focus();
  input.select();
}
