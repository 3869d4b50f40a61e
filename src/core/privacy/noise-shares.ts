/**
 * Sums whose noise the clients add in shares (Kairouz, Liu and Steinke 2021): clip, rotate, round, add noise, and add up modulo 2^b.
 *
 * What one client sends holds a share of the noise only: it is private once a protection lets nobody see more than the sum. Nothing here
 * hides single shares.
 */
import type { KernelSource } from '../math/kernels/kernels.ts';
import { clipL2 } from './clip.ts';
import { roundedL2Bound } from './distributed-noise.ts';
import type { PrivacyEvent } from './event.ts';
import { addDiscreteNoise, roundedToGrid } from './grid-noise.ts';
import { paddedDimension, rotated, rotatedBack } from './hadamard.ts';
import { leastNoiseSteps, mostLogScale, type NoiseGrid, sensitivityFactor } from './noise-grid.ts';
import type { RandomBytes } from './random-words.ts';
import { requireCount, requirePositive } from './ranges.ts';

export interface SharedRequest {
  /** Noise multiplier z that every sum has at least, rounding aside. */
  readonly noiseMultiplier: number;
  /** L2 bound of one update (C). */
  readonly clipNorm: number;
  readonly relation: keyof typeof sensitivityFactor;
  /** Coordinates of an update. */
  readonly dimension: number;
  /** Clients that are asked (n). */
  readonly cohort: number;
  /** Of them, so many may not answer, and so many may tell others their noise. */
  readonly mostDropouts: number;
  readonly mostColluders: number;
}

export interface SharedPlan extends NoiseGrid {
  readonly clipNorm: number;
  readonly dimension: number;
  /** Coordinates of a share: a power of two. */
  readonly paddedDimension: number;
  /** Clients whose noise every sum holds at least, and nobody else knows (n_min). */
  readonly noisyClients: number;
  /** A sum of fewer shares must not be opened: it might hold too little noise. */
  readonly leastShares: number;
  /** The cohort: more shares are in no sum. */
  readonly mostShares: number;
  /** Shares and sums are modulo 2^bits. */
  readonly bits: number;
}

/** A share of noise is at least two steps wide: below, sums of discrete Gaussians are no longer nearly one. */
const leastLogScale = 1;
/** Shares are non-negative 32-bit integers. */
const mostBits = 31;

/**
 * The noise of one client has 2^logScale steps, so that it can be drawn exactly; the step is chosen to fit: σ_l = z·Δ / √n_min.
 * All of it together is as wide as noise at one place would be (`noiseGrid`). Throws RangeError for values out of range, where nobody's
 * noise is sure, and where the sums would need more than 31 bits.
 */
export function sharedPlan(request: SharedRequest): SharedPlan {
  const { noiseMultiplier, clipNorm, relation, dimension, cohort, mostDropouts, mostColluders } = request;
  requirePositive('noise multiplier', noiseMultiplier);
  requirePositive('clip norm', clipNorm);
  requireCount('dimension', dimension, 1);
  requireCount('cohort', cohort, 1);
  requireCount('dropouts', mostDropouts);
  requireCount('colluders', mostColluders);
  const noisyClients = cohort - mostDropouts - mostColluders;
  if (noisyClients < 1)
    throw new RangeError(`shared noise: of ${cohort} clients, none remains that neither drops out nor colludes`);
  const factor = sensitivityFactor[relation];
  const padded = paddedDimension(dimension);
  const together = leastNoiseSteps(noiseMultiplier * factor, padded);
  const logScale = Math.max(leastLogScale, Math.ceil(Math.log2(together / Math.sqrt(noisyClients))));
  if (logScale > mostLogScale) throw new RangeError(`shared noise: ${dimension} values need more than 2^20 steps`);
  const step = (noiseMultiplier * factor * clipNorm) / (Math.sqrt(noisyClients) * 2 ** logScale);
  const contributionSteps = roundedL2Bound(clipNorm / step, Math.exp(-0.5), padded);
  const bits = bitsOf(clipNorm / step, logScale, cohort, padded);
  if (bits > mostBits) throw new RangeError(`shared noise: sums of ${cohort} clients need ${bits} bits`);
  return {
    logScale,
    step,
    contributionSteps,
    sensitivitySteps: factor * contributionSteps,
    clipNorm,
    dimension,
    paddedDimension: padded,
    noisyClients,
    leastShares: noisyClients + mostColluders,
    mostShares: cohort,
    bits,
  };
}

