// Jingle as the focus speaks it: offers and source changes in, accepts and terminations out. Pure.

import { child, el, elements, json, type Xml } from './xml';
import { resource } from './names';

export const NS = {
  jingle: 'urn:xmpp:jingle:1',
  rtp: 'urn:xmpp:jingle:apps:rtp:1',
  feedback: 'urn:xmpp:jingle:apps:rtp:rtcp-fb:0',
  extension: 'urn:xmpp:jingle:apps:rtp:rtp-hdrext:0',
  source: 'urn:xmpp:jingle:apps:rtp:ssma:0',
  transport: 'urn:xmpp:jingle:transports:ice-udp:1',
  dtls: 'urn:xmpp:jingle:apps:dtls:0',
  grouping: 'urn:xmpp:jingle:apps:grouping:0',
  colibri: 'http://jitsi.org/protocol/colibri',
  focus: 'http://jitsi.org/protocol/focus',
  meet: 'http://jitsi.org/jitmeet',
} as const;

export type Kind = 'audio' | 'video';

export interface Codec {
  readonly id: number;
  readonly name: string;
  readonly clockrate: number;
  readonly channels: number;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly feedback: readonly string[];
}

export interface Extension { readonly id: number; readonly uri: string }

export interface Description {
  readonly kind: Kind;
  readonly codecs: readonly Codec[];
  readonly extensions: readonly Extension[];
  readonly allowMixed: boolean;
}

export interface Transport {
  readonly ufrag: string;
  readonly pwd: string;
  readonly fingerprint: { readonly hash: string; readonly setup: string; readonly value: string };
  /** Candidates as the text of an SDP attribute, without `a=`. */
  readonly candidates: readonly string[];
}

export interface Group { readonly semantics: string; readonly ssrcs: readonly number[] }

/** A named track of one person: what a tile shows or an ear hears. */
export interface Source {
  readonly name: string;
  readonly owner: string;
  readonly kind: Kind;
  readonly desktop: boolean;
  readonly msid: string;
  readonly ssrcs: readonly number[];
  readonly groups: readonly Group[];
}

export interface Offer {
  readonly sid: string;
  readonly initiator: string;
  readonly bridgeSession: string;
  readonly descriptions: Readonly<Record<Kind, Description>>;
  readonly transport: Transport;
  readonly channels: readonly string[];
  readonly sources: readonly Source[];
  readonly startMuted: { readonly audio: boolean; readonly video: boolean };
}

/** The bridge's own sources; they exist so that its reports and probes have a known origin. */
export const BRIDGE = 'jvb';

export function parseOffer(jingle: Xml): Offer {
  const contents = new Map<string, Xml>();
  for (const content of elements(jingle, 'content')) contents.set(content.attrs.name ?? '', content);
  const audio = contents.get('audio');
  const video = contents.get('video');
  const transports = [audio, video].map((c) => child(c, 'transport', NS.transport)).filter((t): t is Xml => !!t);
  const [transport] = transports;
  if (!audio || !video || !transport) throw new Error('the offer lacks audio, video or a transport');
  const muted = child(jingle, 'startmuted');
  return {
    sid: jingle.attrs.sid ?? '',
    initiator: jingle.attrs.initiator ?? '',
    bridgeSession: child(jingle, 'bridge-session', NS.focus)?.attrs.id ?? '',
    descriptions: { audio: parseDescription('audio', audio), video: parseDescription('video', video) },
    transport: parseTransport(transport),
    channels: [...new Set(transports.flatMap((t) => elements(t, 'web-socket', NS.colibri).map((w) => w.attrs.url ?? '')))].filter(Boolean),
    sources: parseSources(jingle),
    startMuted: { audio: muted?.attrs.audio === 'true', video: muted?.attrs.video === 'true' },
  };
}

function parseDescription(kind: Kind, content: Xml): Description {
  const description = child(content, 'description', NS.rtp);
  const items = description ? elements(description) : [];
  return {
    kind,
    codecs: items.filter((x) => x.name === 'payload-type').map(parseCodec),
    extensions: items.filter((x) => x.name === 'rtp-hdrext').map((x) => ({ id: Number(x.attrs.id), uri: x.attrs.uri ?? '' })),
    allowMixed: items.some((x) => x.name === 'extmap-allow-mixed'),
  };
}

function parseCodec(x: Xml): Codec {
  return {
    id: Number(x.attrs.id),
    name: x.attrs.name ?? '',
    clockrate: Number(x.attrs.clockrate ?? (x.attrs.name === 'opus' ? 48000 : 90000)),
    channels: Number(x.attrs.channels ?? 1),
    parameters: elements(x, 'parameter').map((p) => [p.attrs.name ?? '', p.attrs.value ?? ''] as const),
    feedback: elements(x, 'rtcp-fb').map((f) => [f.attrs.type, f.attrs.subtype].filter(Boolean).join(' ')),
  };
}

