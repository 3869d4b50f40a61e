// Random masks: the counter-based generator Philox4x32-10, and what keeps or drops by its words. Twin: mask-twin.ts.

/** Fills `count` words, a multiple of 16: four blocks side by side in the lanes. */
export function philox(
  words: usize, count: usize, key0: u32, key1: u32, first: u32, second: u32, third: u32, fourth: u32,
): void {
  const m0 = i32x4.splat(0xd2511f53);
  const m1 = i32x4.splat(0xcd9e8d57);
  const end = words + count * 4;
  for (; words < end; words += 64, first += 4) {
    let x0 = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3));
    let x1 = i32x4.splat(second), x2 = i32x4.splat(third), x3 = i32x4.splat(fourth);
    let k0 = key0, k1 = key1;
    for (let round = 0; round < 10; round++) {
      const a0 = i64x2.extmul_low_i32x4_u(x0, m0), a1 = i64x2.extmul_high_i32x4_u(x0, m0);
      const b0 = i64x2.extmul_low_i32x4_u(x2, m1), b1 = i64x2.extmul_high_i32x4_u(x2, m1);
      x0 = v128.xor(v128.xor(odd(b0, b1), x1), i32x4.splat(k0));
      x2 = v128.xor(v128.xor(odd(a0, a1), x3), i32x4.splat(k1));
      x1 = even(b0, b1);
      x3 = even(a0, a1);
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    // Lane i of the four vectors is block i.
    const y0 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5), y1 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
    const y2 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7), y3 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    v128.store(words, v128.shuffle<i64>(y0, y1, 0, 2));
    v128.store(words, v128.shuffle<i64>(y0, y1, 1, 3), 16);
    v128.store(words, v128.shuffle<i64>(y2, y3, 0, 2), 32);
    v128.store(words, v128.shuffle<i64>(y2, y3, 1, 3), 48);
  }
}

/** target = values·scale where the word is at least the threshold, else 0. */
export function drop(values: usize, words: usize, target: usize, count: usize, threshold: u32, scale: f32): void {
  const s = f32x4.splat(scale);
  const t = i32x4.splat(threshold);
  const whole = (count & ~3) * 4;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const kept = i32x4.ge_u(v128.load(words + at), t);
    v128.store(target + at, v128.and(f32x4.mul(v128.load(values + at), s), kept));
  }
  for (; at < count * 4; at += 4) {
    store<f32>(target + at, load<u32>(words + at) >= threshold ? load<f32>(values + at) * scale : 0);
  }
}

// Lower and upper words of four products of 64 bits.
// @ts-ignore: decorator
@inline
function even(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

// @ts-ignore: decorator
@inline
function odd(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 1, 3, 5, 7);
}
