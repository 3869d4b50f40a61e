/** Noise of the coordinator: the exact sum of clipped updates goes in, and nothing comes out that has no noise on it. */
import { noisySum } from '../core/privacy/grid-noise.ts';
import { bitGridOf } from '../core/privacy/plan.ts';
import { progressOf, sumGrid } from '../core/privacy/round-noise.ts';
import { secretBytes } from '../core/privacy/secret-bytes.ts';
import { passed } from '../core/protocol/stage.ts';
import { roundingSlack } from './admit.ts';
import type { Fold } from './fold.ts';
import type { CoordinatorPorts } from './ports.ts';
import type { Charged, ChargedPrivacy, Released } from './stages.ts';
import type { Received } from './store.ts';

/**
 * The sum of the updates, each admitted within the round's clip bound, with discrete Gaussian noise on the grid, over the constant
 * `expectedCohort` (McMahan et al. 2018). What an update counts with after a clipping of `aggregation.before` is a function of its norm, so it
 * is not reported. Where the clip bound follows the norms, the sum of bits gets its own noise (Andrew et al. 2021).
 * Noise is drawn from the platform's generator at every call: a round that is combined anew after a crash was charged anew.
 */
export async function noisyMean(
  { inspected }: Charged,
  { plan, noise }: ChargedPrivacy,
  fold: Fold,
  ports: CoordinatorPorts,
): Promise<Released> {
  const { updates } = inspected;
  const { privacy } = plan;
  if (privacy.mechanism !== 'dp-fedavg') throw new RangeError('coordinator: only whole updates get noise here');
  const randomBytes = secretBytes(ports.primitives);
  const grid = sumGrid(plan, noise.noiseMultiplier, noise.clipNorm * roundingSlack);
  const sum = noisySum(await fold.sum(updates), grid, randomBytes);
  const bits = bitGridOf(plan, noise.noiseMultiplier);
  const within = bits === null ? null : 0.5 + noisySum(bitSum(updates), bits, randomBytes)[0] / privacy.expectedCohort;
  return passed<Released>({
    vector: Float32Array.from(sum, value => value / privacy.expectedCohort),
    weights: inspected.task.aggregation.before.length > 0 ? null : updates.map(() => 1 / privacy.expectedCohort),
    shown: { progress: progressOf(sum, grid), withinClip: within },
  });
}

/** Σ(b − ½) as a vector of one. */
function bitSum(updates: readonly Received[]): Float64Array {
  return Float64Array.of(updates.reduce((sum, { withinClip }) => sum + (withinClip ? 0.5 : -0.5), 0));
}
