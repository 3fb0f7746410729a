// Where in the recording we are, in milliseconds. Pure but for the time that it is told.

export class Clock {
  playing = false;
  private at = 0;
  private since: number | null = null;

  /** `now` is in milliseconds and never goes back. */
  constructor(readonly end: number, private readonly now: () => number) {}

  get position(): number {
    return Math.min(this.end, this.at + (this.since === null ? 0 : this.now() - this.since));
  }

  get atEnd(): boolean {
    return this.position >= this.end;
  }

  /** Stands still while somebody waits for data, without forgetting that it plays. */
  hold(held: boolean): void {
    const runs = this.playing && !held;
    if (runs === (this.since !== null)) return;
    this.at = this.position;
    this.since = runs ? this.now() : null;
  }

  play(): void {
    if (this.atEnd) this.go(0);
    this.playing = true;
  }

  pause(): void {
    this.playing = false;
    this.hold(false);
  }

  go(position: number): void {
    this.at = Math.max(0, Math.min(this.end, position));
    if (this.since !== null) this.since = this.now();
  }
}
