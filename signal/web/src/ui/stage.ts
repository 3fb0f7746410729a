// Who is on the stage, and whether there is one: whom one pinned, else what is shared, else who talks. Pure.

export type Layout = 'tiles' | 'stage';

interface Seen { readonly id: string; readonly mine: boolean; readonly screen: boolean }

/** More than this at once and nobody is large. */
export const MOST = 4;
/** Who talks comes on the stage after so long, and nobody is sent off it sooner than that. */
const SPEECH_MS = 1_500;
const STAY_MS = 4_000;

export class Stage {
  layout: Layout = 'tiles';
  private pins: string[] = [];
  private screens: string[] = [];
  /** The stage was put up by a screen or a pin, and goes with it. */
  private lent = false;
  /** Somebody who went back to the tiles while a screen was shared stays there. */
  private declined = false;
  private speaker = '';
  private next = '';
  private nextSince = 0;
  private changed = -STAY_MS;

  choose(layout: Layout): void {
    this.layout = layout;
    this.lent = false;
    this.declined = layout === 'tiles' && this.screens.length > 0;
  }

  toggle(): void {
    this.choose(this.layout === 'tiles' ? 'stage' : 'tiles');
  }

  pinned(id: string): boolean {
    return this.pins.includes(id);
  }

  /** Pins somebody or something for oneself, or takes the pin out; of more than four the oldest gives way. */
  pin(id: string): void {
    if (this.pinned(id)) {
      this.pins = this.pins.filter((one) => one !== id);
      this.giveBack();
    } else {
      this.pins = [...this.pins, id].slice(-MOST);
      this.borrow();
    }
  }

  /** Who is there now: a new screen puts up the stage, who left takes the pin along. */
  update(faces: readonly Seen[]): void {
    const screens = faces.filter((f) => f.screen).map((f) => f.id);
    const fresh = screens.some((id) => !this.screens.includes(id));
    this.screens = screens;
    this.pins = this.pins.filter((id) => faces.some((f) => f.id === id));
    if (fresh && !this.declined) this.borrow();
    this.giveBack();
  }

  /** The one who is held to be talking at this time; says whether somebody else came on the stage. */
  hear(speaker: string, now: number): boolean {
    if (speaker !== this.next) [this.next, this.nextSince] = [speaker, now];
    if (!speaker || speaker === this.speaker) return false;
    const first = this.speaker === '';
    if (!first && (now - this.nextSince < SPEECH_MS || now - this.changed < STAY_MS)) return false;
    [this.speaker, this.changed] = [speaker, now];
    return true;
  }

  /** What is on the stage, of these. */
  on(faces: readonly Seen[]): string[] {
    const there = (ids: readonly string[]): string[] => ids.filter((id) => faces.some((f) => f.id === id));
    const [pins, screens] = [there(this.pins), there(this.screens)];
    if (pins.length) return pins;
    if (screens.length) return screens.slice(0, MOST);
    const others = faces.filter((f) => !f.mine);
    return [others.find((f) => f.id === this.speaker) ?? others[0] ?? faces[0]].flatMap((f) => (f ? [f.id] : []));
  }

  private borrow(): void {
    if (this.layout === 'stage') return;
    this.layout = 'stage';
    this.lent = true;
  }

  private giveBack(): void {
    if (!this.lent || this.pins.length || this.screens.length) return;
    this.layout = 'tiles';
    this.lent = false;
  }
}
