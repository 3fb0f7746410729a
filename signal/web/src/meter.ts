// How loud a microphone is. It listens to a copy of the track, so that it hears what the microphone hears while nothing is sent.

const SAMPLES = 512;

export class Meter {
  private static context: AudioContext | null = null;
  private readonly samples = new Float32Array(SAMPLES);

  private constructor(private readonly track: MediaStreamTrack, private readonly source: MediaStreamAudioSourceNode, private readonly node: AnalyserNode) {}

  /** Nothing where the browser cannot measure: no level is shown, everything else works. */
  static of(track: MediaStreamTrack): Meter | null {
    try {
      const context = Meter.context ??= new AudioContext();
      const copy = track.clone();
      const source = context.createMediaStreamSource(new MediaStream([copy]));
      const node = context.createAnalyser();
      node.fftSize = SAMPLES;
      source.connect(node);
      return new Meter(copy, source, node);
    } catch {
      return null;
    }
  }

  /** 0 to 1; null while the browser lets no sound be worked on, as before the first click. */
  level(): number | null {
    if (Meter.context?.state !== 'running') {
      if (navigator.userActivation?.hasBeenActive) void Meter.context?.resume();
      return null;
    }
    this.node.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample ** 2;
    return Math.min(1, Math.sqrt(sum / SAMPLES) * 4);
  }

  stop(): null {
    this.source.disconnect();
    this.track.stop();
    return null;
  }
}
