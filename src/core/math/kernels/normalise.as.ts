// Layer and group normalisation, forward and back. Twin: normalise-twin.ts. Sums are float64, in the order of dotProduct (rows.as.ts).
import { dotProduct } from './rows.as';

/** normalised = (x − mean) / √(variance + ε) of each run, output = γ·normalised + β. */
export function normalise(
  input: usize, gamma: usize, beta: usize, normalised: usize, output: usize, inverses: usize,
  rows: usize, groups: usize, channels: usize, positions: usize, epsilon: f64,
): void {
  const size = channels * positions;
  for (let run: usize = 0; run < rows * groups; run++) {
    const mean = sum(input, size) / <f64>size;
    const inverse = 1 / sqrt<f64>(squaresAbout(input, size, mean) / <f64>size + epsilon);
    store<f64>(inverses + run * 8, inverse);
    standardise(input, normalised, size, mean, inverse);
    const first = (run % groups) * channels * 4;
    scale(normalised, gamma + first, beta + first, output, channels, positions);
    input += size * 4;
    normalised += size * 4;
    output += size * 4;
  }
}

/** inputGradient = inverse·(h − mean(h) − normalised·mean(h·normalised)) of each run, h = γ·gradient. */
export function normaliseGradient(
  gradient: usize, gamma: usize, normalised: usize, inverses: usize, inputGradient: usize,
  rows: usize, groups: usize, channels: usize, positions: usize,
): void {
  const size = channels * positions;
  for (let run: usize = 0; run < rows * groups; run++) {
    scale(gradient, gamma + (run % groups) * channels * 4, 0, inputGradient, channels, positions);
    const mean = sum(inputGradient, size) / <f64>size;
    const slope = dotProduct(inputGradient, normalised, size) / <f64>size;
    centre(inputGradient, normalised, size, mean, slope, load<f64>(inverses + run * 8));
    gradient += size * 4;
    normalised += size * 4;
    inputGradient += size * 4;
  }
}

/** target += Σ gradient·normalised per channel, then Σ gradient. */
export function addScaleGradient(
  gradient: usize, normalised: usize, target: usize, rows: usize, channels: usize, positions: usize,
): void {
  const shift = target + channels * 4;
  for (let row: usize = 0; row < rows; row++) {
    if (positions == 1) addProducts(gradient, normalised, target, shift, channels);
    else for (let channel: usize = 0; channel < channels; channel++) {
      const at = channel * positions * 4;
      addTo(target + channel * 4, <f32>dotProduct(gradient + at, normalised + at, positions));
      addTo(shift + channel * 4, <f32>sum(gradient + at, positions));
    }
    gradient += channels * positions * 4;
    normalised += channels * positions * 4;
  }
}

// Σ x in float64, 8 lanes.
function sum(values: usize, count: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const whole = (count & ~7) * 4;
  let at: usize = 0;
  for (; at < whole; at += 32) {
    const x0 = v128.load(values + at), x1 = v128.load(values + at, 16);
    s0 = f64x2.add(s0, f64x2.promote_low_f32x4(x0));
    s1 = f64x2.add(s1, upper(x0));
    s2 = f64x2.add(s2, f64x2.promote_low_f32x4(x1));
    s3 = f64x2.add(s3, upper(x1));
  }
  let total = together(s0, s1, s2, s3);
  for (; at < count * 4; at += 4) total += <f64>load<f32>(values + at);
  return total;
}

// Σ (x − mean)² in float64, 8 lanes.
function squaresAbout(values: usize, count: usize, mean: f64): f64 {
  const m = f64x2.splat(mean);
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const whole = (count & ~7) * 4;
  let at: usize = 0;
  for (; at < whole; at += 32) {
    const x0 = v128.load(values + at), x1 = v128.load(values + at, 16);
    const d0 = f64x2.sub(f64x2.promote_low_f32x4(x0), m), d1 = f64x2.sub(upper(x0), m);
    const d2 = f64x2.sub(f64x2.promote_low_f32x4(x1), m), d3 = f64x2.sub(upper(x1), m);
    s0 = f64x2.add(s0, f64x2.mul(d0, d0));
    s1 = f64x2.add(s1, f64x2.mul(d1, d1));
    s2 = f64x2.add(s2, f64x2.mul(d2, d2));
    s3 = f64x2.add(s3, f64x2.mul(d3, d3));
  }
  let total = together(s0, s1, s2, s3);
  for (; at < count * 4; at += 4) {
    const d = <f64>load<f32>(values + at) - mean;
    total += d * d;
  }
  return total;
}

