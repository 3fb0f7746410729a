// One tile: a picture or a face, a name, and marks; our own may be a card in a corner.

import { t } from '../i18n';
import { h, icon, setAttribute, setText } from './dom';
import { Picture } from './picture';
import type { Cell } from './plan';

/** What a tile shows. */
export interface Face {
  readonly id: string;
  /** Source of the picture, empty for our own. */
  readonly source: string;
  readonly name: string;
  readonly mine: boolean;
  readonly screen: boolean;
  readonly micOff: boolean;
  readonly hand: number;
  readonly track: MediaStreamTrack | null;
  /** The person's connection is weak, by what it says of itself. */
  readonly weak?: boolean;
}

const TALKING = 0.015;
const FADE_MS = 600;
const CORNERS = ['end-bottom', 'start-bottom', 'start-top', 'end-top'] as const;

export interface TileHost {
  pinned(id: string): boolean;
  menu(face: Face): void;
  click(face: Face): void;
  full(tile: Tile): void;
  /** The shape of the picture changed. */
  shape(): void;
}

export class Tile {
  readonly element: HTMLElement;
  readonly picture: Picture;
  private readonly name = h('span', { class: 'cut', dir: 'auto' });
  private readonly micOff = icon('mic-off', { label: t('meeting.mic.off') });
  private readonly volume = icon('speaker', { class: 'volume' });
  private readonly hand = h('span', { class: 'lamp', hidden: true });
  private readonly weak = h('span', { hidden: true, title: t('tile.weak'), 'data-test': 'weak' }, icon('signal', { class: 'is-warn', label: t('tile.weak') }));
  private readonly pin = h('span', { hidden: true, title: t('tile.pinned'), 'data-test': 'pinned' }, icon('pin', { label: t('tile.pinned') }));
  private readonly menu: HTMLButtonElement;
  private corner = 0;
  private lastTalk = -FADE_MS;
  private shape = 0;

  constructor(public face: Face, private readonly host: TileHost) {
    this.picture = new Picture(() => this.onPicture());
    this.menu = h('button', { type: 'button', class: 'tilemenu', tabindex: -1, 'data-test': 'tile-menu', onclick: (event: Event) => { event.stopPropagation(); host.menu(this.face); } }, icon('more'));
    this.element = h('article', { class: `tile ${face.mine ? 'me' : ''} ${face.screen ? 'screen' : ''}`, 'data-id': face.id, 'data-test': 'tile', tabindex: -1,
      onkeydown: (event: KeyboardEvent) => this.onKey(event), onpointerdown: (event: PointerEvent) => this.onDrag(event),
      onclick: () => host.click(this.face), ondblclick: () => host.full(this) },
    this.picture.video, this.picture.face, h('span', { class: 'plate' }, this.volume, this.micOff, face.screen ? icon('share') : null, this.name),
    h('span', { class: 'marks' }, this.menu, this.weak, this.pin, this.hand));
  }

  /** Width by height of what is seen, or 0. */
  get ratio(): number {
    return this.shape;
  }

  update(face: Face): void {
    this.face = face;
    const name = face.mine ? t('meeting.you') : face.name;
    setText(this.name, face.screen ? t('meeting.screen', { name }) : name);
    this.micOff.style.display = face.micOff && !face.screen ? '' : 'none';
    this.showHand(face.hand);
    this.weak.hidden = !face.weak;
    this.pin.hidden = !this.host.pinned(face.id);
    setAttribute(this.menu, 'aria-label', t('tile.menu', { name: this.name.textContent ?? '' }));
    this.picture.update(face.track, face.name);
    this.describe();
  }

  /** Puts the tile where the plan has it. */
  place(cell: Cell): void {
    placeAt(this.element, cell);
    this.element.classList.toggle('onstage', cell.stage);
    this.element.classList.toggle('small', cell.width < 180);
  }

  /** How loud the person is; null while the microphone is off, which puts the lamp out at once. */
  talk(level: number | null): void {
    const now = performance.now();
    if (level === null) this.lastTalk = -FADE_MS;
    else if (level > TALKING) this.lastTalk = now;
    const talks = now - this.lastTalk < FADE_MS;
    if (this.element.classList.contains('talks') === talks) return;
    this.element.classList.toggle('talks', talks);
    this.describe();
  }

