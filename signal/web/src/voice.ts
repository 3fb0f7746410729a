// What the loudness at the microphone says about the person: talks while nothing is sent, or cannot be heard at all. Pure.

export type Voice = 'muted-talk' | 'silence';

/** Levels as `LocalMedia.heard` gives them: speech is well over the first; a live microphone, even in a quiet room, over the second. */
const SPEECH = 0.08;
const NOTHING = 0.0004;
const TALK_MS = 600;
const SILENCE_MS = 15_000;
/** Measurements further apart, as in a tab that sleeps, say nothing about the time between. */
const GAP_MS = 1_500;

export class VoiceWatch {
  private last = 0;
  private talked = 0;
  private silent = 0;
  private told: Voice | '' = '';
  private wasOn = false;

  /** One measurement; what there is to tell now, each thing once until the microphone is turned on or off. */
  hear(level: number | null, on: boolean, now: number): Voice | null {
    const passed = now - this.last < GAP_MS ? now - this.last : 0;
    this.last = now;
    if (on !== this.wasOn || level === null) this.reset(on);
    if (level === null || this.told) return null;
    if (!on) {
      this.talked = Math.max(0, this.talked + (level > SPEECH ? passed : -passed / 4));
      return this.talked >= TALK_MS ? (this.told = 'muted-talk') : null;
    }
    this.silent = level > NOTHING ? -Infinity : this.silent + passed;
    return this.silent >= SILENCE_MS ? (this.told = 'silence') : null;
  }

  private reset(on: boolean): void {
    this.wasOn = on;
    this.talked = this.silent = 0;
    this.told = '';
  }
}
