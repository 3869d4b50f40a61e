/** Twin of discrete-gaussian.as.ts: exact draws of the discrete Gaussian in plain TypeScript, the same values from the same words. */
import { type GaussianTable, mostTableLog } from './gaussian-table.ts';

/** Where draws read: uniform words of 32 bits. */
export interface WordSource {
  next(): number;
}

/** Sums saturate here, in steps: beyond, floats no longer tell integers and fractions apart. */
export const mostSteps = 2 ** 50;

const mostBlockBits = 9;
const signBit = 0x8000;
const ditherMask = 0x7fff;

/** How many values were made, and how many words they took from the front and from the back. */
export interface Filled {
  readonly made: number;
  readonly consumed: readonly [number, number];
}

/** Draws until the values are full or the words end. */
export function discreteGaussianTwin(
  words: Uint32Array,
  table: GaussianTable,
  values: Int32Array,
  logScale: number,
): Filled {
  const source = new TwoEnds(words);
  let made = 0;
  for (; made < values.length && source.begin(); made++) {
    const value = drawGaussian(source, source.first(), table, logScale);
    if (source.isDry()) break;
    values[made] = value;
  }
  return { made, consumed: source.consumed };
}

/** values = (⌊values / step + U⌋ + N)·step, until all are done or the words end. */
export function ditherGaussianTwin(
  words: Uint32Array,
  table: GaussianTable,
  values: Float32Array,
  logScale: number,
  step: number,
): Filled {
  const source = new TwoEnds(words);
  let made = 0;
  for (; made < values.length && source.begin(); made++) {
    const value = noisySteps(source, source.first(), values[made] / step, table, logScale) * step;
    if (source.isDry()) break;
    values[made] = value;
  }
  return { made, consumed: source.consumed };
}

/** ⌊x + U⌋ + N, x saturated: the bits of one word for both, and more from the source where they do not decide. */
export function noisySteps(
  source: WordSource,
  word: number,
  x: number,
  table: GaussianTable,
  logScale: number,
): number {
  const bounded = Math.max(-mostSteps, Math.min(mostSteps, x));
  const whole = Math.floor(bounded);
  const scaled = (bounded - whole) * (ditherMask + 1);
  // 0 for NaN, as in the kernel.
  const first = scaled | 0;
  const bits = word & ditherMask;
  const noise = drawGaussian(source, word, table, logScale);
  const isUp = bits === first ? isBelow(source, scaled - first) : bits < first;
  return whole + noise + (isUp ? 1 : 0);
}

/** A draw that begins with this word: 16 bits for the cell, one for the sign; the others are not looked at. */
export function drawGaussian(source: WordSource, word: number, table: GaussianTable, logScale: number): number {
  const blockBits = Math.max(0, logScale - mostTableLog);
  for (let w = word; ; w = source.next()) {
    const h = magnitude(source, w >>> 16, table);
    const value = blockBits === 0 ? h : placeInBlock(source, h, blockBits);
    const isNegative = (w & signBit) !== 0;
    if (value !== null && !(isNegative && value === 0)) return isNegative ? -value : value;
  }
}

/** True with the probability of a fraction, to 64 bits. 1, to which x − ⌊x⌋ rounds for a small negative x, is always true. */
export function isBelow(source: WordSource, fraction: number): boolean {
  const scaled = fraction * 2 ** 32;
  // 0 for NaN, as in the kernel.
  const upper = Math.floor(scaled) || 0;
  const w = source.next();
  return w === upper ? source.next() < (scaled - upper) * 2 ** 32 : w < upper;
}

/** First words of values from the front, others from the back. Where the two meet all bits are 1, which ends every loop below. */
class TwoEnds implements WordSource {
  readonly #words: Uint32Array;
  #front = 0;
  #back: number;
  #start: number;

  constructor(words: Uint32Array) {
    this.#words = words;
    this.#back = words.length;
    this.#start = words.length;
  }

  get consumed(): [number, number] {
    return [this.#front, this.#words.length - this.#back];
  }

  /** Whether there is a word for one more value. */
  begin(): boolean {
    this.#start = this.#back;
    return this.#front < this.#back;
  }

  first(): number {
    return this.#words[this.#front++];
  }

  next(): number {
    this.#back--;
    return this.#back >= this.#front ? this.#words[this.#back] : 0xffffffff;
  }

  /** Whether the words did not suffice for the value: then as if it had not been begun. */
  isDry(): boolean {
    if (this.#back >= this.#front) return false;
    this.#front--;
    this.#back = this.#start;
    return true;
  }
}

/** How many cumulative probabilities are at most the number that begins with the cell. */
function magnitude(source: WordSource, cell: number, { guide, near, deep }: GaussianTable): number {
  const end = guide[cell + 1];
  let h = guide[cell];
  if (h === end) return h;
  const w = source.next();
  while (h < end && near[h] < w) h++;
  if (h === end || near[h] !== w) return h;
  const [first, second, third] = [source.next(), source.next(), source.next()];
  const isAtMost = (at: number): boolean => {
    if (deep[at] !== first) return deep[at] < first;
    return deep[at + 1] === second ? deep[at + 2] <= third : deep[at + 1] < second;
  };
  while (h < end && near[h] === w && isAtMost(3 * h)) h++;
  return h;
}

/** A place in block h, uniform, kept with probability exp(−(m² − h²) / 2s²); null where it is not. */
function placeInBlock(source: WordSource, h: number, blockBits: number): number | null {
  const low = source.next() % 2 ** blockBits;
  const start = h * 2 ** blockBits;
  // (m² − h²) / 2s² as a fraction of 2^41, whatever s is up to 2^20.
  const n = low * (2 * start + low) * 4 ** (mostBlockBits - blockBits);
  return expOfMinus(source, n) ? start + low : null;
}

/** True with probability exp(−n / 2^41), n < 2^41 (Canonne, Kamath and Steinke 2020, Algorithm 1). */
function expOfMinus(source: WordSource, n: number): boolean {
  if (!dyadic(source, n)) return true;
  let k = 2;
  while (unitFraction(source, k) && dyadic(source, n)) k++;
  return k % 2 === 1;
}

/** True with probability n / 2^41: 41 random bits are below n. */
function dyadic(source: WordSource, n: number): boolean {
  if (n === 0) return false;
  const w = source.next();
  const upper = Math.floor(n / 2 ** 9);
  if (w !== upper) return w < upper;
  return source.next() >>> 23 < n % 2 ** 9;
}

/** True with probability 1 / k, k ≥ 2: a random fraction is below it, compared word by word. */
function unitFraction(source: WordSource, k: number): boolean {
  let numerator = 1;
  do {
    const scaled = numerator * 2 ** 32;
    const threshold = Math.floor(scaled / k);
    const w = source.next();
    if (w !== threshold) return w < threshold;
    numerator = scaled % k;
  } while (numerator !== 0);
  return false;
}
