// The hall: a tile for everybody, laid out so that faces are as large as they can be.

import { t } from '../i18n';
import type { Shown } from '../wanted';
import { fit, pageSize } from './fit';
import { h, icon, setAttribute, setText } from './dom';
import { Picture } from './picture';
import { Places } from './places';

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
}

/** What the keys that turn pages take from the height. */
const PAGER = 48;

export class Hall {
  readonly element: HTMLElement;
  private readonly box = h('div', { class: 'tiles' });
  private readonly over = h('div', { class: 'hallstate' });
  private readonly pager: HTMLElement;
  private readonly pageText = h('span', { class: 'num' });
  private readonly tiles = new Map<string, Tile>();
  private readonly places = new Places();
  private faces: readonly Face[] = [];
  private visible: readonly Face[] = [];
  private invite: HTMLElement | null = null;
  private page = 0;
  private shownKey = '';

  constructor(private readonly onShown: (shown: Shown[]) => void) {
    const turn = (by: number) => () => { this.page += by; this.layout(); };
    this.pager = h('div', { class: 'pager', hidden: true },
      h('button', { type: 'button', class: 'btn icon slim', 'aria-label': t('meeting.page.back'), onclick: turn(-1) }, icon('back', { class: 'mirror' })),
      this.pageText,
      h('button', { type: 'button', class: 'btn icon slim', 'aria-label': t('meeting.page.next'), onclick: turn(1) }, icon('next', { class: 'mirror' })));
    this.element = h('section', { class: 'hall', 'aria-label': t('meeting.hall'), onkeydown: (event: KeyboardEvent) => this.onKey(event) }, this.box, this.pager, this.over);
    new ResizeObserver(() => this.layout()).observe(this.element);
  }

  /** Something that covers the tiles until it is over, such as a lost connection. */
  cover(card: HTMLElement | null): void {
    this.over.replaceChildren(...(card ? [card] : []));
  }

  update(faces: readonly Face[], invite: HTMLElement | null): void {
    this.faces = [...this.places.sort(faces.filter((f) => !f.mine)), ...faces.filter((f) => f.mine)];
    for (const [id, tile] of this.tiles) {
      if (faces.some((f) => f.id === id)) continue;
      const focused = tile.element.contains(document.activeElement);
      const next = tile.element.nextElementSibling ?? tile.element.previousElementSibling;
      tile.dispose();
      this.tiles.delete(id);
      if (focused && next instanceof HTMLElement) next.focus();
    }
    for (const face of faces) {
      let tile = this.tiles.get(face.id);
      if (!tile) this.tiles.set(face.id, tile = new Tile(face));
      tile.update(face);
    }
    if (this.invite !== invite) {
      this.invite?.remove();
      this.invite = invite;
    }
    this.layout();
  }

  /** Whom the bridge holds to be talking: comes into sight if on a hidden page. */
  speaker(id: string): void {
    const inSight = this.visible.filter((f) => !f.mine && !f.screen).map((f) => f.id);
    if (this.places.talk(id, inSight)) this.update(this.faces, this.invite);
  }

  /** Lights who talks now. */
  talk(level: (face: Face) => number): void {
    for (const face of this.faces) this.tiles.get(face.id)?.talk(face.micOff ? null : level(face));
  }

  dispose(): void {
    for (const tile of this.tiles.values()) tile.dispose();
  }

  private layout(): void {
    const { clientWidth: width, clientHeight: full } = this.element;
    if (!width || !full) return;
    const others = this.faces.filter((f) => !f.mine);
    const pair = others.length === 1 && this.faces.length === 2;
    const inFlow = pair ? others : this.faces;
    const count = inFlow.length + (this.invite ? 1 : 0);
    const paged = pageSize(count, width, full) < count;
    const height = paged ? full - PAGER : full;
    const size = pageSize(count, width, height);
    const pages = Math.max(1, Math.ceil(inFlow.length / size));
    this.page = Math.min(Math.max(0, this.page), pages - 1);
    const visible = inFlow.slice(this.page * size, (this.page + 1) * size);
    this.visible = visible;
    const cell = fit(Math.min(size, visible.length + (this.invite ? 1 : 0)), width, height);
    this.box.style.setProperty('--tw', `${cell.width}px`);
    this.box.style.setProperty('--th', `${cell.height}px`);
    const wanted = [...visible, ...(pair ? this.faces.filter((f) => f.mine) : [])].flatMap((f) => this.tiles.get(f.id) ?? []);
    this.arrange([...wanted.map((tile) => tile.element), ...(this.invite ? [this.invite] : [])]);
    for (const tile of this.tiles.values()) tile.card(pair && tile.face.mine);
    this.element.classList.toggle('paged', paged);
    this.pager.hidden = pages < 2;
    setText(this.pageText, t('meeting.page', { page: this.page + 1, pages }));
    this.report(visible, cell.width, cell.height);
  }

