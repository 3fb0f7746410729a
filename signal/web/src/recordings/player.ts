// Plays a recording: all of it in one file where there is one, else everybody's files together, in step.

import { duration, t } from '../i18n';
import { hue, initials } from '../names';
import { h, icon, setAttribute, setIcon, setText } from '../ui/dom';
import { Clock } from './clock';
import { Follower } from './follower';
import { isWhole } from './line';
import { type Voice, endOf, voicesOf } from './plan';
import type { Recording } from './recording';

/** How often everything is brought in step. */
const LOOK_MS = 100;
const STEP_MS = 5000;

const CODEC_NAMES: Readonly<Record<string, string>> = { opus: 'Opus', vp8: 'VP8', vp9: 'VP9', h264: 'H.264', av1: 'AV1' };

export class Player {
  readonly element: HTMLElement;
  private readonly followers: readonly Follower[];
  private readonly clock: Clock;
  private readonly stage = h('div', { class: 'screen' });
  private readonly tiles = new Map<Follower, HTMLButtonElement>();
  private readonly strip = h('div', { class: 'filmstrip', role: 'group', 'aria-label': t('watch.tiles') });
  private readonly playKey: HTMLButtonElement;
  private readonly soundKey: HTMLButtonElement;
  private readonly seek: HTMLInputElement;
  private readonly time = h('span', { class: 'num small' });
  /** Elements outside of the document are nobody's to hear or to look after. */
  private readonly sounds = h('div', { hidden: true });
  private readonly notes = h('div', { class: 'stack tight', role: 'status' });
  private readonly watch: number;
  private heard = true;
  private waiting = false;
  private chosen: Follower | null = null;

  constructor(recording: Recording) {
    const files = recording.files ?? [];
    const whole = files.find(({ file, type }) => isWhole(file) && document.createElement('video').canPlayType(type) !== '');
    const voices: Voice[] = whole
      ? [{ source: whole.file, name: '', kind: 'video', desktop: false, pieces: [{ url: whole.url, mime: whole.type, codec: whole.type, begin: 0, end: recording.durationMs }] }]
      : voicesOf(files);
    this.followers = voices.map((voice) => new Follower(voice, () => this.draw()));
    this.clock = new Clock(endOf(voices, recording.durationMs), () => performance.now());
    this.playKey = this.key('play', t('watch.play'), 'watch-play', () => this.toggle());
    this.soundKey = this.key('speaker', t('watch.sound.off'), 'watch-sound', () => this.toggleSound());
    this.seek = h('input', { type: 'range', class: 'seek', min: 0, max: Math.ceil(this.clock.end), step: 100, value: 0, 'aria-label': t('watch.place'), 'data-test': 'watch-seek', oninput: () => this.go(Number(this.seek.value)) });
    for (const follower of this.pictures) this.tiles.set(follower, this.tile(follower));
    this.strip.append(...this.tiles.values());
    this.strip.hidden = this.tiles.size < 2;
    this.element = h('div', { class: 'player' }, this.stage, this.strip,
      h('div', { class: 'controls' }, this.playKey, this.seek, this.time, this.soundKey,
        document.fullscreenEnabled && this.key('full', t('full.screen'), 'watch-full', () => this.toggleFullScreen())),
      this.sounds, this.notes);
    if (!voices.length) this.note('watch.empty', '');
    this.watch = window.setInterval(() => this.look(), LOOK_MS);
    this.look();
    this.draw();
  }

  dispose(): void {
    window.clearInterval(this.watch);
    for (const follower of this.followers) follower.close();
  }

  /** For tests and for whoever helps by telephone. */
  state(): Record<string, unknown> {
    return {
      position: this.clock.position, end: this.clock.end, playing: this.clock.playing, waiting: this.waiting, chosen: this.onStage?.voice.source ?? '',
      tracks: this.followers.map(({ voice, off, current, failed }) => ({ source: voice.source, kind: voice.kind, off, shown: current !== null, at: current?.currentTime ?? -1, failed: [...failed] })),
    };
  }

  /** The keys of the whole page; says whether it was one of ours. */
  onKey(key: string): boolean {
    if (key === ' ' || key === 'k') this.toggle();
    else if (key === 'ArrowLeft') this.go(this.clock.position - STEP_MS);
    else if (key === 'ArrowRight') this.go(this.clock.position + STEP_MS);
    else if (key === 'm') this.toggleSound();
    else return false;
    return true;
  }

  private get pictures(): Follower[] {
    return this.followers.filter(({ voice }) => voice.kind === 'video');
  }

  /** Who was chosen, as long as there is something to see of them; else the first who shows something. */
  private get onStage(): Follower | null {
    const { pictures } = this;
    const shown = pictures.filter(({ current }) => current !== null);
    return this.chosen ?? shown[0] ?? pictures[0] ?? null;
  }

  private toggle(): void {
    if (this.clock.playing) this.clock.pause();
    else this.clock.play();
    this.look();
  }

