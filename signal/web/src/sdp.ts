// Session descriptions for RTCPeerConnection. The focus' offer becomes a remote description with one section per source:
// the first two carry our microphone and camera (and the bridge's own sources), every further one a single source of somebody else,
// or the screen that we share. Sections are never taken away, a vacated one is reused. Pure.

import type { AnswerPart, Codec, Description, Group, Kind, Offer, Source } from './jingle';

export interface Section {
  readonly kind: Kind;
  source: Source | null;
  /** We send in this section: now, or for the time being not. */
  ours?: 'on' | 'off';
}

export interface SendOptions {
  /** Restriction identifiers to ask for (Firefox makes simulcast from these); none where SSRC groups do it. */
  readonly rids: readonly string[];
  /** The codec that we want to send; it is listed first in the section that we send in. */
  readonly codec: string;
}

export function remoteDescription(offer: Offer, sections: readonly Section[], version: number, options: SendOptions): string {
  const mids = sections.map((_, index) => index);
  const lines = [
    'v=0', `o=- 1 ${version} IN IP4 127.0.0.1`, 's=-', 't=0 0',
    `a=group:BUNDLE ${mids.join(' ')}`, 'a=extmap-allow-mixed', 'a=msid-semantic: WMS *',
  ];
  sections.forEach((section, mid) => lines.push(...sectionLines(offer, section, mid, options)));
  return lines.join('\r\n') + '\r\n';
}

function sectionLines(offer: Offer, section: Section, mid: number, options: SendOptions): string[] {
  const description = offer.descriptions[section.kind];
  const ours = section.ours !== undefined;
  const codecs = ours && section.kind === 'video' ? preferred(description.codecs, options.codec) : description.codecs;
  const { transport } = offer;
  return [
    `m=${section.kind} 9 UDP/TLS/RTP/SAVPF ${codecs.map((c) => c.id).join(' ')}`,
    'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0',
    `a=ice-ufrag:${transport.ufrag}`, `a=ice-pwd:${transport.pwd}`,
    `a=fingerprint:${transport.fingerprint.hash} ${transport.fingerprint.value}`, 'a=setup:actpass',
    `a=mid:${mid}`,
    ...description.extensions.map((x) => `a=extmap:${x.id} ${x.uri}`),
    `a=${direction(section)}`,
    ...(section.source ? [`a=msid:${section.source.msid}`] : []),
    'a=rtcp-mux', ...(section.kind === 'video' ? ['a=rtcp-rsize'] : []),
    ...codecs.flatMap(codecLines),
    ...(mid === 1 && options.rids.length ? ridLines(options.rids) : []),
    ...(section.source ? sourceLines(section.source) : []),
    ...(mid === 0 ? transport.candidates.map((c) => `a=${c}`) : []),
  ];
}

function direction({ source, ours }: Section): RTCRtpTransceiverDirection {
  if (ours === 'on') return source ? 'sendrecv' : 'recvonly';
  return source ? 'sendonly' : 'inactive';
}

function codecLines(codec: Codec): string[] {
  const channels = codec.channels > 1 ? `/${codec.channels}` : '';
  const format = codec.parameters.map(([name, value]) => (name ? `${name}=${value}` : value)).join(';');
  return [
    `a=rtpmap:${codec.id} ${codec.name}/${codec.clockrate}${channels}`,
    ...(format ? [`a=fmtp:${codec.id} ${format}`] : []),
    ...codec.feedback.map((f) => `a=rtcp-fb:${codec.id} ${f}`),
  ];
}

function sourceLines(source: Source): string[] {
  return [
    ...source.groups.map((g) => `a=ssrc-group:${g.semantics} ${g.ssrcs.join(' ')}`),
    ...source.ssrcs.flatMap((ssrc) => [`a=ssrc:${ssrc} cname:${source.owner}`, `a=ssrc:${ssrc} msid:${source.msid}`]),
  ];
}

