/** Accuracy after private training of records on one site: the task, its noise for an ε, and runs of the trainer of this package. */
import { randomFillSync } from 'node:crypto';
import type { SiteData } from '../src/core/data/dataset.ts';
import { evaluateNetwork } from '../src/core/learning/evaluate-network.ts';
import { taskNetwork } from '../src/core/learning/model.ts';
import { trainPrivately } from '../src/core/learning/private-run.ts';
import { eventEpsilon } from '../src/core/privacy/event-rdp.ts';
import { effectiveNoiseMultiplier } from '../src/core/privacy/noise-grid.ts';
import { gridOf, type Plan, planOfTask } from '../src/core/privacy/plan.ts';
import { plannedRuns, runsEvent } from '../src/core/privacy/plan-cost.ts';
import { pldEpsilon } from '../src/core/privacy/pld.ts';
import { pldNoiseMultiplier } from '../src/core/privacy/pld-calibration.ts';
import { parseTask, type Task } from '../src/core/protocol/task.ts';
import type { BenchResult } from './harness.ts';

export interface PrivateSettings {
  /** What all steps together may spend, and by whom it is counted: the upper bound of the loss distribution, or RDP as a ledger does. */
  readonly epsilon: number;
  readonly countedBy: 'loss-distribution' | 'rdp';
  readonly delta: number;
  /** Probability with which a row is in a batch (q). */
  readonly samplingRate: number;
  readonly steps: number;
  /** L2 bound of a row's gradient. */
  readonly clipNorm: number;
  readonly learningRate: number;
  /** 0 without it. */
  readonly momentum: number;
  readonly model: object;
}

/** The value is the mean of the runs. */
export interface PrivateResult extends BenchResult {
  /** Upper bound by the loss distribution, and what a ledger counts (RDP). */
  readonly epsilon: number;
  readonly epsilonRdp: number;
  readonly delta: number;
  /** Noise multiplier that counts, after rounding to the grid; sampling probability; steps. */
  readonly z: number;
  readonly q: number;
  readonly T: number;
  readonly seeds: number;
  /** What was to be reached. */
  readonly target: number;
  readonly seconds: number;
}

export interface PlannedTraining {
  readonly task: Task;
  readonly plan: Plan;
  readonly epsilon: number;
  readonly epsilonRdp: number;
}

/** The task on rows of so many numbers, with the least noise (to 1e-4 of itself) that keeps ε. */
export function planTraining(settings: PrivateSettings, site: Pick<SiteData, 'train' | 'classes'>): PlannedTraining {
  const { epsilon, countedBy, delta, samplingRate, steps } = settings;
  let noise = pldNoiseMultiplier({ epsilon, delta, samplingRate, steps });
  for (;;) {
    const task = trainingTask(settings, site, noise);
    const plan = planOfTask(task);
    if (plan === null) throw new TypeError('bench: the task is not private');
    const event = runsEvent(plan, plannedRuns(plan));
    const spent = { epsilon: pldEpsilon(event, delta).upper, epsilonRdp: eventEpsilon(event, delta).epsilon };
    const counted = countedBy === 'rdp' ? spent.epsilonRdp : spent.epsilon;
    if (counted <= epsilon) return { task, plan, ...spent };
    // Rounding to the grid and float32 sums take a little of the noise away, RDP asks for more. Half way there each time.
    noise *= Math.max(1.0001, Math.sqrt(counted / epsilon));
  }
}

/** Trains with noise and batches of the platform's generator, and returns the share of the test rows that are right. */
export async function trainAndTest({ task, plan }: PlannedTraining, site: SiteData): Promise<number> {
  const randomBytes = (bytes: Uint8Array<ArrayBuffer>): void => void randomFillSync(bytes);
  const parameters = await trainPrivately(task, site, { plan, randomBytes });
  const evaluation = await evaluateNetwork(taskNetwork(task), parameters, site.test, null, {});
  return evaluation.kind === 'classes' ? evaluation.correct / evaluation.examples : Number.NaN;
}

/** The mean of runs, with what they spent each. */
export function privateResult(
  name: string,
  { plan, epsilon, epsilonRdp }: PlannedTraining,
  accuracies: readonly number[],
  { target, seconds }: { readonly target: number; readonly seconds: number },
): PrivateResult {
  return {
    name,
    value: accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length,
    unit: 'accuracy',
    spread: [Math.min(...accuracies), Math.max(...accuracies)],
    runs: accuracies.length,
    epsilon,
    epsilonRdp,
    delta: plan.privacy.delta,
    z: effectiveNoiseMultiplier(gridOf(plan, plan.privacy.noiseMultiplier, 1)),
    q: plan.samplingRate,
    T: plan.sums,
    seeds: accuracies.length,
    target,
    seconds,
  };
}

function trainingTask(settings: PrivateSettings, site: Pick<SiteData, 'train' | 'classes'>, noise: number): Task {
  const { delta, samplingRate, steps, clipNorm, learningRate, momentum, model } = settings;
  const { rows, width } = site.train;
  const columns = Array.from({ length: width }, (_, i) => ({ name: `x${i}`, type: 'number' }));
  return parseTask({
    parley: 1,
    name: 'private-accuracy',
    seed: 1,
    data: {
      format: 'csv',
      header: true,
      onMissing: 'refuse',
      columns: [...columns, { name: 'y', type: 'target' }],
      target: { type: 'classes', classes: Array.from({ length: site.classes }, (_, i) => String(i)) },
      standardise: 'none',
      split: { type: 'hash', trainFraction: 0.5, seed: 1 },
    },
    model,
    training: {
      optimizer: momentum === 0 ? { name: 'sgd', learningRate } : { name: 'momentum', learningRate, momentum },
      batchSize: Math.ceil(samplingRate * rows),
      amount: { unit: 'steps', count: steps },
    },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean', weightBy: 'uniform' },
    protection: 'inspect',
    privacy: {
      mechanism: 'dp-sgd',
      unit: 'record',
      relation: 'add-remove',
      noiseAt: 'client',
      clipNorm,
      sampling: samplingRate === 1 ? 'all' : { poisson: samplingRate },
      noiseMultiplier: noise,
      delta,
      // Given to the trainer without a ledger: what it spends is stated by the plan.
      budget: { epsilon: 1000 },
    },
  });
}
