// What this page tells the focus that it can do (XEP-0115). The hash is a constant: `crypto.subtle` does not exist on insecure
// addresses. A test computes it anew from the list.

import { el, type Xml } from './xml';

export const FEATURES = [
  'http://jabber.org/protocol/caps',
  'http://jabber.org/protocol/disco#info',
  'http://jitsi.org/json-encoded-sources',
  'http://jitsi.org/receive-multiple-video-streams',
  'http://jitsi.org/remb',
  'http://jitsi.org/source-name',
  'http://jitsi.org/tcc',
  'urn:ietf:rfc:4588',
  'urn:ietf:rfc:5761',
  'urn:ietf:rfc:5888',
  'urn:xmpp:jingle:apps:dtls:0',
  'urn:xmpp:jingle:apps:rtp:audio',
  'urn:xmpp:jingle:apps:rtp:video',
  'urn:xmpp:jingle:transports:ice-udp:1',
] as const;

export const NODE = 'https://moothall.invalid/web';
export const VER = 'pQcNdlq4DZyvj9bvmd3Q3o2FIFg=';
export const DISCO = 'http://jabber.org/protocol/disco#info';

export function capsElement(): Xml {
  return el('c', { xmlns: 'http://jabber.org/protocol/caps', hash: 'sha-1', node: NODE, ver: VER });
}

/** The answer to a disco#info query; the asker's node is repeated. */
export function discoAnswer(node: string | undefined): Xml {
  return el('query', { xmlns: DISCO, node }, ...FEATURES.map((feature) => el('feature', { var: feature })));
}

/** Names of the codecs that this browser can decode, preferred first, for `jitsi_participant_codecList`. */
export function codecList(): string {
  const order = ['vp8', 'vp9', 'h264', 'av1'];
  const known = RTCRtpReceiver.getCapabilities?.('video')?.codecs.map((c) => (c.mimeType.split('/')[1] ?? '').toLowerCase()) ?? ['vp8'];
  return order.filter((name) => known.includes(name)).join(',');
}

/** Names of the video codecs that this browser can encode. */
export function sendableCodecs(): string[] {
  const known = RTCRtpSender.getCapabilities?.('video')?.codecs.map((c) => (c.mimeType.split('/')[1] ?? '').toLowerCase());
  return known ?? ['vp8'];
}
