/** Updates as integers that add up exactly modulo 2^bits: scale, weigh, round; and their sum back. */
import { scanUpdate } from '../aggregation/weighted-mean.ts';
import { requireCount, requirePositive } from '../privacy/ranges.ts';
import { Problem } from '../protocol/problem.ts';
import type { Bits } from './packing.ts';

export type { Bits } from './packing.ts';

/** What all members of a group agree on before any of them encodes. */
export interface EncodingRequest {
  readonly bits: Bits;
  /** L2 bound of one update. */
  readonly clipNorm: number;
  /** No client weighs more; null: every update weighs the same. */
  readonly weightMax: number | null;
  /** Coordinates of an update. */
  readonly dimension: number;
  /** Clients of the group: more are in no sum. */
  readonly members: number;
}

export interface Encoding extends EncodingRequest {
  /** A value x becomes round(x·2^scaleBits); negative for long updates in few bits. */
  readonly scaleBits: number;
}

/** What is known of a group once its masks are off. */
export interface GroupSum {
  /** Σ (w/weightMax)·x; Σx where every update weighs the same. */
  readonly sum: Float64Array;
  /** Σw; the number of contributors where every update weighs the same. */
  readonly weight: number;
}

/** The least precision: the clip bound has so many steps. */
const leastClipSteps = 2 ** 6;
/** Clients clip in float64 and round to float32; what that leaves above the bound is taken off again. */
const clipSlack = 1 + 1e-5;
/** Sums and products in float64 are off by less than this share. */
const floatSlack = 1 + 1e-6;

/**
 * The finest scale at which no sum over all members wraps: the largest scaleBits with members·(clipNorm·2^scaleBits + 1) < 2^(bits−1).
 * Throws RangeError, naming what to change, when a step would be longer than clipNorm/2^6 and when the sum of weights could wrap
 * (members·weightMax ≥ 2^(bits−1)).
 */
export function makeEncoding(request: EncodingRequest): Encoding {
  const { bits, clipNorm, weightMax, dimension, members } = request;
  requirePositive('clip norm', clipNorm);
  requireCount('dimension', dimension, 1);
  requireCount('members of a group', members, 1);
  const limit = 2 ** (bits - 1);
  if (weightMax !== null) {
    requireCount('largest weight', weightMax, 1);
    if (members * weightMax >= limit)
      throw new RangeError(
        `the weights of ${members} clients of up to ${weightMax} do not add up within ${bits} bits: use more bits, a lower weight cap or smaller groups`,
      );
  }
  const scaleBits = finestScale(members, clipNorm, limit);
  if (clipNorm * 2 ** scaleBits < leastClipSteps)
    throw new RangeError(
      `${bits} bits for the sum of ${members} clients leave less than ${leastClipSteps} steps for the clip bound of each: use more bits or smaller groups`,
    );
  return { bits, clipNorm, weightMax, dimension, members, scaleBits };
}

/** Words of one client: its coordinates and, where weighted, one more for the weight. */
export function wordCount({ dimension, weightMax }: Encoding): number {
  return weightMax === null ? dimension : dimension + 1;
}

/**
 * One client's words: (w/weightMax)·x·2^scaleBits in float64, rounded to the nearest integer, ties to the even one; behind them, where
 * weighted, w. One client moves the sum by `clipNorm` at most, and by half a step per coordinate for rounding. No word is
 * larger than clipNorm·2^scaleBits + 1; nothing saturates.
 *
 * Throws Problem `non-finite`; Problem `bad-weight` for a weight that is not a whole number from 1 to weightMax, or not 1 where every
 * update weighs the same; RangeError for another length and for an update longer than clipNorm·(1 + 1e-5): the caller clips.
 *
 * Without noise: words for a private sum come from `shareOf` (privacy/noise-shares.ts).
 */
export function quantise(update: Float32Array, weight: number, encoding: Encoding): Int32Array<ArrayBuffer> {
  const { dimension, clipNorm, weightMax, scaleBits } = encoding;
  if (update.length !== dimension) throw new RangeError(`encoding: expected ${dimension} values, got ${update.length}`);
  const heaviest = weightMax ?? 1;
  if (!Number.isInteger(weight) || weight < 1 || weight > heaviest)
    throw new Problem('bad-weight', `expected a whole number from 1 to ${heaviest}`);
  const { finite, sumOfSquares } = scanUpdate(update);
  if (!finite) throw new Problem('non-finite');
  const norm = Math.sqrt(sumOfSquares);
  // How long it is stays here: errors are logged.
  if (norm > clipNorm * clipSlack) throw new RangeError(`encoding: the update is not clipped to ${clipNorm}`);
  const words = new Int32Array(wordCount(encoding));
  // No |x| is above the norm: squares of float32 are exact in float64, and adding to them makes nothing smaller.
  const factor = (weight / heaviest) * Math.min(1, clipNorm / norm) * 2 ** scaleBits;
  roundInto(words, update, factor);
  if (weightMax !== null) words[dimension] = weight;
  return words;
}

