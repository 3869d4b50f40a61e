/** What a client tells at the end of a run that is not private: how good the model is on its test rows, and how good it gets alone. */
import type { Evaluation, Trainer } from '../core/learning/trainer.ts';
import { Problem } from '../core/protocol/problem.ts';
import { initialSeed, trainingSeed } from '../core/protocol/task.ts';
import { trainAlone } from './alone.ts';
import type { ClientPorts } from './ports.ts';
import type { RoundContext } from './stages.ts';
import { evaluated } from './update.ts';

export interface FinalEvaluation {
  /** Null for a site without test rows. */
  readonly evaluation: Evaluation | null;
  /** Null where the task does not ask, or training alone diverges: what the global model is worth is told all the same. */
  readonly alone: Evaluation | null;
}

export async function finalEvaluation(
  context: RoundContext,
  trainer: Trainer,
  parameters: Float32Array,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<FinalEvaluation> {
  const evaluation = await evaluated(trainer, parameters, signal);
  const wanted = evaluation !== null && context.task.evaluation.aloneBaseline;
  return { evaluation, alone: wanted ? await aloneBaseline(context, trainer, ports, signal) : null };
}

async function aloneBaseline(
  { task, taskHash, taskId, round }: RoundContext,
  trainer: Trainer,
  ports: ClientPorts,
  signal?: AbortSignal,
): Promise<Evaluation | null> {
  const { sha256 } = ports.primitives;
  try {
    return await trainAlone(task, trainer, {
      rounds: round - 1,
      initialSeed: sha256(initialSeed(task)),
      seedOf: r => sha256(trainingSeed(taskHash, r, ports.name)),
      onRound: r => ports.log({ event: 'alone-round', task: taskId, round: r, detail: `of ${round - 1}` }),
      signal,
    });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'non-finite') throw error;
    ports.log({ event: 'alone-diverged', level: 'warn', task: taskId, round });
    return null;
  }
}
