// Who is here: hands up first, then everybody; what a moderator may do is in one menu per person.

import { t } from '../i18n';
import { hue, initials } from '../names';
import { h, icon, setText } from './dom';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly me: boolean;
  readonly moderator: boolean;
  readonly audioMuted: boolean;
  readonly videoMuted: boolean;
  readonly hand: number;
}

export interface PeopleHost {
  write(id: string): void;
  muteMic(id: string): void;
  stopCamera(id: string): void;
  remove(person: Person): void;
  copyLink(): void;
  close(): void;
}

export class PeoplePanel {
  readonly element: HTMLElement;
  private readonly body = h('div', { class: 'body' });
  private readonly count = h('span', { class: 'quiet num' });
  private readonly heading = h('h2', { tabindex: -1 }, `${t('bar.people')} `, this.count);
  private people: readonly Person[] = [];
  private moderator = false;
  private menu = '';
  private key = '';

  constructor(private readonly host: PeopleHost) {
    this.element = h('aside', { class: 'panel members', 'aria-label': t('bar.people'), hidden: true, 'data-test': 'people-panel' },
      h('header', {}, this.heading, h('span', { class: 'end' }), h('button', { type: 'button', class: 'btn icon plain', 'aria-label': t('people.close'), onclick: () => host.close() }, icon('x'))),
      this.body,
      h('footer', { class: 'row tight' }, h('button', { type: 'button', class: 'btn grow', onclick: () => host.copyLink() }, icon('link'), t('copy'))));
  }

  update(people: readonly Person[], moderator: boolean): void {
    const key = JSON.stringify([people, moderator, this.menu]);
    if (key === this.key) return;
    this.key = key;
    this.people = people;
    this.moderator = moderator;
    setText(this.count, String(people.length));
    const hands = people.filter((p) => p.hand > 0).sort((a, b) => a.hand - b.hand);
    this.body.replaceChildren(
      ...(hands.length ? [h('h3', {}, t('people.hands')), ...hands.map((p) => this.row(p))] : []),
      h('h3', {}, t('people.room')),
      ...people.flatMap((p) => [this.row(p, true), ...(this.menu === p.id ? [this.actions(p)] : [])]));
  }

  open(): void {
    this.element.hidden = false;
    this.heading.focus();
  }

  close(): void {
    this.element.hidden = true;
    this.menu = '';
  }

  private row(person: Person, full = false): HTMLElement {
    const face = h('span', { class: 'face', 'aria-hidden': 'true' }, initials(person.name));
    face.style.setProperty('--h', String(hue(person.name)));
    const open = this.menu === person.id;
    return h('div', { class: `person ${open && full ? 'sel' : ''}` }, face,
      h('span', { class: 'grow cut' }, h('bdi', {}, person.me ? t('meeting.you') : person.name)),
      full && person.moderator && h('span', { class: 'pill tiny' }, t('people.moderator')),
      person.hand > 0 && icon('hand', { class: 'is-hand', label: t('meeting.hand', { number: person.hand }) }),
      person.videoMuted && icon('cam-off', { label: t('meeting.cam.off') }),
      person.audioMuted && icon('mic-off', { label: t('meeting.mic.off') }),
      full && !person.me && h('button', { type: 'button', class: 'btn icon slim', 'aria-label': t('people.actions', { name: person.name }), 'aria-expanded': String(open), onclick: () => {
        this.menu = open ? '' : person.id;
        this.update(this.people, this.moderator);
      } }, icon('more')));
  }

  private actions(person: Person): HTMLElement {
    const item = (sign: string, label: string, run: () => void, bad = false): HTMLElement =>
      h('button', { type: 'button', role: 'menuitem', class: bad ? 'is-bad' : '', onclick: () => {
        this.menu = '';
        this.update(this.people, this.moderator);
        run();
      } }, icon(sign), label);
    return h('div', { class: 'menu', role: 'menu', 'aria-label': person.name },
      item('chat', t('people.write', { name: person.name }), () => this.host.write(person.id)),
      this.moderator && !person.audioMuted && item('mic-off', t('people.mute'), () => this.host.muteMic(person.id)),
      this.moderator && !person.videoMuted && item('cam-off', t('people.stop'), () => this.host.stopCamera(person.id)),
      this.moderator && h('hr'),
      this.moderator && item('person-out', t('people.remove'), () => this.host.remove(person), true));
  }
}
