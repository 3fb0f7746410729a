// Somebody's picture; their initials until its first frame is there, and whenever there is none.

import { hue, initials } from '../names';
import { h, setText } from './dom';

export class Picture {
  readonly video = h('video', { class: 'vid', autoplay: true, playsinline: true, 'aria-hidden': 'true' });
  readonly face = h('span', { class: 'face', 'aria-hidden': 'true' });
  private track: MediaStreamTrack | null = null;

  /** `onSeen` is told when the picture may have appeared or gone. */
  constructor(private readonly onSeen: () => void = () => undefined) {
    this.video.muted = true; // Sound plays through elements of its own.
    this.video.onplaying = this.video.onresize = () => this.show();
  }

  get seen(): boolean {
    return this.track !== null && this.video.videoWidth > 0;
  }

  update(track: MediaStreamTrack | null, name: string): void {
    setText(this.face, initials(name));
    this.face.style.setProperty('--h', String(hue(name)));
    if (this.track !== track) {
      this.track = track;
      this.video.srcObject = track ? new MediaStream([track]) : null;
      this.resume();
    }
    this.show();
  }

  /** Browsers stop a video that was taken out of the document. */
  resume(): void {
    if (this.track && this.video.isConnected && this.video.paused) void this.video.play().catch(() => undefined);
  }

  dispose(): void {
    this.track = this.video.srcObject = null;
  }

  private show(): void {
    this.video.classList.toggle('seen', this.seen);
    this.face.hidden = this.seen;
    this.onSeen();
  }
}