// target = (x − mean)·inverse, in float64.
function standardise(values: usize, target: usize, count: usize, mean: f64, inverse: f64): void {
  const m = f64x2.splat(mean);
  const s = f64x2.splat(inverse);
  const whole = (count & ~3) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const x = v128.load(values + at);
    const low = f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(x), m), s);
    v128.store(target + at, rounded(low, f64x2.mul(f64x2.sub(upper(x), m), s)));
  }
  for (; at < count * 4; at += 4) store<f32>(target + at, <f32>((<f64>load<f32>(values + at) - mean) * inverse));
}

// values = inverse·((values − mean) − normalised·slope), in float64.
function centre(values: usize, normalised: usize, count: usize, mean: f64, slope: f64, inverse: f64): void {
  const m = f64x2.splat(mean);
  const b = f64x2.splat(slope);
  const s = f64x2.splat(inverse);
  const whole = (count & ~3) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const h = v128.load(values + at), x = v128.load(normalised + at);
    const low = f64x2.sub(f64x2.sub(f64x2.promote_low_f32x4(h), m), f64x2.mul(f64x2.promote_low_f32x4(x), b));
    const high = f64x2.sub(f64x2.sub(upper(h), m), f64x2.mul(upper(x), b));
    v128.store(values + at, rounded(f64x2.mul(s, low), f64x2.mul(s, high)));
  }
  for (; at < count * 4; at += 4) {
    const h = <f64>load<f32>(values + at) - mean - <f64>load<f32>(normalised + at) * slope;
    store<f32>(values + at, <f32>(inverse * h));
  }
}

// target = γ·values + β per channel, float32; without β where its offset is 0.
function scale(values: usize, gamma: usize, beta: usize, target: usize, channels: usize, positions: usize): void {
  if (positions == 1) {
    scaleEach(values, gamma, beta, target, channels);
    return;
  }
  const whole = (positions & ~3) * 4;
  for (let channel: usize = 0; channel < channels; channel++) {
    const g = load<f32>(gamma + channel * 4);
    const b: f32 = beta == 0 ? -0.0 : load<f32>(beta + channel * 4);
    const gs = f32x4.splat(g), bs = f32x4.splat(b);
    let at: usize = 0;
    for (; at < whole; at += 16) v128.store(target + at, f32x4.add(f32x4.mul(gs, v128.load(values + at)), bs));
    for (; at < positions * 4; at += 4) store<f32>(target + at, g * load<f32>(values + at) + b);
    values += positions * 4;
    target += positions * 4;
  }
}

function scaleEach(values: usize, gamma: usize, beta: usize, target: usize, count: usize): void {
  const whole = (count & ~3) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const y = f32x4.mul(v128.load(gamma + at), v128.load(values + at));
    v128.store(target + at, beta == 0 ? y : f32x4.add(y, v128.load(beta + at)));
  }
  for (; at < count * 4; at += 4) {
    const y = load<f32>(gamma + at) * load<f32>(values + at);
    store<f32>(target + at, beta == 0 ? y : y + load<f32>(beta + at));
  }
}

// products += a·b, sums += a, float32.
function addProducts(a: usize, b: usize, products: usize, sums: usize, count: usize): void {
  const whole = (count & ~3) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const x = v128.load(a + at);
    v128.store(products + at, f32x4.add(v128.load(products + at), f32x4.mul(x, v128.load(b + at))));
    v128.store(sums + at, f32x4.add(v128.load(sums + at), x));
  }
  for (; at < count * 4; at += 4) {
    const x = load<f32>(a + at);
    addTo(products + at, x * load<f32>(b + at));
    addTo(sums + at, x);
  }
}

// @ts-ignore: decorator
@inline
function addTo(target: usize, value: f32): void {
  store<f32>(target, load<f32>(target) + value);
}

// @ts-ignore: decorator
@inline
function together(s0: v128, s1: v128, s2: v128, s3: v128): f64 {
  const t = f64x2.add(f64x2.add(s0, s2), f64x2.add(s1, s3));
  return f64x2.extract_lane(t, 0) + f64x2.extract_lane(t, 1);
}

// Two pairs of float64 as four float32.
// @ts-ignore: decorator
@inline
function rounded(low: v128, high: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

// @ts-ignore: decorator
@inline
function upper(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
}
