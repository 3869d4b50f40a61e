/** Poisson-sampled Gaussian steps by loss distributions, where what differs is not one record more or less: another one, or several. */
import { composedEpsilon } from './composed-loss.ts';
import { parseEvent } from './event.ts';
import { gaussianMixtureLoss, groupGaussian, sampledGaussian } from './gaussian-loss.ts';
import { pldEpsilon } from './pld.ts';
import { requireCount, requireProbability } from './ranges.ts';
import type { SampledGaussian } from './rdp-epsilon.ts';

/**
 * ε at `delta` of a group of k records more or less: an upper bound. Each is drawn by itself, so what moves the sum is the binomial number
 * of those that are (`groupGaussian`). Errors as of `pldEpsilon`.
 */
export function pldGroupEpsilon(
  { samplingRate, noiseMultiplier }: SampledGaussian,
  steps: number,
  records: number,
  delta: number,
): number {
  const { sigma, sensitivities, probabilities } = groupGaussian(samplingRate, noiseMultiplier, records);
  const event = { kind: 'mixture', noiseMultiplier: sigma, sensitivities, probabilities, count: steps };
  return pldEpsilon(parseEvent(event), delta).upper;
}

/**
 * ε at `delta` of one record in another's place, with the noise multiplier relative to what one record more moves the sum by: an upper
 * bound. Throws RangeError for values out of range, LossUnavailable where it cannot be computed.
 */
export function replacedRecordEpsilon(
  { samplingRate, noiseMultiplier }: SampledGaussian,
  steps: number,
  delta: number,
): number {
  requireCount('steps', steps);
  requireProbability('delta', delta);
  parseEvent({ kind: 'sampled', q: samplingRate, of: { kind: 'gaussian', noiseMultiplier }, count: steps });
  if (samplingRate === 0 || steps === 0) return 0;
  if (noiseMultiplier === 0 || delta === 0) return Number.POSITIVE_INFINITY;
  const step = sampledGaussian(samplingRate, noiseMultiplier);
  return composedEpsilon([{ count: steps, lossAt: cut => gaussianMixtureLoss(step, 'replace', cut) }], delta).upper;
}
