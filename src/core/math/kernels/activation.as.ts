// Activations of hidden layers and their derivatives, float32. Twin: activation-twin.ts.
// Codes: 0 none, 1 relu, 2 tanh, 3 sigmoid. The last vector of a run is padded through memory at `tail`.
const tail: usize = 16;

// In memory (--memoryBase), because V8 builds a vector constant by three instructions at each use, and loads one by one.
const constants = memory.data<f32>(
  [-2, -87, 1.4426950408889634, 12582912, 0.693359375, -0.00021219444005469057, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1, 2],
  16,
);

/** values = activation(values), in place. */
export function activate(values: usize, count: usize, activation: i32): void {
  if (activation == 0) return;
  const end = values + (count & ~3) * 4;
  const rest = (count & 3) * 4;
  if (activation == 1) {
    for (let at = values; at < end; at += 16) v128.store(at, relu(v128.load(at)));
  } else if (activation == 2) {
    for (let at = values; at < end; at += 16) v128.store(at, tanh(v128.load(at)));
  } else {
    for (let at = values; at < end; at += 16) v128.store(at, sigmoid(v128.load(at)));
  }
  if (rest == 0) return;
  v128.store(tail, f32x4.splat(0));
  memory.copy(tail, end, rest);
  const x = v128.load(tail);
  v128.store(tail, activation == 1 ? relu(x) : activation == 2 ? tanh(x) : sigmoid(x));
  memory.copy(end, tail, rest);
}

/** gradient *= the derivative of the activation at the place where it gave `values`. */
export function activationGradient(values: usize, gradient: usize, count: usize, activation: i32): void {
  if (activation == 0) return;
  const whole = (count & ~3) * 4;
  const rest = (count & 3) * 4;
  let at: usize = 0;
  if (activation == 1) {
    for (; at < whole; at += 16) v128.store(gradient + at, timesSlope(v128.load(values + at), v128.load(gradient + at), 1));
  } else if (activation == 2) {
    for (; at < whole; at += 16) v128.store(gradient + at, timesSlope(v128.load(values + at), v128.load(gradient + at), 2));
  } else {
    for (; at < whole; at += 16) v128.store(gradient + at, timesSlope(v128.load(values + at), v128.load(gradient + at), 3));
  }
  if (rest == 0) return;
  v128.store(tail, f32x4.splat(1));
  memory.copy(tail, values + at, rest);
  const y = v128.load(tail);
  memory.copy(tail, gradient + at, rest);
  v128.store(tail, timesSlope(y, v128.load(tail), activation));
  memory.copy(gradient + at, tail, rest);
}

// Gradient g times the derivative of the activation where it gave y.
// @ts-ignore: decorator
@inline
function timesSlope(y: v128, g: v128, activation: i32): v128 {
  if (activation == 1) return v128.and(g, f32x4.gt(y, f32x4.splat(0)));
  if (activation == 2) return f32x4.mul(g, f32x4.sub(constant(12), f32x4.mul(y, y)));
  return f32x4.mul(g, f32x4.mul(y, f32x4.sub(constant(12), y)));
}

function relu(x: v128): v128 {
  return f32x4.max(x, f32x4.splat(0));
}

// tanh |x| = −u / (u + 2) with u = exp(−2|x|) − 1.
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const y = bounded(f32x4.mul(f32x4.abs(x), constant(0)));
  const t = shifted(y);
  const s = powerOfTwo(t);
  const u = f32x4.add(f32x4.mul(s, reducedExpm1(y, t)), f32x4.sub(s, constant(12)));
  const q = f32x4.div(f32x4.neg(u), f32x4.add(u, constant(13)));
  return v128.bitselect(x, q, i32x4.splat(0x80000000));
}

// 1 / (1 + e) for x ≥ 0 and e / (1 + e) below, with e = exp(−|x|).
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const y = bounded(f32x4.neg(f32x4.abs(x)));
  const t = shifted(y);
  const s = powerOfTwo(t);
  const e = f32x4.add(f32x4.mul(s, reducedExpm1(y, t)), s);
  const numerator = v128.bitselect(e, constant(12), f32x4.lt(x, f32x4.splat(0)));
  return f32x4.div(numerator, f32x4.add(constant(12), e));
}

// y ≥ −87; NaN stays.
// @ts-ignore: decorator
@inline
function bounded(y: v128): v128 {
  return f32x4.pmax(y, constant(1));
}

// n + 1.5 · 2^23 for the integer n nearest to y / ln 2, from −126 to 0: adding so much rounds, and n stands in the last bits.
// @ts-ignore: decorator
@inline
function shifted(y: v128): v128 {
  return f32x4.add(f32x4.mul(y, constant(2)), constant(3));
}

// exp(r) − 1 for r = y − n·ln 2, |r| ≤ ln 2 / 2, by its Taylor polynomial of degree 7 (error below 1e-8 relative).
// @ts-ignore: decorator
@inline
function reducedExpm1(y: v128, t: v128): v128 {
  const n = f32x4.sub(t, constant(3));
  // ln 2 in two parts; the product with the first is exact.
  const r = f32x4.sub(f32x4.sub(y, f32x4.mul(n, constant(4))), f32x4.mul(n, constant(5)));
  let p = constant(6);
  p = f32x4.add(f32x4.mul(p, r), constant(7));
  p = f32x4.add(f32x4.mul(p, r), constant(8));
  p = f32x4.add(f32x4.mul(p, r), constant(9));
  p = f32x4.add(f32x4.mul(p, r), constant(10));
  p = f32x4.add(f32x4.mul(p, r), constant(11));
  return f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r);
}

// 2^n from `shifted`: n + 127 becomes the exponent, everything above it is shifted out.
// @ts-ignore: decorator
@inline
function powerOfTwo(t: v128): v128 {
  return i32x4.shl(i32x4.add(t, i32x4.splat(127)), 23);
}

// @ts-ignore: decorator
@inline
function constant(index: usize): v128 {
  return v128.load32_splat(constants + index * 4);
}
