/** Private training of one site without a federation: for audits and benches. */
import type { SiteData } from '../data/dataset.ts';
import { type Plan, plannedNoise } from '../privacy/plan.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import type { Task } from '../protocol/task.ts';
import { createTrainer, type TrainerOptions } from './local-trainer.ts';
import { taskParameters } from './model.ts';
import type { PrivateStep } from './private-training.ts';

export interface PrivateRun extends Pick<TrainerOptions, 'kernels' | 'workers'> {
  readonly plan: Plan;
  readonly randomBytes: RandomBytes;
  /** Noise multiplier of a round; that of the plan's schedule by default. */
  readonly noiseMultiplier?: (round: number) => number;
  /** First parameters; those that the task's seed gives by default. */
  readonly parameters?: Float32Array;
  /** Sees every step after its noise. */
  readonly onStep?: (step: PrivateStep) => void;
}

/**
 * All rounds of the task as the one site would train them alone, each beginning with the parameters of the one before. The loop is the
 * trainer's own. No ledger is asked: whoever keeps the result has spent what the plan says.
 */
export async function trainPrivately(task: Task, site: SiteData, run: PrivateRun): Promise<Float32Array> {
  const { plan, randomBytes, onStep, kernels, workers } = run;
  const noiseMultiplier = run.noiseMultiplier ?? (round => plannedNoise(plan, round));
  const trainer = createTrainer(task, site, {
    ...(kernels && { kernels }),
    ...(workers && { workers }),
    privacy: { plan, randomBytes, noiseMultiplier, ...(onStep && { onStep }) },
  });
  const seed = new Uint8Array(32);
  let parameters: Float32Array = run.parameters ?? taskParameters(task, seed);
  for (let round = 1; round <= task.rounds; round++) {
    ({ parameters } = await trainer.train({ parameters, round, seed }));
  }
  return parameters;
}