/**
 * 2^b is 16 standard deviations of a coordinate of the sum: √(C²n²/d + (¼ + σ_l²)·n) in steps, at most, the rotation being random. That is
 * twice what the paper takes (§4.2): a coordinate wraps with a probability of 2e−15. Wrapping costs accuracy, not privacy.
 */
function bitsOf(clipSteps: number, logScale: number, cohort: number, dimension: number): number {
  const variance = (clipSteps * cohort) ** 2 / dimension + (0.25 + 4 ** logScale) * cohort;
  return Math.ceil(Math.log2(16 * Math.sqrt(variance)));
}

/** What one sum costs, whatever clients drop out or collude within the plan. */
export function sharedEvent(plan: SharedPlan): PrivacyEvent {
  return {
    kind: 'shared',
    clients: plan.noisyClients,
    noiseSteps: 2 ** plan.logScale,
    sensitivitySteps: plan.sensitivitySteps,
    dimension: plan.paddedDimension,
  };
}

/**
 * What a client adds to the sum: integers from 0 to 2^bits − 1, as many as `paddedDimension`. An update with a value that is not finite
 * counts as zero. Throws RangeError for another number of values than the plan says.
 *
 * @param rotation 32 bytes, public, the same for all clients of a round and fixed before any update is.
 */
export function shareOf(
  update: Float32Array,
  plan: SharedPlan,
  rotation: Uint8Array,
  source: KernelSource,
  randomBytes: RandomBytes,
): Int32Array {
  if (update.length !== plan.dimension)
    throw new RangeError(`shared noise: expected ${plan.dimension} values, got ${update.length}`);
  const [clipped] = clipL2([Float64Array.from(update)], plan.clipNorm);
  const rounded = roundedToGrid(rotated(clipped, rotation, source), plan.clipNorm, plan, randomBytes);
  const mask = maskOf(plan);
  return addDiscreteNoise(rounded, plan, randomBytes).map(k => k & mask);
}

/** As `sumOfSharedWords` of shares that are at hand one by one. Throws RangeError as it does, and for a share of another form. */
export function sumOfShares(
  shares: readonly Int32Array[],
  plan: SharedPlan,
  rotation: Uint8Array,
  source: KernelSource,
): Float64Array {
  const mask = maskOf(plan);
  const sum = new Int32Array(plan.paddedDimension);
  for (const share of shares) {
    if (share.length !== sum.length || share.some(k => k !== (k & mask)))
      throw new RangeError(`shared noise: a share is not ${sum.length} integers of ${plan.bits} bits`);
    for (let i = 0; i < sum.length; i++) sum[i] += share[i];
  }
  return sumOfSharedWords(sum, shares.length, plan, rotation, source);
}

/**
 * The noisy sum of the updates behind so many shares: as many values as an update, in float64. Throws RangeError for fewer shares than
 * hold the noise of the plan, for more than the cohort, and for another number of words; whose shares these are is not its business:
 * nobody may be in it twice.
 *
 * @param sum the shares added up word by word, modulo 2^bits of the plan or any larger power of two.
 */
export function sumOfSharedWords(
  sum: Int32Array,
  shares: number,
  plan: SharedPlan,
  rotation: Uint8Array,
  source: KernelSource,
): Float64Array {
  if (!(shares >= plan.leastShares && shares <= plan.mostShares))
    throw new RangeError(
      `shared noise: ${shares} shares, where the noise of a sum needs ${plan.leastShares} to ${plan.mostShares}`,
    );
  if (sum.length !== plan.paddedDimension)
    throw new RangeError(`shared noise: expected ${plan.paddedDimension} words, got ${sum.length}`);
  const unused = 32 - plan.bits;
  const steps = Float64Array.from(sum, k => ((k << unused) >> unused) * plan.step);
  return rotatedBack(steps, rotation, plan.dimension, source);
}

function maskOf({ bits }: SharedPlan): number {
  return 2 ** bits - 1;
}
