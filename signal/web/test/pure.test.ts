import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import jsqr from 'jsqr';
import { FEATURES, VER } from '../src/caps';
import { en } from '../src/i18n/languages/en';
import { t } from '../src/i18n';
import { hue, initials, inventRoom, nickOf, roomFromPath, roomNode, roomSlug, roomTitle } from '../src/names';
import { Management } from '../src/management';
import { qrCode } from '../src/qr';
import { luminance } from '../src/colour';
import { fit, pageSize } from '../src/ui/fit';
import { encodings, ladderHeight, receiverConstraints } from '../src/wanted';
import { el, escape, serialize } from '../src/xml';
import { parse } from './samples';

test('the hash of our features is the one that XEP-0115 prescribes', () => {
  const sorted = [...FEATURES].sort();
  assert.deepEqual(sorted, [...FEATURES]);
  assert.equal(VER, createHash('sha1').update(sorted.map((f) => `${f}<`).join('')).digest('base64'));
});

test('text survives being written and read, whatever it holds', () => {
  const nasty = `<b>&amp;'"</b> ]]> \u{1f600} \u0000\u000b\ud800 end`;
  const written = serialize(el('body', { xmlns: 'jabber:client', a: nasty }, nasty));
  const read = parse(written);
  assert.equal(read.children.join(''), `<b>&amp;'"</b> ]]> \u{1f600}  end`);
  assert.equal(read.attrs.a, `<b>&amp;'"</b> ]]> \u{1f600}  end`);
  assert.equal(escape('plain'), 'plain');
});

test('every element keeps the namespace that it was built with', () => {
  const written = serialize(el('iq', { xmlns: 'jabber:client' }, el('a', { xmlns: 'x' }, el('b', { xmlns: 'x' }))));
  assert.equal(written, `<iq xmlns='jabber:client'><a xmlns='x'><b xmlns='x'/></a></iq>`);
});

test('room names lead to the same room as in Jitsi clients', () => {
  assert.equal(roomNode('Weekly-Review'), 'weekly-review');
  assert.equal(roomNode('Größe'), 'gr%c3%b6%c3%9fe');
  assert.equal(roomNode('gr%C3%B6%C3%9Fe'), 'gr%c3%b6%c3%9fe');
  assert.equal(roomSlug('  Weekly review / Q3? '), 'weekly-review-q3');
  assert.equal(roomSlug('???'), '');
  assert.equal(roomFromPath('/tenant/weekly%20review'), 'weekly review');
  assert.equal(roomFromPath('/'), '');
  assert.equal(roomTitle('weekly-review'), 'Weekly review');
  assert.match(inventRoom(), /^[a-z]+-[a-z]+-[a-z]+$/);
});

test('people get the initials and always the same hue of their name', () => {
  assert.equal(initials('Amira Haddad'), 'AH');
  assert.equal(initials('mei'), 'ME');
  assert.equal(initials(' José  de la Cruz '), 'JC');
  assert.equal(hue('Mei'), hue('Mei'));
  assert.equal(nickOf('3f2a9c41-7d2e-4b1c-9e55-0c1d2e3f4a5b@meet.example/k'), '3f2a9c41');
  assert.match(nickOf('someone@meet.example/k'), /^[0-9a-f]{8}$/);
});

test('tiles fill the hall as measured in the drawings', () => {
  const shape = (n: number, w: number, h: number): string => {
    const { cols, rows, width, height } = fit(n, w, h);
    return `${cols}x${rows} ${width}x${height}`;
  };
  assert.equal(shape(2, 1416, 766), '2x1 704x528');
  assert.equal(shape(4, 1416, 766), '2x2 673x378');
  assert.equal(shape(9, 1416, 766), '3x3 444x249');
  assert.equal(shape(2, 344, 607), '1x2 344x299');
  for (let n = 1; n < 40; n++) {
    const { cols, rows, width, height } = fit(n, 1000, 700);
    assert.ok(cols * rows >= n && cols * width + 8 * (cols - 1) <= 1000 && rows * height + 8 * (rows - 1) <= 700, `${n} tiles`);
  }
  assert.ok(pageSize(30, 344, 607) < 30);
  assert.equal(pageSize(4, 1416, 766), 4);
});

