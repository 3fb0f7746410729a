// Plays what one source sent, in step with a clock: one element at a time, and the next one made ready.

import { h } from '../ui/dom';
import { JUMP_MS, type Piece, type Voice, course, pieceAt, soon } from './plan';

/** A file is opened so long before it is needed. */
const AHEAD_MS = 10_000;

export class Follower {
  /** What is shown now; nothing where the source sent nothing. */
  current: HTMLMediaElement | null = null;
  /** Codecs that this browser cannot decode, and those of files that it could not. */
  readonly failed = new Set<string>();
  /** Sound that could be decoded, and not be heard: there is nothing to hear it with. */
  silent = false;
  /** How far off the clock it was at the last look, in milliseconds. */
  off = 0;
  private readonly open = new Map<Piece, HTMLMediaElement>();
  private readonly dead = new Set<Piece>();
  private piece: Piece | null = null;
  private correcting = false;

  /** `changed` hears that another element, or none, is to be shown. */
  constructor(readonly voice: Voice, private readonly changed: () => void) {}

  /** Comes in step: plays if it is to, unless it is `held` because another one waits. Says whether the others have to wait for it. */
  follow(position: number, playing: boolean, held: boolean, heard: boolean): boolean {
    const piece = this.playable(pieceAt(this.voice.pieces, position));
    this.prepare(position, piece);
    this.show(piece);
    const { current } = this;
    if (!current || !piece) return false;
    current.muted = !heard;
    if (current.seeking || current.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) {
      // What was asked for is not the place any more where it should be.
      if (current.readyState >= HTMLMediaElement.HAVE_METADATA && !current.seeking) this.step(current, piece, position, false, false);
      return true;
    }
    this.step(current, piece, position, playing, held);
    return current.seeking || (playing && !isOver(current, position - piece.begin) && current.readyState < HTMLMediaElement.HAVE_FUTURE_DATA);
  }

  /** Nothing is held open any more. */
  close(): void {
    for (const piece of [...this.open.keys()]) this.drop(piece);
    this.show(null);
  }

  private step(element: HTMLMediaElement, piece: Piece, position: number, playing: boolean, held: boolean): void {
    const place = position - piece.begin;
    if (isOver(element, place)) return;
    this.off = place - element.currentTime * 1000;
    if (!playing || held) {
      if (!element.paused) element.pause();
      if (Math.abs(this.off) > (held ? JUMP_MS : 1)) element.currentTime = place / 1000;
      return;
    }
    const way = course(element.muted ? this.voice.kind : 'audio', this.off, this.correcting);
    if (way.do === 'jump') element.currentTime = place / 1000;
    else {
      this.correcting = way.rate !== 1;
      if (element.playbackRate !== way.rate) element.playbackRate = way.rate;
    }
    if (element.paused) void element.play().catch(() => undefined);
  }

  private playable(piece: Piece | null): Piece | null {
    return piece && !this.dead.has(piece) ? piece : null;
  }

  /** Opens what is needed now or soon, and closes everything else. */
  private prepare(position: number, piece: Piece | null): void {
    const wanted = [piece, this.playable(soon(this.voice.pieces, position, AHEAD_MS))];
    for (const open of [...this.open.keys()]) if (!wanted.includes(open)) this.drop(open);
    for (const one of wanted) if (one && !this.open.has(one)) this.load(one);
  }

  private load(piece: Piece): void {
    const element = h(this.voice.kind, { preload: 'auto', class: 'vid' });
    if (element instanceof HTMLVideoElement) element.playsInline = true;
    if (!element.canPlayType(piece.mime)) return this.fail(piece);
    element.addEventListener('error', () => {
      if (this.open.get(piece) !== element) return;
      this.silent ||= this.voice.kind === 'audio' && element.readyState >= HTMLMediaElement.HAVE_METADATA;
      this.fail(piece);
    });
    element.preservesPitch = true;
    element.src = piece.url;
    this.open.set(piece, element);
  }

  private fail(piece: Piece): void {
    this.dead.add(piece);
    if (!this.silent) this.failed.add(piece.codec);
    this.drop(piece);
    this.changed();
  }

  private drop(piece: Piece): void {
    const element = this.open.get(piece);
    this.open.delete(piece);
    if (!element) return;
    element.pause();
    element.removeAttribute('src');
    element.load();
  }

  private show(piece: Piece | null): void {
    const before = this.current;
    if (this.piece && this.piece !== piece) this.open.get(this.piece)?.pause();
    this.piece = piece;
    this.current = piece ? this.open.get(piece) ?? null : null;
    if (this.current !== before) this.changed();
  }
}

/** It has been played to its end. The last picture stays until the next piece begins. */
function isOver({ duration, ended }: HTMLMediaElement, placeMs: number): boolean {
  const left = (Number.isFinite(duration) ? duration * 1000 : Infinity) - placeMs;
  return left <= 0 || (ended && left < JUMP_MS);
}