/**
 * The sum of so many clients' words, modulo 2^bits, as numbers. Throws RangeError for another number of words or contributors, and
 * when the sum is outside what honest clients can give: then one of them lied, or a mask is wrong.
 *
 * Not protected: lies within these bounds. They are those of the group as a whole, so one liar may use what others leave.
 */
export function dequantise(words: Int32Array, encoding: Encoding, contributors: number): GroupSum {
  const { bits, clipNorm, dimension, members, scaleBits } = encoding;
  if (words.length !== wordCount(encoding))
    throw new RangeError(`encoding: expected ${wordCount(encoding)} words, got ${words.length}`);
  if (!Number.isInteger(contributors) || contributors < 1 || contributors > members)
    throw new RangeError(`encoding: ${contributors} contributors, expected 1 to ${members}`);
  const weight = summedWeight(words, encoding, contributors);
  const shift = 32 - bits;
  const step = 2 ** -scaleBits;
  const sum = new Float64Array(dimension);
  let largest = 0;
  let squares = 0;
  for (let i = 0; i < dimension; i++) {
    const steps = (words[i] << shift) >> shift;
    largest = Math.max(largest, Math.abs(steps));
    squares += steps * steps;
    sum[i] = steps * step;
  }
  const clipSteps = (weight / (encoding.weightMax ?? 1)) * clipNorm * 2 ** scaleBits;
  // Every contributor rounds every coordinate by half a step at most.
  if (largest > clipSteps + contributors)
    throw new RangeError('encoding: a coordinate is more than honest clients sum to');
  const longest = (clipSteps + (contributors / 2) * Math.sqrt(dimension)) * floatSlack;
  if (Math.sqrt(squares) > longest) throw new RangeError('encoding: the sum is longer than honest clients can make it');
  return { sum, weight };
}

/**
 * The weighted mean of the group, no longer than `clipNorm` (rounding of the clients could leave it a little longer): what the rest of a
 * round takes for one update with the weight Σw. Off by `meanError` at most.
 */
export function groupMean({ sum, weight }: GroupSum, { weightMax, clipNorm }: Encoding): Float32Array<ArrayBuffer> {
  const share = weight / (weightMax ?? 1);
  let squares = 0;
  for (let i = 0; i < sum.length; i++) squares += sum[i] * sum[i];
  const divisor = Math.max(share, Math.sqrt(squares) / clipNorm);
  const mean = new Float32Array(sum.length);
  for (let i = 0; i < sum.length; i++) mean[i] = sum[i] / divisor;
  return mean;
}

/**
 * How far a coordinate of the group's mean can be off at most, by rounding to steps: half a step per contributor over the
 * weight they have together (in shares of weightMax), rounding to float32 aside. A weight cap far above the weights that clients have costs precision.
 */
export function meanError({ scaleBits, weightMax }: Encoding, contributors: number, weight: number): number {
  return (contributors * 2 ** -(scaleBits + 1) * floatSlack) / (weight / (weightMax ?? 1));
}

/** The condition is tested as it stands: logarithms only say where to look. */
function finestScale(members: number, clipNorm: number, limit: number): number {
  const fits = (scaleBits: number): boolean => members * (clipNorm * 2 ** scaleBits + 1) < limit;
  let scaleBits = Math.ceil(Math.log2(limit / members) - Math.log2(clipNorm)) + 1;
  // With too many members nothing fits; then the bound is left without a step.
  while (!fits(scaleBits) && clipNorm * 2 ** scaleBits >= 1) scaleBits--;
  return scaleBits;
}

/** From 2^52 to 2^53 neighbouring float64 are 1 apart: adding to a number between them rounds, ties to even. */
const roundingPlace = 1.5 * 2 ** 52;

function roundInto(words: Int32Array, values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) words[i] = values[i] * factor + roundingPlace - roundingPlace;
}

function summedWeight(words: Int32Array, { bits, weightMax, dimension }: Encoding, contributors: number): number {
  if (weightMax === null) return contributors;
  const shift = 32 - bits;
  const weight = (words[dimension] << shift) >> shift;
  if (weight < contributors || weight > contributors * weightMax)
    throw new RangeError('encoding: the sum of weights is none that honest clients have');
  return weight;
}
