/** Twin of discrete-gaussian.as.ts: exact draws of the discrete Gaussian in plain TypeScript, the same values from the same words. */

/** Draws until the values are full or the words end; says how many were made, and how many words they took. */
export function discreteGaussianTwin(
  words: Uint32Array,
  values: Int32Array,
  logScale: number,
): { made: number; consumed: number } {
  const source = new Words(words);
  let made = 0;
  let consumed = 0;
  for (; made < values.length; made++) {
    const value = draw(source, logScale);
    if (source.isDry) break;
    consumed = source.used;
    values[made] = value;
  }
  return { made, consumed };
}

/** Beyond the last word all bits are 1, which ends every loop below, and the draw is thrown away. */
class Words {
  readonly #words: Uint32Array;
  #used = 0;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  get used(): number {
    return this.#used;
  }

  get isDry(): boolean {
    return this.#used > this.#words.length;
  }

  next(): number {
    const at = this.#used++;
    return at < this.#words.length ? this.#words[at] : 0xffffffff;
  }
}

/**
 * Algorithm 3 with t = s: a discrete Laplace draw of scale s, kept with probability exp(−(|y| − s)² / 2s²). Numbers are exact to
 * |y| < 90·s; a draw beyond is kept with probability below e^−3900 either way.
 */
function draw(words: Words, logScale: number): number {
  const s = 2 ** logScale;
  const bits = 2 * logScale + 1;
  while (!words.isDry) {
    // Algorithm 2 with t = s and denominator 1: u below s uniform, kept with probability exp(−u / s).
    const w = words.next();
    const u = w % s;
    if (!expOfMinus(words, u, logScale)) continue;
    let v = 0;
    while (expOfMinusOne(words)) v++;
    const y = u + v * s;
    const isNegative = w >= 2 ** 31;
    if (isNegative && y === 0) continue;
    const n = (y - s) ** 2;
    let isKept = true;
    for (let whole = Math.floor(n / 2 ** bits); isKept && whole > 0; whole--) isKept = expOfMinusOne(words);
    if (isKept && expOfMinus(words, n % 2 ** bits, bits)) return isNegative ? -y : y;
  }
  return 0;
}

/** Algorithm 1: true with probability exp(−n / 2^bits), n < 2^bits. */
function expOfMinus(words: Words, n: number, bits: number): boolean {
  if (!dyadic(words, n, bits)) return true;
  let k = 2;
  while (unitFraction(words, k) && dyadic(words, n, bits)) k++;
  return k % 2 === 1;
}

/** The same with probability exp(−1). */
function expOfMinusOne(words: Words): boolean {
  let k = 2;
  while (unitFraction(words, k)) k++;
  return k % 2 === 1;
}

/** True with probability n / 2^bits, n < 2^bits, bits ≤ 64: random bits are below n. */
function dyadic(words: Words, n: number, bits: number): boolean {
  if (n === 0) return false;
  if (bits <= 32) return words.next() >>> (32 - bits) < n;
  const w = words.next();
  const upper = Math.floor(n / 2 ** (bits - 32));
  if (w !== upper) return w < upper;
  const lower = n % 2 ** (bits - 32);
  return lower !== 0 && words.next() >>> (64 - bits) < lower;
}

/** True with probability 1 / k, k ≥ 2: a random fraction is below it, compared word by word. */
function unitFraction(words: Words, k: number): boolean {
  let numerator = 1;
  do {
    const scaled = numerator * 2 ** 32;
    const threshold = Math.floor(scaled / k);
    const w = words.next();
    if (w !== threshold) return w < threshold;
    numerator = scaled % k;
  } while (numerator !== 0);
  return false;
}
