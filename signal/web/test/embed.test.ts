import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Postbox } from '../src/embed/postbox';
import { eventsBetween, eventsOf, type Snapshot } from '../src/embed/snapshot';
import { readWishes } from '../src/embed/wishes';

/** Two windows that post to each other, as the browser would have them do it. */
class Side {
  private readonly listeners = new Set<(event: MessageEvent) => void>();
  other: Side | null = null;
  readonly posted: { text: string; to: string }[] = [];

  constructor(readonly origin: string) {}

  addEventListener(_: string, listener: (event: never) => void): void { this.listeners.add(listener as (event: MessageEvent) => void); }
  removeEventListener(_: string, listener: (event: never) => void): void { this.listeners.delete(listener as (event: MessageEvent) => void); }

  /** Called by whoever wants this side to get something. */
  postMessage(text: string, to: string): void {
    this.posted.push({ text, to });
    if (to === '*' || to === this.origin) this.hear(text, this.other as Side);
  }

  hear(data: string, source: Side, origin = source.origin): void {
    for (const listener of [...this.listeners]) listener({ data, source, origin } as unknown as MessageEvent);
  }
}

function pair(origin = 'https://intranet.example'): { page: Side; frame: Side } {
  const [page, frame] = [new Side(origin), new Side('https://box.example')];
  page.other = frame;
  frame.other = page;
  return { page, frame };
}

function box(here: Side, there: Side, accepts: (origin: string) => boolean, heard: unknown[], scope = 's'): Postbox {
  return new Postbox({ scope, here: here as unknown as Window, there: there as unknown as Window, accepts, onMessage: (message) => heard.push(message) });
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 180));

test('what is said before the greeting arrives after it, and only at the right origin', async () => {
  const { page, frame } = pair();
  const [atPage, atFrame]: [unknown[], unknown[]] = [[], []];
  const outer = box(page, frame, (origin) => origin === frame.origin, atPage);
  const inner = box(frame, page, (origin) => origin === page.origin, atFrame);
  outer.send({ type: 'event', data: 1 });
  inner.send({ type: 'event', data: 2 });
  await soon();
  assert.deepEqual(atFrame, [{ type: 'event', data: 1 }]);
  assert.deepEqual(atPage, [{ type: 'event', data: 2 }]);
  for (const { text, to } of [...page.posted, ...frame.posted]) assert.ok(to !== '*' || text.includes('__ready__'), text);
  outer.dispose();
  inner.dispose();
});

test('an origin that is not allowed is neither heard nor told anything', async () => {
  const { page, frame } = pair('https://elsewhere.example');
  const [atPage, atFrame]: [unknown[], unknown[]] = [[], []];
  const outer = box(page, frame, () => true, atPage);
  const inner = box(frame, page, (origin) => origin === 'https://intranet.example', atFrame);
  outer.send({ type: 'event', data: 'command' });
  inner.send({ type: 'event', data: 'secret' });
  await soon();
  frame.hear(JSON.stringify({ postis: true, scope: 's', method: 'message', params: { type: 'event' } }), page);
  assert.deepEqual([atPage, atFrame], [[], []]);
  assert.equal(page.posted.some(({ text }) => text.includes('secret')), false);
  outer.dispose();
  inner.dispose();
});

test('another window, another scope and what is no message are left alone', () => {
  const { page, frame } = pair();
  const heard: unknown[] = [];
  const inner = box(frame, page, () => true, heard);
  const good = JSON.stringify({ postis: true, scope: 's', method: 'message', params: { n: 1 } });
  frame.hear(good, new Side(page.origin), page.origin);
  for (const bad of ['{', '7', 'null', good.replace('"s"', '"t"'), good.replace('true', '1'), good.replace('"message"', '"other"'), `${good}${' '.repeat(100_001)}`]) frame.hear(bad, page);
  assert.deepEqual(heard, []);
  frame.hear(good, page);
  frame.hear(good.replace('"message"', '"data"'), page);
  assert.deepEqual(heard, [{ n: 1 }, { n: 1 }]);
  inner.dispose();
});

