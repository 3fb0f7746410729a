import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecPolicy, sendCodec } from '../src/conference/codec';
import { grade, Quality } from '../src/conference/quality';
import type { Source } from '../src/jingle';

const camera: Source = { name: 'a-v0', owner: 'a', kind: 'video', desktop: false, msid: '', ssrcs: [1], groups: [] };
const sourceOf = (ssrc: number): Source | undefined => (ssrc === 1 ? camera : undefined);

function reports(at: { received: number; lost: number; sent: number; sentLost: number }, out: Record<string, unknown> = {}): Record<string, unknown>[] {
  return [
    { type: 'codec', id: 'c', mimeType: 'video/VP8' },
    { type: 'inbound-rtp', ssrc: 1, kind: 'video', bytesReceived: at.received * 1000, packetsReceived: at.received, packetsLost: at.lost, frameWidth: 640, frameHeight: 360, framesPerSecond: 29.6, jitter: 0.012, codecId: 'c' },
    { type: 'outbound-rtp', kind: 'video', bytesSent: at.sent * 1000, packetsSent: at.sent, active: true, frameHeight: 720, ...out },
    { type: 'remote-inbound-rtp', packetsLost: at.sentLost },
    { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.034 },
  ];
}

test('a line without loss is good, and its numbers are those of the time between', () => {
  const quality = new Quality();
  quality.measure(reports({ received: 1000, lost: 500, sent: 1000, sentLost: 0 }), sourceOf, 0);
  assert.equal(quality.mine, null, 'one measure says nothing yet');
  quality.measure(reports({ received: 1100, lost: 500, sent: 1200, sentLost: 0 }), sourceOf, 2_000);
  assert.deepEqual(quality.mine, { quality: 100, loss: { up: 0, down: 0 }, rate: { up: 800, down: 400 }, delay: 34, at: 2_000 });
  assert.deepEqual(quality.reception('a-v0'), { kind: 'video', width: 640, height: 360, fps: 30, jitter: 12, codec: 'VP8', rate: 400, loss: 0 });
  assert.deepEqual(quality.message(720), {
    bitrate: { upload: 800, download: 400 }, packetLoss: { total: 0, download: 0, upload: 0 }, connectionQuality: 100, jvbRTT: 34, maxEnabledResolution: 720,
  });
});

test('loss makes a line weak at once, and it gets better only slowly', () => {
  const quality = new Quality();
  quality.measure(reports({ received: 0, lost: 0, sent: 0, sentLost: 0 }), sourceOf, 0);
  quality.measure(reports({ received: 100, lost: 0, sent: 100, sentLost: 10 }), sourceOf, 2_000);
  assert.equal(quality.mine?.quality, 10);
  assert.equal(grade(10), 'weak');
  quality.measure(reports({ received: 200, lost: 0, sent: 200, sentLost: 10 }), sourceOf, 4_000);
  assert.equal(quality.mine?.quality, 20);
  assert.equal(quality.low, false, 'it is said when it lasts');
  quality.measure(reports({ received: 300, lost: 0, sent: 300, sentLost: 20 }), sourceOf, 6_000);
  assert.equal(quality.low, true);
  quality.restart();
  assert.equal(quality.mine, null);
  assert.equal(quality.low, false);
});

test('a network that lets through half of the picture is half as good; a busy device is known after a while', () => {
  const quality = new Quality();
  quality.measure(reports({ received: 0, lost: 0, sent: 0, sentLost: 0 }), sourceOf, 0);
  const squeezed = (now: number): void => quality.measure(reports({ received: 100, lost: 0, sent: 100, sentLost: 0 }, { qualityLimitationReason: 'bandwidth', targetBitrate: 750_000 }), sourceOf, now);
  squeezed(2_000);
  assert.equal(quality.mine?.quality, 100, 'a connection first finds out how much there is');
  squeezed(30_000);
  assert.equal(quality.mine?.quality, 50);
  for (let at = 1; at <= 10; at++) {
    assert.equal(quality.busy, false);
    quality.measure(reports({ received: 100, lost: 0, sent: 100, sentLost: 0 }, { qualityLimitationReason: 'cpu' }), sourceOf, 30_000 + at * 2_000);
  }
  assert.equal(quality.busy, true);
});

test('what others tell is believed within reason, and for a while', () => {
  const quality = new Quality();
  quality.hear('a', { connectionQuality: 20, jvbRTT: 1e99, bitrate: { upload: -5, download: 300 }, packetLoss: 'much' }, 0);
  assert.deepEqual(quality.of('a', 1_000), { quality: 20, loss: { up: 0, down: 0 }, rate: { up: 0, down: 300 }, delay: 60_000, at: 0 });
  assert.equal(quality.weak('a', 1_000), true);
  assert.equal(quality.weak('a', 60_000), false, 'who is silent is not known of');
  for (const nonsense of [{}, { connectionQuality: 'good' }, { connectionQuality: Number.NaN }]) quality.hear('b', nonsense, 0);
  assert.equal(quality.of('b', 0), null);
});

test('the codec is the first of the order that all can show and we can send', () => {
  const order = ['AV1', 'rtx', 'H264', 'VP8', 'VP9'];
  const all = ['vp8', 'vp9', 'h264', 'av1'];
  assert.equal(sendCodec(order, all, [], ''), 'av1');
  assert.equal(sendCodec(order, ['vp8', 'h264', 'rtx'], [['vp8', 'h264']], ''), 'h264');
  assert.equal(sendCodec(order, all, [['vp8', 'vp9'], [], ['h264', 'vp8']], ''), 'vp8', 'who says nothing keeps nobody from anything');
  assert.equal(sendCodec(order, all, [['h265']], ''), null, 'it stays as it is');
});

test('where the focus says that the room fell back, the fallback comes first', () => {
  const policy = codecPolicy(new Map([['codec-policy', 'hardware-friendly'], ['codec-fallback', 'vp8'], ['codec-fallback-for', 'fox,,gus']]));
  assert.deepEqual(policy, { fallback: 'vp8', because: ['fox', 'gus'] });
  assert.equal(sendCodec(['h264', 'vp8'], ['vp8', 'h264'], [[]], policy.fallback), 'vp8');
  assert.equal(sendCodec(['h264', 'vp8'], ['vp8', 'h264'], [[]], codecPolicy(new Map()).fallback), 'h264');
  assert.equal(sendCodec(['h264'], ['vp8', 'h264'], [[]], 'vp8'), 'h264', 'what is not offered is not sent');
});
