import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Places } from '../src/ui/places';

const faces = (ids: string): { id: string }[] => [...ids].map((id) => ({ id }));
const order = (places: Places, ids: string): string => places.sort(faces(ids)).map((f) => f.id).join('');

test('everybody keeps the place that they came to', () => {
  const places = new Places();
  assert.equal(order(places, 'abc'), 'abc');
  assert.equal(order(places, 'bcd'), 'bcd');
  assert.equal(order(places, 'bcda'), 'bcda');
});

test('a screen comes before the one who shows it', () => {
  const places = new Places();
  order(places, 'abc');
  assert.equal(order(places, 'aSbc'), 'aSbc');
});

test('who talks on a hidden page changes places with the one in sight who was silent longest', () => {
  const places = new Places();
  order(places, 'abcdef');
  assert.equal(places.talk('a', ['a', 'b', 'c']), false, 'in sight already');
  assert.equal(places.talk('b', ['a', 'b', 'c']), false);
  assert.equal(places.talk('e', ['a', 'b', 'c']), true);
  assert.equal(order(places, 'abcdef'), 'abedcf');
  assert.equal(places.talk('f', ['a', 'b', 'e']), true);
  assert.equal(order(places, 'abcdef'), 'fbedca');
  assert.equal(places.talk('z', ['f', 'b', 'e']), false, 'not one of us');
});
