// Exact draws of the discrete Gaussian from tables (gaussian-table.ts), integers only, and rounding to a grid with such noise on top.
// Twin: discrete-gaussian-twin.ts. The scale is 2^logScale; from 2^12 on a value is a block of 2^blockBits values and a place in it.

const mostTableLog: u32 = 11;
const mostBlockBits: u32 = 9;
const guideBytes: usize = 131088;
const signBit: u32 = 0x8000;
const ditherMask: u32 = 0x7fff;
const mostSteps: f64 = 1125899906842624.0; // 2^50

// Words that the draws of one block never need beyond their first ones, with a probability above 2^−128.
const blockWords: usize = 256;

// Each value takes its first word from `front` on, and what it needs beyond from `back` downwards. Where the two meet all bits are 1,
// which ends every loop below, and the draw is thrown away.
let front: usize = 0;
let back: usize = 0;
let guide: usize = 0;
let near: usize = 0;
let deep: usize = 0;
let blockBits: u32 = 0;

/** Draws until `count` are made or the words end; `consumed`: how many words the draws took from the front and from the back. */
export function discreteGaussianFill(
  words: usize, wordCount: usize, table: usize, values: usize, count: usize, logScale: u32, consumed: usize,
): usize {
  begin(words, wordCount, table, logScale);
  let made: usize = 0;
  while (made < count) {
    const at = values + made * 4;
    if (count - made >= 4 && hasBlock()) {
      const w = v128.load(front);
      const pairs = lookUp(front);
      front += 16;
      v128.store(at, drawBlock(w, pairs));
      made += 4;
      continue;
    }
    const start = back;
    if (front >= start) break;
    front += 4;
    const value = draw(load<u32>(front - 4));
    if (isDry(start)) break;
    store<i32>(at, value);
    made++;
  }
  tell(words, wordCount, consumed);
  return made;
}

/** values = (⌊values / step + U⌋ + N)·step. */
export function ditherGaussian(
  words: usize, wordCount: usize, table: usize, values: usize, count: usize, logScale: u32, step: f64, consumed: usize,
): usize {
  begin(words, wordCount, table, logScale);
  let made: usize = 0;
  while (made < count) {
    const at = values + made * 4;
    if (count - made >= 4 && hasBlock()) {
      ditherBlock(at, step);
      made += 4;
      continue;
    }
    const start = back;
    if (front >= start) break;
    front += 4;
    const value = dither(load<f32>(at), load<u32>(front - 4), step);
    if (isDry(start)) break;
    store<f32>(at, value);
    made++;
  }
  tell(words, wordCount, consumed);
  return made;
}

function begin(words: usize, wordCount: usize, table: usize, logScale: u32): void {
  front = words;
  back = words + wordCount * 4;
  guide = table;
  near = table + guideBytes;
  deep = near + ((<usize>64) << min(logScale, mostTableLog));
  blockBits = logScale > mostTableLog ? logScale - mostTableLog : 0;
}

function tell(words: usize, wordCount: usize, consumed: usize): void {
  store<u32>(consumed, (front - words) >> 2);
  store<u32>(consumed, (words + wordCount * 4 - back) >> 2, 4);
}

// Whether four values can be made at once: one word decides most of them, and there are enough for the others.
// @ts-ignore: decorator
@inline
function hasBlock(): bool {
  return blockBits == 0 && front + blockWords * 4 <= back;
}

// Whether the draw that began with these words at the back ran out of them: then as if it had not been.
function isDry(start: usize): bool {
  if (back >= front) return false;
  front -= 4;
  back = start;
  return true;
}

// @ts-ignore: decorator
@inline
function ditherBlock(at: usize, step: f64): void {
  const x = v128.load(at);
  const w = v128.load(front);
  const pairs = lookUp(front);
  front += 16;
  const low = bounded(f64x2.promote_low_f32x4(x), step);
  const high = bounded(f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 0, 1)), step);
  const wholeLow = f64x2.floor(low), wholeHigh = f64x2.floor(high);
  const first = i32x4.shuffle(fractions(low, wholeLow), fractions(high, wholeHigh), 0, 1, 4, 5);
  const bits = v128.and(w, i32x4.splat(ditherMask));
  // Where 15 bits do not decide the rounding, each value takes all of its words before the next.
  if (v128.any_true(i32x4.eq(bits, first))) return ditherEach(at, step);
  const noise = drawBlock(w, pairs);
  // A comparison that holds is −1.
  const added = i32x4.sub(noise, i32x4.lt_s(bits, first));
  const sumLow = f64x2.add(wholeLow, f64x2.convert_low_i32x4_s(added));
  const sumHigh = f64x2.add(wholeHigh, f64x2.convert_low_i32x4_s(i32x4.shuffle(added, added, 2, 3, 0, 1)));
  const scale = f64x2.splat(step);
  const valueLow = f32x4.demote_f64x2_zero(f64x2.mul(sumLow, scale));
  const valueHigh = f32x4.demote_f64x2_zero(f64x2.mul(sumHigh, scale));
  v128.store(at, i32x4.shuffle(valueLow, valueHigh, 0, 1, 4, 5));
}

