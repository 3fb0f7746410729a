// How long each person has spoken.

import type { Conference } from '../conference';
import { duration, t } from '../i18n';
import { h, icon } from './dom';
import { faceOf } from './people';
import { Frame, type Panel, redraw } from './panel';

export interface TalkHost { readonly conference: Conference | null; close(): void }

export class TalkPanel implements Panel {
  private readonly frame: Frame;

  constructor(private readonly host: TalkHost) {
    this.frame = new Frame('talk', [t('talk')], t('talk'), () => host.close(), null);
  }

  get element(): HTMLElement {
    return this.frame.element;
  }

  /** To be called about once a second. */
  tick(): void {
    if (this.frame.isOpen) this.draw();
  }

  open(): void {
    this.draw();
    this.frame.open();
  }

  close(): void {
    this.frame.close();
  }

  private draw(): void {
    const { conference } = this.host;
    const list = conference?.talkTime.list() ?? [];
    const longest = Math.max(1, ...list.map((talk) => talk.ms));
    redraw(this.frame.body, h('p', { class: 'small quiet' }, t('talk.intro')), ...list.map((talk) => {
      const name = talk.id === conference?.me ? t('meeting.you') : talk.name || t('meeting.someone');
      const bar = h('div', { class: 'meter', 'aria-hidden': 'true' }, h('i'));
      bar.style.setProperty('--v', `${Math.round((100 * talk.ms) / longest)}%`);
      return h('div', { class: `person talk ${talk.here ? '' : 'gone'}`, 'data-test': 'talk-line' }, faceOf(name),
        h('div', { class: 'grow' }, h('div', { class: 'row tight' }, h('span', { class: 'grow cut', dir: 'auto' }, name, !talk.here && h('span', { class: 'quiet' }, ` (${t('talk.gone')})`)),
          talk.now && icon('speaker', { class: 'is-hand', label: t('meeting.talking') }), h('span', { class: 'num small' }, duration(Math.floor(talk.ms / 1000)))), bar));
    }));
  }
}
