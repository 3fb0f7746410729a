import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Voice, VoiceWatch } from '../src/voice';

const TALK = 0.3;
const ROOM = 0.004;

/** What is told while the microphone gives this level for so long, measured every 150 ms. */
function hear(watch: VoiceWatch, level: number | null, on: boolean, from: number, ms: number): Voice[] {
  const told: Voice[] = [];
  for (let now = from; now < from + ms; now += 150) {
    const voice = watch.hear(level, on, now);
    if (voice) told.push(voice);
  }
  return told;
}

test('who talks with the microphone off is told once, and again after having had it on', () => {
  const watch = new VoiceWatch();
  assert.deepEqual(hear(watch, ROOM, false, 10_000, 5_000), []);
  assert.deepEqual(hear(watch, TALK, false, 15_000, 300), [], 'a cough is no talk');
  assert.deepEqual(hear(watch, ROOM, false, 15_300, 5_000), []);
  assert.deepEqual(hear(watch, TALK, false, 20_300, 5_000), ['muted-talk']);
  assert.deepEqual(hear(watch, TALK, true, 25_300, 3_000), []);
  assert.deepEqual(hear(watch, TALK, false, 28_300, 3_000), ['muted-talk']);
});

test('a microphone that gives nothing at all is told of once; a quiet room is not nothing', () => {
  const watch = new VoiceWatch();
  assert.deepEqual(hear(watch, 0, true, 10_000, 14_000), []);
  assert.deepEqual(hear(watch, 0, true, 24_000, 60_000), ['silence']);
  const quiet = new VoiceWatch();
  assert.deepEqual(hear(quiet, ROOM, true, 10_000, 1_000), []);
  assert.deepEqual(hear(quiet, 0, true, 11_000, 60_000), [], 'it has been heard before');
});

test('time that was not measured counts for nothing', () => {
  const watch = new VoiceWatch();
  assert.equal(watch.hear(0, true, 10_000), null);
  assert.equal(watch.hear(0, true, 90_000), null);
  assert.deepEqual(hear(watch, null, true, 91_000, 60_000), []);
});
