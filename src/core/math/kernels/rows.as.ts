// Rows of matrices: squared norms and inner products in float64, scaling, scaled sums. Twin: rows-twin.ts.

/**
 * sums[row] += Σ x² in float64 over the row. Lane l of 8 takes the elements l, l + 8, …; the lanes add up as
 * ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)), then the elements that fill no eight, one by one.
 */
export function addRowSquares(values: usize, stride: usize, sums: usize, rows: usize, width: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    store<f64>(sums + row * 8, load<f64>(sums + row * 8) + squares(values + row * stride, width));
  }
}

// As the product with itself, each value read once.
function squares(at: usize, count: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  for (const end = at + (count & ~7) * 4; at < end; at += 32) {
    const x0 = v128.load(at), x1 = v128.load(at, 16);
    const y0 = f64x2.promote_low_f32x4(x0), y1 = upper(x0), y2 = f64x2.promote_low_f32x4(x1), y3 = upper(x1);
    s0 = f64x2.add(s0, f64x2.mul(y0, y0));
    s1 = f64x2.add(s1, f64x2.mul(y1, y1));
    s2 = f64x2.add(s2, f64x2.mul(y2, y2));
    s3 = f64x2.add(s3, f64x2.mul(y3, y3));
  }
  const t = f64x2.add(f64x2.add(s0, s2), f64x2.add(s1, s3));
  let sum = f64x2.extract_lane(t, 0) + f64x2.extract_lane(t, 1);
  for (const end = at + (count & 7) * 4; at < end; at += 4) sum += <f64>load<f32>(at) * <f64>load<f32>(at);
  return sum;
}

/** Σ a·b in float64, in the same order. */
export function dotProduct(a: usize, b: usize, count: usize): f64 {
  let s0 = f64x2.splat(0), s1 = s0, s2 = s0, s3 = s0;
  const whole = (count & ~7) * 4;
  let at: usize = 0;
  for (; at < whole; at += 32) {
    const x0 = v128.load(a + at), x1 = v128.load(a + at, 16);
    const y0 = v128.load(b + at), y1 = v128.load(b + at, 16);
    s0 = f64x2.add(s0, f64x2.mul(f64x2.promote_low_f32x4(x0), f64x2.promote_low_f32x4(y0)));
    s1 = f64x2.add(s1, f64x2.mul(upper(x0), upper(y0)));
    s2 = f64x2.add(s2, f64x2.mul(f64x2.promote_low_f32x4(x1), f64x2.promote_low_f32x4(y1)));
    s3 = f64x2.add(s3, f64x2.mul(upper(x1), upper(y1)));
  }
  const t = f64x2.add(f64x2.add(s0, s2), f64x2.add(s1, s3));
  let sum = f64x2.extract_lane(t, 0) + f64x2.extract_lane(t, 1);
  for (; at < count * 4; at += 4) sum += <f64>load<f32>(a + at) * <f64>load<f32>(b + at);
  return sum;
}

/** Row i of values *= weights[i], float32; 0 where the weight is 0, whatever the value. */
export function scaleRows(values: usize, rows: usize, width: usize, weights: usize): void {
  for (let row: usize = 0; row < rows; row++) {
    const weight = load<f32>(weights + row * 4);
    const w = f32x4.splat(weight);
    const end = values + (width & ~3) * 4;
    const last = values + width * 4;
    if (weight == 0) {
      memory.fill(values, 0, width * 4);
      values = last;
      continue;
    }
    for (; values < end; values += 16) v128.store(values, f32x4.mul(v128.load(values), w));
    for (; values < last; values += 4) store<f32>(values, load<f32>(values) * weight);
  }
}

/** target += scale·values, float32. */
export function addScaled(values: usize, target: usize, count: usize, scale: f32): void {
  const s = f32x4.splat(scale);
  const whole = (count & ~3) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(target + at, f32x4.add(v128.load(target + at), f32x4.mul(s, v128.load(values + at))));
  for (; at < count * 4; at += 4) store<f32>(target + at, load<f32>(target + at) + scale * load<f32>(values + at));
}

// @ts-ignore: decorator
@inline
function upper(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
}
