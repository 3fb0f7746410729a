// Where each tile goes: pages of tiles, or a stage with a strip of people beside or below it. Pure.

import { fit, GAP, pageSize } from './fit';

export interface Cell { readonly id: string; readonly x: number; readonly y: number; readonly width: number; readonly height: number; readonly stage: boolean }
type Rect = Omit<Cell, 'id' | 'stage'>;

export interface Plan {
  readonly cells: readonly Cell[];
  /** How many people the strip had no place for, and where that is said. */
  readonly more: number;
  readonly rest: Rect | null;
  readonly page: number;
  readonly pages: number;
}

/** What the keys that turn pages take from the height. */
export const PAGER = 48;
/** The invitation takes a place among the tiles like a person. */
export const INVITE = '\0invite';

/** The widest strip beside the stage; on small windows it gets narrower. */
const STRIP = 208;
const STRIP_SHAPE = 16 / 9;
/** People below a stage are this high at least. */
const LOWEST = 88;

/** Everybody the same size, as many on a page as can be seen well. */
export function tilePlan(ids: readonly string[], width: number, full: number, wanted: number): Plan {
  const paged = pageSize(ids.length, width, full) < ids.length;
  const height = paged ? full - PAGER : full;
  const size = Math.max(1, pageSize(ids.length, width, height));
  const pages = Math.max(1, Math.ceil(ids.length / size));
  const page = Math.min(Math.max(0, wanted), pages - 1);
  const cells = grid(ids.slice(page * size, (page + 1) * size), width, height);
  return { cells, more: 0, rest: null, page, pages };
}

/** Rows of equal tiles, the last one centred. */
function grid(ids: readonly string[], width: number, height: number): Cell[] {
  const { cols, rows, width: w, height: h } = fit(ids.length, width, height);
  const top = (height - rows * h - (rows - 1) * GAP) / 2;
  return ids.map((id, index) => {
    const row = Math.floor(index / cols);
    const inRow = Math.min(cols, ids.length - row * cols);
    const start = (width - inRow * w - (inRow - 1) * GAP) / 2;
    return { id, x: Math.round(start + (index % cols) * (w + GAP)), y: Math.round(top + row * (h + GAP)), width: w, height: h, stage: false };
  });
}

/**
 * One or several on the stage, the others in a strip: at the end of a wide hall, below in a tall one, where the stage takes its
 * own `shape`. The last of `others` is oneself and has a place before all but the first.
 */
export function stagePlan(stage: readonly string[], others: readonly string[], width: number, height: number, shape: number): Plan {
  if (!others.length) return { cells: split(stage, { x: 0, y: 0, width, height }, shape), more: 0, rest: null, page: 0, pages: 1 };
  return width >= height ? beside(stage, others, width, height, shape) : below(stage, others, width, height, shape);
}

function beside(stage: readonly string[], others: readonly string[], width: number, height: number, shape: number): Plan {
  const strip = Math.round(Math.min(width >= 2400 ? STRIP * 1.5 : STRIP, Math.max(112, width * 0.2)));
  const tall = Math.round(strip / STRIP_SHAPE);
  const room = Math.max(1, Math.floor((height + GAP) / (tall + GAP)));
  const { shown, more } = chosen(others, room);
  const x = width - strip;
  const rect = (index: number): Rect => ({ x, y: index * (tall + GAP), width: strip, height: Math.min(tall, height) });
  return withRest(split(stage, { x: 0, y: 0, width: x - GAP, height }, shape), shown, more, rect);
}

function below(stage: readonly string[], others: readonly string[], width: number, height: number, shape: number): Plan {
  const rows = Math.min(stage.length, 2);
  const high = Math.round(Math.min((width / shape) * (stage.length > 1 ? rows : 1), height * 0.62));
  const cols = Math.min(width >= 480 ? 3 : 2, Math.max(others.length, 2));
  const left = height - high - GAP;
  const wide = Math.floor((width - (cols - 1) * GAP) / cols);
  const fits = Math.max(1, Math.floor((left + GAP) / (Math.max(LOWEST, wide / STRIP_SHAPE) + GAP)));
  const { shown, more } = chosen(others, fits * cols);
  const lines = Math.ceil((shown.length + (more ? 1 : 0)) / cols);
  const tall = Math.floor(Math.min((left - (lines - 1) * GAP) / lines, (wide * 4) / 3));
  const rect = (index: number): Rect => ({ x: (index % cols) * (wide + GAP), y: high + GAP + Math.floor(index / cols) * (tall + GAP), width: wide, height: tall });
  return withRest(split(stage, { x: 0, y: 0, width, height: high }, shape), shown, more, rect);
}

/** Who gets a place in a strip with this much room. */
function chosen(others: readonly string[], room: number): { shown: readonly string[]; more: number } {
  if (others.length <= room) return { shown: others, more: 0 };
  const [last = ''] = others.slice(-1);
  const shown = room >= 3 ? [...others.slice(0, room - 2), last] : others.slice(0, Math.max(1, room - 1));
  return { shown, more: room === 1 ? 0 : others.length - shown.length };
}

function withRest(stage: Cell[], shown: readonly string[], more: number, rect: (index: number) => Rect): Plan {
  const cells = [...stage, ...shown.map((id, index) => ({ id, ...rect(index), stage: false }))];
  return { cells, more, rest: more ? rect(shown.length) : null, page: 0, pages: 1 };
}

/** Parts of the stage, cut so that pictures of this shape are as large as they can be. */
function split(ids: readonly string[], area: Rect, shape: number): Cell[] {
  let best = { cols: 1, size: 0 };
  for (let cols = 1; cols <= ids.length; cols++) {
    const rows = Math.ceil(ids.length / cols);
    const [w, h] = [(area.width - (cols - 1) * GAP) / cols, (area.height - (rows - 1) * GAP) / rows];
    const size = Math.min(w, h * shape);
    if (size > best.size) best = { cols, size };
  }
  const { cols } = best;
  const rows = Math.ceil(ids.length / cols);
  const height = Math.floor((area.height - (rows - 1) * GAP) / rows);
  return ids.map((id, index) => {
    const row = Math.floor(index / cols);
    const inRow = Math.min(cols, ids.length - row * cols);
    const width = Math.floor((area.width - (inRow - 1) * GAP) / inRow);
    return { id, x: area.x + (index % cols) * (width + GAP), y: area.y + row * (height + GAP), width, height, stage: true };
  });
}