// Four draws, whose cells were looked up. Between two magnitudes a word from the back decides, without a branch: every lane looks at one,
// and those of one magnitude leave it.
// @ts-ignore: decorator
@inline
function drawBlock(w: v128, pairs: v128): v128 {
  const least = v128.and(pairs, i32x4.splat(0xffff));
  const others = i32x4.sub(i32x4.shr_u(pairs, 16), least);
  // Cells of more than two magnitudes, and 0: 1 block in 20.
  if (v128.any_true(v128.or(i32x4.gt_u(others, i32x4.splat(1)), i32x4.eq(least, i32x4.splat(0))))) return drawEach(w, pairs);
  const b1 = back - (<usize>i32x4.extract_lane(others, 0) << 2);
  const b2 = b1 - (<usize>i32x4.extract_lane(others, 1) << 2);
  const b3 = b2 - (<usize>i32x4.extract_lane(others, 2) << 2);
  const deciding = i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(
    v128.load32_splat(back - 4), 1, load<u32>(b1 - 4)), 2, load<u32>(b2 - 4)), 3, load<u32>(b3 - 4));
  const sums = i32x4.replace_lane(i32x4.replace_lane(i32x4.replace_lane(
    v128.load32_splat(near + (<usize>i32x4.extract_lane(least, 0) << 2)),
    1, load<u32>(near + (<usize>i32x4.extract_lane(least, 1) << 2))),
    2, load<u32>(near + (<usize>i32x4.extract_lane(least, 2) << 2))),
    3, load<u32>(near + (<usize>i32x4.extract_lane(least, 3) << 2)));
  if (v128.any_true(i32x4.eq(deciding, sums))) return drawEach(w, pairs);
  back = b3 - (<usize>i32x4.extract_lane(others, 3) << 2);
  return signed(w, i32x4.sub(least, v128.and(i32x4.lt_u(sums, deciding), i32x4.neg(others))));
}

function drawEach(w: v128, pairs: v128): v128 {
  let values = signed(w, pairs);
  const open = i32x4.bitmask(v128.not(isDecided(pairs)));
  if (open & 1) values = i32x4.replace_lane(values, 0, draw(i32x4.extract_lane(w, 0)));
  if (open & 2) values = i32x4.replace_lane(values, 1, draw(i32x4.extract_lane(w, 1)));
  if (open & 4) values = i32x4.replace_lane(values, 2, draw(i32x4.extract_lane(w, 2)));
  if (open & 8) values = i32x4.replace_lane(values, 3, draw(i32x4.extract_lane(w, 3)));
  return values;
}

function ditherEach(at: usize, step: f64): void {
  for (let lane: usize = 0; lane < 16; lane += 4) {
    store<f32>(at + lane, dither(load<f32>(at + lane), load<u32>(front - 16 + lane), step));
  }
}

// @ts-ignore: decorator
@inline
function bounded(x: v128, step: f64): v128 {
  const steps = f64x2.div(x, f64x2.splat(step));
  // In this order a NaN stays one.
  return f64x2.pmin(f64x2.pmax(steps, f64x2.splat(-mostSteps)), f64x2.splat(mostSteps));
}

// The first 15 bits of the fractions of two numbers.
// @ts-ignore: decorator
@inline
function fractions(x: v128, whole: v128): v128 {
  return i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(f64x2.sub(x, whole), f64x2.splat(32768)));
}

// For four words: the least magnitude of the cell of each, and that of the next cell in the upper half.
// @ts-ignore: decorator
@inline
function lookUp(words: usize): v128 {
  const zero = i32x4.splat(0);
  const one = v128.load_lane<u32>(guide + ((<usize>load<u16>(words, 2)) << 1), zero, 0);
  const two = v128.load_lane<u32>(guide + ((<usize>load<u16>(words, 6)) << 1), one, 1);
  const three = v128.load_lane<u32>(guide + ((<usize>load<u16>(words, 10)) << 1), two, 2);
  return v128.load_lane<u32>(guide + ((<usize>load<u16>(words, 14)) << 1), three, 3);
}

// Where the cell holds one magnitude, and not 0, which may be drawn again.
// @ts-ignore: decorator
@inline
function isDecided(pairs: v128): v128 {
  const least = v128.and(pairs, i32x4.splat(0xffff));
  return v128.and(i32x4.eq(least, i32x4.shr_u(pairs, 16)), i32x4.ne(least, i32x4.splat(0)));
}

// The least magnitudes with the signs of the words.
// @ts-ignore: decorator
@inline
function signed(w: v128, pairs: v128): v128 {
  const sign = i32x4.shr_s(i32x4.shl(w, 16), 31);
  return i32x4.sub(v128.xor(v128.and(pairs, i32x4.splat(0xffff)), sign), sign);
}

function dither(value: f32, w: u32, step: f64): f32 {
  const x = max(min(<f64>value / step, mostSteps), -mostSteps);
  const whole = floor(x);
  const scaled = (x - whole) * 32768.0;
  const first = <i32>scaled;
  const bits = <i32>(w & ditherMask);
  const noise = draw(w);
  const isUp = bits != first ? bits < first : isBelow(scaled - <f64>first);
  return <f32>((whole + <f64>noise + <f64>isUp) * step);
}

// A draw that begins with this word: 16 bits for the cell, one for the sign; the others are not looked at.
function draw(w: u32): i32 {
  while (true) {
    const value = place(magnitude(w >> 16));
    const isNegative = (w & signBit) != 0;
    if (value >= 0 && !(isNegative && value == 0)) return isNegative ? -value : value;
    w = word();
  }
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
  back -= 4;
  return back >= front ? load<u32>(back) : 0xffffffff;
}
