// Our own microphone and camera. "On" means that a track exists and may be sent; "off" means that nothing leaves: the camera is
// released (its light goes out), the microphone's track is taken from the sender.

import { canBlur, isBlurred, setBlur } from './blur';
import { Meter } from './meter';
import { ScreenShare } from './share';

export type Device = 'audio' | 'video';
export type Problem = 'blocked' | 'inuse' | 'missing' | 'insecure' | 'failed';

const CAMERA: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class LocalMedia {
  /** What the person wants; kept when a device fails or the meeting is joined again. */
  readonly wanted: Record<Device, boolean> = { audio: true, video: true };
  readonly problems: Partial<Record<Device, Problem>> = {};
  readonly chosen: Record<Device | 'output', string> = { audio: '', video: '', output: '' };
  /** The person wants a blurred background, if the camera can do that. */
  wantsBlur = false;
  devices: MediaDeviceInfo[] = [];
  /** A device was pulled out; the label of the one that took its place, or nothing if there is none. */
  onUnplugged: (kind: Device, label: string) => void = () => undefined;
  private readonly tracks: Record<Device, MediaStreamTrack | null> = { audio: null, video: null };
  /** How often the browser was asked and has not answered yet. */
  private readonly asked: Record<Device, number> = { audio: 0, video: 0 };
  private meter: Meter | null = null;
  readonly share = new ScreenShare(() => this.onChange());

  constructor(private readonly onChange: () => void) {
    this.available?.addEventListener('devicechange', () => void this.onDevices());
  }

  /** Browsers hide the devices altogether on addresses that they do not trust. */
  private get available(): MediaDevices | undefined {
    return navigator.mediaDevices as MediaDevices | undefined;
  }

  /** What may be sent now. */
  track(kind: Device): MediaStreamTrack | null {
    const track = this.tracks[kind];
    return track && this.wanted[kind] && track.readyState === 'live' ? track : null;
  }

  on(kind: Device): boolean {
    return this.track(kind) !== null;
  }

  /** It is wanted, and the browser has not said yet whether we get it. */
  waits(kind: Device): boolean {
    return this.asked[kind] > 0 && this.wanted[kind] && !this.on(kind);
  }

  /** Asks for both at once, so that the browser puts one question only. */
  async start(): Promise<void> {
    if (!this.available?.getUserMedia) {
      this.problems.audio = this.problems.video = 'insecure';
      return this.onChange();
    }
    const kinds = (['audio', 'video'] as const).filter((kind) => this.wanted[kind] && !this.tracks[kind]);
    await this.asking(kinds, async () => {
      if (kinds.length < 2 || !(await this.acquireBoth())) for (const kind of kinds) await this.acquire(kind);
      await this.list();
    });
  }

  toggle(kind: Device): Promise<void> {
    return this.set(kind, !this.on(kind) && !this.waits(kind));
  }

  async set(kind: Device, on: boolean): Promise<void> {
    this.wanted[kind] = on;
    if (!on) delete this.problems[kind]; // Who goes without a device has no problem with it.
    if (on && !this.track(kind)) await this.asking([kind], () => this.acquire(kind));
    const track = this.tracks[kind];
    if (!on && kind === 'video') this.release('video');
    else if (track) track.enabled = on;
    if (on && !this.devices.some((d) => d.label)) await this.list();
    this.onChange();
  }

  async choose(kind: Device | 'output', id: string): Promise<void> {
    this.chosen[kind] = id;
    if (kind !== 'output' && this.wanted[kind]) {
      this.release(kind);
      await this.asking([kind], () => this.acquire(kind));
    }
    this.onChange();
  }

  /** Whether the background is blurred; null where the camera offers no choice. */
  get blur(): boolean | null {
    const { video } = this.tracks;
    return canBlur(video) ? isBlurred(video) : null;
  }

  async setBlur(on: boolean): Promise<void> {
    this.wantsBlur = on;
    if (this.tracks.video) await setBlur(this.tracks.video, on);
    this.onChange();
  }

  /** Loudness of what is sent now, 0 to 1. */
  level(): number {
    return this.on('audio') ? this.heard() ?? 0 : 0;
  }

  /** Loudness at the microphone, 0 to 1, also while nothing of it is sent; null if it cannot be told. */
  heard(): number | null {
    return this.tracks.audio?.readyState === 'live' ? this.meter?.level() ?? null : null;
  }

  stop(): void {
    this.release('audio');
    this.release('video');
    this.share.stop();
    this.onChange();
  }

  private constraints(kind: Device): MediaTrackConstraints {
    const id = this.chosen[kind];
    return { ...(kind === 'audio' ? MICROPHONE : CAMERA), ...(id ? { deviceId: { exact: id } } : {}) };
  }

  /** Does what makes the browser ask; until it has answered, the devices asked for wait. */
  private async asking(kinds: readonly Device[], ask: () => Promise<void>): Promise<void> {
    for (const kind of kinds) this.asked[kind]++;
    this.onChange();
    try {
      await ask();
    } finally {
      for (const kind of kinds) this.asked[kind]--;
      this.onChange();
    }
  }

  private async acquireBoth(): Promise<boolean> {
    try {
      const stream = await this.available?.getUserMedia({ audio: this.constraints('audio'), video: this.constraints('video') });
      for (const track of stream?.getTracks() ?? []) await this.prepare(track.kind === 'audio' ? 'audio' : 'video', track);
      return true;
    } catch {
      return false; // One of the two is at fault; asked for singly, they say which.
    }
  }

  private async acquire(kind: Device): Promise<void> {
    if (!this.available?.getUserMedia) {
      this.problems[kind] = 'insecure';
      return;
    }
    try {
      const stream = await this.available.getUserMedia({ [kind]: this.constraints(kind) });
      const [track] = stream.getTracks();
      if (track) await this.prepare(kind, track);
    } catch (error) {
      if (this.chosen[kind] && error instanceof DOMException && (error.name === 'OverconstrainedError' || error.name === 'NotFoundError')) {
        this.chosen[kind] = ''; // The remembered device is not here today.
        return this.acquire(kind);
      }
      this.problems[kind] = problemOf(error);
    }
  }

  /** Nobody sees a picture that is not blurred yet. */
  private async prepare(kind: Device, track: MediaStreamTrack): Promise<void> {
    if (kind === 'video' && this.wantsBlur) await setBlur(track, true);
    this.take(kind, track);
  }

  private take(kind: Device, track: MediaStreamTrack): void {
    this.release(kind);
    if (!this.wanted[kind]) return track.stop(); // Turned off again while the browser asked.
    delete this.problems[kind];
    this.tracks[kind] = track;
    track.onended = () => void this.onLost(kind, track);
    if (kind === 'audio') this.meter = Meter.of(track);
    else track.addEventListener('configurationchange', () => this.onChange()); // The system's own switch for blurring.
  }

  private release(kind: Device): void {
    const track = this.tracks[kind];
    this.tracks[kind] = null;
    if (!track) return;
    track.onended = null;
    track.stop();
    if (kind === 'audio') this.meter = this.meter?.stop() ?? null;
  }

  /** The device was pulled out, or the browser's own stop button was pressed. */
  private async onLost(kind: Device, track: MediaStreamTrack): Promise<void> {
    if (this.tracks[kind] !== track) return;
    const { deviceId } = track.getSettings();
    this.release(kind);
    this.chosen[kind] = '';
    await this.list();
    const left = this.devices.some((d) => d.kind === `${kind}input`);
    if (left && this.wanted[kind]) await this.acquire(kind);
    else if (!left) this.problems[kind] = 'missing';
    if (!this.devices.some((d) => d.deviceId === deviceId)) this.onUnplugged(kind, this.tracks[kind]?.label ?? '');
    this.onChange();
  }

  private async onDevices(): Promise<void> {
    await this.list();
    for (const kind of ['audio', 'video'] as const) {
      const appeared = this.problems[kind] === 'missing' && this.devices.some((d) => d.kind === `${kind}input`);
      if (appeared && this.wanted[kind]) await this.acquire(kind);
    }
    this.onChange();
  }

  private async list(): Promise<void> {
    this.devices = (await this.available?.enumerateDevices().catch(() => [])) ?? [];
  }
}

function problemOf(error: unknown): Problem {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'blocked';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  if (name === 'NotReadableError' || name === 'AbortError') return 'inuse';
  return 'failed';
}
