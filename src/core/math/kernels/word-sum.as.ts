// Sums of words modulo 2^b, 16 at a time. Twin: word-sum-twin.ts.

/** sums += sign·words, words of 32 bits. */
export function addWords32(words: usize, sums: usize, count: usize, sign: i32): void {
  const end = sums + (count & ~15) * 4;
  if (sign < 0) {
    for (; sums < end; sums += 64, words += 64) {
      v128.store(sums, i32x4.sub(v128.load(sums), v128.load(words)));
      v128.store(sums, i32x4.sub(v128.load(sums, 16), v128.load(words, 16)), 16);
      v128.store(sums, i32x4.sub(v128.load(sums, 32), v128.load(words, 32)), 32);
      v128.store(sums, i32x4.sub(v128.load(sums, 48), v128.load(words, 48)), 48);
    }
  } else {
    for (; sums < end; sums += 64, words += 64) {
      v128.store(sums, i32x4.add(v128.load(sums), v128.load(words)));
      v128.store(sums, i32x4.add(v128.load(sums, 16), v128.load(words, 16)), 16);
      v128.store(sums, i32x4.add(v128.load(sums, 32), v128.load(words, 32)), 32);
      v128.store(sums, i32x4.add(v128.load(sums, 48), v128.load(words, 48)), 48);
    }
  }
  for (let i: usize = 0; i < (count & 15) * 4; i += 4) {
    store<i32>(sums + i, load<i32>(sums + i) + sign * load<i32>(words + i));
  }
}

/** sums += sign·words, words of 16 bits. */
export function addWords16(words: usize, sums: usize, count: usize, sign: i32): void {
  const end = sums + (count & ~15) * 4;
  if (sign < 0) {
    for (; sums < end; sums += 64, words += 32) {
      v128.store(sums, i32x4.sub(v128.load(sums), v128.load_ext<u16>(words)));
      v128.store(sums, i32x4.sub(v128.load(sums, 16), v128.load_ext<u16>(words, 8)), 16);
      v128.store(sums, i32x4.sub(v128.load(sums, 32), v128.load_ext<u16>(words, 16)), 32);
      v128.store(sums, i32x4.sub(v128.load(sums, 48), v128.load_ext<u16>(words, 24)), 48);
    }
  } else {
    for (; sums < end; sums += 64, words += 32) {
      v128.store(sums, i32x4.add(v128.load(sums), v128.load_ext<u16>(words)));
      v128.store(sums, i32x4.add(v128.load(sums, 16), v128.load_ext<u16>(words, 8)), 16);
      v128.store(sums, i32x4.add(v128.load(sums, 32), v128.load_ext<u16>(words, 16)), 32);
      v128.store(sums, i32x4.add(v128.load(sums, 48), v128.load_ext<u16>(words, 24)), 48);
    }
  }
  for (let i: usize = 0; i < (count & 15); i++) {
    store<i32>(sums + i * 4, load<i32>(sums + i * 4) + sign * <i32>load<u16>(words + i * 2));
  }
}

/** Clears all but the low bits. */
export function keepLowBits(values: usize, count: usize, bits: i32): void {
  const low = (1 << bits) - 1;
  const mask = i32x4.splat(low);
  const end = values + (count & ~3) * 4;
  for (; values < end; values += 16) v128.store(values, v128.and(v128.load(values), mask));
  for (let i: usize = 0; i < (count & 3) * 4; i += 4) store<i32>(values + i, load<i32>(values + i) & low);
}