  private arrange(elements: readonly HTMLElement[]): void {
    const current = [...this.box.children];
    if (current.length === elements.length && current.every((c, i) => c === elements[i])) return;
    for (const old of current) if (!elements.includes(old as HTMLElement)) old.remove();
    elements.forEach((element, index) => {
      if (this.box.children[index] !== element) this.box.insertBefore(element, this.box.children[index] ?? null);
    });
    elements.forEach((element, index) => { element.tabIndex = index === 0 ? 0 : -1; });
    for (const tile of this.tiles.values()) tile.resume();
  }

  private report(visible: readonly Face[], width: number, height: number): void {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const shown = visible.filter((f) => f.source).map((f) => ({ source: f.source, height: Math.round(Math.max(height, (width * 9) / 16) * ratio), stage: f.screen }));
    const key = JSON.stringify(shown);
    if (key === this.shownKey) return;
    this.shownKey = key;
    this.onShown(shown);
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = [...this.box.children].indexOf(event.target as Element);
    if (!step || at < 0 || (event.target as Element).classList.contains('self')) return;
    const next = this.box.children[at + (document.documentElement.dir === 'rtl' && event.key.match(/Left|Right/) ? -step : step)];
    if (!(next instanceof HTMLElement)) return;
    event.preventDefault();
    next.focus();
  }
}

const TALKING = 0.015;
const FADE_MS = 600;
const CORNERS = ['end-bottom', 'start-bottom', 'start-top', 'end-top'] as const;

class Tile {
  readonly element: HTMLElement;
  private readonly picture = new Picture();
  private readonly name = h('span', { class: 'cut', dir: 'auto' });
  private readonly micOff = icon('mic-off', { label: t('meeting.mic.off') });
  private readonly volume = icon('speaker', { class: 'volume' });
  private readonly marks = h('span', { class: 'marks', hidden: true });
  private corner = 0;
  private lastTalk = -FADE_MS;

  constructor(public face: Face) {
    this.element = h('article', { class: `tile ${face.mine ? 'me' : ''} ${face.screen ? 'screen' : ''}`, 'data-id': face.id, 'data-test': 'tile', tabindex: -1,
      onkeydown: (event: KeyboardEvent) => this.onKey(event), onpointerdown: (event: PointerEvent) => this.onDrag(event) },
      this.picture.video, this.picture.face, h('span', { class: 'plate' }, this.volume, this.micOff, face.screen ? icon('screen') : null, this.name), this.marks);
  }

  update(face: Face): void {
    this.face = face;
    const name = face.mine ? t('meeting.you') : face.name;
    setText(this.name, face.screen ? t('meeting.screen', { name }) : name);
    this.micOff.style.display = face.micOff && !face.screen ? '' : 'none';
    this.showHand(face.hand);
    this.picture.update(face.track, face.name);
    this.describe();
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
    if (on) this.element.dataset.corner = CORNERS[this.corner];
    else delete this.element.dataset.corner;
  }

  resume(): void {
    this.picture.resume();
  }

  dispose(): void {
    this.picture.dispose();
    this.element.remove();
  }

  private showHand(hand: number): void {
    this.marks.hidden = !hand;
    if (hand) this.marks.replaceChildren(h('span', { class: 'lamp', title: t('meeting.hand', { number: hand }) }, icon('hand', { label: t('meeting.hand', { number: hand }) }), String(hand)));
  }

  private describe(): void {
    const { face } = this;
    const parts = [this.name.textContent ?? ''];
    if (this.element.classList.contains('talks')) parts.push(t('meeting.talking'));
    if (face.micOff && !face.screen) parts.push(t('meeting.mic.off'));
    if (!face.track) parts.push(t('meeting.cam.off'));
    setAttribute(this.element, 'aria-label', parts.join(', '));
  }

  private move(corner: number): void {
    this.corner = (corner + CORNERS.length) % CORNERS.length;
    this.card(true);
  }

  private onKey(event: KeyboardEvent): void {
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
    if (!element.classList.contains('self') || down.button !== 0) return;
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
