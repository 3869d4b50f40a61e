/** The plan of a private task: everything that its privacy depends on, bound together; the only way to a noisy sum. */
import { encodeCbor } from '../bytes/cbor.ts';
import { toHex } from '../bytes/floats.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { dataShape } from '../data/data-shape.ts';
import type { DataSchema } from '../data/schema.ts';
import { defaultLoss } from '../learning/loss-settings.ts';
import { modelLayers } from '../learning/model-layers.ts';
import { partRows } from '../learning/network.ts';
import { networkManifest } from '../learning/network-parameters.ts';
import { parameterCount } from '../learning/parameters.ts';
import { sentCount, trainedModel } from '../learning/sent-values.ts';
import type { ModelSettings } from '../protocol/model-settings.ts';
import type { MechanismSettings, PrivacySettings } from '../protocol/privacy-settings.ts';
import { compressionOf, groupSettings, type ProtectionSettings } from '../protocol/protection-settings.ts';
import type { TrainingSettings } from '../protocol/training-settings.ts';
import { type NoiseSharing, noiseSharing } from '../secagg/noise-sharing.ts';
import { adaptiveClipNoiseMultiplier } from './adaptive-clip.ts';
import type { PrivacyEvent } from './event.ts';
import { type NoiseGrid, noiseGrid, sensitivityFactor } from './noise-grid.ts';
import { type SharedPlan, sharedEvent, sharedPlan } from './noise-shares.ts';

/** What of a task its privacy depends on. */
export interface PlanRequest {
  readonly privacy: MechanismSettings;
  readonly rounds: number;
  /** Values of what noise is added to (d): of an update as it is sent, of a gradient. */
  readonly dimension: number;
  /** Optimiser steps of a round, each a noisy sum; 1 for dp-fedavg. */
  readonly stepsPerRound: number;
  /** The constant a batch is divided by (dp-sgd). */
  readonly batchSize: number;
  /** Rows whose gradients are added in one float32 sum before the next begins (dp-sgd). */
  readonly partRows: number;
  /** Among whom the noise of one sum is shared; null unless clients share it (`noiseAt: shared`). */
  readonly shared: NoiseSharing | null;
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

/** The parts of a task that a plan is made of. */
export interface PlannedTask {
  readonly data: DataSchema;
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  readonly rounds: number;
  readonly privacy: PrivacySettings;
  readonly protection: ProtectionSettings;
  readonly cohort: { readonly minimum: number };
}

/** Of δ, what all slips of a run may take together. */
const slipShare = 0.01;
/** One update is rounded anew until it is short enough: no slip (Kairouz, Liu and Steinke 2021, Theorem 1 with β = e^−½). */
const redrawn = Math.exp(-0.5);

/**
 * Null for a task without privacy. Throws RangeError for one that cannot be planned: no grid is fine enough, the model is no network, or there
 * are no groups to share noise.
 */
export function planOfTask(task: PlannedTask): Plan | null {
  const { data, model, training, rounds, privacy, protection } = task;
  if (privacy === 'none') return null;
  const shape = dataShape(data);
  // Noise on gradients is for all of them, and comes before anything is left out; noise on updates is for what is sent.
  const compression = privacy.mechanism === 'dp-fedavg' ? compressionOf(protection) : 'none';
  const layers = modelLayers(trainedModel(model, compression), shape, training.loss ?? defaultLoss(shape.output));
  return makePlan({
    privacy,
    rounds,
    dimension: sentCount(parameterCount(networkManifest(layers)), compression),
    stepsPerRound: privacy.mechanism === 'dp-sgd' ? training.amount.count : 1,
    batchSize: training.batchSize,
    partRows: partRows(layers),
    shared: privacy.noiseAt === 'shared' ? sharingOf(task) : null,
  });
}

function sharingOf({ protection, cohort }: PlannedTask): NoiseSharing {
  const groups = groupSettings(protection);
  if (groups === null) throw new RangeError('shared noise: the task has no groups');
  return noiseSharing(groups, cohort.minimum);
}

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
  if (plan.shared === null) gridOf(plan, updateNoise(plan, privacy.noiseMultiplier), 1);
  else sharesOf(plan, privacy.noiseMultiplier, 1);
  return plan;
}

