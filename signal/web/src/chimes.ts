// Quiet sounds for what happens in a meeting: made of two soft notes, never the only sign of anything.

import { setting, type Setting } from './settings';

export type Chime = 'came' | 'left' | 'message' | 'knock' | 'record';

/** Frequencies and when they begin, in seconds. */
const NOTES: Readonly<Record<Chime, readonly (readonly [frequency: number, at: number])[]>> = {
  came: [[523, 0], [784, 0.09]],
  left: [[659, 0], [440, 0.09]],
  message: [[988, 0]],
  knock: [[294, 0], [294, 0.16], [392, 0.32]],
  record: [[523, 0], [659, 0.14], [784, 0.28]],
};
/** That somebody is recorded cannot be made silent. */
const SWITCH: Readonly<Partial<Record<Chime, Setting>>> = { came: 'sound.people', left: 'sound.people', message: 'sound.message', knock: 'sound.door' };
const QUIET = 0.045;
/** Many at once are one. */
const APART_MS = 400;

let context: AudioContext | null = null;
let output = '';
let last = -APART_MS;
let count = 0;

/** How many have been played, for tests. */
export function chimesPlayed(): number {
  return count;
}

export function chimeOn(deviceId: string): void {
  output = deviceId;
  route();
}

export function chime(name: Chime): void {
  const by = SWITCH[name];
  if (by && (!setting(by) || performance.now() - last < APART_MS)) return;
  last = performance.now();
  count++;
  try {
    if (!context) {
      context = new AudioContext();
      route();
    }
    void context.resume();
    playNotes(context, NOTES[name], QUIET);
  } catch {
    // A browser without sound of its own: what is seen is enough.
  }
}

/** Soft notes: none begins or ends with a click. */
export function playNotes(audio: AudioContext, notes: readonly (readonly [number, number])[], loudness: number, length = 0.16): void {
  for (const [frequency, at] of notes) {
    const begin = audio.currentTime + at;
    const gain = audio.createGain();
    const note = audio.createOscillator();
    note.frequency.value = frequency;
    gain.gain.value = 0;
    gain.gain.setTargetAtTime(loudness, begin, 0.012);
    gain.gain.setTargetAtTime(0, begin + length, 0.07);
    note.connect(gain).connect(audio.destination);
    note.start(begin);
    note.stop(begin + length + 0.5);
  }
}

function route(): void {
  const sink = context as (AudioContext & { setSinkId?: (id: string) => Promise<void> }) | null;
  if (output) void sink?.setSinkId?.(output).catch(() => undefined);
}
