/** The plan of a private task: everything that its privacy depends on, bound together; the only way to a noisy sum. */
import type { MechanismSettings } from '../protocol/privacy-settings.ts';
import type { PrivacyEvent } from './event.ts';
import { type NoiseGrid, noiseGrid } from './noise-grid.ts';

/** What of a task its privacy depends on. */
export interface PlanRequest {
  readonly privacy: MechanismSettings;
  readonly rounds: number;
  /** Parameters of the model (d). */
  readonly dimension: number;
  /** Optimiser steps of a round, each a noisy sum; 1 for dp-fedavg. */
  readonly stepsPerRound: number;
  /** The constant a batch is divided by (dp-sgd). */
  readonly batchSize: number;
  /** Rows whose gradients are added in one float32 sum before the next begins (dp-sgd). */
  readonly partRows: number;
}

export interface Plan extends PlanRequest {
  /** Noisy sums of the whole run (T). */
  readonly sums: number;
  /** Chance that one sum is not covered: of rounding, and of a batch beyond `mostRows`. Added to δ for each. */
  readonly slip: number;
  /** Probability with which a unit is in a sum, hidden from the adversary (q); 1: known or certain. */
  readonly samplingRate: number;
  /** Rows of one batch that are summed at most (dp-sgd). A site whose expected batch exceeds `batchSize` must refuse the task. */
  readonly mostRows: number;
  /** What rounding of float32 sums adds to what one unit moves, over C. */
  readonly sumSlack: number;
}

/** Of δ, what all slips of a run may take together. */
const slipShare = 0.01;
/** One update is rounded anew until it is short enough: no slip (Kairouz, Liu and Steinke 2021, Theorem 1 with β = e^−½). */
const redrawn = Math.exp(-0.5);

/** Throws RangeError for a task that cannot be planned; what its settings must hold among themselves is for privacy-rules. */
export function makePlan(request: PlanRequest): Plan {
  const { privacy, rounds, stepsPerRound, batchSize, partRows } = request;
  const isSgd = privacy.mechanism === 'dp-sgd';
  const sums = rounds * (isSgd ? stepsPerRound : 1);
  const mostRows = isSgd ? Math.ceil(batchSize + 10 * Math.sqrt(batchSize) + 64) : 1;
  const plan: Plan = {
    ...request,
    sums,
    slip: (slipShare * privacy.delta) / sums,
    samplingRate: isSgd && privacy.sampling !== 'all' ? privacy.sampling.poisson : 1,
    mostRows,
    sumSlack: isSgd ? floatSumSlack(mostRows, partRows) : 2 ** -20,
  };
  // Throws where no grid is fine enough.
  gridOf(plan, privacy.noiseMultiplier, 1);
  return plan;
}

/**
 * How far two sums of up to K vectors of norm C may be apart beyond the one that differs, over C: 2Ku(b + K/b), u = 2^−24, where
 * blocks of b are added in float32 and then the blocks (Higham 2002, §4.2).
 */
function floatSumSlack(rows: number, block: number): number {
  return 2 * rows * 2 ** -24 * (block + Math.ceil(rows / block));
}

/** The grid of a sum with this noise multiplier and clip bound. */
export function gridOf(plan: Plan, noiseMultiplier: number, clipNorm: number): NoiseGrid {
  const { privacy, dimension, sumSlack, slip } = plan;
  const isRedrawn = privacy.mechanism === 'dp-fedavg' && privacy.noiseAt !== 'coordinator';
  const roundingSlip = isRedrawn ? redrawn : slip;
  return noiseGrid({ noiseMultiplier, clipNorm, relation: privacy.relation, dimension, sumSlack, roundingSlip });
}

/** What one round with this noise multiplier releases. The clip bound does not matter: noise and grid follow it. */
export function roundEvent(plan: Plan, noiseMultiplier: number): PrivacyEvent {
  const { privacy, samplingRate, stepsPerRound, slip } = plan;
  const { logScale, sensitivitySteps } = gridOf(plan, noiseMultiplier, 1);
  const sum = { kind: 'discrete-gaussian', noiseSteps: 2 ** logScale, sensitivitySteps, slip } as const;
  const count = privacy.mechanism === 'dp-sgd' ? stepsPerRound : 1;
  if (samplingRate === 1) return { ...sum, count };
  return { kind: 'sampled', q: samplingRate, of: sum, count };
}

/**
 * The noise multiplier of a round (from 1) under a schedule that is fixed beforehand; under `progress` that of the first round: what
 * follows depends on releases, and is kept by the coordinator.
 */
export function plannedNoise({ privacy }: Plan, round: number): number {
  const { schedule, noiseMultiplier } = privacy;
  if (schedule.kind !== 'decaying') return noiseMultiplier;
  return Math.max(Math.min(schedule.least, noiseMultiplier), noiseMultiplier * schedule.factor ** (round - 1));
}
