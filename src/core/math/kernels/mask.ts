/** Kernels of random masks. Arguments as in `KernelFunctions`: byte offsets, float32 unless said otherwise. */

export interface MaskKernels {
  /**
   * Words of 32 bits of Philox4x32-10 (Salmon et al. 2011): block i of four has the counter (first + i, second, third, fourth),
   * each modulo 2^32. A function of key and counter alone: NOT for keys or the noise of differential privacy.
   *
   * @param count words, a multiple of 16.
   */
  philox(
    words: number,
    count: number,
    key0: number,
    key1: number,
    first: number,
    second: number,
    third: number,
    fourth: number,
  ): void;
  /** target = values·scale where the word is at least the threshold (both unsigned), else 0. */
  drop(values: number, words: number, target: number, count: number, threshold: number, scale: number): void;
}