  private toggleSound(): void {
    this.heard = !this.heard;
    this.soundKey.firstElementChild && setIcon(this.soundKey.firstElementChild, this.heard ? 'speaker' : 'speaker-off');
    setAttribute(this.soundKey, 'aria-label', t(this.heard ? 'watch.sound.off' : 'watch.sound.on'));
    this.look();
  }

  private toggleFullScreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.element.requestFullscreen().catch(() => undefined);
  }

  private go(position: number): void {
    this.clock.go(position);
    this.look();
  }

  /** Brings everything in step with the clock, and the clock with whoever has to wait for data. */
  private look(): void {
    const { clock } = this;
    if (clock.playing && clock.atEnd) clock.pause();
    const { position, playing } = clock;
    const lone = this.followers.length === 1;
    const held = playing && this.waiting;
    const waits = this.followers.map((follower) => follower.follow(position, playing, held, this.heard && (lone || follower.voice.kind === 'audio')));
    this.waiting = waits.some(Boolean);
    clock.hold(this.waiting);
    if (this.playKey.firstElementChild) setIcon(this.playKey.firstElementChild, playing ? 'pause' : 'play');
    setAttribute(this.playKey, 'aria-label', t(playing ? 'watch.pause' : 'watch.play'));
    this.element.classList.toggle('waits', this.waiting && playing);
    if (document.activeElement !== this.seek || playing) this.seek.value = String(position);
    this.seek.style.setProperty('--v', `${(100 * position) / Math.max(1, clock.end)}%`);
    const said = `${duration(Math.floor(position / 1000))} / ${duration(Math.round(clock.end / 1000))}`;
    setText(this.time, said);
    setAttribute(this.seek, 'aria-valuetext', said);
  }

  /** Puts pictures where they belong. */
  private draw(): void {
    const { onStage } = this;
    for (const [follower, tile] of this.tiles) {
      setAttribute(tile, 'aria-pressed', String(follower === onStage));
      if (follower !== onStage) put(tile, follower.current ?? face(follower.voice), nameOf(follower.voice));
      else put(tile, h('span', { class: 'face seen' }, icon('eye')), nameOf(follower.voice));
    }
    const sounds = this.followers.flatMap(({ voice, current }) => (voice.kind === 'audio' && current ? [current] : []));
    for (const gone of [...this.sounds.children]) if (!sounds.includes(gone as HTMLMediaElement)) gone.remove();
    this.sounds.append(...sounds.filter((sound) => !sound.isConnected));
    if (onStage) put(this.stage, onStage.current ?? face(onStage.voice), nameOf(onStage.voice));
    if (this.followers.some(({ silent }) => silent)) this.note('watch.silent', '');
    for (const codec of new Set(this.followers.flatMap(({ failed }) => [...failed]))) this.note('watch.codec', CODEC_NAMES[codec] ?? codec);
  }

  private note(text: 'watch.codec' | 'watch.empty' | 'watch.silent', codec: string): void {
    if ([...this.notes.children].some((note) => (note as HTMLElement).dataset.codec === codec)) return;
    this.notes.append(h('p', { class: 'note warn small', 'data-codec': codec, 'data-test': 'watch-note' }, icon('warn'), h('span', {}, t(text, { codec }))));
  }

  private tile(follower: Follower): HTMLButtonElement {
    const name = nameOf(follower.voice);
    return h('button', { type: 'button', class: 'tile', 'aria-label': t('watch.show', { name }), 'data-test': 'watch-tile', 'data-source': follower.voice.source, onclick: () => {
      this.chosen = follower;
      this.draw();
      this.look();
    } });
  }

  private key(sign: string, label: string, test: string, run: () => void): HTMLButtonElement {
    return h('button', { type: 'button', class: 'btn icon', 'aria-label': label, 'data-test': test, onclick: run }, icon(sign));
  }
}

/** A picture, or a face in its place, with the name below. */
function put(place: HTMLElement, what: HTMLElement, name: string): void {
  const [shown] = place.children;
  const plate = name ? h('span', { class: 'plate', dir: 'auto' }, name) : null;
  // A picture that is moved in the document goes on, but only if nothing touches it that is there already.
  if (shown === what || (shown?.classList.contains('face') && shown.className === what.className)) return;
  const playing = what instanceof HTMLMediaElement && !what.paused;
  place.replaceChildren(...[what, plate].filter((one) => one !== null));
  if (playing) void (what as HTMLMediaElement).play().catch(() => undefined);
}

function nameOf({ name, desktop, source }: Voice): string {
  if (isWhole(source)) return '';
  const known = name || t('meeting.someone');
  return desktop ? t('recordings.screen', { name: known }) : known;
}

function face({ name, source }: Voice): HTMLElement {
  const face = h('span', { class: 'face', 'aria-hidden': 'true' }, isWhole(source) ? '' : initials(name || t('meeting.someone')));
  face.style.setProperty('--h', String(hue(name)));
  return face;
}
