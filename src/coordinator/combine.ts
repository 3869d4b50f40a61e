/** From the updates of a charged cohort to the next global parameters: the rule of the task, noise, then the server optimiser. */
import {
  applyServerOptimizer,
  serverStateFromBytes,
  serverStateToBytes,
} from '../core/aggregation/server-optimizer.ts';
import { scanUpdate } from '../core/aggregation/weighted-mean.ts';
import { encodeCbor } from '../core/bytes/cbor.ts';
import { fromHex } from '../core/bytes/floats.ts';
import { nextNoise, type RoundNoise } from '../core/privacy/round-noise.ts';
import { isPlainMean, trustedClient } from '../core/protocol/aggregation-settings.ts';
import { passed } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';
import { resultScale } from '../core/secagg/compression.ts';
import { isSummed, updateKey } from './admit.ts';
import type { Fold } from './fold.ts';
import { median } from './median.ts';
import type { CoordinatorPorts } from './ports.ts';
import { noisyMean } from './private-sum.ts';
import { referenceKeys, remembersAggregate } from './rule-memory.ts';
import type { Charged, Combined, Inspected, Released } from './stages.ts';

/** Where the server optimiser's state before a round lies. */
export const stateKey = (task: string, round: number): string => `${task}/state/${round}`;

/** The rule gives no result for these updates, and would not for the same ones again. The message says why. */
export class RuleRefusal extends Error {
  override readonly name = 'RuleRefusal';
}

/**
 * Combines the updates by the rule of the task, then takes one step of the server optimiser; what a random mask left out is made up for in between. The plain mean and a private sum are running
 * sums (`fold` may hold the first updates already); every other rule reads the stored updates in two passes, decides between them, and
 * costs memory for some chunks of each (`ports.aggregate`). The order of updates is that of their clients' names. Noise of the coordinator
 * is drawn here, after the round was charged. Throws RuleRefusal.
 */
export async function combine(
  charged: Charged,
  fold: Fold,
  global: Float32Array,
  ports: CoordinatorPorts,
): Promise<Combined> {
  const { inspected, privacy } = charged;
  const { run, task } = inspected;
  const { vector, weights, shown } = await release(charged, fold, global.length, ports);
  const stored = await ports.blobs.read(stateKey(run.task, run.round));
  const state = serverStateFromBytes(task.server, global.length, stored);
  const next = applyServerOptimizer(task.server, state, global, scaled(vector, resultScale(task)));
  // The server optimiser of a task may take a step that no float32 can hold.
  if (!scanUpdate(next.parameters).finite) {
    const remedy = 'use a smaller server.learningRate or aggregation.clipNorm';
    throw new RuleRefusal(`the model would not be finite any more: ${remedy}`);
  }
  return passed<Combined>({
    charged,
    parameters: next.parameters,
    serverState: serverStateToBytes(next.state),
    aggregate: !isRunningSum(task) && remembersAggregate(task.aggregation) ? vector : null,
    weights,
    loss: privacy === null ? trainingLoss(inspected) : null,
    nextNoise: privacy === null ? null : withinBound(nextNoise(privacy.plan, run.round, privacy.noise, shown), task),
  });
}

/** What the model is moved by: the result of the rule, made as large as one of whole updates would be. */
function scaled(vector: Float32Array, factor: number): Float32Array {
  return factor === 1 ? vector : vector.map(value => value * factor);
}

/** A clip bound that follows norms ends where the task shortens every update: beyond, noise would be for longer ones than there are. */
function withinBound(noise: RoundNoise, { aggregation }: Task): RoundNoise {
  return { ...noise, clipNorm: Math.min(noise.clipNorm, aggregation.clipNorm) };
}

/** Whether the updates of a round are added one by one, as they come. */
export function isRunningSum(task: Task): boolean {
  return isSummed(task) || isPlainMean(task.aggregation);
}

/** Over all as the task weighs them; where some clients may lie, the median of what they report. */
function trainingLoss({ updates, task, totalWeight }: Inspected): number {
  // Admission lets no update without a loss into a task without privacy.
  if (task.aggregation.byzantine > 0) return median(updates.map(({ loss }) => loss ?? 0)) ?? 0;
  return updates.reduce((total, { weight, loss }) => total + weight * (loss ?? 0), 0) / totalWeight;
}

/** What of the updates may leave: the exact result of the rule only where there is no privacy, or where every update is noisy already. */
async function release(charged: Charged, fold: Fold, length: number, ports: CoordinatorPorts): Promise<Released> {
  const { inspected, privacy } = charged;
  const { task } = inspected;
  const references = isRunningSum(task) ? [] : await referenceKeys(inspected, length, ports);
  await ports.step('history-blobs');
  if (privacy !== null && isSummed(task)) return noisyMean(charged, privacy, fold, ports);
  return isRunningSum(task) ? plainMean(inspected, fold) : byRule(inspected, references, length, ports);
}

async function plainMean({ updates, totalWeight }: Inspected, fold: Fold): Promise<Released> {
  const vector = await fold.mean(updates, totalWeight);
  return passed<Released>({ vector, weights: updates.map(({ weight }) => weight / totalWeight), shown: null });
}

async function byRule(
  inspected: Inspected,
  references: readonly string[],
  length: number,
  ports: CoordinatorPorts,
): Promise<Released> {
  const { run, task, updates, byzantine } = inspected;
  const keys = updates.map(({ client, tensor }) => updateKey(run.task, run.round, client, tensor));
  const trusted = trustedClient(task.aggregation);
  try {
    const { vector, weights } = await ports.aggregate({
      rows: [...keys, ...references],
      length,
      updates: updates.length,
      settings: task.aggregation,
      byzantine,
      weights: Float64Array.from(updates, ({ weight }) => weight),
      squaredNorms: Float64Array.from(updates, ({ norm }) => norm ** 2),
      trusted: trusted === null ? null : updates.findIndex(({ client }) => client === trusted),
      seed: roundSeed(inspected, ports),
    });
    return passed<Released>({ vector, weights: weights === null ? null : [...weights], shown: null });
  } catch (cause) {
    // What a rule throws when it has to search too long, or when nothing is left of the updates.
    throw cause instanceof RangeError ? new RuleRefusal(cause.message, { cause }) : cause;
  }
}

/**
 * The public randomness of a round's rule: of its task, number and all updates, so that it is fixed by what everyone has committed to.
 *
 * Not protected: whoever sees all other updates before it sends its own (with the help of the coordinator) can try many until the
 * draw suits it.
 */
function roundSeed({ run, updates }: Inspected, { primitives }: CoordinatorPorts): Uint8Array {
  const digests = updates.map(({ tensor }) => fromHex(tensor));
  return primitives.sha256(encodeCbor(['parley/v1/aggregation', fromHex(run.task), run.round, digests]));
}
