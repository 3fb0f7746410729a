// QR codes (ISO/IEC 18004), byte mode, error correction level M, versions 1 to 10: up to 213 bytes, enough for any address. Pure.

/** Per version: codewords of error correction in each block, and the data codewords of each block. */
const BLOCKS: readonly (readonly [ecc: number, ...data: number[]])[] = [
  [10, 16], [16, 28], [26, 44], [18, 32, 32], [24, 43, 43], [16, 27, 27, 27, 27], [18, 31, 31, 31, 31],
  [22, 38, 38, 39, 39], [22, 36, 36, 36, 37, 37], [26, 43, 43, 43, 43, 44],
];
const ALIGNMENT: readonly (readonly number[])[] = [
  [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50],
];
const LEVEL_M = 0;

type Grid = boolean[][];

/** The modules of the code, row by row; nothing if the text is too long. */
export function qrCode(text: string): Grid | null {
  const bytes = new TextEncoder().encode(text);
  const version = BLOCKS.findIndex(([, ...data], v) => bytes.length <= sum(data) - (v + 1 < 10 ? 2 : 3)) + 1;
  if (version === 0) return null;
  const stream = codewords(bytes, version);
  let best: Grid | null = null;
  let least = Infinity;
  for (let mask = 0; mask < 8; mask++) {
    const grid = draw(stream, version, mask);
    const penalty = penaltyOf(grid);
    if (penalty < least) [best, least] = [grid, penalty];
  }
  return best;
}

