import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseOffer, parseSources, sessionAccept, sessionTerminate, sourceChange } from '../src/jingle';
import { answerPartAt, answerParts, mungeSimulcast, remoteDescription, type Section } from '../src/sdp';
import { child, elements, serialize } from '../src/xml';
import { ANSWER, JSON_OFFER, parse, RECORDED, XML_OFFER } from './samples';

const plain = { rids: [], codec: 'VP8' };

test('an offer with JSON sources is understood whole', () => {
  const offer = parseOffer(parse(JSON_OFFER));
  assert.equal(offer.sid, '7n5d0qk1a');
  assert.equal(offer.bridgeSession, '0c1a7c6e');
  assert.deepEqual(offer.channels, ['wss://meet.example/colibri-ws/default-id/6f1e/3f2a9c41?pwd=1m0c']);
  assert.equal(offer.transport.fingerprint.value, '4A:00:9F');
  assert.deepEqual(offer.transport.candidates, [
    'candidate:1 1 udp 2130706431 192.0.2.10 10000 typ host generation 0',
    'candidate:2 1 udp 1677724415 2001:db8::7 10000 typ srflx raddr 192.0.2.10 rport 10000 generation 0',
  ]);
  const names = offer.sources.map((s) => s.name);
  assert.deepEqual(names, ['jvb-v0', 'jvb-a0', '9b1d0e22-v0', '9b1d0e22-v1', '9b1d0e22-a0']);
  const camera = offer.sources[2];
  assert.deepEqual(camera?.ssrcs, [1001, 1002]);
  assert.deepEqual(camera?.groups, [{ semantics: 'FID', ssrcs: [1001, 1002] }]);
  const screen = offer.sources[3];
  assert.equal(screen?.desktop, true);
  assert.deepEqual(screen?.ssrcs, [4294967295]);
  assert.deepEqual(screen?.groups, []);
});

test('an offer with XML sources is understood the same, also without names and with owners by occupant JID', () => {
  const sources = parseSources(parse(XML_OFFER));
  assert.deepEqual(sources.map((s) => [s.name, s.owner, s.kind]), [['9b1d0e22-a0', '9b1d0e22', 'audio'], ['9b1d0e22-v0', '9b1d0e22', 'video']]);
  assert.deepEqual(sources[1]?.groups, [{ semantics: 'FID', ssrcs: [1001, 1002] }]);
});

test('sources recorded from lib-jitsi-meet are understood, with their owner out of the name', () => {
  assert.deepEqual(parseSources(parse(RECORDED)).map((s) => [s.name, s.owner, s.kind, s.ssrcs, s.groups.length]), [
    ['b7ea0d10-a0', 'b7ea0d10', 'audio', [3239318908], 0], ['b7ea0d10-v0', 'b7ea0d10', 'video', [579414202, 2321706150], 1],
  ]);
});

test('an SSRC outside of 32 bits is no source', () => {
  const text = JSON_OFFER.replace('"s":1003', '"s":0').replace('"s":4294967295', '"s":4294967296');
  assert.deepEqual(parseSources(parse(text)).map((s) => s.name), ['jvb-v0', 'jvb-a0', '9b1d0e22-v0']);
});

test('the remote description has our two sections first and one for every other source', () => {
  const offer = parseOffer(parse(JSON_OFFER));
  const [bridgeVideo, bridgeAudio, camera] = offer.sources;
  const sections: Section[] = [
    { kind: 'audio', source: bridgeAudio ?? null, ours: 'on' }, { kind: 'video', source: bridgeVideo ?? null, ours: 'on' },
    { kind: 'video', source: camera ?? null }, { kind: 'audio', source: null }, { kind: 'video', source: null, ours: 'on' }, { kind: 'video', source: null, ours: 'off' },
  ];
  const sdp = remoteDescription(offer, sections, 7, plain);
  const media = sdp.split('m=').slice(1);
  assert.match(sdp, /^o=- 1 7 /m);
  assert.match(sdp, /^a=group:BUNDLE 0 1 2 3 4 5\r$/m);
  assert.equal(media.length, 6);
  assert.match(media[1] ?? '', /^video 9 UDP\/TLS\/RTP\/SAVPF 100 96 41 42\r/, 'VP8 first where we send');
  assert.match(media[2] ?? '', /^video 9 UDP\/TLS\/RTP\/SAVPF 41 42 100 96\r/);
  assert.match(media[2] ?? '', /a=sendonly\r\na=msid:9b1d0e22-video-0-1 4d5e\r/);
  assert.match(media[2] ?? '', /a=ssrc-group:FID 1001 1002\r/);
  assert.match(media[3] ?? '', /a=inactive\r/);
  assert.match(media[4] ?? '', /^video 9 UDP\/TLS\/RTP\/SAVPF 100 96 41 42\r[^]*a=recvonly\r/, 'the screen that we share');
  assert.match(media[5] ?? '', /a=inactive\r/, 'the screen that we shared');
  assert.equal(sdp.match(/a=candidate:/g)?.length, 2, 'candidates once, in the first section');
  assert.match(media[0] ?? '', /a=fmtp:112 111\/111\r/, 'a parameter without a name');
  assert.ok(!sdp.includes('a=rid:'));
  assert.match(remoteDescription(offer, sections, 8, { rids: ['1', '2'], codec: 'VP8' }), /a=rid:1 recv\r\na=rid:2 recv\r\na=simulcast:recv 1;2\r/);
});

