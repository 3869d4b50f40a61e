/** The grid that private sums live on: integers with discrete Gaussian noise, a power of two of steps to a standard deviation. */
import { roundedL2Bound } from './distributed-noise.ts';
import { requireCount, requireNonNegative, requirePositive } from './ranges.ts';

/** What one unit can move a sum by, in multiples of the clip bound. */
export const sensitivityFactor = { 'add-remove': 1, 'zero-out': 1, replace: 2 } as const;

export interface GridRequest {
  /** Noise multiplier z: standard deviation over what one unit moves the sum by. */
  readonly noiseMultiplier: number;
  /** L2 bound of one contribution (C). */
  readonly clipNorm: number;
  readonly relation: keyof typeof sensitivityFactor;
  /** Coordinates of the sum (d). */
  readonly dimension: number;
  /** How much of C floating-point sums may add to what a unit moves, 0 where sums are exact. */
  readonly sumSlack: number;
  /** Chance with which the rounding of one contribution may be longer than its bound (β): a slip that is added to δ, or e^−½ where it is redrawn. */
  readonly roundingSlip: number;
}

export interface NoiseGrid {
  /** log₂ of the standard deviation of the noise in steps (s = 2^logScale). */
  readonly logScale: number;
  /** Length of one step (γ = z·C·factor / s). */
  readonly step: number;
  /** L2 norm that one contribution has at most after rounding, in steps (B̂). */
  readonly contributionSteps: number;
  /** What one unit moves the sum by at most, in steps. s over it is the noise multiplier that counts. */
  readonly sensitivitySteps: number;
}

/** The kernels draw no wider noise. */
export const mostLogScale = 20;

/** Steps that noise must have at least, so that rounding costs less than a hundredth of it: max(1024, 5z√d), z including the factor of the relation. */
export function leastNoiseSteps(noiseMultiplier: number, dimension: number): number {
  return Math.max(1024, 5 * noiseMultiplier * Math.sqrt(dimension));
}

/**
 * s is the least power of two from `leastNoiseSteps` (Canonne, Kamath and Steinke 2020;
 * Kairouz, Liu and Steinke 2021). Throws RangeError for values out of range, and where s would exceed 2^20.
 */
export function noiseGrid({
  noiseMultiplier,
  clipNorm,
  relation,
  dimension,
  sumSlack,
  roundingSlip,
}: GridRequest): NoiseGrid {
  requirePositive('noise multiplier', noiseMultiplier);
  requirePositive('clip norm', clipNorm);
  requireCount('dimension', dimension, 1);
  requireNonNegative('slack of sums', sumSlack);
  const factor = sensitivityFactor[relation];
  const logScale = Math.ceil(Math.log2(leastNoiseSteps(noiseMultiplier * factor, dimension)));
  if (logScale > mostLogScale)
    throw new RangeError(`noise grid: noise ${noiseMultiplier} on ${dimension} values needs more than 2^20 steps`);
  const scale = 2 ** logScale;
  const step = (noiseMultiplier * factor * clipNorm) / scale;
  const contributionSteps = roundedL2Bound((clipNorm * (1 + sumSlack)) / step, roundingSlip, dimension);
  return { logScale, step, contributionSteps, sensitivitySteps: factor * contributionSteps };
}

/** Standard deviation of the noise over what one unit moves the sum by, rounding included: a little less than the multiplier asked for. */
export function effectiveNoiseMultiplier({ logScale, sensitivitySteps }: NoiseGrid): number {
  return 2 ** logScale / sensitivitySteps;
}
