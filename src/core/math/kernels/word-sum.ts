/** Kernels of sums of words modulo 2^b. Arguments as in `KernelFunctions`: byte offsets; the sums are 32-bit integers. */

export interface WordSumKernels {
  /** sums += sign·words modulo 2^32, words of 32 bits; sign is 1 or −1. */
  addWords32(words: number, sums: number, count: number, sign: number): void;
  /** sums += sign·words modulo 2^32, words of 16 bits, unsigned, side by side; sign is 1 or −1. */
  addWords16(words: number, sums: number, count: number, sign: number): void;
  /** Clears all but the low `bits` (1–31) of each value. */
  keepLowBits(values: number, count: number, bits: number): void;
}
