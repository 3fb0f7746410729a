// What we ask the bridge for, and what we send when it limits us. Pure.

/** A video source that is on the screen, with the smaller side of its picture in device pixels. */
export interface Shown { readonly source: string; readonly height: number; readonly stage?: boolean; readonly screen?: boolean; readonly pinned?: boolean }

/** How many pictures there are to be: as they fit, small ones to save the line or the device, or none. */
export type Pictures = 'all' | 'small' | 'none';

/** What is on the screen. */
export interface View { readonly shown: readonly Shown[]; readonly pictures: Pictures }

/** The heights that a 720p or 1080p camera can send; a wish between two steps costs bits and shows nothing more. */
const LADDER = [180, 360, 720, 1080, 2160] as const;

/** The step that fills a tile of this height; a picture may be stretched by an eighth before the next one is worth it. */
export function ladderHeight(height: number): number {
  return LADDER.find((step) => step * 1.125 >= height) ?? 2160;
}

/** A shared screen that is looked at comes as sharp as it is: its words are lost before its pixels are. */
const SHARP = 2160;
/** Small pictures: a face can be told, a screen can be read. */
const SMALL = 180;
const SMALL_SCREEN = 720;

/** Only what is shown comes, on the stage first; others than these are not sent at all. */
export function receiverConstraints({ shown, pictures }: View): Record<string, unknown> {
  const listed = pictures === 'none' ? [] : shown;
  return {
    colibriClass: 'ReceiverVideoConstraints',
    lastN: pictures === 'none' ? 0 : -1,
    selectedSources: listed.filter((s) => s.pinned && !s.stage).map((s) => s.source),
    onStageSources: listed.filter((s) => s.stage).map((s) => s.source),
    defaultConstraints: { maxHeight: 0 },
    constraints: Object.fromEntries(listed.map((one) => [one.source, { maxHeight: Math.min(heightFor(one), mostFor(one, pictures)) }])),
    assumedBandwidthBps: -1,
  };
}

function heightFor({ height, stage, screen }: Shown): number {
  return stage && screen ? SHARP : ladderHeight(height);
}

function mostFor({ screen }: Shown, pictures: Pictures): number {
  return pictures === 'all' ? SHARP : screen ? SMALL_SCREEN : SMALL;
}

export interface Encoding { readonly active: boolean; readonly scaleResolutionDownBy: number; readonly maxBitrate: number }

const BITRATES = [200_000, 500_000, 1_500_000] as const;
const SCALES = [4, 2, 1] as const;

/**
 * Our encodings, lowest first, when nobody wants more than `maxHeight` (-1: no limit, 0: nobody looks). A simulcast encoding runs
 * while its own height is wanted, the lowest as long as anybody looks; a single one is scaled down to what is wanted.
 */
export function encodings(count: number, captureHeight: number, maxHeight: number): Encoding[] {
  const limit = maxHeight < 0 ? 2160 : maxHeight;
  if (count < 2) {
    const scale = limit > 0 ? Math.max(1, captureHeight / limit) : 1;
    const rate = scale >= 3 ? BITRATES[0] : scale >= 1.5 ? BITRATES[1] : BITRATES[2];
    return [{ active: limit > 0, scaleResolutionDownBy: scale, maxBitrate: rate }];
  }
  return SCALES.slice(-count).map((scale, index) => ({
    active: limit > 0 && (index === 0 || captureHeight / scale <= limit),
    scaleResolutionDownBy: scale,
    maxBitrate: BITRATES[index + 3 - count] ?? BITRATES[2],
  }));
}