  /** Our own picture, as a card over the other one's. */
  card(on: boolean): void {
    this.element.classList.toggle('self', on);
    if (on) {
      this.element.dataset.corner = CORNERS[this.corner];
      for (const name of ['--tw', '--th']) this.element.style.removeProperty(name);
    } else {
      delete this.element.dataset.corner;
    }
  }

  dispose(): void {
    this.picture.dispose();
    this.element.remove();
  }

  private onPicture(): void {
    const { videoWidth, videoHeight } = this.picture.video;
    const shape = videoWidth && videoHeight ? videoWidth / videoHeight : 0;
    if (shape === this.shape) return;
    this.shape = shape;
    this.host.shape();
  }

  private showHand(hand: number): void {
    this.hand.hidden = !hand;
    if (!hand) return;
    const label = t('meeting.hand', { number: hand });
    this.hand.title = label;
    this.hand.replaceChildren(icon('hand', { label }), String(hand));
  }

  private describe(): void {
    const { face } = this;
    const parts = [this.name.textContent ?? ''];
    if (this.element.classList.contains('talks')) parts.push(t('meeting.talking'));
    if (face.micOff && !face.screen) parts.push(t('meeting.mic.off'));
    if (!face.track) parts.push(t('meeting.cam.off'));
    if (this.host.pinned(face.id)) parts.push(t('tile.pinned'));
    if (face.weak) parts.push(t('tile.weak'));
    setAttribute(this.element, 'aria-label', parts.join(', '));
  }

  private move(corner: number): void {
    this.corner = (corner + CORNERS.length) % CORNERS.length;
    this.card(true);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === 'Enter' && event.target === this.element) {
      event.preventDefault();
      return this.host.menu(this.face);
    }
    if (!this.element.classList.contains('self')) return;
    const [horizontal = '', vertical = ''] = (this.element.dataset.corner ?? '').split('-');
    const rtl = document.documentElement.dir === 'rtl';
    const wish: Record<string, string> = {
      ArrowLeft: `${rtl ? 'end' : 'start'}-${vertical}`, ArrowRight: `${rtl ? 'start' : 'end'}-${vertical}`,
      ArrowUp: `${horizontal}-top`, ArrowDown: `${horizontal}-bottom`,
    };
    const corner = CORNERS.indexOf(wish[event.key] as (typeof CORNERS)[number]);
    if (corner < 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(corner);
  }

  private onDrag(down: PointerEvent): void {
    const { element } = this;
    if (!element.classList.contains('self') || down.button !== 0 || (down.target as Element).closest('button')) return;
    element.setPointerCapture(down.pointerId);
    const onMove = (move: PointerEvent): void => {
      element.style.translate = `${move.clientX - down.clientX}px ${move.clientY - down.clientY}px`;
    };
    const onUp = (up: PointerEvent): void => {
      element.removeEventListener('pointermove', onMove);
      element.style.translate = '';
      const hall = element.parentElement?.getBoundingClientRect();
      if (!hall || Math.hypot(up.clientX - down.clientX, up.clientY - down.clientY) < 24) return;
      const left = up.clientX < hall.left + hall.width / 2;
      const start = left !== (document.documentElement.dir === 'rtl');
      const top = up.clientY < hall.top + hall.height / 2;
      this.move(CORNERS.indexOf(`${start ? 'start' : 'end'}-${top ? 'top' : 'bottom'}`));
    };
    element.addEventListener('pointermove', onMove);
    element.addEventListener('pointerup', onUp, { once: true });
    element.addEventListener('pointercancel', onUp, { once: true });
  }
}

/** Puts something where the plan has it; x is counted from where lines of text begin. */
export function placeAt({ style }: HTMLElement, cell: Omit<Cell, 'id' | 'stage'>): void {
  style.setProperty('--tw', `${cell.width}px`);
  style.setProperty('--th', `${cell.height}px`);
  style.setProperty('--x', `${cell.x}px`);
  style.setProperty('--y', `${cell.y}px`);
}
