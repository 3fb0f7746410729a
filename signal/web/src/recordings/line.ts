// One recording in a list, and what can be done with it.

import { duration, t } from '../i18n';
import { ask, showSheet } from '../ui/dialog';
import { h, icon } from '../ui/dom';
import { type RecordedFile, type Recording, addressOf, isRecording, lengthText, sizeText, watchAddress } from './recording';

export interface Deeds {
  /** Where it is played; without, in a tab of its own. */
  play?(recording: Recording): void;
  remove(recording: Recording): void;
  stop?(recording: Recording): void;
  failed(): void;
}

/** `heading` is what tells recordings apart where they are listed: the day, or the room and the day. */
export function recordingLine(recording: Recording, heading: string, deeds: Deeds): HTMLElement {
  const { name, state, participants, error } = recording;
  const running = state === 'recording';
  const key = (sign: string, label: string, deed: string, run: () => void): HTMLElement =>
    h('button', { type: 'button', class: 'btn icon slim', 'aria-label': `${label}: ${heading}`, title: label, 'data-key': `${deed} ${name}`, 'data-test': `recording-${deed}`, onclick: run }, icon(sign));
  return h('div', { class: 'kept', 'data-test': 'recording', 'data-name': name },
    h('div', { class: 'grow' },
      h('b', { class: 'cut' }, heading),
      h('div', { class: 'row tight wrap quiet small' }, running && h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', { class: 'num' }, lengthText(recording)), state === 'broken' && h('span', { class: 'is-warn' }, t('recordings.broken'))),
      participants.length > 0 && h('div', { class: 'small quiet cut', title: participants.join(', '), dir: 'auto' }, participants.join(', ')),
      error && h('div', { class: 'small is-warn' }, error)),
    h('div', { class: 'row tight' },
      !running && play(recording, heading, deeds),
      !running && key('download', t('recordings.download'), 'download', () => void chooseFile(recording, heading, deeds)),
      running && deeds.stop && key('stop', t('record.stop'), 'stop', () => deeds.stop?.(recording)),
      !running && key('trash', t('recordings.delete'), 'delete', () => ask(t('recordings.delete.ask', { name: heading }), 'recordings.delete', 'recordings.keep', () => deeds.remove(recording)))));
}

function play(recording: Recording, heading: string, deeds: Deeds): HTMLElement {
  const label = `${t('recordings.play')}: ${heading}`;
  const common = { class: 'btn icon slim first', 'aria-label': label, title: t('recordings.play'), 'data-key': `play ${recording.name}`, 'data-test': 'recording-play' };
  if (deeds.play) return h('button', { type: 'button', ...common, onclick: () => deeds.play?.(recording) }, icon('play'));
  return h('a', { ...common, href: watchAddress(recording), target: '_blank', rel: 'noopener' }, icon('play'));
}

/** All of it in one file where there is one; else the files of everybody. */
async function chooseFile(recording: Recording, heading: string, deeds: Deeds): Promise<void> {
  const whole = await fetchRecording(recording.name, recording.ticket);
  if (!whole?.files) return deeds.failed();
  const files = [...whole.files].sort((a, b) => rank(a) - rank(b));
  const texts = files.map(fileText);
  // Where one source has several files, each says where it begins.
  const begins = ({ track }: RecordedFile, at: number): string => (track && texts.filter((text) => text === texts[at]).length > 1 ? `, ${duration(Math.max(0, Math.floor(track.offsetMs / 1000)))}` : '');
  showSheet(t('recordings.download.from', { name: heading }), (close) => h('div', { class: 'lines' }, ...files.map((file, at) =>
    h('a', { class: 'file', href: `${file.url}&download=1`, download: '', 'data-test': 'recording-file', onclick: () => close() },
      icon('download', { class: 'quiet' }), h('span', { class: 'grow cut' }, `${texts[at] ?? ''}${begins(file, at)}`), h('span', { class: 'quiet small num' }, sizeText(file.bytes))))));
}

function rank({ file, track, type }: RecordedFile): number {
  return isWhole(file) ? 0 : track ? (track.kind === 'video' ? 2 : 3) : type === 'application/json' ? 4 : 1;
}

/** A file that is all of the meeting. */
export function isWhole(file: string): boolean {
  return /^composed\.(mp4|webm)$/.test(file);
}

function fileText({ file, track }: RecordedFile): string {
  if (isWhole(file)) return t('recordings.whole', { type: file.split('.').pop() ?? '' });
  if (!track) return file;
  const name = track.name ?? t('meeting.someone');
  return t(track.kind === 'audio' ? 'recordings.sound' : track.desktop ? 'recordings.screen' : 'recordings.camera', { name });
}

/** One recording with its files; nothing if the ticket or the recording is gone. */
export async function fetchRecording(name: string, ticket: string): Promise<Recording | null> {
  try {
    const answer = await fetch(`${addressOf(name)}?${new URLSearchParams({ ticket }).toString()}`);
    const said: unknown = answer.ok ? await answer.json() : null;
    return isRecording(said) ? said : null;
  } catch {
    return null;
  }
}
