/** What releases of two neighbouring data sets prove about ε: a lower bound, wrong with a probability that is chosen. */
import { normalQuantile } from '../math/normal-quantile.ts';
import { clopperPearson } from '../privacy/binomial-interval.ts';
import { gaussianEpsilon } from '../privacy/gaussian.ts';

export interface WorldsBound {
  /** At least so far apart are the two worlds, as normal laws of deviation 1 (μ of Gaussian differential privacy). */
  readonly mu: number;
  /** ε at δ that a Gaussian mechanism of this μ has at least. */
  readonly epsilon: number;
}

/** Thresholds that are tried on the first half of the releases. */
const quantiles = 97;

/**
 * The bound from scores of releases with and without the canary; higher scores must speak for it. The threshold is chosen on the even
 * places and judged on the odd ones, by exact bounds on both error rates (Clopper and Pearson 1934), each wrong with probability at most
 * alpha/2. For Gaussian noise the bound on μ is one on ε too (Nasr et al. 2023, "Tight auditing", §4.2; Dong, Roth and Su 2022, Cor. 2.13).
 */
export function twoWorldsBound(inside: Float64Array, outside: Float64Array, alpha: number, delta: number): WorldsBound {
  const [inFirst, inSecond] = halves(inside);
  const [outFirst, outSecond] = halves(outside);
  let [best, threshold] = [Number.NEGATIVE_INFINITY, Number.NaN];
  for (const candidate of thresholdsOf(inFirst, outFirst)) {
    const mu = muOf(inFirst, outFirst, candidate, alpha);
    if (mu > best) [best, threshold] = [mu, candidate];
  }
  const mu = Math.max(0, muOf(inSecond, outSecond, threshold, alpha));
  return { mu, epsilon: mu === 0 ? 0 : gaussianEpsilon(1 / mu, delta) };
}

function halves(values: Float64Array): [Float64Array, Float64Array] {
  return [values.filter((_, i) => i % 2 === 0), values.filter((_, i) => i % 2 === 1)];
}

function thresholdsOf(inside: Float64Array, outside: Float64Array): number[] {
  const all = new Float64Array(inside.length + outside.length);
  all.set(inside);
  all.set(outside, inside.length);
  all.sort();
  return Array.from({ length: quantiles }, (_, i) => all[Math.floor(((i + 1) * all.length) / (quantiles + 1))]);
}

/** Φ⁻¹(1 − FPR⁺) − Φ⁻¹(FNR⁺) of guessing that the canary is in from the threshold on. */
function muOf(inside: Float64Array, outside: Float64Array, threshold: number, alpha: number): number {
  const falsePositives = count(outside, score => score >= threshold);
  const falseNegatives = count(inside, score => !(score >= threshold));
  const positive = clopperPearson(falsePositives, outside.length, alpha / 2).upper;
  const negative = clopperPearson(falseNegatives, inside.length, alpha / 2).upper;
  return normalQuantile(1 - positive) - normalQuantile(negative);
}

function count(values: Float64Array, holds: (value: number) => boolean): number {
  let sum = 0;
  for (const value of values) if (holds(value)) sum++;
  return sum;
}
