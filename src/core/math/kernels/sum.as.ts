// Sums in float64 over float32 vectors: what admission and aggregation need. Twin: sum-twin.ts.

const lanes: usize = 64; // scratch: 16 float64

/**
 * Sum of x² in float64. Lane l of 16 takes the elements l, l + 16, …; then lane l += lane l + 8, + 4, + 2, + 1.
 * Not finite exactly when a value is not: the square of a float32 is below 2^256.
 */
export function sumOfSquares(values: usize, count: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const whole = count & ~15;
  let at = values;
  for (const end = values + whole * 4; at < end; at += 64) {
    const x0 = v128.load(at);
    const x1 = v128.load(at, 16);
    const x2 = v128.load(at, 32);
    const x3 = v128.load(at, 48);
    s0 = f64x2.add(s0, square(f64x2.promote_low_f32x4(x0)));
    s1 = f64x2.add(s1, square(high(x0)));
    s2 = f64x2.add(s2, square(f64x2.promote_low_f32x4(x1)));
    s3 = f64x2.add(s3, square(high(x1)));
    s4 = f64x2.add(s4, square(f64x2.promote_low_f32x4(x2)));
    s5 = f64x2.add(s5, square(high(x2)));
    s6 = f64x2.add(s6, square(f64x2.promote_low_f32x4(x3)));
    s7 = f64x2.add(s7, square(high(x3)));
  }
  v128.store(lanes, s0);
  v128.store(lanes, s1, 16);
  v128.store(lanes, s2, 32);
  v128.store(lanes, s3, 48);
  v128.store(lanes, s4, 64);
  v128.store(lanes, s5, 80);
  v128.store(lanes, s6, 96);
  v128.store(lanes, s7, 112);
  for (let i: usize = 0; i < count - whole; i++) {
    const x = <f64>load<f32>(at + i * 4);
    store<f64>(lanes + i * 8, load<f64>(lanes + i * 8) + x * x);
  }
  for (let width: usize = 8; width > 0; width >>= 1) {
    for (let i: usize = 0; i < width; i++) {
      store<f64>(lanes + i * 8, load<f64>(lanes + i * 8) + load<f64>(lanes + (i + width) * 8));
    }
  }
  return load<f64>(lanes);
}

/** sums += weight·values: values float32, sums float64. */
export function addWeighted(values: usize, sums: usize, count: usize, weight: f64): void {
  const w = f64x2.splat(weight);
  const whole = count & ~7;
  let to = sums;
  let at = values;
  for (const end = values + whole * 4; at < end; at += 32, to += 64) {
    const x0 = v128.load(at);
    const x1 = v128.load(at, 16);
    v128.store(to, f64x2.add(v128.load(to), f64x2.mul(w, f64x2.promote_low_f32x4(x0))));
    v128.store(to, f64x2.add(v128.load(to, 16), f64x2.mul(w, high(x0))), 16);
    v128.store(to, f64x2.add(v128.load(to, 32), f64x2.mul(w, f64x2.promote_low_f32x4(x1))), 32);
    v128.store(to, f64x2.add(v128.load(to, 48), f64x2.mul(w, high(x1))), 48);
  }
  for (let i = whole; i < count; i++) {
    store<f64>(sums + i * 8, load<f64>(sums + i * 8) + weight * <f64>load<f32>(values + i * 4));
  }
}

/** output = sums / divisor, rounded to float32. */
export function divideToFloat(sums: usize, output: usize, count: usize, divisor: f64): void {
  if (divisor == 1) return toFloat(sums, output, count);
  const d = f64x2.splat(divisor);
  const whole = count & ~3;
  for (let i: usize = 0; i < whole; i += 4) {
    const low = f32x4.demote_f64x2_zero(f64x2.div(v128.load(sums + i * 8), d));
    const upper = f32x4.demote_f64x2_zero(f64x2.div(v128.load(sums + i * 8, 16), d));
    v128.store(output + i * 4, v128.shuffle<i64>(low, upper, 0, 2));
  }
  for (let i = whole; i < count; i++) store<f32>(output + i * 4, <f32>(load<f64>(sums + i * 8) / divisor));
}

function toFloat(sums: usize, output: usize, count: usize): void {
  const whole = count & ~3;
  for (let i: usize = 0; i < whole; i += 4) {
    const low = f32x4.demote_f64x2_zero(v128.load(sums + i * 8));
    const upper = f32x4.demote_f64x2_zero(v128.load(sums + i * 8, 16));
    v128.store(output + i * 4, v128.shuffle<i64>(low, upper, 0, 2));
  }
  for (let i = whole; i < count; i++) store<f32>(output + i * 4, <f32>load<f64>(sums + i * 8));
}

// @ts-ignore: decorator
@inline
function square(x: v128): v128 {
  return f64x2.mul(x, x);
}

// @ts-ignore: decorator
@inline
function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
}
