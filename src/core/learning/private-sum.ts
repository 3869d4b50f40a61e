/**
 * The sum of clipped gradients of one private step, put on the grid with noise, once per batch however many parts and threads it has.
 *
 * What one row can move the float32 sum by, before it is rounded to the grid:
 * - Every row contributes one float32 vector that is a function of that row, its mask and the parameters alone: kernels compute every
 *   element in a fixed order that does not depend on which rows lie beside it. Where a layer sees one position of a row the elements are
 *   single products (w·e)·a; elsewhere the row's gradient is written out before it is weighted (`Place.isPrivate`).
 * - Its norm is taken in float64 of these very values, over all layers: squares of float32 neither overflow nor underflow there, so that
 *   no scaling by the greatest value is needed. A row whose norm is not finite has weight 0.
 * - Weights bring the norm to at most `unitNorm`, not to the clip bound: w·e must not be so small that it loses bits to the float32
 *   numbers below 2^−126. A row that is longer than C has ‖w·e‖ ≥ 2^40 / ‖(a, 1)‖, and ‖a‖ < 2^138 for a million values, so that this rounding adds
 *   at most 2^−149·√outputs·‖a‖ < 2^−50 of the norm for each thousand outputs; the two roundings of a product add 2·2^−24 of it. One that is
 *   shorter loses bits the same way where its gradient is below 2^−149·C / 2^40. Both are within what `floatSumSlack` leaves to one row.
 * - Sums of the other rows round differently with and without it. `floatSumSlack` (privacy/plan.ts) bounds that for blocks of `partRows`
 *   rows in float32 and sums of blocks in float32, or in float64 where they are many.
 *
 * What is not protected: how long a step takes tells of the size of the batch and of the noise.
 */
import type { Kernels } from '../math/kernels/kernels.ts';
import { ditherWithNoise } from '../privacy/grid-noise.ts';
import type { NoiseGrid } from '../privacy/noise-grid.ts';
import { gridOf, type Plan } from '../privacy/plan.ts';
import type { NetworkPlan } from './network.ts';
import { withTable } from './noise.ts';
import type { CheckedPrivacy } from './private-training.ts';

/** In the middle of what float32 can hold. */
const leastUnitNorm = 2 ** 40;

/** What the sums of a round are made of. */
export interface SumScale {
  /** Of the sum in this unit; its step is a power of two. */
  readonly grid: NoiseGrid;
  /** The norm that clipped gradients have at most in a sum: from 2^40 to 2^41. */
  readonly unitNorm: number;
}

/**
 * Norm and step have the ratio that the plan's grid gives them, and are such that float32 values divide by the step without rounding. The
 * norm is shorter by a part in 2^50: weights, which are quotients of it in float64, may be longer by three in 2^53.
 */
export function sumScale(plan: Plan, noiseMultiplier: number): SumScale {
  const grid = gridOf(plan, noiseMultiplier, leastUnitNorm);
  const step = 2 ** Math.ceil(Math.log2(grid.step));
  return { grid: { ...grid, step }, unitNorm: leastUnitNorm * (step / grid.step) * (1 - 2 ** -50) };
}

/** Where the noise of a round is made. */
export interface PrivateSumPlace {
  readonly kernels: Kernels;
  readonly plan: NetworkPlan;
  /** What `planNoise` laid out. */
  readonly scratch: number;
}

/**
 * Returns what turns the sum in the plan's gradient, in units of C / unitNorm, into (sum + noise) / batchSize: dividing by the unit
 * afterwards is post-processing. What the noise of a round is, is fixed here for all its steps.
 */
export function planRelease(
  { plan, settings, randomBytes }: CheckedPrivacy,
  { grid, unitNorm }: SumScale,
  place: PrivateSumPlace,
): () => void {
  const { kernels, scratch } = place;
  const noise = withTable({ kernels, scratch, randomBytes }, grid.logScale);
  const { gradient, count, weights } = place.plan;
  const factor = settings.clipNorm / unitNorm / plan.batchSize;
  return () => {
    ditherWithNoise(noise, gradient, count, grid);
    new Float32Array(kernels.buffer, weights, 1)[0] = factor;
    kernels.scaleRows(gradient, 1, count, weights);
  };
}
