// Exact draws of the discrete Gaussian from tables (gaussian-table.ts), integers only, and rounding to a grid with such noise on top.
// Twin: discrete-gaussian-twin.ts. The scale is 2^logScale; from 2^12 on a value is a block of 2^blockBits values and a place in it.

const mostTableLog: u32 = 11;
const mostBlockBits: u32 = 9;
const guideBytes: usize = 131088;
const signBit: u32 = 0x8000;
const ditherMask: u32 = 0x7fff;
const mostSteps: f64 = 1125899906842624.0; // 2^50
const mostUnits: i32 = 0x40000000;
const leastStep: f64 = 8.077935669463161e-28; // 2^−90

// Values that are made at once, most of them from one word alone, and then the others in order.
const groupValues: usize = 128;
const groupBytes: usize = 512;
// Words that the draws of a group never need beyond their first ones, with a probability above 2^−128.
const spareWords: usize = 384;
// Scratch: places of those others in the group.
const noted: usize = 64;
// For each set of four lanes: these lanes, one after the other.
const compressions: usize = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15,
  0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15,
  4, 5, 6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 12, 13, 14, 15,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
  0, 1, 2, 3, 12, 13, 14, 15, 4, 5, 6, 7, 8, 9, 10, 11,
  4, 5, 6, 7, 12, 13, 14, 15, 0, 1, 2, 3, 8, 9, 10, 11,
  0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11,
  8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7,
  0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 4, 5, 6, 7,
  4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
], 16);

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
    if (hasGroup(count - made)) {
      fillGroup(at);
      made += groupValues;
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
  const isPower = isPowerOfTwo(step);
  let made: usize = 0;
  while (made < count) {
    const at = values + made * 4;
    if (isPower && hasGroup(count - made)) {
      ditherGroup(at, <f32>step);
      made += groupValues;
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

// Whether a group can be made at once: one word decides most values, and there are enough for the others.
// @ts-ignore: decorator
@inline
function hasGroup(left: usize): bool {
  return blockBits == 0 && left >= groupValues && front + groupValues * 4 + spareWords * 4 <= back;
}

// A step by which float32 values divide and multiply without rounding.
function isPowerOfTwo(step: f64): bool {
  return (reinterpret<u64>(step) & 0xfffffffffffff) == 0 && step >= leastStep && step <= 1 / leastStep;
}

// Whether the draw that began with these words at the back ran out of them: then as if it had not been.
function isDry(start: usize): bool {
  if (back >= front) return false;
  front -= 4;
  back = start;
  return true;
}

function fillGroup(values: usize): void {
  const words = front;
  front += groupBytes;
  let end = noted;
  for (let i: usize = 0; i < groupBytes; i += 16) {
    const pairs = lookUp(words + i);
    const least = leastOf(pairs), others = othersOf(pairs, least);
    v128.store(values + i, signed(v128.load(words + i), least));
    end = note(end, i, others, isHard(least, others));
  }
  for (let at = noted; at < end; at += 4) {
    const entry = load<u32>(at);
    const w = load<u32>(words + (entry & ~1));
    const to = values + (entry & ~1);
    if (entry & 1) store<i32>(to, draw(w));
    else store<i32>(to, load<i32>(to) + toNext(w));
  }
}

// In float32, for a step that is a power of two: every product and quotient here is exact.
function ditherGroup(values: usize, step: f32): void {
  const words = front;
  front += groupBytes;
  const scale = f32x4.splat(step), unitsPerStep = f32x4.splat(32768 / step);
  let end = noted;
  for (let i: usize = 0; i < groupBytes; i += 16) {
    const x = v128.load(values + i);
    // In units of 2^−15 of a step; saturated lanes are beyond the bounds.
    const units = i32x4.trunc_sat_f32x4_s(f32x4.floor(f32x4.mul(x, unitsPerStep)));
    const w = v128.load(words + i);
    const pairs = lookUp(words + i);
    const least = leastOf(pairs), others = othersOf(pairs, least);
    const bits = v128.and(w, i32x4.splat(ditherMask));
    const first = v128.and(units, i32x4.splat(ditherMask));
    const isOpen = v128.or(i32x4.eq(bits, first), i32x4.gt_u(i32x4.abs(units), i32x4.splat(mostUnits)));
    const hard = v128.or(isOpen, isHard(least, others));
    // A comparison that holds is −1.
    const sum = i32x4.sub(i32x4.add(i32x4.shr_s(units, 15), signed(w, least)), i32x4.lt_s(bits, first));
    v128.store(values + i, v128.bitselect(x, f32x4.mul(f32x4.convert_i32x4_s(sum), scale), hard));
    end = note(end, i, others, hard);
  }
  for (let at = noted; at < end; at += 4) {
    const entry = load<u32>(at);
    const w = load<u32>(words + (entry & ~1));
    const to = values + (entry & ~1);
    if (entry & 1) store<f32>(to, dither(load<f32>(to), w, step));
    else store<f32>(to, load<f32>(to) + <f32>toNext(w) * step);
  }
}

// Writes which of four values at `offset` need words from the back, in order, a bit set where they are `hard`; returns where the next go.
// @ts-ignore: decorator
@inline
function note(end: usize, offset: usize, others: v128, hard: v128): usize {
  const mask = i32x4.bitmask(v128.or(i32x4.ne(others, i32x4.splat(0)), hard));
  const entries = i32x4.sub(i32x4.add(i32x4.splat(offset), i32x4(0, 4, 8, 12)), hard);
  v128.store(end, i8x16.swizzle(entries, v128.load(compressions + (<usize>mask << 4))));
  return end + (popcnt(mask) << 2);
}

// What is added to the first of two magnitudes of a cell, neither of which is 0, with the sign that the word gives it.
// @ts-ignore: decorator
@inline
function toNext(first: u32): i32 {
  const h = <u32>load<u16>(guide + ((first >> 16) << 1));
  const boundary = load<u32>(near + (h << 2));
  const w = word();
  const isNext = boundary != w ? <i32>(boundary < w) : <i32>isDeepAtMost(h, word(), word(), word());
  return isNext * (1 - <i32>((first & signBit) >> 14));
}

// More than two magnitudes, or 0, which may be drawn again: 1 value in 80.
// @ts-ignore: decorator
@inline
function isHard(least: v128, others: v128): v128 {
  return v128.or(i32x4.gt_u(others, i32x4.splat(1)), i32x4.eq(least, i32x4.splat(0)));
}

// @ts-ignore: decorator
@inline
function leastOf(pairs: v128): v128 {
  return v128.and(pairs, i32x4.splat(0xffff));
}

// @ts-ignore: decorator
@inline
function othersOf(pairs: v128, least: v128): v128 {
  return i32x4.sub(i32x4.shr_u(pairs, 16), least);
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

// Magnitudes with the signs of the words.
// @ts-ignore: decorator
@inline
function signed(w: v128, magnitudes: v128): v128 {
  const sign = i32x4.shr_s(i32x4.shl(w, 16), 31);
  return i32x4.sub(v128.xor(magnitudes, sign), sign);
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
