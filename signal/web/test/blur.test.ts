import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BlurTrack, canBlur, isBlurred, setBlur } from '../src/blur';

/** A camera that offers these ways, and what it was asked for. */
function camera(backgroundBlur: unknown, { refuses = false } = {}): { track: BlurTrack; asked: unknown[] } {
  const asked: unknown[] = [];
  let blurred = false;
  const track = {
    readyState: 'live' as const,
    getCapabilities: () => ({ backgroundBlur }) as MediaTrackCapabilities,
    getSettings: () => ({ backgroundBlur: blurred }) as MediaTrackSettings,
    getConstraints: () => ({ width: { ideal: 1280 } }),
    applyConstraints: (wish: MediaTrackConstraints) => {
      asked.push(wish);
      if (refuses) return Promise.reject(new DOMException('no', 'OverconstrainedError'));
      blurred = (wish as { backgroundBlur?: boolean }).backgroundBlur === true;
      return Promise.resolve();
    },
  };
  return { track, asked };
}

test('a camera that can blur does so on wish, and keeps its other constraints', async () => {
  const { track, asked } = camera([false, true]);
  assert.equal(canBlur(track), true);
  await setBlur(track, false);
  assert.deepEqual(asked, [], 'it is so already');
  await setBlur(track, true);
  assert.equal(isBlurred(track), true);
  await setBlur(track, false);
  assert.equal(isBlurred(track), false);
  assert.deepEqual(asked, [true, false].map((backgroundBlur) => ({ width: { ideal: 1280 }, backgroundBlur })));
});

test('where there is no choice nothing is offered and nothing asked for', async () => {
  for (const ways of [undefined, [], [false], [true], true]) {
    const { track, asked } = camera(ways);
    assert.equal(canBlur(track), false, JSON.stringify(ways));
    await setBlur(track, true);
    assert.deepEqual(asked, []);
  }
  const { getCapabilities: _, ...old } = camera([false, true]).track;
  assert.equal(canBlur(old), false, 'a browser that tells no capabilities');
  assert.equal(canBlur(null), false);
  assert.equal(isBlurred(null), false);
  assert.equal(canBlur({ ...camera([false, true]).track, readyState: 'ended' }), false);
});

test('a camera that refuses stays as it is', async () => {
  const { track, asked } = camera([false, true], { refuses: true });
  await setBlur(track, true);
  assert.equal(asked.length, 1);
  assert.equal(isBlurred(track), false);
});