test('the bridge is asked for the step that fills the tile, and for nothing else', () => {
  assert.deepEqual([90, 180, 200, 203, 360, 720, 811, 5000].map(ladderHeight), [180, 180, 180, 360, 360, 720, 1080, 2160]);
  const asked = receiverConstraints({ shown: [{ source: 'a-v0', height: 300 }, { source: 'b-v1', height: 700, stage: true }], pictures: 'all' });
  assert.deepEqual(asked.constraints, { 'a-v0': { maxHeight: 360 }, 'b-v1': { maxHeight: 720 } });
  assert.deepEqual(asked.onStageSources, ['b-v1']);
  assert.deepEqual(asked.defaultConstraints, { maxHeight: 0 });
});

test('encodings run as high as somebody looks', () => {
  const active = (limit: number): boolean[] => encodings(3, 720, limit).map((e) => e.active);
  assert.deepEqual(active(-1), [true, true, true]);
  assert.deepEqual(active(720), [true, true, true]);
  assert.deepEqual(active(360), [true, true, false]);
  assert.deepEqual(active(100), [true, false, false]);
  assert.deepEqual(active(0), [false, false, false]);
  assert.deepEqual(encodings(3, 720, -1).map((e) => e.scaleResolutionDownBy), [4, 2, 1]);
  assert.deepEqual(encodings(1, 720, 180), [{ active: true, scaleResolutionDownBy: 4, maxBitrate: 200_000 }]);
  assert.equal(encodings(1, 720, 0)[0]?.active, false);
});

test('QR codes of every version are read by a reader that is not ours', () => {
  for (const length of [1, 14, 15, 26, 42, 62, 84, 106, 122, 152, 180, 181, 213]) {
    const text = `https://harbour.local:8443/${'weekly-review-'.repeat(20)}`.slice(0, length);
    const bytes = new TextEncoder().encode(text).length;
    const grid = qrCode(text);
    assert.ok(grid, `${bytes} bytes fit`);
    assert.equal(read(grid), text);
  }
  assert.equal(read(qrCode('https://box/größe') ?? []), 'https://box/größe');
  assert.equal(qrCode('x'.repeat(214)), null);
});

function read(grid: boolean[][]): string | undefined {
  const scale = 4;
  const side = (grid.length + 8) * scale;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  grid.forEach((row, y) => row.forEach((dark, x) => {
    for (let dy = 0; dark && dy < scale; dy++) for (let dx = 0; dx < scale; dx++) {
      const at = (((y + 4) * scale + dy) * side + (x + 4) * scale + dx) * 4;
      pixels.fill(0, at, at + 3);
    }
  }));
  const decode = (jsqr as unknown as { default?: typeof jsqr }).default ?? jsqr;
  return decode(pixels, side, side)?.data;
}

test('texts fill their places and choose their plural', () => {
  assert.equal(t('back', { count: 1 }), 'You were away for 1 second.');
  assert.equal(t('back', { count: 12 }), 'You were away for 12 seconds.');
  assert.equal(t('say.came', { name: 'Mei' }), 'Mei came in.');
  for (const [key, value] of Object.entries(en)) {
    for (const text of typeof value === 'string' ? [value] : [value.one, value.other]) assert.ok(text && !text.includes('!'), `${key} is calm`);
  }
});

test('the accent gets text that can be read on it', () => {
  assert.ok(luminance('#ffffff') > 0.99 && luminance('#000000') === 0);
});

test('the sheet uses logical directions only', () => {
  for (const name of ['moothall.css', 'page.css']) {
    const sheet = readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8');
    assert.doesNotMatch(sheet, /(?:margin|padding|border)-(?:left|right)|[{;\s](?:left|right):/, name);
  }
});

test('the document holds no inline script or style', () => {
  const page = readFileSync(new URL('../src/index.html', import.meta.url), 'utf8');
  assert.doesNotMatch(page, /\sstyle=|<style|<script(?![^>]*\ssrc=)|\son\w+=/);
});

test('stream management keeps what the box has not confirmed, in its order', () => {
  const management = new Management('id');
  const asked = ['a', 'b', 'c', 'd', 'e', 'f'].map((stanza) => management.sent(stanza));
  assert.deepEqual(asked, [false, false, false, false, true, false]);
  management.confirm(2);
  assert.deepEqual(management.unconfirmed, ['c', 'd', 'e', 'f']);
  for (const nonsense of [1, 7, -1, Number.NaN, 2.5]) management.confirm(nonsense);
  assert.deepEqual(management.unconfirmed, ['c', 'd', 'e', 'f']);
  management.confirm(6);
  assert.deepEqual(management.unconfirmed, []);
  for (let n = 0; n <= 500; n++) management.sent('x');
  assert.equal(management.full, true);
});