const AWAY: Snapshot = {
  phase: 'prejoin', room: 'hall', name: 'Ada', me: null, others: [], audioMuted: false, videoMuted: false, audioAvailable: true, videoAvailable: true,
  created: 0, speaker: '', tiles: true, chatOpen: false, peopleOpen: false, unread: 0,
};
const ADA = { id: 'a', name: 'Ada', moderator: true, hand: false, sharing: false };
const GRACE = { id: 'g', name: 'Grace', moderator: false, hand: false, sharing: false };

test('events lead from one state of the meeting to the next', () => {
  const names = (before: Snapshot, after: Snapshot): string[] => eventsBetween(before, after).map(({ name, id }) => [name, id].filter(Boolean).join(' '));
  const here: Snapshot = { ...AWAY, phase: 'meeting', me: ADA, others: [GRACE] };
  assert.deepEqual(names({ ...AWAY, phase: '' }, AWAY), ['prejoin-screen-loaded local']);
  assert.deepEqual(names(here, { ...here, created: 1_700_000_000_000 }), ['conference-created-timestamp']);
  assert.deepEqual(names(AWAY, here), ['video-conference-joined a', 'participant-joined g']);
  assert.deepEqual(names(here, here), []);
  assert.deepEqual(names(here, { ...here, audioMuted: true, others: [{ ...GRACE, hand: true, sharing: true }] }), ['raise-hand-updated g', 'content-sharing-participants-changed', 'audio-mute-status-changed']);
  assert.deepEqual(names(here, { ...here, others: [] }), ['participant-left g']);
  // After a break both have new ids.
  assert.deepEqual(names(here, { ...here, me: { ...ADA, id: 'b' }, others: [{ ...GRACE, id: 'h' }] }), ['participant-left g', 'video-conference-left', 'video-conference-joined b', 'participant-joined h']);
  assert.deepEqual(names(here, AWAY), ['prejoin-screen-loaded local', 'participant-left g', 'video-conference-left']);
});

test('what happens in the meeting is told in the words of the external API', () => {
  const told = (happening: Parameters<typeof eventsOf>[0]): unknown => eventsOf(happening, 'a', 'hall@conference.box.example');
  assert.deepEqual(told({ what: 'knock', id: 'k', name: 'Kay', gone: false }), [{ name: 'knocking-participant', participant: { id: 'k', name: 'Kay' } }]);
  assert.deepEqual(told({ what: 'knock', id: 'k', name: 'Kay', gone: true }), []);
  assert.deepEqual(told({ what: 'moderated', kind: 'video', on: true, by: 'Grace' }), [{ name: 'moderation-status-changed', mediaType: 'video', enabled: true }]);
  assert.deepEqual(told({ what: 'allowed', kind: 'audio', yes: false }), [{ name: 'moderation-participant-rejected', id: 'a', mediaType: 'audio' }]);
  assert.deepEqual(told({ what: 'word', from: 'g', text: 'hello' }), [{
    name: 'endpoint-text-message-received',
    data: { senderInfo: { jid: 'hall@conference.box.example/g', id: 'g' }, eventData: { name: 'endpoint-text-message', text: 'hello' } },
  }]);
  assert.deepEqual(told({ what: 'changed' }), []);
});

test('the address says what the embedding page wishes', () => {
  const wishes = readWishes('#jitsi_meet_external_api_id=3&config.startWithAudioMuted=true&config.prejoinConfig=%7B%22enabled%22%3Afalse%7D&userInfo.displayName=%22Ada%20L%22', '?lang=de');
  assert.deepEqual(wishes, { frame: 3, name: 'Ada L', language: 'de', audioMuted: true, videoMuted: false, straight: true });
  assert.deepEqual(readWishes('', ''), { frame: null, name: '', language: '', audioMuted: false, videoMuted: false, straight: false });
  assert.equal(readWishes('#config.prejoinPageEnabled=false', '').straight, true);
  assert.equal(readWishes('#userInfo.displayName=%zz&jitsi_meet_external_api_id=x', '').frame, null);
});
