import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, stagePlan, tilePlan } from '../src/ui/plan';
import { Stage } from '../src/ui/stage';
import { receiverConstraints } from '../src/wanted';

const face = (id: string): { id: string; mine: boolean; screen: boolean } => ({ id, mine: id === 'me', screen: id.includes('-v1') });
const faces = (...ids: string[]): ReturnType<typeof face>[] => ids.map(face);
const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `p${index}`);

test('a shared screen puts up the stage, and takes it down again', () => {
  const stage = new Stage();
  stage.update(faces('a', 'b', 'me'));
  assert.equal(stage.layout, 'tiles');
  stage.update(faces('a-v1', 'a', 'b', 'me'));
  assert.equal(stage.layout, 'stage');
  assert.deepEqual(stage.on(faces('a-v1', 'a', 'b', 'me')), ['a-v1']);
  stage.update(faces('a', 'b', 'me'));
  assert.equal(stage.layout, 'tiles');
});

test('who goes back to the tiles while a screen is shared stays there', () => {
  const stage = new Stage();
  stage.update(faces('a-v1', 'a', 'me'));
  stage.choose('tiles');
  stage.update(faces('a', 'me'));
  stage.update(faces('b-v1', 'a', 'b', 'me'));
  assert.equal(stage.layout, 'tiles');
});

test('pins come before screens, screens before who talks; a stage of one\'s own choice stays', () => {
  const stage = new Stage();
  const all = faces('a-v1', 'b-v1', 'a', 'b', 'c', 'me');
  stage.choose('stage');
  stage.hear('c', 0);
  assert.deepEqual(stage.on(faces('a', 'b', 'c', 'me')), ['c']);
  stage.update(all);
  assert.deepEqual(stage.on(all), ['a-v1', 'b-v1']);
  stage.pin('b');
  stage.pin('me');
  assert.deepEqual(stage.on(all), ['b', 'me']);
  stage.update(faces('a', 'c', 'me'));
  assert.deepEqual(stage.on(faces('a', 'c', 'me')), ['me'], 'who leaves takes the pin along');
  stage.pin('me');
  assert.equal(stage.layout, 'stage');
});

test('of more than four pins the oldest gives way', () => {
  const stage = new Stage();
  const all = faces('a', 'b', 'c', 'd', 'e', 'me');
  stage.update(all);
  for (const id of ['a', 'b', 'c', 'd', 'e']) stage.pin(id);
  assert.deepEqual(stage.on(all), ['b', 'c', 'd', 'e']);
  for (const id of ['b', 'c', 'd', 'e']) stage.pin(id);
  assert.equal(stage.layout, 'tiles', 'the last pin takes the stage along');
});

test('who talks comes on the stage after a while of speech, and stays there for a while', () => {
  const stage = new Stage();
  assert.equal(stage.hear('a', 0), true, 'the first one at once');
  assert.equal(stage.hear('b', 5_000), false, 'a word is no speech');
  assert.equal(stage.hear('b', 6_600), true);
  assert.equal(stage.hear('a', 6_700), false);
  assert.equal(stage.hear('a', 8_500), false, 'too soon after the last change');
  assert.equal(stage.hear('a', 10_700), true);
});

function inside(plan: Plan, width: number, height: number): void {
  const rects = [...plan.cells, ...(plan.rest ? [plan.rest] : [])];
  for (const [index, r] of rects.entries()) {
    assert.ok(r.x >= 0 && r.y >= 0 && r.x + r.width <= width && r.y + r.height <= height, `${JSON.stringify(r)} lies in ${width} by ${height}`);
    assert.ok(r.width > 40 && r.height > 20, `${JSON.stringify(r)} can be seen`);
    for (const o of rects.slice(index + 1)) {
      assert.ok(r.x + r.width <= o.x || o.x + o.width <= r.x || r.y + r.height <= o.y || o.y + o.height <= r.y, `${JSON.stringify(r)} and ${JSON.stringify(o)} do not overlap in ${width} by ${height}`);
    }
  }
}

test('from a phone to 4K, upright and on its side, every tile lies in the hall and over no other', () => {
  for (const [width, height] of [[344, 600], [304, 420], [716, 230], [796, 1050], [1000, 640], [1416, 765], [1060, 765], [2536, 1320], [3816, 2040]] as const) {
    for (const count of [1, 2, 3, 5, 9, 25, 60]) {
      inside(tilePlan(ids(count), width, height, 0), width, height);
      for (const staged of [1, 2, 3, 4]) {
        for (const shape of [16 / 9, 4 / 3, 9 / 16, 32 / 9]) inside(stagePlan(ids(staged).map((id) => `s${id}`), ids(count), width, height, shape), width, height);
      }
    }
  }
});

test('a strip that is too short counts those who have no place, and keeps oneself', () => {
  const plan = stagePlan(['s'], [...ids(20), 'me'], 1416, 765, 16 / 9);
  const shown = plan.cells.filter((c) => !c.stage).map((c) => c.id);
  assert.equal(shown[shown.length - 1], 'me');
  assert.equal(plan.more + shown.length, 21);
  assert.equal(plan.rest?.x, plan.cells[1]?.x);
});

test('two screens share the stage side by side where it is wide', () => {
  const [one, two] = stagePlan(['a', 'b'], ['p', 'me'], 1416, 500, 16 / 9).cells;
  assert.equal(one?.y, two?.y);
  const [upper, lower] = stagePlan(['a', 'b'], ['p', 'me'], 344, 600, 16 / 9).cells;
  assert.equal(upper?.x, lower?.x);
});

test('pages have as many tiles as can be seen well, and a page beyond the last is the last', () => {
  const plan = tilePlan(ids(20), 344, 600, 9);
  assert.equal(plan.page, plan.pages - 1);
  assert.equal(plan.cells[plan.cells.length - 1]?.id, 'p19');
});

test('what is asked of the bridge follows what is shown', () => {
  const shown = [
    { source: 'a-v1', height: 765, stage: true, screen: true },
    { source: 'b-v0', height: 117, pinned: true },
    { source: 'c-v0', height: 330 },
  ];
  const asked = receiverConstraints({ shown, pictures: 'all' });
  assert.deepEqual(asked.onStageSources, ['a-v1']);
  assert.deepEqual(asked.selectedSources, ['b-v0']);
  assert.deepEqual(asked.constraints, { 'a-v1': { maxHeight: 2160 }, 'b-v0': { maxHeight: 180 }, 'c-v0': { maxHeight: 360 } });
  assert.deepEqual(asked.defaultConstraints, { maxHeight: 0 });
  assert.equal(asked.lastN, -1);
  const small = receiverConstraints({ shown, pictures: 'small' });
  assert.deepEqual(small.constraints, { 'a-v1': { maxHeight: 720 }, 'b-v0': { maxHeight: 180 }, 'c-v0': { maxHeight: 180 } });
  const none = receiverConstraints({ shown, pictures: 'none' });
  assert.deepEqual([none.lastN, none.constraints, none.onStageSources], [0, {}, []]);
});
