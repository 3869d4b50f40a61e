/** The other way round by loss distributions: noise from ε, steps from ε. Always the side that keeps the budget. */

import { pldEpsilon } from './pld.ts';
import { requireCount, requireNonNegative, requirePositive, requireProbability } from './ranges.ts';
import type { NoiseTarget } from './rdp-calibration.ts';

/** Below it no noise is looked for: where δ is above the chance to be sampled at all, every noise would do. */
const leastNoise = 2 ** -6;
/** Noise multipliers and steps beyond this are no use. */
const greatestNoise = 2 ** 40;
const mostStepsAsked = 2 ** 40;

/**
 * The least noise multiplier, to 1e-5 of itself from above, with which Poisson-sampled Gaussian steps stay within ε at δ by the upper
 * bound, and no less than 2^−6. 0 when nothing is sampled. Throws RangeError where no noise up to 2^40 does.
 */
export function pldNoiseMultiplier({ epsilon, delta, samplingRate, steps }: NoiseTarget): number {
  requirePositive('target epsilon', epsilon);
  requireProbability('target delta', delta);
  requireProbability('q', samplingRate);
  requireCount('steps', steps);
  if (samplingRate === 0 || steps === 0) return 0;
  const log = (noise: number) => Math.log(stepsEpsilon(samplingRate, noise, steps, delta) / epsilon);
  let [high, atHigh] = [1, log(1)];
  let [low, atLow] = [high, atHigh];
  while (atHigh > 0) {
    [low, atLow, high] = [high, atHigh, 2 * high];
    if (high > greatestNoise) throw new RangeError(`no noise gives epsilon ${epsilon} at delta ${delta}`);
    atHigh = log(high);
  }
  while (atLow <= 0) {
    [high, atHigh, low] = [low, atLow, low / 2];
    if (low < leastNoise) return high;
    atLow = log(low);
  }
  for (let round = 0; high / low > 1 + 1e-5 && round < 80; round++) {
    const middle = between(low, atLow, high, atHigh, round);
    const there = log(middle);
    if (there > 0) [low, atLow] = [middle, there];
    else [high, atHigh] = [middle, there];
  }
  return high;
}

/** The most Poisson-sampled Gaussian steps that stay within ε at δ by the upper bound; Infinity when a step costs nothing. */
export function pldMaxSteps(samplingRate: number, noiseMultiplier: number, epsilon: number, delta: number): number {
  requireProbability('q', samplingRate);
  requireNonNegative('noise multiplier', noiseMultiplier);
  requireNonNegative('epsilon', epsilon);
  requireProbability('delta', delta);
  if (samplingRate === 0 || delta === 1) return Number.POSITIVE_INFINITY;
  const excess = (steps: number) => stepsEpsilon(samplingRate, noiseMultiplier, steps, delta) - epsilon;
  let [low, atLow, high, atHigh] = [0, -epsilon, 1, excess(1)];
  while (atHigh <= 0) {
    [low, atLow, high] = [high, atHigh, 4 * high];
    if (high > mostStepsAsked) return Number.POSITIVE_INFINITY;
    atHigh = excess(high);
  }
  for (let round = 0; high - low > 1; round++) {
    const chord = low + ((high - low) * -atLow) / (atHigh - atLow);
    const near = round % 3 === 2 || !Number.isFinite(chord) ? (low + high) / 2 : chord;
    const middle = Math.min(high - 1, Math.max(low + 1, Math.round(near)));
    const there = excess(middle);
    if (there <= 0) [low, atLow] = [middle, there];
    else [high, atHigh] = [middle, there];
  }
  return low;
}

/** Upper bound of ε of so many Poisson-sampled Gaussian steps. */
function stepsEpsilon(q: number, noiseMultiplier: number, count: number, delta: number): number {
  return pldEpsilon({ kind: 'sampled', q, of: { kind: 'gaussian', noiseMultiplier }, count }, delta).upper;
}

/** A point on the chord in logarithms, moved a little to whichever end is far, or the middle now and then. */
function between(low: number, atLow: number, high: number, atHigh: number, round: number): number {
  const width = Math.log(high / low);
  if (!Number.isFinite(atLow) || !Number.isFinite(atHigh) || round % 4 === 3) return Math.sqrt(low * high);
  const part = atLow / (atLow - atHigh);
  const nudge = (round % 2 === 0 ? 4e-6 : -4e-6) / width;
  return low * Math.exp(width * Math.min(0.999, Math.max(0.001, part + nudge)));
}
