/** Noise and clip bound of one round of a private task: where they begin, what releases change about them, and what the round costs. */
import { adaptiveClipUpdate } from './adaptive-clip.ts';
import type { Spend } from './ledger-port.ts';
import type { NoiseGrid } from './noise-grid.ts';
import { gridOf, isClipAdaptive, isNoiseFixed, type Plan, plannedNoise, roundEvent, updateNoise } from './plan.ts';

export interface RoundNoise {
  /** Noise multiplier that the round costs (z); under an adaptive clip the updates have a little more (`updateNoise`). */
  readonly noiseMultiplier: number;
  /** L2 bound of one contribution (C): of an example's gradient under dp-sgd, else of an update. */
  readonly clipNorm: number;
}

/** What the noisy aggregate of a round showed: all that the next round's noise and clip bound may depend on. */
export interface Shown {
  /** Squared norm of the noisy aggregate over the expected squared norm of its noise. */
  readonly progress: number;
  /** The noisy share of updates within the clip bound; null where the bound is fixed. */
  readonly withinClip: number | null;
}

/** A clip bound that follows norms stays within these. */
const leastClip = 1e-12;
const mostClip = 1e18;

/** Of the first round. */
export function openingNoise({ privacy }: Pick<Plan, 'privacy'>): RoundNoise {
  const { noiseMultiplier } = privacy;
  if (privacy.mechanism === 'dp-sgd') return { noiseMultiplier, clipNorm: privacy.clipNorm };
  const { clip } = privacy;
  return { noiseMultiplier, clipNorm: typeof clip === 'number' ? clip : clip.initial };
}

/** Of the round after the one numbered `round` (from 1), which had `before` and showed this: nothing else may decide it. */
export function nextNoise(plan: Plan, round: number, before: RoundNoise, shown: Shown | null): RoundNoise {
  return { noiseMultiplier: nextMultiplier(plan, round, before, shown), clipNorm: nextClip(plan, before, shown) };
}

function nextMultiplier(plan: Plan, round: number, { noiseMultiplier }: RoundNoise, shown: Shown | null): number {
  const { schedule } = plan.privacy;
  if (schedule.kind !== 'progress') return plannedNoise(plan, round + 1);
  if (shown === null || shown.progress >= schedule.threshold) return noiseMultiplier;
  return Math.max(lowestNoise(plan), noiseMultiplier * schedule.factor);
}

function nextClip({ privacy }: Plan, { clipNorm }: RoundNoise, shown: Shown | null): number {
  if (privacy.mechanism !== 'dp-fedavg' || typeof privacy.clip === 'number') return clipNorm;
  const { withinClip = null } = shown ?? {};
  if (withinClip === null) return clipNorm;
  const { targetQuantile, learningRate } = privacy.clip;
  const next = adaptiveClipUpdate(clipNorm, withinClip, targetQuantile, learningRate);
  return Math.min(mostClip, Math.max(leastClip, next));
}

/** The least noise multiplier that the schedule may come to. */
export function lowestNoise({ privacy }: Pick<Plan, 'privacy'>): number {
  const { schedule, noiseMultiplier } = privacy;
  return schedule.kind === 'uniform' ? noiseMultiplier : Math.min(schedule.least, noiseMultiplier);
}

/** What of a round's noise a client has to be told: null where the task itself says it. */
export function toldNoise(plan: Plan, noise: RoundNoise): { noiseMultiplier: number | null; clipNorm: number | null } {
  return {
    noiseMultiplier: isNoiseFixed(plan) ? null : noise.noiseMultiplier,
    clipNorm: isClipAdaptive(plan) ? noise.clipNorm : null,
  };
}

/**
 * The noise of a round as a client believes it: what the task says, and where it leaves that open what it was told, no less noise than
 * the schedule may come to. Throws RangeError where it was told what is not open, or out of range.
 */
export function believedNoise(
  plan: Plan,
  round: number,
  told: { readonly noiseMultiplier: number | null; readonly clipNorm: number | null },
): RoundNoise {
  const opening = openingNoise(plan);
  if ((told.noiseMultiplier === null) !== isNoiseFixed(plan))
    throw new RangeError('noise: whether it is told is for the schedule of the task');
  if ((told.clipNorm !== null) !== isClipAdaptive(plan))
    throw new RangeError('clip bound: whether it is told is for the task');
  const noiseMultiplier = told.noiseMultiplier ?? plannedNoise(plan, round);
  if (!(noiseMultiplier >= lowestNoise(plan) && noiseMultiplier <= opening.noiseMultiplier))
    throw new RangeError(`noise: ${noiseMultiplier} is not within what the schedule of the task allows`);
  return { noiseMultiplier, clipNorm: told.clipNorm ?? opening.clipNorm };
}

/** What a ledger is asked for before the noise of a round is drawn. Task and plan: hex SHA-256. */
export function trainingSpend(
  plan: Plan,
  hashes: { readonly task: string; readonly plan: string },
  round: number,
  { noiseMultiplier }: RoundNoise,
): Spend {
  const { unit, relation, budget, delta } = plan.privacy;
  return {
    ...hashes,
    round,
    purpose: 'train',
    unit,
    relation,
    event: roundEvent(plan, noiseMultiplier),
    limit: { epsilon: budget.epsilon, delta },
    isFixed: isNoiseFixed(plan),
  };
}

/** The grid of the sum of a round's updates that the coordinator adds noise to. @param clipNorm the longest that it admits. */
export function sumGrid(plan: Plan, noiseMultiplier: number, clipNorm: number): NoiseGrid {
  return gridOf(plan, updateNoise(plan, noiseMultiplier), clipNorm);
}

/** Squared norm over the expected squared norm of the noise in it: of a noisy sum on this grid. About 1 where there is nothing but noise. */
export function progressOf(sum: Float64Array, { logScale, step }: NoiseGrid): number {
  const squares = sum.reduce((total, value) => total + value * value, 0);
  return squares / (sum.length * (2 ** logScale * step) ** 2);
}
