// Exact draws of the discrete Gaussian (Canonne, Kamath and Steinke 2020, "The discrete Gaussian for differential privacy"), integers
// only. Twin: discrete-gaussian-twin.ts. The scale s is a power of two, so that every probability below is n / 2^bits or 1 / k.

// Words from `cursor` on; beyond `limit` all bits are 1, which ends every loop below, and the draw is thrown away.
let cursor: usize = 0;
let limit: usize = 0;

/** Draws until `count` are made or the words end; `consumed`: how many words the draws took. */
export function discreteGaussianFill(
  words: usize, wordCount: usize, values: usize, count: usize, logScale: u32, consumed: usize,
): usize {
  cursor = words;
  limit = words + wordCount * 4;
  let used = words;
  let made: usize = 0;
  for (; made < count; made++) {
    const value = draw(logScale);
    if (cursor > limit) break;
    used = cursor;
    store<i32>(values + made * 4, value);
  }
  store<u32>(consumed, (used - words) >> 2);
  return made;
}

// Algorithm 3 with t = s: a discrete Laplace draw of scale s, kept with probability exp(−(|y| − s)² / 2s²).
function draw(logScale: u32): i32 {
  const s: u64 = 1 << logScale;
  const bits = 2 * logScale + 1;
  while (cursor <= limit) {
    // Algorithm 2 with t = s and denominator 1: u below s uniform, kept with probability exp(−u / s).
    const w = word();
    const u = (<u64>w) & (s - 1);
    if (!expOfMinus(u, logScale)) continue;
    let v: u64 = 0;
    while (expOfMinusOne()) v++;
    const y = u + v * s;
    const isNegative = w >> 31 != 0;
    if (isNegative && y == 0) continue;
    const d = y > s ? y - s : s - y;
    const n = d * d;
    let isKept = true;
    for (let whole = n >> bits; isKept && whole > 0; whole--) isKept = expOfMinusOne();
    if (isKept && expOfMinus(n & (((<u64>1) << bits) - 1), bits)) return isNegative ? -<i32>y : <i32>y;
  }
  return 0;
}

// Algorithm 1: true with probability exp(−n / 2^bits), n < 2^bits.
function expOfMinus(n: u64, bits: u32): bool {
  if (!dyadic(n, bits)) return true;
  let k: u32 = 2;
  while (unitFraction(k) && dyadic(n, bits)) k++;
  return (k & 1) != 0;
}

// The same with probability exp(−1).
function expOfMinusOne(): bool {
  let k: u32 = 2;
  while (unitFraction(k)) k++;
  return (k & 1) != 0;
}

// True with probability n / 2^bits, n < 2^bits, bits ≤ 64: random bits are below n.
function dyadic(n: u64, bits: u32): bool {
  if (n == 0) return false;
  if (bits <= 32) return word() >> (32 - bits) < <u32>n;
  const w = word();
  const upper = <u32>(n >> (bits - 32));
  if (w != upper) return w < upper;
  const lower = <u32>(n & (((<u64>1) << (bits - 32)) - 1));
  return lower != 0 && word() >> (64 - bits) < lower;
}

// True with probability 1 / k, k ≥ 2: a random fraction is below it, compared word by word.
function unitFraction(k: u32): bool {
  let numerator: u64 = 1;
  do {
    const scaled = numerator << 32;
    const threshold = <u32>(scaled / k);
    const w = word();
    if (w != threshold) return w < threshold;
    numerator = scaled % k;
  } while (numerator != 0);
  return false;
}

// @ts-ignore: decorator
@inline
function word(): u32 {
  const at = cursor;
  cursor = at + 4;
  return at < limit ? load<u32>(at) : 0xffffffff;
}
