// The hall: everybody's tile, on pages of equal ones or around a stage, and what is asked of the bridge for it.

import { t } from '../i18n';
import type { Pictures, Shown, View } from '../wanted';
import { h, icon, setText } from './dom';
import { Places } from './places';
import { INVITE, type Plan, stagePlan, tilePlan } from './plan';
import { type Layout, Stage } from './stage';
import { type Face, placeAt, Tile, type TileHost } from './tile';

export type { Face } from './tile';

/** The shape of a stage whose picture is not there yet. */
const USUAL_SHAPE = 16 / 9;
const MOVE_MS = 320;

export interface HallHost {
  show(view: View): void;
  /** The layout, or who is pinned, changed. */
  changed(): void;
  /** What can be done with a tile. */
  menu(face: Face): void;
  /** The whole list of people is wanted. */
  everybody(): void;
}

export class Hall implements TileHost {
  readonly element: HTMLElement;
  readonly stage = new Stage();
  pictures: Pictures = 'all';
  /** Our own picture is not shown to ourselves. */
  selfHidden = false;
  private readonly box = h('div', { class: 'tiles' });
  private readonly over = h('div', { class: 'hallstate' });
  private readonly rest: HTMLButtonElement;
  private readonly pager: HTMLElement;
  private readonly pageText = h('span', { class: 'num' });
  private readonly tiles = new Map<string, Tile>();
  private readonly places = new Places();
  private given: readonly Face[] = [];
  private faces: readonly Face[] = [];
  private visible: readonly string[] = [];
  private invite: HTMLElement | null = null;
  private page = 0;
  private speakerId = '';
  private shownKey = '';
  private arrangement = '';
  private moving = 0;

  constructor(private readonly host: HallHost) {
    const turn = (by: number) => () => this.turn(by);
    this.rest = h('button', { type: 'button', class: 'tile rest', 'data-test': 'rest', onclick: () => host.everybody() });
    this.pager = h('div', { class: 'pager', hidden: true },
      h('button', { type: 'button', class: 'btn icon slim', 'aria-label': t('meeting.page.back'), onclick: turn(-1) }, icon('back', { class: 'mirror' })),
      this.pageText,
      h('button', { type: 'button', class: 'btn icon slim', 'aria-label': t('meeting.page.next'), onclick: turn(1) }, icon('next', { class: 'mirror' })));
    this.element = h('section', { class: 'hall', 'aria-label': t('meeting.hall'), onkeydown: (event: KeyboardEvent) => this.onKey(event) }, this.box, this.pager, this.over);
    this.swipes();
    new ResizeObserver(() => this.layout()).observe(this.element);
  }

  /** Something that covers the tiles until it is over, such as a lost connection. */
  cover(card: HTMLElement | null): void {
    this.over.replaceChildren(...(card ? [card] : []));
  }

  update(given: readonly Face[], invite: HTMLElement | null): void {
    this.given = given;
    // Without pictures a screen is nothing, and everybody is a face.
    const seen = this.selfHidden && given.length > 1 ? given.filter((f) => !f.mine) : given;
    const faces = this.pictures === 'none' ? seen.filter((f) => !f.screen).map((f) => (f.mine ? f : { ...f, source: '', track: null })) : seen;
    this.faces = [...this.places.sort(faces.filter((f) => !f.mine)), ...faces.filter((f) => f.mine)];
    const before = this.stage.layout;
    this.stage.update(this.faces);
    this.forget();
    for (const face of faces) {
      let tile = this.tiles.get(face.id);
      if (!tile) this.tiles.set(face.id, tile = new Tile(face, this));
      tile.update(face);
    }
    if (this.invite !== invite) {
      this.invite?.remove();
      this.invite = invite;
    }
    this.layout();
    if (before !== this.stage.layout) this.host.changed();
  }

  /** Whom the bridge holds to be talking: comes into sight if hidden, and on the stage if there is one. */
  speaker(id: string): void {
    this.speakerId = id;
    if (this.visible.includes(id)) return void this.places.talk(id, [id]);
    const inSight = this.faces.filter((f) => !f.mine && !f.screen && this.visible.includes(f.id)).map((f) => f.id);
    if (this.places.talk(id, inSight)) this.update(this.given, this.invite);
  }

