/** Twin of word-sum.as.ts: sums of words modulo 2^b in plain TypeScript, the same bits. */
import type { WordSumKernels } from './word-sum.ts';

/** The kernels over a memory: from offsets in bytes to the loops below. */
export function wordSumTwin(m: Float32Array): WordSumKernels {
  const integers = (offset: number, count: number) => new Int32Array(m.buffer, offset, count);
  return {
    addWords32: (words, sums, count, sign) => addSigned(integers(words, count), integers(sums, count), sign),
    addWords16: (words, sums, count, sign) =>
      addSigned(new Uint16Array(m.buffer, words, count), integers(sums, count), sign),
    keepLowBits(values, count, bits) {
      const kept = integers(values, count);
      const mask = 2 ** bits - 1;
      for (let i = 0; i < count; i++) kept[i] &= mask;
    },
  };
}

function addSigned(words: Int32Array | Uint16Array, sums: Int32Array, sign: number): void {
  if (sign < 0) for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] - words[i]) | 0;
  else for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] + words[i]) | 0;
}
