/** Values put on the grid of a private sum by unbiased rounding, and exact integer noise on them. */
import { drawDiscreteGaussian, type NoisePlace, planNoise } from '../learning/noise.ts';
import { Layout } from '../math/kernels/kernels.ts';
import { twinKernels } from '../math/kernels/twin.ts';
import { clipL2 } from './clip.ts';
import type { NoiseGrid } from './noise-grid.ts';
import { type RandomBytes, type RandomWords, withRandomWords } from './random-words.ts';
import { requirePositive } from './ranges.ts';

/** Sums saturate here, in steps: beyond, floats no longer tell integers and fractions apart. */
const mostSteps = 2 ** 50;

/**
 * Replaces `count` float32 values x at the byte offset `target` by (⌊x/γ + U⌋ + N)·γ: U uniform in [0, 1), fresh for each value, and N an
 * exact draw of N_ℤ(0, s²), s = 2^logScale. The expectation of the rounding is x/γ within 2^−47. x/γ saturates at ±2^50, which moves
 * no two sums further apart. The product with γ is rounded to float32: a function of the integer alone.
 *
 * Throws RangeError, before anything is drawn, when a value is not finite. When the generator throws, the values are NaN: neither the
 * sum nor a part of the noise is left. How long it takes depends on the values drawn: timing is not protected.
 */
export function ditherWithNoise(place: NoisePlace, target: number, count: number, grid: NoiseGrid): void {
  const values = new Float32Array(place.kernels.buffer, target, count);
  if (!values.every(Number.isFinite)) throw new RangeError('noise: a value of the sum is not finite');
  try {
    values.set(noisySum(Float64Array.from(values), grid, place.randomBytes));
  } catch (error) {
    values.fill(Number.NaN);
    throw error;
  }
}

/** As `ditherWithNoise` for a sum in float64: a new vector of multiples of γ. Throws RangeError when a value is not finite. */
export function noisySum(sum: Float64Array, grid: NoiseGrid, randomBytes: RandomBytes): Float64Array {
  if (!sum.every(Number.isFinite)) throw new RangeError('noise: a value of the sum is not finite');
  const { step } = grid;
  const noise = discreteNoise(sum.length, grid, randomBytes);
  return withRandomWords(randomBytes, sum.length, words =>
    sum.map((x, i) => (dithered(Math.min(mostSteps, Math.max(-mostSteps, x / step)), words) + noise[i]) * step),
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
export function addDiscreteNoise(steps: Int32Array, grid: NoiseGrid, randomBytes: RandomBytes): Int32Array {
  const noise = discreteNoise(steps.length, grid, randomBytes);
  return steps.map((k, i) => {
    const sum = k + noise[i];
    if (sum !== (sum | 0)) throw new RangeError(`noise: ${sum} steps are more than 32 bits hold`);
    return sum;
  });
}

/** Steps times their length, in float32. */
export function fromGrid(steps: Int32Array, grid: NoiseGrid): Float32Array {
  return Float32Array.from(steps, k => k * grid.step);
}

function discreteNoise(count: number, { logScale }: NoiseGrid, randomBytes: RandomBytes): Int32Array {
  const layout = new Layout();
  const scratch = planNoise(layout);
  const target = layout.float32(count);
  const kernels = twinKernels.acquire(layout.bytes);
  drawDiscreteGaussian({ kernels, scratch, randomBytes }, target, count, logScale);
  return new Int32Array(kernels.buffer, target, count);
}

/** ⌊x + U⌋: the fraction of x is the chance of rounding up, compared with 64 random bits. */
function dithered(x: number, words: RandomWords): number {
  const floor = Math.floor(x);
  const fraction = (x - floor) * 2 ** 32;
  const upper = Math.floor(fraction);
  const word = words.next();
  if (word !== upper) return word < upper ? floor + 1 : floor;
  return words.next() < (fraction - upper) * 2 ** 32 ? floor + 1 : floor;
}
