/** Mechanisms of pure differential privacy with exact randomness: Laplace noise on integers and on vectors, randomized response, counts. */

import type { PrivacyEvent } from './event.ts';
import { drawBelow, drawDiscreteLaplace, drawExpOfMinus } from './exact-draws.ts';
import { dithered } from './grid-noise.ts';
import { type RandomBytes, type RandomWords, withRandomWords } from './random-words.ts';
import { requireCount, requirePositive } from './ranges.ts';

/** ε counts in parts of 2^20, rounded down: what is drawn is never less private than what is charged. */
const epsilonParts = 2 ** 20;
const mostEpsilon = 1000;
const mostCategories = 2 ** 16;

/**
 * What any use of a mechanism of pure ε-DP costs. Discrete Laplace noise too is charged so: on an integer of sensitivity 1 it is as
 * informative as binary randomized response, more than the continuous Laplace noise of event `laplace`.
 */
export function pureEvent(epsilon: number): PrivacyEvent {
  partsOf(epsilon);
  return { kind: 'epsilon-delta', epsilon, delta: 0 };
}

/**
 * The integers with discrete Laplace noise each: ε-DP where one unit moves them by at most `sensitivity`, an integer, in L1 norm. Throws
 * RangeError for an ε below 2^−16 or above 1000.
 */
export function addDiscreteLaplace(
  values: readonly number[],
  sensitivity: number,
  epsilon: number,
  randomBytes: RandomBytes,
): number[] {
  requireCount('sensitivity', sensitivity, 1);
  if (sensitivity > 2 ** 12) throw new RangeError(`sensitivity: expected at most 4096, got ${sensitivity}`);
  const parts = partsOf(epsilon);
  for (const value of values) if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no integer`);
  return withRandomWords(randomBytes, 16 * values.length, words =>
    values.map(value => value + drawDiscreteLaplace(words, sensitivity * epsilonParts, parts)),
  );
}

/** How many test rows there are, and how many of them are right: with noise maybe negative, and maybe more right than there are. */
export interface NoisyCounts {
  readonly examples: number;
  readonly correct: number;
}

/**
 * k-ary randomized response (Kairouz, Oh and Viswanath 2016): `value`, from 0 to k − 1, with probability e^ε / (e^ε + k − 1), else one of
 * the others. A value drawn uniformly is kept if it is the true one, and with probability e^−ε if not: up to k of them, k up to 2^16.
 */
export function randomizedResponse(
  value: number,
  categories: number,
  epsilon: number,
  randomBytes: RandomBytes,
): number {
  requireCategories(categories);
  requireCount('value', value);
  if (value >= categories) throw new RangeError(`value: expected one of ${categories}, got ${value}`);
  const parts = partsOf(epsilon);
  return withRandomWords(randomBytes, 16, words => {
    for (;;) {
      const answer = drawBelow(words, categories);
      if (answer === value || drawExpOfMinus(words, parts, epsilonParts)) return answer;
    }
  });
}

/** What one answer costs. `replace`: one answer in place of another; `add-remove`: in place of a uniform one. */
export function responseEvent(categories: number, epsilon: number, relation: 'replace' | 'add-remove'): PrivacyEvent {
  requireCategories(categories);
  partsOf(epsilon);
  // The truth is told at e^ε / (e^ε + k − 1) = 1 − noise + noise / k.
  const noise = categories / (categories - 1 + Math.exp(epsilon));
  return { kind: 'randomized-response', noise, categories, relation };
}

/** A vector on a grid with Laplace noise: a scale of noise and a bound of L1 norms, both whole numbers of steps. */
export interface LaplaceGrid {
  /** Length of one step. */
  readonly step: number;
  /** L1 norm that a contribution has at most after rounding, in steps. */
  readonly contributionSteps: number;
  /** Scale of the noise in steps. */
  readonly scaleSteps: number;
}

/**
 * The grid for one contribution of L1 norm `clipNorm` under ε-DP where it may be there or not; where it may be another one, ask for half
 * the ε. Rounding costs less than a hundredth of ε: the clip bound is at least 128·√d steps. Throws RangeError where the
 * scale would be 2^32 steps.
 */
export function laplaceGrid(epsilon: number, clipNorm: number, dimension: number): LaplaceGrid {
  partsOf(epsilon);
  requirePositive('clip norm', clipNorm);
  requireCount('dimension', dimension, 1);
  const clipSteps = 2 ** Math.ceil(Math.log2(Math.max(1024, 128 * Math.sqrt(dimension))));
  // Rounding keeps the mean of the norm and adds a variance of d / 4 at most: above √d once in five (Cantelli).
  const contributionSteps = clipSteps + Math.ceil(Math.sqrt(dimension));
  const scaleSteps = Math.ceil(contributionSteps / epsilon);
  if (scaleSteps >= 2 ** 32) throw new RangeError(`laplace: ε ${epsilon} on ${dimension} values needs too fine a grid`);
  return { step: clipNorm / clipSteps, contributionSteps, scaleSteps };
}

/**
 * A vector clipped to the L1 norm of the grid, rounded at random without bias until it is short enough, with discrete Laplace noise on
 * every coordinate: multiples of the step, in float32. ε is contributionSteps / scaleSteps (`pureEvent`). A vector with a value that is
 * not finite becomes zero first.
 */
export function laplaceVector(
  vector: Float32Array | Float64Array,
  grid: LaplaceGrid,
  randomBytes: RandomBytes,
): Float32Array {
  const scaled = clippedSteps(vector, grid);
  return withRandomWords(randomBytes, 16 * vector.length, words => {
    const rounded = roundedWithin(scaled, grid.contributionSteps, words);
    return Float32Array.from(rounded, k => (k + drawDiscreteLaplace(words, grid.scaleSteps, 1)) * grid.step);
  });
}

/** In steps, of L1 norm at most `contributionSteps` less what rounding is given. */
function clippedSteps(vector: Float32Array | Float64Array, { step, contributionSteps }: LaplaceGrid): Float64Array {
  const clipSteps = contributionSteps - Math.ceil(Math.sqrt(vector.length));
  const steps = Float64Array.from(vector, x => x / step);
  if (!steps.every(Number.isFinite)) return new Float64Array(vector.length);
  const largest = steps.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (largest === 0) return steps;
  // Over the largest: the norm of finite numbers is finite.
  const norm = steps.reduce((sum, x) => sum + Math.abs(x / largest), 0);
  return norm <= clipSteps / largest ? steps : steps.map(x => (x / largest / norm) * clipSteps);
}

function roundedWithin(steps: Float64Array, mostSteps: number, words: RandomWords): Int32Array {
  const rounded = new Int32Array(steps.length);
  for (;;) {
    let norm = 0;
    for (let i = 0; i < steps.length; i++) {
      rounded[i] = dithered(steps[i], words);
      norm += Math.abs(rounded[i]);
    }
    if (norm <= mostSteps) return rounded;
  }
}

/** ε in parts of 2^20. */
function partsOf(epsilon: number): number {
  if (!(epsilon >= 2 ** -16 && epsilon <= mostEpsilon))
    throw new RangeError(`epsilon: expected a number from 2^-16 to ${mostEpsilon}, got ${epsilon}`);
  return Math.floor(epsilon * epsilonParts);
}

function requireCategories(categories: number): void {
  requireCount('categories', categories, 2);
  if (categories > mostCategories) throw new RangeError(`categories: expected at most 2^16, got ${categories}`);
}