  /** Lights who talks now. */
  talk(level: (face: Face) => number): void {
    for (const face of this.faces) this.tiles.get(face.id)?.talk(face.micOff ? null : level(face));
    if (!this.stage.hear(this.speakerId, performance.now())) return;
    if (this.stage.layout === 'stage') this.layout();
    this.host.changed();
  }

  showPictures(pictures: Pictures): void {
    this.pictures = pictures;
    this.refresh();
  }

  toggleSelf(): void {
    this.selfHidden = !this.selfHidden;
    this.refresh();
  }

  choose(layout: Layout): void {
    this.stage.choose(layout);
    this.refresh();
  }

  toggleLayout(): void {
    this.stage.toggle();
    this.refresh();
  }

  pin(id: string): void {
    this.stage.pin(id);
    this.refresh();
  }

  /** Pins the tile that stands at this place, counted from one. */
  pinAt(place: number): void {
    const face = this.faces[place - 1];
    if (face) this.pin(face.id);
  }

  pinned(id: string): boolean {
    return this.stage.pinned(id);
  }

  /** Whose picture stands for the meeting where there is room for one only. */
  get first(): Face | null {
    const [id] = this.stage.on(this.faces);
    return this.faces.find((f) => f.id === id) ?? null;
  }

  tile(id: string): Tile | undefined {
    return this.tiles.get(id);
  }

  menu(face: Face): void {
    this.host.menu(face);
  }

  /** Of several on the stage a click chooses one. */
  click(face: Face): void {
    const onStage = this.stage.layout === 'stage' ? this.stage.on(this.faces) : [];
    if (onStage.length > 1 && onStage.includes(face.id) && !this.pinned(face.id)) this.pin(face.id);
  }

