/** Values put on the grid of a private sum by unbiased rounding, and exact integer noise on them. */
import { ditherWithDiscreteGaussian, type NoisePlace } from '../learning/noise.ts';
import { drawGaussian, isBelow, noisySteps } from '../math/kernels/discrete-gaussian-twin.ts';
import { gaussianTable } from '../math/kernels/gaussian-table.ts';
import { clipL2 } from './clip.ts';
import type { NoiseGrid } from './noise-grid.ts';
import { type RandomBytes, type RandomWords, withRandomWords } from './random-words.ts';
import { requirePositive } from './ranges.ts';

/**
 * Replaces `count` float32 values x at the byte offset `target` by (⌊x/γ + U⌋ + N)·γ: U uniform in [0, 1), fresh for each value and
 * compared with the fraction of x/γ in float64 to 79 bits, and N a draw of N_ℤ(0, s²), s = 2^logScale, within 2^−128 of it
 * (gaussian-table.ts). x/γ saturates at ±2^50, which moves no two sums further apart. The product with γ is rounded to float32: a
 * function of the integer alone.
 *
 * Throws RangeError, before anything is drawn, when a value is not finite. When the generator throws, the values are NaN: neither the
 * sum nor a part of the noise is left. How long it takes depends on the values drawn: timing is not protected.
 */
export function ditherWithNoise(place: NoisePlace, target: number, count: number, grid: NoiseGrid): void {
  // Not finite exactly when a value is not.
  if (!Number.isFinite(place.kernels.sumOfSquares(target, count))) throw notFinite();
  try {
    ditherWithDiscreteGaussian(place, target, count, grid.logScale, grid.step);
  } catch (error) {
    new Float32Array(place.kernels.buffer, target, count).fill(Number.NaN);
    throw error;
  }
}

/** As `ditherWithNoise` for a sum in float64: a new vector of multiples of γ. Throws RangeError when a value is not finite. */
export function noisySum(sum: Float64Array, grid: NoiseGrid, randomBytes: RandomBytes): Float64Array {
  if (!sum.every(Number.isFinite)) throw notFinite();
  const { step, logScale } = grid;
  const table = gaussianTable(logScale);
  return withRandomWords(randomBytes, 1.1 * sum.length, words =>
    sum.map(x => noisySteps(words, words.next(), x / step, table, logScale) * step),
  );
}

/**
 * One contribution on the grid: clipped to `clipNorm` (a vector with a value that is not finite becomes zero), every coordinate rounded
 * up or down at random without bias, all of it again until its L2 norm is at most `grid.contributionSteps`, checked on integers
 * (Kairouz, Liu and Steinke 2021, §4.1). Returns steps. Throws RangeError for a grid whose bound is shorter than the clip bound.
 */
export function roundedToGrid(
  vector: Float32Array | Float64Array,
  clipNorm: number,
  grid: NoiseGrid,
  randomBytes: RandomBytes,
): Int32Array {
  requirePositive('clip norm', clipNorm);
  const { step, contributionSteps } = grid;
  // Squares are compared as integers; the product may be rounded up by a part in 2^53.
  const mostSquares = Math.floor(contributionSteps ** 2 * (1 - 2 ** -52));
  if (!(contributionSteps * step >= clipNorm && mostSquares < 2 ** 53 && contributionSteps < 2 ** 31))
    throw new RangeError(`grid: ${contributionSteps} steps of ${step} do not hold a contribution of norm ${clipNorm}`);
  const scaled = clipL2([Float64Array.from(vector)], clipNorm)[0].map(x => x / step);
  return withRandomWords(randomBytes, scaled.length, words => {
    const rounded = new Int32Array(scaled.length);
    for (;;) {
      let squares = 0;
      for (let i = 0; i < scaled.length; i++) {
        rounded[i] = dithered(scaled[i], words);
        squares += rounded[i] ** 2;
      }
      if (squares <= mostSquares) return rounded;
    }
  });
}

/** Adds an exact draw of N_ℤ(0, s²) to every integer: a new vector. Throws RangeError where a sum leaves 32 bits. */
export function addDiscreteNoise(steps: Int32Array, { logScale }: NoiseGrid, randomBytes: RandomBytes): Int32Array {
  const table = gaussianTable(logScale);
  return withRandomWords(randomBytes, 1.1 * steps.length, words =>
    steps.map(k => {
      const sum = k + drawGaussian(words, words.next(), table, logScale);
      if (sum !== (sum | 0)) throw new RangeError('noise: a sum is more than 32 bits hold');
      return sum;
    }),
  );
}

/** Steps times their length, in float32. */
export function fromGrid(steps: Int32Array, grid: NoiseGrid): Float32Array {
  return Float32Array.from(steps, k => k * grid.step);
}

/** ⌊x + U⌋: the fraction of x, to 64 bits, is the chance of rounding up. */
export function dithered(x: number, words: RandomWords): number {
  const floor = Math.floor(x);
  return isBelow(words, x - floor) ? floor + 1 : floor;
}

function notFinite(): RangeError {
  return new RangeError('noise: a value of the sum is not finite');
}