export function parseTransport(x: Xml): Transport {
  const fingerprint = child(x, 'fingerprint', NS.dtls);
  return {
    ufrag: x.attrs.ufrag ?? '',
    pwd: x.attrs.pwd ?? '',
    fingerprint: {
      hash: fingerprint?.attrs.hash ?? 'sha-256',
      setup: fingerprint?.attrs.setup ?? 'actpass',
      value: fingerprint ? String(fingerprint.children[0] ?? '').trim() : '',
    },
    candidates: elements(x, 'candidate').map(candidateLine),
  };
}

function candidateLine(x: Xml): string {
  const a = x.attrs;
  const related = a['rel-addr'] && a['rel-port'] ? ` raddr ${a['rel-addr']} rport ${a['rel-port']}` : '';
  const tcp = a.protocol?.toLowerCase() === 'tcp' ? ` tcptype ${a.tcptype ?? 'passive'}` : '';
  return `candidate:${a.foundation} ${a.component ?? 1} ${a.protocol ?? 'udp'} ${a.priority} ${a.ip} ${a.port} typ ${a.type}${related}${tcp} generation ${a.generation ?? 0}`;
}

/** All sources that a stanza carries, in either form: JSON, or `source` elements inside the contents. */
export function parseSources(jingle: Xml): Source[] {
  const message = child(jingle, 'json-message');
  const listed = json(message)?.sources;
  if (listed && typeof listed === 'object') return sourcesFromJson(listed as Record<string, unknown>);
  return elements(jingle, 'content').flatMap(sourcesFromContent);
}

interface Loose { ssrc: number; name: string; owner: string; msid: string; desktop: boolean }

function sourcesFromJson(listed: Record<string, unknown>): Source[] {
  const result: Source[] = [];
  for (const [owner, value] of Object.entries(listed)) {
    if (!Array.isArray(value)) continue;
    const list = (index: number): unknown[] => (Array.isArray(value[index]) ? (value[index] as unknown[]) : []);
    for (const [kind, at] of [['video', 0], ['audio', 2]] as const) {
      const loose = list(at).map((item): Loose => {
        const { s, n, m, v } = item as { s?: number; n?: string; m?: string; v?: string };
        return { ssrc: Number(s), name: n ?? '', owner, msid: m ?? '', desktop: v === 'd' };
      });
      const groups = list(at + 1).filter(Array.isArray).map((g: unknown[]) => ({
        semantics: g[0] === 's' ? 'SIM' : 'FID',
        ssrcs: g.slice(1).map(Number),
      }));
      result.push(...joinSources(kind, loose, groups));
    }
  }
  return result;
}

function sourcesFromContent(content: Xml): Source[] {
  const description = child(content, 'description', NS.rtp);
  if (!description) return [];
  const kind: Kind = (description.attrs.media ?? content.attrs.name) === 'video' ? 'video' : 'audio';
  const loose = elements(description, 'source', NS.source).map((x): Loose => {
    const owner = child(x, 'ssrc-info')?.attrs.owner ?? '';
    const name = x.attrs.name ?? '';
    return {
      ssrc: Number(x.attrs.ssrc),
      name,
      owner: resource(owner) || owner || name.replace(/-[av]\d+.*$/, ''),
      msid: elements(x, 'parameter').find((p) => p.attrs.name === 'msid')?.attrs.value ?? '',
      desktop: x.attrs.videoType === 'desktop',
    };
  });
  const groups = elements(description, 'ssrc-group', NS.source).map((g) => ({
    semantics: g.attrs.semantics ?? 'FID',
    ssrcs: elements(g, 'source').map((s) => Number(s.attrs.ssrc)),
  }));
  return joinSources(kind, loose, groups);
}

/** SSRCs of one name are one source. Nameless ones (2022 clients without the flag) get the name the focus would give. */
function joinSources(kind: Kind, loose: Loose[], groups: Group[]): Source[] {
  const byName = new Map<string, Loose[]>();
  for (const one of loose) {
    if (!Number.isInteger(one.ssrc) || one.ssrc <= 0 || one.ssrc > 0xffff_ffff) continue;
    const name = one.name || `${one.owner}-${kind[0]}0`;
    byName.set(name, [...(byName.get(name) ?? []), one]);
  }
  return [...byName].map(([name, parts]) => {
    const ssrcs = parts.map((p) => p.ssrc);
    return {
      name, kind, ssrcs,
      owner: parts[0]?.owner || name.replace(/-[av]\d+.*$/, ''),
      desktop: parts.some((p) => p.desktop),
      msid: parts.find((p) => p.msid)?.msid ?? `${name} ${name}`,
      groups: groups.filter((g) => g.ssrcs.length > 0 && g.ssrcs.every((s) => ssrcs.includes(s))),
    };
  });
}

/** One half of our answer, as read from the local session description. */
export interface AnswerPart {
  readonly description: Description;
  readonly transport: Transport;
  readonly ssrcs: readonly number[];
  readonly groups: readonly Group[];
}

export interface LocalSource { readonly name: string; readonly msid: string; readonly desktop?: boolean }

