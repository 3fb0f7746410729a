import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Participant } from '../src/conference/participant';
import type { Room } from '../src/conference/room';
import { TalkTime } from '../src/conference/talktime';
import type { Xml } from '../src/xml';

const STATS = 'speakerstats.box';

function meeting(): { room: Room; talk: TalkTime; told: string[]; person(id: string, name: string, audioMuted: boolean): void; mic(on: boolean): void; gone(id: string): void } {
  const told: string[] = [];
  const people = new Map<string, Participant>();
  const room = {
    jid: 'r@muc', me: 'me', people, components: new Map([['speakerstats', STATS]]), local: { name: 'Ada', audio: {} },
    send: (stanza: Xml) => told.push((stanza.children[0] as Xml).attrs.silence ?? ''), tell: () => undefined,
  } as unknown as Room & { local: { name: string; audio: object | null } };
  const talk = new TalkTime(room);
  return {
    room, talk, told,
    person: (id, name, audioMuted) => void people.set(id, { id, name, audioMuted } as Participant),
    mic: (on) => { room.local = { ...room.local, audio: on ? {} as MediaStreamTrack : null }; },
    gone: (id) => void people.delete(id),
  };
}

const times = (talk: TalkTime, now: number): Record<string, number> => Object.fromEntries(talk.list(now).map(({ name, ms }) => [name, ms]));

test('who is dominant is counted, and whoever is it oneself tells the box', () => {
  const { talk, told, person } = meeting();
  person('g', 'Grace', false);
  talk.onSpeaker('me', 1_000);
  talk.onSpeaker('me', 2_000);
  talk.onSpeaker('g', 4_000);
  assert.deepEqual(times(talk, 9_000), { Grace: 5_000, Ada: 3_000 });
  assert.deepEqual(told, ['false'], 'that Grace speaks is hers to say');
});

test('the dominant speaker whose microphone is off does not speak, and goes on when it is on again', () => {
  const { talk, told, person, mic } = meeting();
  person('g', 'Grace', false);
  talk.onSpeaker('me', 0);
  mic(false);
  talk.onPeople(2_000);
  assert.deepEqual(times(talk, 9_000), { Ada: 2_000, Grace: 0 });
  assert.equal(talk.list(9_000).some(({ now }) => now), false);
  mic(true);
  talk.onPeople(10_000);
  assert.deepEqual(times(talk, 11_000), { Ada: 3_000, Grace: 0 });
  assert.deepEqual(told, ['false', 'true', 'false']);
  talk.onSpeaker('g', 12_000);
  person('g', 'Grace', true);
  talk.onPeople(13_000);
  assert.deepEqual(times(talk, 99_000), { Ada: 4_000, Grace: 1_000 });
});

test('who left is listed by name with what they spoke, and those who are yet to appear are counted from then on', () => {
  const { talk, person, gone } = meeting();
  talk.onSpeaker('g', 0);
  person('g', 'Grace', false);
  talk.onPeople(1_000);
  gone('g');
  talk.onPeople(3_000);
  assert.deepEqual(talk.list(9_000).find(({ id }) => id === 'g'), { id: 'g', name: 'Grace', ms: 2_000, here: false, now: false });
});

test('what the box told of before is counted on', () => {
  const { talk, person } = meeting();
  person('g', 'Grace', false);
  assert.equal(talk.onJson({ type: 'speakerstats', users: { g: { totalDominantSpeakerTime: 5_000 } } }, 'g@elsewhere'), false);
  assert.equal(talk.onJson({ type: 'speakerstats', users: { g: { totalDominantSpeakerTime: 5_000 }, h: { displayName: 'Mary', totalDominantSpeakerTime: 70 } } }, STATS), true);
  talk.onSpeaker('g', 1_000);
  assert.deepEqual(times(talk, 2_000), { Grace: 6_000, Mary: 70, Ada: 0 });
});