function ridLines(rids: readonly string[]): string[] {
  return [...rids.map((rid) => `a=rid:${rid} recv`), `a=simulcast:recv ${rids.join(';')}`];
}

/** The wanted codec and its retransmission format first, the others in the order they came. */
function preferred(codecs: readonly Codec[], name: string): Codec[] {
  const wanted = new Set(codecs.filter((c) => c.name.toLowerCase() === name.toLowerCase()).map((c) => c.id));
  const apt = (c: Codec): number => Number(c.parameters.find(([key]) => key === 'apt')?.[1]);
  const first = (c: Codec): boolean => wanted.has(c.id) || (c.name.toLowerCase() === 'rtx' && wanted.has(apt(c)));
  return [...codecs.filter(first), ...codecs.filter((c) => !first(c))];
}

interface Parsed { readonly mid: string; readonly kind: string; readonly lines: readonly string[] }

function sectionsOf(sdp: string): { session: string[]; media: Parsed[] } {
  const session: string[] = [];
  const media: { mid: string; kind: string; lines: string[] }[] = [];
  for (const line of sdp.split(/\r?\n/)) {
    if (line.startsWith('m=')) media.push({ mid: '', kind: line.slice(2).split(' ')[0] ?? '', lines: [line] });
    else (media[media.length - 1]?.lines ?? session).push(line);
    const last = media[media.length - 1];
    if (last && line.startsWith('a=mid:')) last.mid = line.slice(6);
  }
  return { session, media };
}

/** The two sections that the focus knows of, out of our whole answer. */
export function answerParts(sdp: string): AnswerPart[] {
  const { session, media } = sectionsOf(sdp);
  const parts = media.slice(0, 2).map((m) => answerPart(m, session));
  const transport = parts.find((p) => p.transport.ufrag)?.transport;
  return transport ? parts.map((p) => (p.transport.ufrag ? p : { ...p, transport })) : parts;
}

/** One section, by its place, out of our whole answer. */
export function answerPartAt(sdp: string, mid: number): AnswerPart | null {
  const { session, media } = sectionsOf(sdp);
  const section = media[mid];
  return section ? answerPart(section, session) : null;
}

function answerPart(section: Parsed, session: readonly string[]): AnswerPart {
  const value = (prefix: string): string => [...section.lines, ...session].find((l) => l.startsWith(prefix))?.slice(prefix.length) ?? '';
  const all = (prefix: string): string[] => section.lines.filter((l) => l.startsWith(prefix)).map((l) => l.slice(prefix.length));
  const [hash = '', fingerprint = ''] = value('a=fingerprint:').split(' ');
  const ssrcs = [...new Set(all('a=ssrc:').map((l) => Number(l.split(' ')[0])))];
  const groups = all('a=ssrc-group:').map(parseGroup);
  const sending = ['a=sendrecv', 'a=sendonly'].some((direction) => section.lines.includes(direction));
  return {
    description: answerDescription(section, all),
    transport: {
      ufrag: value('a=ice-ufrag:'), pwd: value('a=ice-pwd:'),
      fingerprint: { hash, value: fingerprint, setup: value('a=setup:') || 'active' },
      candidates: [],
    },
    ssrcs: sending ? ssrcs : [],
    groups: sending ? withSimulcast(ssrcs, groups) : [],
  };
}

function parseGroup(line: string): Group {
  const [semantics = '', ...ssrcs] = line.split(' ');
  return { semantics, ssrcs: ssrcs.map(Number) };
}

/** Simulcast made from restriction identifiers has no SIM group in the description, but the bridge needs one. */
function withSimulcast(ssrcs: readonly number[], groups: readonly Group[]): Group[] {
  const repairs = new Set(groups.filter((g) => g.semantics === 'FID').map((g) => g.ssrcs[1]));
  const primaries = ssrcs.filter((s) => !repairs.has(s));
  if (primaries.length < 2 || groups.some((g) => g.semantics === 'SIM')) return [...groups];
  return [{ semantics: 'SIM', ssrcs: primaries }, ...groups];
}