export function sessionAccept(offer: Offer, responder: string, parts: readonly AnswerPart[], local: Readonly<Partial<Record<Kind, LocalSource>>>): Xml {
  const contents = parts.map((part) => {
    const { kind } = part.description;
    const source = local[kind];
    return el('content', { creator: 'responder', name: kind, senders: 'both' },
      el('description', { xmlns: NS.rtp, media: kind },
        ...part.description.codecs.map(codecElement),
        ...(source ? sourceElements(part, source) : []),
        el('rtcp-mux'),
        ...part.description.extensions.map((x) => el('rtp-hdrext', { xmlns: NS.extension, id: x.id, uri: x.uri })),
        part.description.allowMixed ? el('extmap-allow-mixed', { xmlns: NS.extension }) : null),
      transportElement(part.transport));
  });
  return el('jingle', { xmlns: NS.jingle, action: 'session-accept', initiator: offer.initiator, responder, sid: offer.sid },
    el('group', { xmlns: NS.grouping, semantics: 'BUNDLE' }, ...parts.map((p) => el('content', { name: p.description.kind }))),
    ...contents);
}

/** A source of ours that begins or ends within the session. */
export function sourceChange(offer: Offer, responder: string, action: 'source-add' | 'source-remove', part: AnswerPart, source: LocalSource): Xml {
  const { kind } = part.description;
  return el('jingle', { xmlns: NS.jingle, action, initiator: offer.initiator, responder, sid: offer.sid },
    el('content', { creator: 'responder', name: kind, senders: 'both' },
      el('description', { xmlns: NS.rtp, media: kind }, ...sourceElements(part, source))));
}

function codecElement(codec: Codec): Xml {
  return el('payload-type', { id: codec.id, name: codec.name, clockrate: codec.clockrate, ...(codec.channels > 1 ? { channels: codec.channels } : {}) },
    ...codec.parameters.map(([name, value]) => el('parameter', name ? { name, value } : { value })),
    ...codec.feedback.map((line) => {
      const [type, ...subtype] = line.split(' ');
      return el('rtcp-fb', { xmlns: NS.feedback, type, subtype: subtype.length ? subtype.join(' ') : undefined });
    }));
}

function sourceElements(part: AnswerPart, local: LocalSource): Xml[] {
  const videoType = part.description.kind === 'video' ? (local.desktop ? 'desktop' : 'camera') : undefined;
  return [
    ...part.ssrcs.map((ssrc) => el('source', { xmlns: NS.source, ssrc, name: local.name, videoType },
      el('parameter', { name: 'msid', value: local.msid }))),
    ...part.groups.map((group) => el('ssrc-group', { xmlns: NS.source, semantics: group.semantics },
      ...group.ssrcs.map((ssrc) => el('source', { xmlns: NS.source, ssrc })))),
  ];
}

function transportElement(t: Transport): Xml {
  return el('transport', { xmlns: NS.transport, ufrag: t.ufrag, pwd: t.pwd },
    el('fingerprint', { xmlns: NS.dtls, hash: t.fingerprint.hash, setup: t.fingerprint.setup }, t.fingerprint.value));
}

/** Asks for a new session because this one reaches nobody (or, with `restart` false, only ends it). */
export function sessionTerminate(offer: Offer, responder: string, reason: string, text: string, restart: boolean): Xml {
  return el('jingle', { xmlns: NS.jingle, action: 'session-terminate', initiator: offer.initiator, responder, sid: offer.sid },
    el('reason', {}, el(reason), el('text', {}, text)),
    el('bridge-session', { xmlns: NS.focus, id: offer.bridgeSession, restart: restart ? 'true' : 'false' }));
}

/** Asks for new transport credentials in the session that there is. */
export function iceRestart(offer: Offer, responder: string): Xml {
  return el('jingle', { xmlns: NS.jingle, action: 'session-info', initiator: offer.initiator, responder, sid: offer.sid },
    el('bridge-session', { xmlns: NS.focus, id: offer.bridgeSession, 'ice-restart': 'true' }));
}

export interface Renewal { readonly transport: Transport; readonly generation: string }

/** The transport of a transport-info, if it begins a new generation. */
export function parseRenewal(jingle: Xml): Renewal | null {
  for (const content of elements(jingle, 'content')) {
    const transport = child(content, 'transport', NS.transport);
    const generation = transport?.attrs['ice-generation'];
    if (transport && generation && transport.attrs.ufrag) return { transport: parseTransport(transport), generation };
  }
  return null;
}

/** Our credentials of a new generation. */
export function transportInfo(offer: Offer, responder: string, part: AnswerPart, generation: string): Xml {
  const transport = transportElement(part.transport);
  return el('jingle', { xmlns: NS.jingle, action: 'transport-info', initiator: offer.initiator, responder, sid: offer.sid },
    el('content', { creator: 'initiator', name: part.description.kind, senders: 'both' },
      { ...transport, attrs: { ...transport.attrs, 'ice-generation': generation } }));
}
