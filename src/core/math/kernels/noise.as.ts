// Gaussian noise from random words, float32. Twin: noise-twin.ts. Four pairs at a time: of 8 words the first 4 give the lengths, the
// others the directions; bits 0–7 of the latter refine the length, 8–28 are the angle within an octant, 29 swaps, 30 and 31 are signs.
const tail: usize = 16; // scratch of one block

/** values = scale·N(0, 1). */
export function gaussianFill(words: usize, values: usize, count: usize, scale: f32): void {
  const whole = (count & ~7) * 4;
  for (let at: usize = 0; at < whole; at += 32) block(words + at, values + at, scale, false);
  if (whole == count * 4) return;
  block(words + whole, tail, scale, false);
  memory.copy(values + whole, tail, count * 4 - whole);
}

/** target += scale·N(0, 1). */
export function addGaussian(words: usize, target: usize, count: usize, scale: f32): void {
  const whole = (count & ~7) * 4;
  for (let at: usize = 0; at < whole; at += 32) block(words + at, target + at, scale, true);
  if (whole == count * 4) return;
  memory.copy(tail, target + whole, count * 4 - whole);
  block(words + whole, tail, scale, true);
  memory.copy(target + whole, tail, count * 4 - whole);
}

// @ts-ignore: decorator
@inline
function block(words: usize, target: usize, scale: f32, adds: bool): void {
  const w = v128.load(words), v = v128.load(words, 16);
  const r = f32x4.mul(radius(w, v), f32x4.splat(scale));
  const octant = v128.and(i32x4.shr_u(v, 8), i32x4.splat(0x1fffff));
  // (k + ½) of 2^21 parts of π / 4.
  const x = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(octant), f32x4.splat(0.5)), f32x4.splat(0.7853981633974483 / 2097152.0));
  const z = f32x4.mul(x, x);
  const s = sine(x, z), c = cosine(z);
  const swap = i32x4.shr_s(i32x4.shl(v, 2), 31);
  const sign = i32x4.splat(0x80000000);
  const first = v128.xor(v128.bitselect(s, c, swap), v128.and(v, sign));
  const second = v128.xor(v128.bitselect(c, s, swap), v128.and(i32x4.shl(v, 1), sign));
  const low = f32x4.mul(r, first), high = f32x4.mul(r, second);
  v128.store(target, adds ? f32x4.add(v128.load(target), low) : low);
  v128.store(target, adds ? f32x4.add(v128.load(target, 16), high) : high, 16);
}

// √(−2 ln u), u = (w + (v mod 256 + ½) / 256) / 2^32. ln as in Cephes' logf (Moshier).
// @ts-ignore: decorator
@inline
function radius(w: v128, v: v128): v128 {
  const low = f32x4.convert_i32x4_s(v128.and(v, i32x4.splat(255)));
  const fraction = f32x4.mul(f32x4.add(low, f32x4.splat(0.5)), f32x4.splat(1.0 / 256.0));
  const bits = f32x4.add(f32x4.convert_i32x4_u(w), fraction);
  const exponent = i32x4.shr_s(i32x4.sub(bits, i32x4.splat(0x3f3504f3)), 23); // √½ ≤ mantissa < √2
  const mantissa = i32x4.sub(bits, i32x4.shl(exponent, 23));
  // Near u = 1 the distance from 1, with all its bits.
  const near = f32x4.mul(f32x4.add(f32x4.convert_i32x4_s(w), fraction), f32x4.splat(2.3283064365386963e-10));
  const isNear = i32x4.eq(exponent, i32x4.splat(32));
  const f = v128.bitselect(near, f32x4.sub(mantissa, f32x4.splat(1)), isNear);
  const k = f32x4.convert_i32x4_s(i32x4.sub(exponent, i32x4.splat(32)));
  const z = f32x4.mul(f, f);
  let p = f32x4.splat(7.0376836292e-2);
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.1514610310e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.1676998740e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.2420140846e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1.4249322787e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-1.6668057665e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(2.0000714765e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(-2.4999993993e-1));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(3.3333331174e-1));
  let y = f32x4.mul(f32x4.mul(p, f), z);
  y = f32x4.add(y, f32x4.mul(k, f32x4.splat(-2.12194440e-4)));
  y = f32x4.sub(y, f32x4.mul(z, f32x4.splat(0.5)));
  const log = f32x4.add(f32x4.add(f, y), f32x4.mul(k, f32x4.splat(0.693359375)));
  return f32x4.sqrt(f32x4.mul(log, f32x4.splat(-2)));
}

// Taylor polynomials on [0, π / 4], z = x²: within 3e-8.
// @ts-ignore: decorator
@inline
function sine(x: v128, z: v128): v128 {
  let p = f32x4.splat(1.0 / 362880.0);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-1.0 / 5040.0));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.0 / 120.0));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-1.0 / 6.0));
  return f32x4.add(x, f32x4.mul(f32x4.mul(p, z), x));
}

// @ts-ignore: decorator
@inline
function cosine(z: v128): v128 {
  let p = f32x4.splat(1.0 / 40320.0);
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-1.0 / 720.0));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(1.0 / 24.0));
  p = f32x4.add(f32x4.mul(p, z), f32x4.splat(-0.5));
  return f32x4.add(f32x4.mul(p, z), f32x4.splat(1));
}
