// Gram matrices: inner products of vectors with each other. Twin: gram-twin.ts.
// Lane l of 4 takes the elements l, l + 4, … in float32; the lanes add up as (0 + 2) + (1 + 3), then `start` is added.

/** gram[t][s] = start + x_t·x_s for `count` vectors, `stride` bytes apart; `copy` gets them without gaps, each padded with zeros to whole lanes. */
export function gram(values: usize, stride: usize, copy: usize, gram: usize, count: usize, width: usize, start: f32): void {
  const bytes = ((width + 3) & ~3) * 4;
  for (let t: usize = 0; t < count; t++) copyPadded(values + t * stride, copy + t * bytes, width, bytes);
  for (let t: usize = 0; t < count; t += 4) {
    for (let s = t; s < count; s += 2) addTile(copy, bytes, gram, count, t, s, start);
  }
}

function copyPadded(from: usize, to: usize, width: usize, bytes: usize): void {
  const whole = (width & ~3) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(to + at, v128.load(from + at));
  if (at == bytes) return;
  v128.store(to + at, f32x4.splat(0));
  for (; at < width * 4; at += 4) store<f32>(to + at, load<f32>(from + at));
}

// Vectors t to t + 3 by s and s + 1; those that are absent are taken as the last one, and write what it writes.
function addTile(copy: usize, bytes: usize, gram: usize, count: usize, t: usize, s: usize, start: f32): void {
  const last = count - 1;
  const t1 = min(t + 1, last), t2 = min(t + 2, last), t3 = min(t + 3, last), r = min(s + 1, last);
  const x0 = copy + t * bytes, x1 = copy + t1 * bytes, x2 = copy + t2 * bytes, x3 = copy + t3 * bytes;
  const y0 = copy + s * bytes, y1 = copy + r * bytes;
  let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  for (let at: usize = 0; at < bytes; at += 16) {
    const b0 = v128.load(y0 + at);
    const b1 = v128.load(y1 + at);
    const a0 = v128.load(x0 + at);
    s00 = f32x4.add(s00, f32x4.mul(a0, b0));
    s01 = f32x4.add(s01, f32x4.mul(a0, b1));
    const a1 = v128.load(x1 + at);
    s10 = f32x4.add(s10, f32x4.mul(a1, b0));
    s11 = f32x4.add(s11, f32x4.mul(a1, b1));
    const a2 = v128.load(x2 + at);
    s20 = f32x4.add(s20, f32x4.mul(a2, b0));
    s21 = f32x4.add(s21, f32x4.mul(a2, b1));
    const a3 = v128.load(x3 + at);
    s30 = f32x4.add(s30, f32x4.mul(a3, b0));
    s31 = f32x4.add(s31, f32x4.mul(a3, b1));
  }
  put(gram, count, t, s, start, s00);
  put(gram, count, t, r, start, s01);
  put(gram, count, t1, s, start, s10);
  put(gram, count, t1, r, start, s11);
  put(gram, count, t2, s, start, s20);
  put(gram, count, t2, r, start, s21);
  put(gram, count, t3, s, start, s30);
  put(gram, count, t3, r, start, s31);
}

// @ts-ignore: decorator
@inline
function put(gram: usize, count: usize, t: usize, s: usize, start: f32, lanes: v128): void {
  const pairs = f32x4.add(lanes, v128.shuffle<i64>(lanes, lanes, 1, 0));
  const sum = start + (f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1));
  store<f32>(gram + (t * count + s) * 4, sum);
  store<f32>(gram + (s * count + t) * 4, sum);
}
