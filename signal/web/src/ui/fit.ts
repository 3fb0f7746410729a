// How tiles fill the hall. Pure.

export interface Fit { readonly cols: number; readonly rows: number; readonly width: number; readonly height: number }

export const GAP = 8;
/** A tile narrower than this shows nothing worth showing; beyond it there are pages. */
export const NARROWEST = 144;

/** The largest tile whose shape stays between 4:3 and 16:9 (in a portrait hall 3:4 and 4:3) when `n` of them fill the hall. */
export function fit(n: number, width: number, height: number, gap = GAP): Fit {
  const [low, high] = width >= height ? [4 / 3, 16 / 9] : [3 / 4, 4 / 3];
  let best: Fit = { cols: 1, rows: n, width: 0, height: 0 };
  for (let cols = 1; cols <= n; cols++) {
    const rows = Math.ceil(n / cols);
    const cellWidth = (width - gap * (cols - 1)) / cols;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const shape = Math.min(high, Math.max(low, cellWidth / cellHeight));
    const tileWidth = Math.floor(Math.min(cellWidth, cellHeight * shape));
    const tileHeight = Math.floor(tileWidth / shape);
    if (tileWidth * tileHeight > best.width * best.height) best = { cols, rows, width: tileWidth, height: tileHeight };
  }
  return best;
}

/** How many tiles go on one page. */
export function pageSize(n: number, width: number, height: number): number {
  let size = n;
  while (size > 1 && fit(size, width, height).width < NARROWEST) size--;
  return size;
}
