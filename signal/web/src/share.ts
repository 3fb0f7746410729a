// Our shared screen, window or tab, and its sound. The sound goes out with the microphone's, in one track: that is what every
// Jitsi client hears, and a microphone that is off adds nothing to it.

/** What `getDisplayMedia` knows beyond what its types say. */
interface DisplayOptions extends DisplayMediaStreamOptions {
  readonly systemAudio?: 'include' | 'exclude';
  readonly surfaceSwitching?: 'include' | 'exclude';
  readonly selfBrowserSurface?: 'include' | 'exclude';
}

/** Words are sharp at any rate; fifteen pictures a second are smooth enough to scroll. */
const OPTIONS: DisplayOptions = {
  video: { frameRate: { ideal: 15, max: 30 }, width: { max: 1920 }, height: { max: 1200 } },
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  systemAudio: 'include', surfaceSwitching: 'include', selfBrowserSurface: 'exclude',
};

export type Surface = 'monitor' | 'window' | 'browser';
/** How an attempt to share went; who closed the question is told nothing. */
export type Attempt = 'on' | 'closed' | 'forbidden' | 'failed';

export class ScreenShare {
  track: MediaStreamTrack | null = null;
  private sound: MediaStreamTrack | null = null;
  private mixer: Mixer | null = null;

  constructor(private readonly onChange: () => void) {}

  /** Phones share nothing. */
  get available(): boolean {
    return typeof (navigator.mediaDevices as MediaDevices | undefined)?.getDisplayMedia === 'function';
  }

  get on(): boolean {
    return this.track !== null;
  }

  get hasSound(): boolean {
    return this.sound !== null;
  }

  get surface(): Surface {
    const { displaySurface } = this.track?.getSettings() ?? {};
    return displaySurface === 'window' || displaySurface === 'browser' ? displaySurface : 'monitor';
  }

  async start(): Promise<Attempt> {
    if (this.on) return 'on';
    try {
      this.take(await navigator.mediaDevices.getDisplayMedia(OPTIONS));
      return 'on';
    } catch (error) {
      if (!(error instanceof DOMException)) return 'failed';
      // The system's own refusal, as on macOS, says so in its message and nowhere else.
      if (error.name === 'NotAllowedError') return /system/i.test(error.message) ? 'forbidden' : 'closed';
      return error.name === 'AbortError' || error.name === 'InvalidStateError' ? 'closed' : 'failed';
    }
  }

  stop(): void {
    if (!this.track) return;
    this.track.onended = null;
    this.track.stop();
    this.track = null;
    this.dropSound();
    this.onChange();
  }

  /** The picture goes on, its sound does not. */
  mute(): void {
    if (!this.sound) return;
    this.dropSound();
    this.onChange();
  }

  /** What goes out as our sound while the microphone gives `mic`. */
  mix(mic: MediaStreamTrack | null): MediaStreamTrack | null {
    if (!this.sound) return mic;
    this.mixer ??= new Mixer(this.sound);
    return this.mixer.with(mic);
  }

  private take(stream: MediaStream): void {
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    if (!video) return;
    video.contentHint = 'detail';
    video.onended = () => this.stop(); // The browser's own button.
    this.track = video;
    this.sound = audio ?? null;
    if (audio) audio.onended = () => this.mute();
    this.onChange();
  }

  private dropSound(): void {
    if (this.sound) this.sound.onended = null;
    this.sound?.stop();
    this.sound = null;
    this.mixer?.close();
    this.mixer = null;
  }
}

/** Two sounds in one track. */
class Mixer {
  private readonly context = new AudioContext();
  private readonly out = this.context.createMediaStreamDestination();
  private microphone: MediaStreamAudioSourceNode | null = null;
  private mic: MediaStreamTrack | null = null;

  constructor(sound: MediaStreamTrack) {
    this.context.createMediaStreamSource(new MediaStream([sound])).connect(this.out);
  }

  with(mic: MediaStreamTrack | null): MediaStreamTrack | null {
    if (mic !== this.mic) {
      this.microphone?.disconnect();
      this.microphone = mic && this.context.createMediaStreamSource(new MediaStream([mic]));
      this.microphone?.connect(this.out);
      this.mic = mic;
    }
    return this.out.stream.getAudioTracks()[0] ?? null;
  }

  close(): void {
    void this.context.close().catch(() => undefined);
  }
}
