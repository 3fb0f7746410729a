// A blurred background, made by the camera itself where the browser offers that: it costs this page nothing. What is missing
// from the types of the language is in the W3C's "Media Capture and Streams Extensions".

/** As much of a camera's track as blurring needs. */
export interface BlurTrack {
  readonly readyState: MediaStreamTrackState;
  getCapabilities?(): MediaTrackCapabilities;
  getSettings(): MediaTrackSettings;
  getConstraints(): MediaTrackConstraints;
  applyConstraints(constraints: MediaTrackConstraints): Promise<void>;
}

interface Blur { readonly backgroundBlur?: unknown }

/** The camera blurs or not, as one wishes; where the system decides alone there is nothing to choose. */
export function canBlur(track: BlurTrack | null): boolean {
  if (track?.readyState !== 'live') return false;
  const { backgroundBlur } = (track.getCapabilities?.() ?? {}) as Blur;
  return Array.isArray(backgroundBlur) && backgroundBlur.includes(true) && backgroundBlur.includes(false);
}

export function isBlurred(track: BlurTrack | null): boolean {
  return track !== null && (track.getSettings() as Blur).backgroundBlur === true;
}

/** Resolves when the camera blurs, or does not any more, or has refused. */
export async function setBlur(track: BlurTrack, on: boolean): Promise<void> {
  if (!canBlur(track) || isBlurred(track) === on) return;
  const constraints = { ...track.getConstraints(), backgroundBlur: on };
  await track.applyConstraints(constraints).catch(() => undefined);
}
