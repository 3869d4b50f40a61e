/** Twin of mask.as.ts: Philox4x32-10 and masks in plain TypeScript, the same bits. */
import type { MaskKernels } from './mask.ts';

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const rounds = 10;

/** The kernels over a memory: from offsets in bytes to the functions below. */
export function maskTwin(m: Float32Array): MaskKernels {
  const words = (offset: number, count: number) => new Uint32Array(m.buffer, offset, count);
  return {
    philox: (target, count, ...counter) => philoxTwin(words(target, count), ...counter),
    drop: (values, mask, target, count, threshold, scale) =>
      dropTwin(m, values / 4, words(mask, count), target / 4, threshold, scale),
  };
}

/** Fills the words, a multiple of 16, with blocks of the counters (first + i, second, third, fourth). */
function philoxTwin(
  words: Uint32Array,
  key0: number,
  key1: number,
  first: number,
  second: number,
  third: number,
  fourth: number,
): void {
  for (let block = 0; block < words.length / 4; block++) {
    let [x0, x1, x2, x3] = [(first + block) >>> 0, second >>> 0, third >>> 0, fourth >>> 0];
    let [k0, k1] = [key0 | 0, key1 | 0];
    for (let round = 0; round < rounds; round++) {
      [x0, x1, x2, x3] = [
        (upperProduct(x2, multiplier1) ^ x1 ^ k0) >>> 0,
        Math.imul(x2, multiplier1) >>> 0,
        (upperProduct(x0, multiplier0) ^ x3 ^ k1) >>> 0,
        Math.imul(x0, multiplier0) >>> 0,
      ];
      k0 = (k0 + 0x9e3779b9) | 0;
      k1 = (k1 + 0xbb67ae85) | 0;
    }
    words.set([x0, x1, x2, x3], 4 * block);
  }
}

/** target = values·scale where the word is at least the threshold, else 0. Offsets in float32 values. */
function dropTwin(
  memory: Float32Array,
  values: number,
  words: Uint32Array,
  target: number,
  threshold: number,
  scale: number,
): void {
  const s = Math.fround(scale);
  for (let i = 0; i < words.length; i++) {
    memory[target + i] = words[i] >= threshold ? memory[values + i] * s : 0;
  }
}

/** The upper 32 bits of the product of two words. Every intermediate value is below 2^49. */
function upperProduct(a: number, b: number): number {
  const upper = (a >>> 16) * b;
  const lower = (a & 0xffff) * b;
  return Math.floor((upper + Math.floor(lower / 65_536)) / 65_536) >>> 0;
}
