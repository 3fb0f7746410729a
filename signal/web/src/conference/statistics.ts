// Numbers of a media connection.

import type { Source } from '../jingle';
import type { Peer } from '../peer';

/** By endpoint, a shared screen by its source; under `local` what we send. */
export type Statistics = Record<string, Record<string, unknown>>;

type Report = Record<string, unknown>;

/** Numbers of every remote endpoint and, under `local`, of what we send. */
export async function statistics(peer: Peer, channelOpen: boolean): Promise<Statistics> {
  const result: Statistics = {};
  const owners = new Map<number, Source>();
  for (const source of peer.sources) for (const ssrc of source.ssrcs) owners.set(ssrc, source);
  const encodings: Report[] = [];
  const codecs = new Map<unknown, unknown>();
  (await peer.pc.getStats()).forEach((report: Report) => {
    if (report.type === 'codec') codecs.set(report.id, report.mimeType);
    if (report.type === 'inbound-rtp') addInbound(result, owners.get(Number(report.ssrc)), report);
    if (report.type === 'outbound-rtp' && report.kind === 'video') encodings.push(outbound(report));
    if (report.type === 'outbound-rtp' && report.kind === 'audio') {
      result.local = { ...result.local, audioPacketsSent: report.packetsSent };
    }
  });
  for (const encoding of encodings) encoding.codec = codecs.get(encoding.codecId);
  result.local = { ...result.local, encodings, ice: peer.pc.iceConnectionState, channel: channelOpen };
  return result;
}

/** Grows as long as anything arrives: bytes of media, checks and their answers. */
export async function heard(peer: Peer): Promise<number> {
  let sum = 0;
  (await peer.pc.getStats()).forEach(({ type, bytesReceived = 0, requestsReceived = 0, responsesReceived = 0 }: Report) => {
    if (type === 'candidate-pair') sum += Number(bytesReceived) + Number(requestsReceived) + Number(responsesReceived);
  });
  return sum;
}

function addInbound(result: Statistics, source: Source | undefined, report: Report): void {
  if (!source) return;
  const entry = (result[source.desktop ? source.name : source.owner] ??= {});
  if (source.kind === 'audio') {
    Object.assign(entry, {
      audioEnergy: report.totalAudioEnergy ?? 0, audioLevel: report.audioLevel ?? 0,
      audioPacketsReceived: report.packetsReceived ?? 0, audioPacketsLost: report.packetsLost ?? 0,
    });
    return;
  }
  Object.assign(entry, {
    framesDecoded: report.framesDecoded ?? 0, framesPerSecond: report.framesPerSecond ?? 0,
    frameWidth: report.frameWidth ?? 0, frameHeight: report.frameHeight ?? 0,
    keyFramesDecoded: report.keyFramesDecoded ?? 0, freezeCount: report.freezeCount ?? 0,
    packetsReceived: report.packetsReceived ?? 0, packetsLost: report.packetsLost ?? 0, bytesReceived: report.bytesReceived ?? 0,
    nackCount: report.nackCount ?? 0, pliCount: report.pliCount ?? 0,
  });
}

function outbound(r: Report): Report {
  return { ssrc: r.ssrc, rid: r.rid, active: r.active, frameWidth: r.frameWidth, frameHeight: r.frameHeight, framesEncoded: r.framesEncoded, codecId: r.codecId, packetsSent: r.packetsSent, targetBitrate: r.targetBitrate };
}