/** The dark modules as the `d` of an SVG path, one unit per module. */
export function qrPath(grid: Grid): string {
  let d = '';
  grid.forEach((row, y) => row.forEach((dark, x) => { if (dark) d += `M${x} ${y}h1v1h-1z`; }));
  return d;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function codewords(bytes: Uint8Array, version: number): number[] {
  const [ecc, ...sizes] = BLOCKS[version - 1] ?? [0];
  const capacity = sum(sizes);
  const bits: number[] = [];
  const put = (value: number, length: number): void => { for (let i = length - 1; i >= 0; i--) bits.push((value >> i) & 1); };
  put(0b0100, 4);
  put(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) put(byte, 8);
  put(0, Math.min(4, capacity * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  const data: number[] = [];
  for (let i = 0; i < bits.length; i += 8) data.push(bits.slice(i, i + 8).reduce((value, bit) => value * 2 + bit, 0));
  for (let pad = 0xec; data.length < capacity; pad ^= 0xec ^ 0x11) data.push(pad);
  let at = 0;
  const blocks = sizes.map((size) => data.slice(at, (at += size)));
  return [...interleave(blocks), ...interleave(blocks.map((block) => remainder(block, ecc)))];
}

function interleave(blocks: readonly number[][]): number[] {
  const result: number[] = [];
  for (let i = 0; i < Math.max(...blocks.map((b) => b.length)); i++) {
    for (const block of blocks) if (i < block.length) result.push(block[i] ?? 0);
  }
  return result;
}

/** Multiplication in GF(256) with the polynomial 0x11d. */
function times(a: number, b: number): number {
  let product = 0;
  for (let i = 7; i >= 0; i--) product = ((product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> i) & 1) * a)) & 0x1ff;
  return product & 0xff;
}

function remainder(data: readonly number[], degree: number): number[] {
  let generator = [1];
  for (let i = 0, root = 1; i < degree; i++, root = times(root, 2)) {
    generator = [...generator, 0].map((c, k) => c ^ times(generator[k - 1] ?? 0, root));
  }
  const rest: number[] = Array.from({ length: degree }, () => 0);
  for (const byte of data) {
    const factor = byte ^ (rest.shift() ?? 0);
    rest.push(0);
    for (let i = 0; i < degree; i++) rest[i] = (rest[i] ?? 0) ^ times(generator[i + 1] ?? 0, factor);
  }
  return rest;
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0, (_, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0, (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function draw(stream: readonly number[], version: number, mask: number): Grid {
  const size = 17 + 4 * version;
  const grid: (boolean | null)[][] = Array.from({ length: size }, () => Array.from({ length: size }, () => null));
  const set = (x: number, y: number, dark: boolean): void => {
    const row = grid[y];
    if (row && x >= 0 && x < size) row[x] = dark;
  };
  for (const [cx, cy] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) {
    for (let dy = -4; dy <= 4; dy++) for (let dx = -4; dx <= 4; dx++) {
      const ring = Math.max(Math.abs(dx), Math.abs(dy));
      set(cx + dx, cy + dy, ring !== 2 && ring !== 4);
    }
  }
  for (let i = 8; i < size - 8; i++) {
    set(i, 6, i % 2 === 0);
    set(6, i, i % 2 === 0);
  }
  const centres = ALIGNMENT[version - 1] ?? [];
  const last = centres.length - 1;
  centres.forEach((cy, j) => centres.forEach((cx, i) => {
    if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return;
    for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
  }));
  drawFormat(set, size, mask);
  if (version >= 7) drawVersion(set, size, version);
  fill(grid, stream, MASKS[mask] ?? (() => false));
  return grid.map((row) => row.map((dark) => dark === true));
}

function bch(value: number, generator: number, degree: number): number {
  let rest = value << degree;
  const top = 31 - Math.clz32(generator);
  for (let bit = 31 - Math.clz32(rest); rest && bit >= top; bit = 31 - Math.clz32(rest)) rest ^= generator << (bit - top);
  return (value << degree) | rest;
}

function drawFormat(set: (x: number, y: number, dark: boolean) => void, size: number, mask: number): void {
  const bits = bch((LEVEL_M << 3) | mask, 0x537, 10) ^ 0x5412;
  const bit = (i: number): boolean => ((bits >> i) & 1) === 1;
  for (let i = 0; i <= 5; i++) set(8, i, bit(i));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let i = 9; i < 15; i++) set(14 - i, 8, bit(i));
  for (let i = 0; i < 8; i++) set(size - 1 - i, 8, bit(i));
  for (let i = 8; i < 15; i++) set(8, size - 15 + i, bit(i));
  set(8, size - 8, true);
}

function drawVersion(set: (x: number, y: number, dark: boolean) => void, size: number, version: number): void {
  const bits = bch(version, 0x1f25, 12);
  for (let i = 0; i < 18; i++) {
    const dark = ((bits >> i) & 1) === 1;
    const a = size - 11 + (i % 3);
    const b = Math.floor(i / 3);
    set(a, b, dark);
    set(b, a, dark);
  }
}

function fill(grid: (boolean | null)[][], stream: readonly number[], mask: (x: number, y: number) => boolean): void {
  const size = grid.length;
  let index = 0;
  let upward = true;
  for (let right = size - 1; right > 0; right -= 2, upward = !upward) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const y = upward ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        const row = grid[y];
        if (!row || row[x] !== null) continue;
        const data = (((stream[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
        index++;
        row[x] = data !== mask(x, y);
      }
    }
  }
}

function penaltyOf(grid: Grid): number {
  const size = grid.length;
  const at = (x: number, y: number): number => (grid[y]?.[x] ? 1 : 0);
  let penalty = 0;
  let dark = 0;
  for (let a = 0; a < size; a++) {
    penalty += linePenalty(Array.from({ length: size }, (_, b) => at(b, a))) + linePenalty(Array.from({ length: size }, (_, b) => at(a, b)));
    for (let b = 0; b < size; b++) {
      dark += at(a, b);
      const square = at(a, b) + at(a + 1, b) + at(a, b + 1) + at(a + 1, b + 1);
      if (a + 1 < size && b + 1 < size && square % 4 === 0) penalty += 3;
    }
  }
  return penalty + 10 * Math.floor(Math.abs((dark * 100) / (size * size) - 50) / 5);
}

function linePenalty(line: readonly number[]): number {
  let penalty = 0;
  for (const run of line.join('').matchAll(/0{5,}|1{5,}/g)) penalty += run[0].length - 2;
  for (const pattern of ['10111010000', '00001011101']) {
    const text = line.join('');
    for (let i = text.indexOf(pattern); i >= 0; i = text.indexOf(pattern, i + 1)) penalty += 40;
  }
  return penalty;
}
