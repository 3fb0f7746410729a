// The player's reckoning: what is played when, and how files are kept in step.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from '../src/recordings/clock';
import { course, endOf, mimeOf, pieceAt, soon, voicesOf } from '../src/recordings/plan';
import { isRecording, sizeText } from '../src/recordings/recording';

const file = (source: string, run: number, kind: 'audio' | 'video', offsetMs: number, durationMs: number, desktop = false) => ({
  file: `${source}.${run}.mp4`, type: `${kind}/mp4`, bytes: 1, url: `/${source}.${run}`,
  track: { source, name: 'Ada', kind, codec: kind === 'audio' ? 'opus' : 'vp8', desktop, offsetMs, durationMs },
});

test('files of a source follow each other, screens come first and sound last', () => {
  const voices = voicesOf([
    file('a-a0', 1, 'audio', -20, 9000), file('a-v0', 2, 'video', 5000, 4000), file('a-v0', 1, 'video', 100, 4000),
    file('b-v0', 1, 'video', 50, 20), file('a-v1', 1, 'video', 6000, 1000, true), { file: 'events.json', type: 'application/json', bytes: 1, url: '/e' },
  ]);
  assert.deepEqual(voices.map(({ source }) => source), ['a-v1', 'a-v0', 'a-a0'], 'b sent no picture to speak of');
  assert.deepEqual(voices[1]?.pieces.map(({ begin, end }) => [begin, end]), [[100, 4100], [5000, 9000]]);
  assert.equal(endOf(voices, 8000), 9000);
  assert.equal(endOf([], 8000), 8000);
});

test('between two files of a source there is nothing, and the next one is known before', () => {
  const pieces = voicesOf([file('a-v0', 1, 'video', 0, 4000), file('a-v0', 2, 'video', 3900, 1000), file('a-v0', 3, 'video', 9000, 1000)])[0]?.pieces ?? [];
  assert.equal(pieceAt(pieces, 3899)?.url, '/a-v0.1');
  assert.equal(pieceAt(pieces, 3900)?.url, '/a-v0.2', 'the later one counts');
  assert.equal(pieceAt(pieces, 4900), null);
  assert.equal(soon(pieces, 4900, 4000), null);
  assert.equal(soon(pieces, 4900, 5000)?.url, '/a-v0.3');
});

test('a browser is asked about what is in a file', () => {
  assert.equal(mimeOf('audio/mp4', 'opus'), 'audio/mp4; codecs="opus"');
  assert.equal(mimeOf('video/webm', 'unheard'), 'video/webm; codecs="unheard"');
});

test('what is off by little is played faster or slower until it is near, what is far off jumps', () => {
  assert.deepEqual(course('audio', 39, false), { do: 'play', rate: 1 });
  assert.deepEqual(course('audio', 50, false), { do: 'play', rate: 1.05 });
  assert.deepEqual(course('audio', -200, false), { do: 'play', rate: 0.92 });
  assert.deepEqual(course('video', -200, false), { do: 'play', rate: 0.8 });
  assert.deepEqual(course('audio', 30, true), { do: 'play', rate: 1.03 });
  assert.deepEqual(course('video', 14, true), { do: 'play', rate: 1 });
  assert.deepEqual(course('video', -301, true), { do: 'jump' });
});

test('off by 300 ms, a file is in step within 80 ms after four seconds', () => {
  let [off, correcting] = [300, false];
  for (let look = 0; look < 40; look++) {
    const way = course('audio', off, correcting);
    assert.equal(way.do, 'play');
    if (way.do !== 'play') return;
    correcting = way.rate !== 1;
    off -= (way.rate - 1) * 100;
  }
  assert.ok(Math.abs(off) < 80, String(off));
});

test('the clock stands while somebody waits, and goes on from there', () => {
  let now = 1000;
  const clock = new Clock(5000, () => now);
  clock.play();
  clock.hold(false);
  now += 700;
  assert.equal(clock.position, 700);
  clock.hold(true);
  now += 5000;
  assert.equal(clock.position, 700);
  clock.hold(false);
  now += 100;
  assert.equal(clock.position, 800);
  clock.go(4900);
  now += 300;
  assert.equal(clock.position, 5000);
  assert.ok(clock.atEnd);
  clock.pause();
  clock.play();
  assert.equal(clock.position, 0, 'from the beginning again');
  clock.go(-5);
  assert.equal(clock.position, 0);
});

test('sizes are said in numbers that people know', () => {
  assert.equal(sizeText(0), '0 byte');
  assert.equal(sizeText(97_501), '98 kB');
  assert.equal(sizeText(1_440_000_000), '1.4 GB');
});

test('an answer that is no recording is not taken for one', () => {
  assert.ok(isRecording({ name: 'a', ticket: 't', beginUnixMs: 1, durationMs: 1, bytes: 1, participants: [] }));
  for (const other of [null, 1, 'a', [], {}, { name: 'a', ticket: 't' }]) assert.ok(!isRecording(other));
});
