// Recordings as the box tells of them, and how they are said to people.

import { duration, language, t } from '../i18n';

export interface Recording {
  readonly name: string;
  readonly room: string;
  readonly state: 'recording' | 'finished' | 'broken';
  readonly beginUnixMs: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly participants: readonly string[];
  /** What went wrong, in English. */
  readonly error: string | null;
  /** Opens it and its files for a while. */
  readonly ticket: string;
  /** Left out where moderators are told. */
  readonly files?: readonly RecordedFile[];
}

export interface RecordedFile {
  readonly file: string;
  readonly type: string;
  readonly bytes: number;
  /** With a ticket. */
  readonly url: string;
  /** Only of files that hold one source. */
  readonly track?: Track;
}

export interface Track {
  readonly source: string;
  readonly name: string | null;
  readonly kind: 'audio' | 'video';
  readonly codec: string;
  readonly desktop: boolean;
  readonly offsetMs: number;
  readonly durationMs: number;
}

const BASE = '/api/v1/recordings';

export function addressOf(name: string): string {
  return `${BASE}/${encodeURIComponent(name)}`;
}

/** Where a recording is played; what stands behind # is sent to nobody. */
export function watchAddress({ name, ticket }: Recording): string {
  return `/recordings/watch#${new URLSearchParams({ name, ticket }).toString()}`;
}

/** 1.4 GB, in the notation of the language. */
export function sizeText(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const step = bytes > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3)) : 0;
  return new Intl.NumberFormat(language(), { style: 'unit', unit: units[step] ?? 'byte', unitDisplay: 'short', maximumSignificantDigits: 2 }).format(bytes / 1000 ** step);
}

/** Day and time of its beginning, here. */
export function beginText({ beginUnixMs }: Recording): string {
  return new Intl.DateTimeFormat(language(), { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(beginUnixMs));
}

/** Length and size; of one that goes on nothing is known for long. */
export function lengthText({ state, durationMs, bytes }: Recording): string {
  return state === 'recording' ? t('recordings.now') : `${duration(Math.round(durationMs / 1000))}, ${sizeText(bytes)}`;
}

/** A recording in an answer; nothing if it is none. */
export function isRecording(value: unknown): value is Recording {
  const one = value as Partial<Recording> | null;
  return typeof one === 'object' && one !== null && typeof one.name === 'string' && typeof one.ticket === 'string' && typeof one.beginUnixMs === 'number'
    && typeof one.durationMs === 'number' && typeof one.bytes === 'number' && Array.isArray(one.participants);
}
