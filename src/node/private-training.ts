/** Private training on this machine: the plan of the task, and random bytes of the operating system. */
import { randomFillSync } from 'node:crypto';
import type { PrivateTraining } from '../core/learning/private-training.ts';
import { planOfTask } from '../core/privacy/plan.ts';
import type { Task } from '../core/protocol/task.ts';

/** What `createTrainer` is given: undefined unless it is the trainer that adds the noise (dp-sgd). */
export function privateTraining(task: Task): PrivateTraining | undefined {
  const plan = planOfTask(task);
  if (plan?.privacy.mechanism !== 'dp-sgd') return undefined;
  return { plan, randomBytes: bytes => void randomFillSync(bytes) };
}
