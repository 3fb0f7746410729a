import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatLog } from '../src/chatlog';
import type { ChatMessage } from '../src/conference/messages';

function message(id: string, more: Partial<ChatMessage> = {}): ChatMessage {
  return { id, from: 'ada', name: 'Ada', text: id, at: new Date(1000), to: '', mine: false, reply: '', old: false, door: false, ...more };
}

test('a message is taken once, and history stands before what is new', () => {
  const log = new ChatLog();
  assert.ok(log.take({ what: 'message', message: message('new', { at: new Date(5000) }) }));
  assert.ok(log.take({ what: 'message', message: message('old', { old: true }) }));
  assert.equal(log.take({ what: 'message', message: message('new', { old: true }) }), null);
  assert.deepEqual(log.entries.map((e) => e.message.id), ['old', 'new']);
});

test('signs of one person take the place of those before', () => {
  const log = new ChatLog();
  log.take({ what: 'message', message: message('a') });
  log.take({ what: 'reactions', id: 'a', from: 'bob', signs: ['👍', '🎉'] });
  log.take({ what: 'reactions', id: 'a', from: 'eve', signs: ['👍'] });
  log.take({ what: 'reactions', id: 'a', from: 'bob', signs: ['🎉'] });
  assert.deepEqual([...(log.get('a')?.signs ?? [])].map(([sign, given]) => [sign, [...given]]), [['👍', ['eve']], ['🎉', ['bob']]]);
});

test('only its author or a moderator takes a message back, and it bears no signs then', () => {
  const log = new ChatLog();
  log.take({ what: 'message', message: message('a') });
  log.take({ what: 'retraction', id: 'a', from: 'eve', moderator: false });
  assert.equal(log.get('a')?.retracted, false);
  log.take({ what: 'retraction', id: 'a', from: 'eve', moderator: true });
  assert.equal(log.get('a')?.retracted, true);
  log.take({ what: 'reactions', id: 'a', from: 'bob', signs: ['👍'] });
  assert.equal(log.get('a')?.signs.size, 0);
});

test('a log that is written to for days does not grow without end', () => {
  const log = new ChatLog();
  for (let i = 0; i < 2_100; i++) log.take({ what: 'message', message: message(`m${i}`) });
  assert.equal(log.length, 2_000);
  assert.equal(log.get('m0'), undefined);
});