test('simulcast is written into the answer once, with the same SSRCs every time', () => {
  const made = new Map<number, number[]>();
  let next = 0;
  const random = (): number => (next += 0.1);
  const munged = mungeSimulcast(ANSWER, '1', made, random);
  const [sim] = munged.match(/a=ssrc-group:SIM .*/) ?? [];
  const [first, second, third] = (sim ?? '').slice('a=ssrc-group:SIM '.length).trim().split(' ').map(Number);
  assert.equal(first, 3001);
  assert.equal(munged.match(/a=ssrc-group:FID/g)?.length, 3);
  assert.equal(munged.match(/a=ssrc:\d+ cname:x/g)?.length, 7, 'one for sound, six for the picture');
  assert.equal(mungeSimulcast(ANSWER, '1', made, random), munged);
  assert.equal(mungeSimulcast(munged, '1', made, random), munged);
  const parts = answerParts(munged);
  assert.deepEqual(parts[1]?.groups[0], { semantics: 'SIM', ssrcs: [first, second, third] });
  assert.equal(parts[1]?.ssrcs.length, 6);
});

test('the accept carries transport, codecs and our sources with literal namespaces', () => {
  const offer = parseOffer(parse(JSON_OFFER));
  const accept = sessionAccept(offer, 'standup@conference.meet.example/3f2a9c41', answerParts(ANSWER), {
    audio: { name: '3f2a9c41-a0', msid: 'm a' }, video: { name: '3f2a9c41-v0', msid: 'm v' },
  });
  const again = parse(serialize(accept));
  assert.equal(again.attrs.action, 'session-accept');
  assert.equal(again.attrs.initiator, 'standup@conference.meet.example/focus');
  const video = elements(again, 'content').find((c) => c.attrs.name === 'video');
  const description = child(video, 'description');
  const sources = elements(description ?? again, 'source');
  assert.deepEqual(sources.map((s) => [s.attrs.ssrc, s.attrs.name, s.attrs.xmlns, s.attrs.videoType]), [
    ['3001', '3f2a9c41-v0', 'urn:xmpp:jingle:apps:rtp:ssma:0', 'camera'], ['3002', '3f2a9c41-v0', 'urn:xmpp:jingle:apps:rtp:ssma:0', 'camera'],
  ]);
  const group = child(description, 'ssrc-group');
  assert.ok(elements(group ?? again, 'source').every((s) => s.attrs.xmlns === 'urn:xmpp:jingle:apps:rtp:ssma:0'));
  const transport = child(video, 'transport');
  assert.equal(transport?.attrs.ufrag, 'Qw3r');
  assert.equal(child(transport, 'fingerprint')?.attrs.setup, 'active');
  assert.deepEqual(elements(description ?? again, 'payload-type').map((p) => p.attrs.id), ['100', '96']);
  assert.deepEqual(elements(description ?? again, 'rtp-hdrext').map((x) => x.attrs.id), ['5']);
});

test('a section that sends nothing announces no source', () => {
  const parts = answerParts(ANSWER.replace(/a=sendrecv/g, 'a=recvonly'));
  assert.deepEqual(parts.map((p) => p.ssrcs), [[], []]);
});

test('encodings made from restriction identifiers get a SIM group', () => {
  const sdp = ANSWER.replace('a=ssrc-group:FID 3001 3002', 'a=ssrc-group:FID 3001 3002\r\na=ssrc-group:FID 3003 3004\r\na=ssrc:3003 cname:x\r\na=ssrc:3004 cname:x');
  assert.deepEqual(answerParts(sdp)[1]?.groups[0], { semantics: 'SIM', ssrcs: [3003, 3001] });
});

test('a shared screen is a source of its own, announced and taken back in the same words', () => {
  const offer = parseOffer(parse(JSON_OFFER));
  const part = answerPartAt(ANSWER, 1);
  assert.ok(part);
  for (const action of ['source-add', 'source-remove'] as const) {
    const jingle = parse(serialize(sourceChange(offer, 'r/me', action, part, { name: 'me-v1', msid: 'm v', desktop: true })));
    assert.deepEqual([jingle.attrs.action, jingle.attrs.sid], [action, offer.sid]);
    const [source] = parseSources(jingle);
    assert.deepEqual([source?.name, source?.desktop, source?.msid, source?.ssrcs], ['me-v1', true, 'm v', [3001, 3002]]);
    assert.deepEqual(source?.groups, [{ semantics: 'FID', ssrcs: [3001, 3002] }]);
  }
  assert.equal(answerPartAt(ANSWER, 9), null);
});

test('a lost session names the bridge session and asks for a new one', () => {
  const jingle = sessionTerminate(parseOffer(parse(JSON_OFFER)), 'r/me', 'connectivity-error', 'ICE FAILED', true);
  assert.deepEqual(child(jingle, 'bridge-session')?.attrs, { xmlns: 'http://jitsi.org/protocol/focus', id: '0c1a7c6e', restart: 'true' });
  assert.ok(child(child(jingle, 'reason'), 'connectivity-error'));
});