/**
 * What rounding adds to how far the sums of two batches are apart that differ in one row, over C: uK(b + 12) + 2^−52·K·⌈K/b⌉ for up to K ≥ 64
 * float32 vectors of norm C, u = 2^−24, where blocks of b ≤ 4096 are added one by one in float32, up to 8 blocks in float32 too, and
 * more of them in float64, which is rounded to float32 at the end (`learning/private-sum.ts`).
 *
 * In a block ŝ₁ = t₁ exactly, and ŝⱼ = (ŝⱼ₋₁ + tⱼ)(1 + δ), |δ| ≤ u, also where float32 underflows. As |ŝⱼ| ≤ (1 + u)^j·Σ_{i ≤ j}|tᵢ| in every
 * coordinate, which has norm (1 + u)^j·jC at most, the error of the block is no longer than uC(1 + u)^b·Σ_{j=2}^b j < uC(1 + u)^b·b(b + 1)/2: for
 * all blocks uCK(1 + u)^b·(b + 1)/2 (Higham 2002, §4.2, without its factor 2). In the same way n ≤ 8 blocks of k rows, all but the last of
 * which are full, add uC·(Σ_{j=2}^{n−1} jb + k) < 5uCk in float32, as b ≤ k/(n − 1). More blocks add 2^−53·KCn in float64, and rounding them uKC. All
 * of this twice, once for each batch: the other rows may lie in other blocks. The row that differs is itself C(1 + 3u) at most.
 * (1 + u)^(b + 8) and the 3u fit into the one uKC that is left over.
 */
function floatSumSlack(rows: number, block: number): number {
  return rows * (2 ** -24 * (block + 12) + 2 ** -52 * Math.ceil(rows / block));
}

/** The grid of a sum with this noise multiplier and clip bound. Under an adaptive clip the multiplier is that of `updateNoise`. */
export function gridOf(plan: Plan, noiseMultiplier: number, clipNorm: number): NoiseGrid {
  const { privacy, dimension, sumSlack, slip } = plan;
  const isRedrawn = privacy.mechanism === 'dp-fedavg' && privacy.noiseAt !== 'coordinator';
  const roundingSlip = isRedrawn ? redrawn : slip;
  return noiseGrid({ noiseMultiplier, clipNorm, relation: privacy.relation, dimension, sumSlack, roundingSlip });
}

/**
 * How the clients of a group share the noise of a round with this noise multiplier and clip bound: every sum that is opened holds all of it,
 * whoever drops out or colludes within what the groups of the task bear. Throws RangeError for a plan without shared noise.
 */
export function sharesOf({ shared, privacy, dimension }: Plan, noiseMultiplier: number, clipNorm: number): SharedPlan {
  if (shared === null) throw new RangeError('plan: the noise is not shared');
  const { noisyClients, leastShares, mostShares } = shared;
  return sharedPlan({
    noiseMultiplier,
    clipNorm,
    relation: privacy.relation,
    dimension,
    cohort: mostShares,
    mostDropouts: mostShares - leastShares,
    mostColluders: leastShares - noisyClients,
  });
}

/** Whether the clip bound of updates follows a quantile of their norms. */
export function isClipAdaptive({ privacy }: Pick<Plan, 'privacy'>): boolean {
  return privacy.mechanism === 'dp-fedavg' && typeof privacy.clip !== 'number';
}

/**
 * Standard deviation of the noise on the sum of bits − ½ (σ_b) in a round with this noise multiplier; null where the clip bound is fixed.
 * Where the task does not say: max(m/20, 1.64 z), doubled for the relation replace, so that the bits cost the updates 5 % of their noise.
 */
