/** What only a simulation can say of a private task: how good its model is, exactly, on the test rows of all clients. */
import type { ClientQuality, RunStatus } from '../coordinator/status.ts';
import { createTrainer } from '../core/learning/local-trainer.ts';
import { judged, pooledEvaluation } from '../core/learning/quality.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import type { Task } from '../core/protocol/task.ts';
import type { SimulatedData } from './simulate-data.ts';

/** The task as it would be without privacy: for what never leaves this simulation. */
export function withoutPrivacy(task: Task): Task {
  return { ...task, privacy: 'none' };
}

/** The status with the quality in it that no client of a private task tells. */
export async function withExactQuality(
  task: Task,
  { sites }: SimulatedData,
  status: RunStatus,
  parameters: Float32Array,
): Promise<RunStatus> {
  const found: { readonly client: string; readonly evaluation: Evaluation }[] = [];
  for (const { name, data } of sites) {
    if (data.test.rows === 0) continue;
    found.push({ client: name, evaluation: await createTrainer(withoutPrivacy(task), data).evaluate(parameters) });
  }
  const all = pooledEvaluation(found.map(({ evaluation }) => evaluation));
  if (all === null) return status;
  const clients = found.map(
    ({ client, evaluation }): ClientQuality => ({
      client,
      sites: null,
      ...judged(evaluation, all, status.unit),
      alone: null,
    }),
  );
  return { ...status, missing: [], clients, pooled: judged(all, all, status.unit) };
}
