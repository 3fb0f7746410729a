// What is played when: the files of a recording on one line of time. Pure.

import type { RecordedFile, Track } from './recording';

/** One file, from `begin` to `end` (milliseconds) of the recording. */
export interface Piece {
  readonly url: string;
  readonly mime: string;
  readonly codec: string;
  readonly begin: number;
  readonly end: number;
}

/** What one source sent, in the order of time. */
export interface Voice {
  readonly source: string;
  readonly name: string;
  readonly kind: 'audio' | 'video';
  readonly desktop: boolean;
  readonly pieces: readonly Piece[];
}

/** Shorter than this is no picture that anybody could follow; clients that begin send some. */
const SHORTEST_MS = 100;

const CODECS: Readonly<Record<string, string>> = { opus: 'opus', vp8: 'vp8', vp9: 'vp09.00.41.08', h264: 'avc1.42e01f', av1: 'av01.0.08M.08' };

/** What a browser is asked about a file. */
export function mimeOf(type: string, codec: string): string {
  return `${type}; codecs="${CODECS[codec] ?? codec}"`;
}

/** All sources, screens first, then cameras, then sound. */
export function voicesOf(files: readonly RecordedFile[]): Voice[] {
  const bySource = new Map<string, { first: Track; pieces: Piece[] }>();
  for (const { url, type, track } of files) {
    if (!track || track.durationMs < SHORTEST_MS) continue;
    const voice = bySource.get(track.source) ?? { first: track, pieces: [] };
    voice.pieces.push({ url, mime: mimeOf(type, track.codec), codec: track.codec, begin: track.offsetMs, end: track.offsetMs + track.durationMs });
    bySource.set(track.source, voice);
  }
  const rank = (voice: Voice): number => (voice.kind === 'audio' ? 2 : voice.desktop ? 0 : 1);
  return [...bySource].map(([source, { first, pieces }]) => ({
    source, name: first.name ?? '', kind: first.kind, desktop: first.desktop, pieces: pieces.sort((a, b) => a.begin - b.begin),
  })).sort((a, b) => rank(a) - rank(b) || (a.pieces[0]?.begin ?? 0) - (b.pieces[0]?.begin ?? 0));
}

/** What of a source is heard or seen at a time. Two files may overlap by a moment: the later one counts. */
export function pieceAt(pieces: readonly Piece[], position: number): Piece | null {
  return [...pieces].reverse().find(({ begin, end }) => position >= begin && position < end) ?? null;
}

/** The next piece that begins within so many milliseconds. */
export function soon(pieces: readonly Piece[], position: number, within: number): Piece | null {
  return pieces.find(({ begin }) => begin > position && begin <= position + within) ?? null;
}

export function endOf(voices: readonly Voice[], durationMs: number): number {
  return Math.max(durationMs, ...voices.flatMap(({ pieces }) => pieces.map(({ end }) => end)));
}

/** Further off than this a file jumps to where it should be. */
export const JUMP_MS = 300;
/** As near as this it is left alone; further off it is played faster or slower until it is near again. */
export const NEAR_MS = 15;
const FAR_MS = 40;
/** How much faster or slower: sound must not be noticed, pictures may. */
const MOST = { audio: 0.08, video: 0.25 } as const;

export type Course = { readonly do: 'jump' } | { readonly do: 'play'; readonly rate: number };

/** How a file that is `off` milliseconds behind (or before, if negative) comes back to the others; `correcting` it since before. */
export function course(kind: 'audio' | 'video', off: number, correcting: boolean): Course {
  const distance = Math.abs(off);
  if (distance > JUMP_MS) return { do: 'jump' };
  if (distance < (correcting ? NEAR_MS : FAR_MS)) return { do: 'play', rate: 1 };
  return { do: 'play', rate: 1 + Math.sign(off) * Math.min(MOST[kind], distance / 1000) };
}
