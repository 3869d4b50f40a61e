/** What members of a group send and what the coordinator makes of it where they share the noise of their sum (`privacy.noiseAt: shared`). */
import { encodeCbor } from '../bytes/cbor.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { clipToNorm } from '../learning/clip.ts';
import { bestKernels } from '../math/kernels/best.ts';
import type { KernelSource } from '../math/kernels/kernels.ts';
import { type SharedPlan, shareOf, sumOfSharedWords } from '../privacy/noise-shares.ts';
import { plannedNoise, planOfTask, sharesOf } from '../privacy/plan.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import { openingNoise } from '../privacy/round-noise.ts';
import type { Task } from '../protocol/task.ts';
import type { Segment } from './manifest.ts';
import { sureNoise } from './noise-sharing.ts';
import { leastBits } from './packing.ts';
import type { Thresholds } from './thresholds.ts';

/** How updates of one round become words with noise: the same for all groups, and for everyone who knows task and round. */
export interface SharedWords {
  readonly shares: SharedPlan;
  /** 32 bytes from which the signs of the rotation are drawn. */
  readonly rotation: Uint8Array;
}

/**
 * Null for a task whose noise is not shared.
 *
 * The rotation follows from task and round, so it is fixed before any update is, and everybody can make it again. Whoever writes the task can try
 * many until a rotation suits it. That makes coordinates of chosen updates wrap at most, which costs accuracy: the noise, and with it privacy,
 * is the same under every rotation.
 */
export function sharedWords(
  task: Task,
  taskHash: Uint8Array,
  round: number,
  { sha256 }: Pick<Primitives, 'sha256'>,
): SharedWords | null {
  const plan = planOfTask(task);
  if (plan === null || plan.shared === null) return null;
  const shares = sharesOf(plan, plannedNoise(plan, round), openingNoise(plan).clipNorm);
  return { shares, rotation: sha256(encodeCbor(['parley/v1/rotation', taskHash, round])) };
}

/** The plan says how many words there are and how wide a sum is (`protection.bits` is for sums without noise). */
export function sharedSegment({ shares }: SharedWords): Segment {
  return { label: 'update', words: shares.paddedDimension, bits: leastBits(shares.bits) };
}

/** Throws RangeError for a group whose sums could hold less noise than the plan counts on: no member shares noise with it. */
export function requireSureNoise(thresholds: Thresholds, { shares }: SharedWords): void {
  const sure = sureNoise(thresholds);
  if (sure < shares.noisyClients || thresholds.members > shares.mostShares)
    throw new RangeError(
      `shared noise: ${sure} of ${thresholds.members} members are sure to add noise, and the plan of the task counts on ${shares.noisyClients} of up to ${shares.mostShares}`,
    );
}

/**
 * One member's words: the update within the clip bound, rotated, rounded, with its share of the noise, modulo 2^bits. They are private under the
 * masks of the group only. As `shareOf`: an update that is not finite is noise alone.
 */
export function wordsWithNoise(
  update: Float32Array,
  { shares, rotation }: SharedWords,
  randomBytes: RandomBytes,
  source: KernelSource = bestKernels(),
): Int32Array<ArrayBuffer> {
  return new Int32Array(shareOf(update, shares, rotation, source, randomBytes));
}

/**
 * The noisy mean of a group: its opened sum over all of its members, so that whoever dropped out counts as zero, no longer than `longest`. Other
 * functions of the sum would be as private. Throws RangeError as `sumOfSharedWords`.
 *
 * Not protected: the mean from a member that lies, which may move it anywhere within `longest`.
 *
 * @param survivors members whose words are in the sum.
 */
export function noisyGroupMean(
  sum: Int32Array,
  survivors: number,
  { members, least }: Thresholds,
  { shares, rotation }: SharedWords,
  longest: number,
  source: KernelSource = bestKernels(),
): Float32Array {
  if (!(survivors >= least && survivors <= members))
    throw new RangeError(`shared noise: ${survivors} inputs, where a sum of this group has ${least} to ${members}`);
  const total = sumOfSharedWords(sum, survivors, shares, rotation, source);
  return clipToNorm(
    Float32Array.from(total, value => value / members),
    longest,
  );
}
