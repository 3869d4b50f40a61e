/**
 * Kernels of noise. Arguments as in `KernelFunctions`: byte offsets. Every draw is a function of the random words it is given: they
 * come from outside, and noise is as secret and as good as they are.
 */

export interface NoiseKernels {
  /**
   * values (float32) = scale·N(0, 1) by Box and Muller (1958): 8 words of 32 bits make 8 values. 40 bits fix the length of a
   * pair and 24 its direction, so that no value is beyond 7.54·scale (a normal one is with probability 5e-14). Values may be
   * written over the words.
   *
   * For measurement and utility only: a float32 draw shows in its last bits what it was added to (Mironov 2012, "On
   * significance of the least significant bits for differential privacy"). What must hold against such a reader uses
   * `discreteGaussianFill`.
   *
   * @param words count of them, rounded up to a multiple of 8.
   */
  gaussianFill(words: number, values: number, count: number, scale: number): void;
  /** target (float32) += what `gaussianFill` would give. The same limits. */
  addGaussian(words: number, target: number, count: number, scale: number): void;
  /**
   * values (int32) = draws of the discrete Gaussian on the integers, P(k) ∝ exp(−k² / 2s²), s = 2^logScale, within 2^−128 in total
   * variation: integers and comparisons only, cumulative probabilities of 144 bits (gaussian-table.ts). Up to s = 2048 a draw is looked
   * up by one word, which decides 9 times out of 10; wider noise is a block from the table of 2048 and a place in it, kept by an exact
   * Bernoulli draw (Canonne, Kamath and Steinke 2020, Algorithm 1).
   *
   * Each value takes its first word from the front and those beyond from the back. Stops where the two meet, before a draw that the words
   * do not suffice for. Returns how many values were made, and writes to `consumed` (two uint32) how many words these took from the front
   * and from the back: what is left must be used for the next draws, or long draws would be rarer than they are.
   *
   * How long a draw takes depends on its value: timing is not protected.
   *
   * @param table what `storeTable` wrote for this logScale.
   * @param logScale 0 to 20.
   */
  discreteGaussianFill(
    words: number,
    wordCount: number,
    table: number,
    values: number,
    count: number,
    logScale: number,
    consumed: number,
  ): number;
  /**
   * values (float32) = (⌊values / step + U⌋ + N)·step, in float64, rounded once: N as above, U uniform in [0, 1), compared with the
   * fraction to 79 bits. values / step saturates at ±2^50. The same rules for words; values are finite.
   */
  ditherGaussian(
    words: number,
    wordCount: number,
    table: number,
    values: number,
    count: number,
    logScale: number,
    step: number,
    consumed: number,
  ): number;
}
