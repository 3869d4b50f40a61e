// Exact draws of the discrete Gaussian from tables (gaussian-table.ts), integers only, and rounding to a grid with such noise on top.
// Twin: discrete-gaussian-twin.ts. The scale is 2^logScale; from 2^11 on a value is a block of 2^blockBits values and a place in it.

const mostTableLog: u32 = 10;
const mostBlockBits: u32 = 10;
const guideBytes: usize = 131088;
const signBit: u32 = 0x8000;
const ditherMask: u32 = 0x7fff;

// Words from `cursor` on; beyond `limit` all bits are 1, which ends every loop below, and the draw is thrown away.
let cursor: usize = 0;
let limit: usize = 0;
let guide: usize = 0;
let near: usize = 0;
let deep: usize = 0;
let blockBits: u32 = 0;

/** Draws until `count` are made or the words end; `consumed`: how many words the draws took. */
export function discreteGaussianFill(
  words: usize, wordCount: usize, table: usize, values: usize, count: usize, logScale: u32, consumed: usize,
): usize {
  begin(words, wordCount, table, logScale);
  let used = words;
  let made: usize = 0;
  for (; made < count; made++) {
    const value = draw(word());
    if (cursor > limit) break;
    used = cursor;
    store<i32>(values + made * 4, value);
  }
  store<u32>(consumed, (used - words) >> 2);
  return made;
}

/** values = (⌊values / step + U⌋ + N)·step. */
export function ditherGaussian(
  words: usize, wordCount: usize, table: usize, values: usize, count: usize, logScale: u32, step: f64, consumed: usize,
): usize {
  begin(words, wordCount, table, logScale);
  const mostFast: u32 = blockBits == 0 ? 0xffff : 0;
  let at = words;
  let made: usize = 0;
  for (; made < count && at < limit; made++) {
    const w = load<u32>(at);
    const place = values + made * 4;
    const x = max(min(<f64>load<f32>(place) / step, 1125899906842624.0), -1125899906842624.0);
    const whole = floor(x);
    const scaled = (x - whole) * 32768.0;
    const first = <u32>scaled;
    const bits = w & ditherMask;
    const pair = load<u32>(guide + ((w >> 16) << 1));
    const h = pair & 0xffff;
    // −(h − 1) − 1 wraps for 0, which is left to `draw`, as are values whose cell or fraction one word does not decide.
    if (h == pair >> 16 && h - 1 < mostFast && bits != first) {
      const sign = -<i32>((w >> 15) & 1);
      const steps = whole + <f64>((<i32>h ^ sign) - sign) + <f64>(bits < first);
      store<f32>(place, <f32>(steps * step));
      at += 4;
      continue;
    }
    cursor = at + 4;
    const noise = draw(w);
    const up = bits != first ? bits < first : isBelow(scaled - <f64>first);
    if (cursor > limit) break;
    at = cursor;
    store<f32>(place, <f32>((whole + <f64>noise + <f64>up) * step));
  }
  store<u32>(consumed, (at - words) >> 2);
  return made;
}

function begin(words: usize, wordCount: usize, table: usize, logScale: u32): void {
  cursor = words;
  limit = words + wordCount * 4;
  guide = table;
  near = table + guideBytes;
  deep = near + ((<usize>64) << min(logScale, mostTableLog));
  blockBits = logScale > mostTableLog ? logScale - mostTableLog : 0;
}

// A draw that begins with this word: 16 bits for the cell, one for the sign; the others are not looked at.
function draw(w: u32): i32 {
  while (cursor <= limit) {
    const value = place(magnitude(w >> 16));
    const isNegative = (w & signBit) != 0;
    if (value >= 0 && !(isNegative && value == 0)) return isNegative ? -value : value;
    w = word();
  }
  return 0;
}

// How many cumulative probabilities are at most the number that begins with the cell.
function magnitude(cell: u32): u32 {
  const pair = load<u32>(guide + (cell << 1));
  const end = pair >> 16;
  let h = pair & 0xffff;
  if (h == end) return h;
  const w = word();
  while (h < end && load<u32>(near + (h << 2)) < w) h++;
  if (h == end || load<u32>(near + (h << 2)) != w) return h;
  const first = word(), second = word(), third = word();
  while (h < end && load<u32>(near + (h << 2)) == w && isDeepAtMost(h, first, second, third)) h++;
  return h;
}

function isDeepAtMost(h: u32, first: u32, second: u32, third: u32): bool {
  const at = deep + h * 12;
  const a = load<u32>(at), b = load<u32>(at, 4), c = load<u32>(at, 8);
  return a != first ? a < first : b != second ? b < second : c <= third;
}

// A place in block h, uniform, kept with probability exp(−(m² − h²) / 2s²); −1 where it is not.
function place(h: u32): i32 {
  if (blockBits == 0) return <i32>h;
  const low = <u64>(word() & ((1 << blockBits) - 1));
  const start = (<u64>h) << blockBits;
  // (m² − h²) / 2s² as a fraction of 2^41, whatever s is up to 2^20.
  const n = (low * (2 * start + low)) << (2 * (mostBlockBits - blockBits));
  return expOfMinus(n) ? <i32>(start + low) : -1;
}

// True with probability exp(−n / 2^41), n < 2^41 (Canonne, Kamath and Steinke 2020, Algorithm 1).
function expOfMinus(n: u64): bool {
  if (!dyadic(n)) return true;
  let k: u32 = 2;
  while (unitFraction(k) && dyadic(n)) k++;
  return (k & 1) != 0;
}

// True with probability n / 2^41: 41 random bits are below n.
function dyadic(n: u64): bool {
  if (n == 0) return false;
  const w = word();
  const upper = <u32>(n >> 9);
  if (w != upper) return w < upper;
  return word() >> 23 < (<u32>n & 511);
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

// True with the probability of a fraction, to 64 bits.
function isBelow(fraction: f64): bool {
  const scaled = fraction * 4294967296.0;
  const upper = <u32>scaled;
  const w = word();
  if (w != upper) return w < upper;
  return <f64>word() < (scaled - <f64>upper) * 4294967296.0;
}

// @ts-ignore: decorator
@inline
function word(): u32 {
  const at = cursor;
  cursor = at + 4;
  return at < limit ? load<u32>(at) : 0xffffffff;
}
