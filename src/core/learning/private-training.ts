/** What private training of records is given, and what it asks of a task and of a site before anything is drawn. */
import { sameBytes } from '../bytes/floats.ts';
import type { Dataset } from '../data/dataset.ts';
import { type Plan, planBytes, planOfTask } from '../privacy/plan.ts';
import type { RandomBytes } from '../privacy/random-words.ts';
import type { DpSgdSettings } from '../protocol/privacy-settings.ts';
import { UserError } from '../protocol/problem.ts';
import type { Task } from '../protocol/task.ts';

export interface PrivateTraining {
  /** Of the task that is trained. */
  readonly plan: Plan;
  /** Batches, masks of dropout, rounding and noise all come from here. */
  readonly randomBytes: RandomBytes;
  /** Noise multiplier of a round, from 1, where the request does not say what the ledger was asked for. */
  readonly noiseMultiplier?: (round: number) => number;
  /** Sees every step after its noise. For audits and benches. */
  readonly onStep?: (step: PrivateStep) => void;
}

/** One release: everything in it but `rows` is noisy. The arrays are overwritten by the next step. */
export interface PrivateStep {
  readonly round: number;
  /** From 1 in every round. */
  readonly step: number;
  /** Rows of the batch. As secret as the data: whoever sees them gets no amplification. */
  readonly rows: Uint32Array;
  /** (Sum of clipped gradients + noise) / `training.batchSize`. */
  readonly gradient: Float32Array;
}

/** Private training as a task and a site allow it. */
export interface CheckedPrivacy extends PrivateTraining {
  readonly settings: DpSgdSettings;
}

/**
 * Null for a task whose gradients need no noise. Throws TypeError where private training is not given for a task that asks for it, or is
 * for one that does not; RangeError when the plan is another task's; UserError when this site's rows do not allow the task. What that
 * says depends on the number of rows: it is for the site, and only the fact that it cannot train leaves it.
 */
export function checkPrivacy(task: Task, data: Dataset, given: PrivateTraining | undefined): CheckedPrivacy | null {
  const { privacy, training } = task;
  if (privacy === 'none' || privacy.mechanism !== 'dp-sgd') {
    if (given !== undefined) throw new TypeError('trainer: private training of a task without dp-sgd');
    return null;
  }
  if (given === undefined) throw new TypeError('trainer: a task with dp-sgd needs a plan and random bytes');
  if (training.clip !== null)
    throw new RangeError('trainer: training.clip must be null, privacy.clipNorm is what clips');
  if (training.amount.unit !== 'steps') throw new RangeError('trainer: dp-sgd needs training.amount in steps');
  const planned = planOfTask(task);
  if (planned === null || !sameBytes(planBytes(planned), planBytes(given.plan))) {
    throw new RangeError('trainer: the plan is not that of the task');
  }
  checkSite(privacy, training.batchSize, data.rows);
  return { ...given, settings: privacy };
}

function checkSite({ sampling, delta }: DpSgdSettings, batchSize: number, rows: number): void {
  const probability = sampling === 'all' ? 1 : sampling.poisson;
  if (probability * rows > batchSize) {
    throw new UserError(
      'privacy.sampling',
      `${rows} training rows make batches of ${Math.ceil(probability * rows)} on average, the task divides by ${batchSize}`,
      'Ask for a task with a greater training.batchSize or a smaller sampling probability, or offer fewer rows.',
    );
  }
  if (delta * rows >= 1) {
    throw new UserError(
      'privacy.delta',
      `δ ${delta} is no less than one over the ${rows} training rows: it would allow a row to be published`,
      'Ask for a task with a smaller privacy.delta, such as 1 / rows^1.1.',
    );
  }
}