export function bitNoise({ privacy }: Pick<Plan, 'privacy'>, noiseMultiplier: number): number | null {
  if (privacy.mechanism !== 'dp-fedavg' || typeof privacy.clip === 'number') return null;
  const least = 1.64 * noiseMultiplier * sensitivityFactor[privacy.relation];
  return privacy.clip.bitNoise ?? Math.max(privacy.expectedCohort / 20, least);
}

/**
 * The noise multiplier of the sum of updates in a round whose whole noise multiplier is z: z itself, or under an adaptive clip a little more,
 * so that updates and bits together cost what z would (Andrew et al. 2021, Theorem 1). Throws RangeError where σ_b is too small for z.
 */
export function updateNoise(plan: Pick<Plan, 'privacy'>, noiseMultiplier: number): number {
  const sigma = bitNoise(plan, noiseMultiplier);
  if (sigma === null) return noiseMultiplier;
  return adaptiveClipNoiseMultiplier(noiseMultiplier, sigma / sensitivityFactor[plan.privacy.relation]);
}

/** The grid of the sum of bits − ½, each ±½; null where the clip bound is fixed. */
export function bitGridOf(plan: Plan, noiseMultiplier: number): NoiseGrid | null {
  const sigma = bitNoise(plan, noiseMultiplier);
  if (sigma === null) return null;
  const { privacy, slip } = plan;
  return noiseGrid({
    noiseMultiplier: (2 * sigma) / sensitivityFactor[privacy.relation],
    clipNorm: 0.5,
    relation: privacy.relation,
    dimension: 1,
    sumSlack: 0,
    roundingSlip: slip,
  });
}

/**
 * What one round with this noise multiplier releases about one unit. The clip bound does not matter: noise and grid follow it. Of groups
 * that share noise each shows a sum, and a unit is in one of them.
 */
export function roundEvent(plan: Plan, noiseMultiplier: number): PrivacyEvent {
  if (plan.shared !== null) return sharedEvent(sharesOf(plan, noiseMultiplier, 1));
  const { samplingRate, stepsPerRound, slip, privacy } = plan;
  const sum = sumEvent(gridOf(plan, updateNoise(plan, noiseMultiplier), 1), slip);
  const bits = bitGridOf(plan, noiseMultiplier);
  if (bits !== null) return { kind: 'composed', events: [sum, sumEvent(bits, slip)] };
  const count = privacy.mechanism === 'dp-sgd' ? stepsPerRound : 1;
  if (samplingRate === 1) return { ...sum, count };
  return { kind: 'sampled', q: samplingRate, of: sum, count };
}

function sumEvent({ logScale, sensitivitySteps }: NoiseGrid, slip: number) {
  return { kind: 'discrete-gaussian', noiseSteps: 2 ** logScale, sensitivitySteps, slip } as const;
}

/**
 * The noise multiplier of a round (from 1) under a schedule that is fixed beforehand; under `progress` that of the first round: what
 * follows depends on releases, and is kept by the coordinator.
 */
export function plannedNoise({ privacy }: Pick<Plan, 'privacy'>, round: number): number {
  const { schedule, noiseMultiplier } = privacy;
  if (schedule.kind !== 'decaying') return noiseMultiplier;
  return Math.max(Math.min(schedule.least, noiseMultiplier), noiseMultiplier * schedule.factor ** (round - 1));
}

/** Whether the noise of all rounds is known before the first release. If not, a filter counts, and its limit is what may be stated. */
export function isNoiseFixed({ privacy }: Pick<Plan, 'privacy'>): boolean {
  return privacy.schedule.kind !== 'progress';
}

/** What the hash of a plan is the SHA-256 of: deterministic CBOR of all that privacy depends on. */
export function planBytes(plan: Plan): Uint8Array<ArrayBuffer> {
  return encodeCbor(['parley/v1/privacy-plan', plan]);
}

/** Hex SHA-256 of a plan. */
export function planHash(plan: Plan, { sha256 }: Pick<Primitives, 'sha256'>): string {
  return toHex(sha256(planBytes(plan)));
}
