/** The honest comparison: how good does this site get by itself, with the same model, data and effort? */
import { taskParameters } from '../core/learning/model.ts';
import type { Evaluation, Trainer } from '../core/learning/trainer.ts';
import type { Task } from '../core/protocol/task.ts';

/**
 * Trains from the task's initial model for as many rounds as the run had, never averaging with anyone, and evaluates on
 * the site's test rows. Nothing of it leaves but that evaluation.
 */
export async function trainAlone(
  task: Task,
  trainer: Trainer,
  options: {
    rounds: number;
    initialSeed: Uint8Array;
    seedOf: (round: number) => Uint8Array;
    /** Called before each round. */
    onRound?: (round: number) => void;
    signal?: AbortSignal;
  },
): Promise<Evaluation> {
  let parameters: Float32Array = taskParameters(task, options.initialSeed);
  for (let round = 1; round <= options.rounds; round++) {
    options.onRound?.(round);
    const request = { parameters, round, seed: options.seedOf(round), signal: options.signal };
    parameters = (await trainer.train(request)).parameters;
  }
  return trainer.evaluate(parameters, options.signal);
}