function answerDescription(section: Parsed, all: (prefix: string) => string[]): Description {
  const ids = (section.lines[0] ?? '').split(' ').slice(3).map(Number);
  const rtpmaps = new Map(all('a=rtpmap:').map((l) => [Number(l.split(' ')[0]), l.slice(l.indexOf(' ') + 1)] as const));
  const codecs = ids.flatMap((id): Codec[] => {
    const [name, clockrate, channels] = (rtpmaps.get(id) ?? '').split('/');
    if (!name) return [];
    return [{
      id, name, clockrate: Number(clockrate), channels: Number(channels ?? 1),
      parameters: all(`a=fmtp:${id} `).flatMap((l) => l.split(';').filter(Boolean)).map((p) => {
        const [key = '', ...rest] = p.trim().split('=');
        return rest.length ? ([key, rest.join('=')] as const) : (['', key] as const);
      }),
      feedback: all(`a=rtcp-fb:${id} `),
    }];
  });
  return {
    kind: section.kind === 'video' ? 'video' : 'audio',
    codecs,
    extensions: all('a=extmap:').map((l) => {
      const [id = '', uri = ''] = l.split(' ');
      return { id: Number(id.split('/')[0]), uri };
    }),
    allowMixed: section.lines.includes('a=extmap-allow-mixed'),
  };
}

/**
 * Chromium answers an offer without restriction identifiers with one encoding. Two more SSRCs and a SIM group, written into
 * the answer before it is applied, make it send three; lib-jitsi-meet does the same. `extra` keeps the SSRCs we made up
 * for each primary, so that every later answer of the connection names the same ones.
 */
export function mungeSimulcast(sdp: string, mid: string, extra: Map<number, number[]>, random: () => number): string {
  const { session, media } = sectionsOf(sdp);
  const section = media.find((m) => m.mid === mid);
  if (!section || section.lines.some((l) => l.startsWith('a=ssrc-group:SIM'))) return sdp;
  const first = section.lines.findIndex((l) => l.startsWith('a=ssrc'));
  if (first < 0) return sdp;
  const fid = section.lines.find((l) => l.startsWith('a=ssrc-group:FID '));
  const [primary, repair] = fid ? parseGroup(fid.slice('a=ssrc-group:'.length)).ssrcs : [Number(section.lines[first]?.slice(7).split(' ')[0])];
  if (!primary) return sdp;
  const made = extra.get(primary) ?? Array.from({ length: repair ? 4 : 2 }, () => 1 + Math.floor(random() * 0xffff_fffe));
  extra.set(primary, made);
  const attributes = section.lines.filter((l) => l.startsWith(`a=ssrc:${primary} `)).map((l) => l.slice(`a=ssrc:${primary} `.length));
  const layers: (readonly number[])[] = repair
    ? [[primary, repair], [made[0] ?? 0, made[1] ?? 0], [made[2] ?? 0, made[3] ?? 0]]
    : [[primary], [made[0] ?? 0], [made[1] ?? 0]];
  const lines = [
    `a=ssrc-group:SIM ${layers.map((l) => l[0]).join(' ')}`,
    ...layers.filter((l) => l.length > 1).map((l) => `a=ssrc-group:FID ${l.join(' ')}`),
    ...layers.flat().flatMap((ssrc) => attributes.map((a) => `a=ssrc:${ssrc} ${a}`)),
  ];
  const kept = section.lines.filter((l) => !l.startsWith('a=ssrc'));
  const rebuilt = [...kept.slice(0, first), ...lines, ...kept.slice(first)].filter((l) => l !== '');
  return [...session, ...media.flatMap((m) => (m === section ? rebuilt : m.lines.filter((l) => l !== '')))].join('\r\n') + '\r\n';
}
