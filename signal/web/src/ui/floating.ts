// The meeting in a small window over all others: whoever is on the stage, and the microphone. A window of its own where browsers
// know that, else their window for one video; it stays open whoever comes into it.

import { t } from '../i18n';
import { hue, initials } from '../names';
import { h, setAttribute, setText } from './dom';
import { Picture } from './picture';
import type { Face } from './tile';

interface DocumentPictureInPicture { requestWindow(options: { width: number; height: number }): Promise<Window> }

export interface FloatingHost {
  /** Who is to be seen. */
  readonly first: Face | null;
  readonly micOn: boolean;
  toggleMic(): void;
}

const WIDTH = 400;
const HEIGHT = 250;

export class Floating {
  private window: Window | null = null;
  private readonly picture = new Picture();
  private readonly name = h('span', { class: 'cut', dir: 'auto' });
  private readonly mic = h('button', { type: 'button', class: 'btn slim', onclick: () => this.host.toggleMic() });
  private readonly tile = h('main', { class: 'tile floating' }, this.picture.video, this.picture.face, h('span', { class: 'plate' }, this.name), h('span', { class: 'marks' }, this.mic));
  /** For browsers that float nothing but a video. */
  private readonly video = h('video', { class: 'vh', playsinline: true, autoplay: true, 'aria-hidden': 'true' });
  private shown: MediaStreamTrack | null = null;
  private placeholder: { name: string; track: MediaStreamTrack } | null = null;

  constructor(private readonly host: FloatingHost) {
    this.video.muted = true;
    this.video.addEventListener('leavepictureinpicture', () => this.video.remove());
  }

  get available(): boolean {
    return this.documents !== undefined || document.pictureInPictureEnabled === true;
  }

  get open(): boolean {
    return this.window !== null || document.pictureInPictureElement === this.video;
  }

  async toggle(): Promise<void> {
    if (this.open) return this.close();
    try {
      if (this.documents) await this.openWindow(this.documents);
      else await this.openVideo();
    } catch {
      this.close(); // The browser wants a click for it, or has a window already.
    }
  }

  /** Shows who is to be seen now. */
  update(): void {
    if (this.window) {
      const { first, micOn } = this.host;
      setText(this.name, first ? label(first) : '');
      this.tile.classList.toggle('me', first?.mine === true);
      this.tile.classList.toggle('screen', first?.screen === true);
      this.picture.update(first?.track ?? null, first?.name ?? '');
      setText(this.mic, t(micOn ? 'mic.on' : 'mic.off'));
      setAttribute(this.mic, 'aria-label', t(micOn ? 'mic.label.on' : 'mic.label.off'));
    } else if (this.video.isConnected) {
      this.show(this.trackToShow());
    }
  }

  close(): void {
    this.window?.close();
    this.window = null;
    if (document.pictureInPictureElement === this.video) void document.exitPictureInPicture().catch(() => undefined);
    this.video.remove();
    this.show(null);
  }

  private get documents(): DocumentPictureInPicture | undefined {
    return (window as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture;
  }

  private async openWindow(documents: DocumentPictureInPicture): Promise<void> {
    const opened = await documents.requestWindow({ width: WIDTH, height: HEIGHT });
    const { document: page } = opened;
    const { lang, dir, dataset } = document.documentElement;
    Object.assign(page.documentElement, { lang, dir });
    page.documentElement.dataset.theme = dataset.theme ?? 'dark';
    page.title = document.title;
    for (const sheet of document.querySelectorAll('link[rel=stylesheet]')) page.head.append(sheet.cloneNode());
    page.body.append(this.tile);
    opened.addEventListener('pagehide', () => { if (this.window === opened) this.window = null; });
    this.window = opened;
    this.update();
    this.picture.resume();
  }

  private async openVideo(): Promise<void> {
    document.body.append(this.video);
    this.show(this.trackToShow());
    if (this.video.readyState < HTMLMediaElement.HAVE_METADATA) await new Promise((resolve) => this.video.addEventListener('loadedmetadata', resolve, { once: true }));
    await this.video.requestPictureInPicture();
  }

  private show(track: MediaStreamTrack | null): void {
    if (track === this.shown) return;
    this.shown = track;
    this.video.srcObject = track && new MediaStream([track]);
    if (track) void this.video.play().catch(() => undefined);
  }

  /** Who has no picture is seen by their initials; without anything in it the window would close. */
  private trackToShow(): MediaStreamTrack | null {
    const { first } = this.host;
    if (first?.track) return first.track;
    const name = first?.name ?? '';
    if (this.placeholder?.name !== name) this.placeholder = { name, track: drawn(name) };
    return this.placeholder.track;
  }
}

function label(face: Face): string {
  const name = face.mine ? t('meeting.you') : face.name;
  return face.screen ? t('meeting.screen', { name }) : name;
}

function drawn(name: string): MediaStreamTrack {
  const canvas = h('canvas', { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext('2d');
  const track = canvas.captureStream(1).getVideoTracks()[0] as MediaStreamTrack;
  if (!pen) return track;
  pen.fillStyle = `hsl(${hue(name)} 26% 28%)`;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = '#fff';
  pen.font = `600 ${HEIGHT / 3}px sans-serif`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(initials(name), WIDTH / 2, HEIGHT / 2);
  return track;
}