  full(tile: Tile): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void tile.element.requestFullscreen?.().catch(() => undefined);
  }

  shape(): void {
    if (this.stage.layout === 'stage') this.layout();
  }

  dispose(): void {
    for (const tile of this.tiles.values()) tile.dispose();
  }

  private refresh(): void {
    this.update(this.given, this.invite);
    this.host.changed();
  }

  /** Tiles of those who are gone go; focus goes to the next one. */
  private forget(): void {
    for (const [id, tile] of this.tiles) {
      if (this.faces.some((f) => f.id === id)) continue;
      const focused = tile.element.contains(document.activeElement);
      const next = tile.element.nextElementSibling ?? tile.element.previousElementSibling;
      tile.dispose();
      this.tiles.delete(id);
      if (focused && next instanceof HTMLElement) next.focus();
    }
  }

  private layout(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    const others = this.faces.filter((f) => !f.mine);
    const pair = others.length === 1 && this.faces.length === 2 && !others[0]?.screen && !this.pinned('me');
    const plan = this.plan(pair, width, height);
    this.page = plan.page;
    this.visible = plan.cells.map((c) => c.id);
    this.arrange(plan, pair);
    this.element.classList.toggle('paged', plan.pages > 1);
    this.element.dataset.layout = this.stage.layout;
    this.pager.hidden = plan.pages < 2;
    setText(this.pageText, t('meeting.page', { page: plan.page + 1, pages: plan.pages }));
    this.report(plan);
  }

  private plan(pair: boolean, width: number, height: number): Plan {
    const ids = (pair ? this.faces.filter((f) => !f.mine) : this.faces).map((f) => f.id);
    if (pair || this.stage.layout === 'tiles' || this.invite) return tilePlan(this.invite ? [...ids, INVITE] : ids, width, height, this.page);
    const onStage = this.stage.on(this.faces);
    const rest = ids.filter((id) => !onStage.includes(id));
    const shape = this.tiles.get(onStage[0] ?? '')?.ratio || USUAL_SHAPE;
    // A person's picture may be cropped, a shared screen may not: it alone decides the shape of the stage.
    return stagePlan(onStage, rest, width, height, this.faces.some((f) => f.screen && f.id === onStage[0]) ? shape : USUAL_SHAPE);
  }

  private arrange(plan: Plan, pair: boolean): void {
    this.glide(plan, pair);
    const elements: HTMLElement[] = [];
    for (const tile of this.tiles.values()) tile.card(pair && tile.face.mine);
    for (const cell of plan.cells) {
      const tile = this.tiles.get(cell.id);
      if (tile) tile.place(cell);
      else if (cell.id === INVITE && this.invite) placeAt(this.invite, cell);
      const element = tile?.element ?? this.invite;
      if (element) elements.push(element);
      if (pair || cell === plan.cells[0]) {
        this.box.style.setProperty('--tw0', `${cell.width}px`);
        this.box.style.setProperty('--th0', `${cell.height}px`);
      }
    }
    const mine = pair ? this.faces.find((f) => f.mine) : undefined;
    const card = mine && this.tiles.get(mine.id)?.element;
    if (card) elements.push(card);
    if (plan.rest) {
      placeAt(this.rest, plan.rest);
      setText(this.rest, t('stage.more', { count: plan.more }));
      this.rest.setAttribute('aria-label', t('stage.more.label', { count: plan.more }));
      elements.push(this.rest);
    }
    this.order(elements);
  }

  /** Tiles glide to new places when their order changes, and jump when only the window does. */
  private glide(plan: Plan, pair: boolean): void {
    const arrangement = JSON.stringify([pair, plan.cells.map((c) => [c.id, c.stage])]);
    if (arrangement === this.arrangement) return;
    this.arrangement = arrangement;
    this.box.classList.add('moves');
    window.clearTimeout(this.moving);
    this.moving = window.setTimeout(() => this.box.classList.remove('moves'), MOVE_MS);
  }

  private order(elements: readonly HTMLElement[]): void {
    elements.forEach((element, index) => { element.tabIndex = index === 0 || element === this.rest ? 0 : -1; });
    const current = [...this.box.children];
    if (current.length === elements.length && current.every((c, i) => c === elements[i])) return;
    const focused = document.activeElement;
    for (const old of current) if (!elements.includes(old as HTMLElement)) old.remove();
    elements.forEach((element, index) => {
      if (this.box.children[index] !== element) this.box.insertBefore(element, this.box.children[index] ?? null);
    });
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) focused.focus();
    for (const tile of this.tiles.values()) tile.picture.resume();
  }

  private report(plan: Plan): void {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const shown = plan.cells.flatMap((cell): Shown[] => {
      const face = this.faces.find((f) => f.id === cell.id);
      if (!face?.source) return [];
      const height = Math.round(Math.max(cell.height, (cell.width * 9) / 16) * ratio);
      return [{ source: face.source, height, stage: cell.stage, screen: face.screen, pinned: this.pinned(face.id) }];
    });
    const view = { shown, pictures: this.pictures };
    const key = JSON.stringify(view);
    if (key === this.shownKey) return;
    this.shownKey = key;
    this.host.show(view);
  }

  private turn(by: number): void {
    this.page += by;
    this.layout();
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = [...this.box.children].indexOf(event.target as Element);
    if (!step || at < 0 || (event.target as Element).classList.contains('self')) return;
    const by = document.documentElement.dir === 'rtl' && event.key.match(/Left|Right/) ? -step : step;
    event.preventDefault();
    const next = this.box.children[at + by];
    if (next instanceof HTMLElement) return next.focus();
    if (this.pager.hidden) return;
    this.turn(by);
    const [first] = by > 0 ? [...this.box.children] : [...this.box.children].reverse();
    if (first instanceof HTMLElement) first.focus();
  }

  /** A finger that goes sideways turns the page. */
  private swipes(): void {
    let start: Touch | null = null;
    this.box.addEventListener('touchstart', (event) => {
      start = event.touches.length === 1 && !(event.target as Element).closest('.self') ? event.touches[0] ?? null : null;
    }, { passive: true });
    this.box.addEventListener('touchend', (event) => {
      const [end] = event.changedTouches;
      const [x, y] = [(end?.clientX ?? 0) - (start?.clientX ?? 0), (end?.clientY ?? 0) - (start?.clientY ?? 0)];
      if (!start || this.pager.hidden || Math.abs(x) < 60 || Math.abs(x) < 2 * Math.abs(y)) return;
      this.turn(x < 0 === (document.documentElement.dir !== 'rtl') ? 1 : -1);
    });
  }
}
