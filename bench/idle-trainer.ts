/** A trainer that does not train: it returns the global parameters plus a constant, so that only the round is measured. */
import { taskManifest } from '../src/core/learning/model.ts';
import type { Evaluation, Trainer } from '../src/core/learning/trainer.ts';
import type { Task } from '../src/core/protocol/task.ts';

export function idleTrainer(task: Task, step: number): Trainer {
  const evaluation: Evaluation = {
    kind: 'classes',
    examples: 2,
    correct: 1,
    logLoss: 1,
    classCounts: [1, 1],
    auc: null,
    scores: null,
  };
  return {
    manifest: taskManifest(task),
    async train({ parameters }) {
      const trained = new Float32Array(parameters.length);
      for (let i = 0; i < trained.length; i++) trained[i] = parameters[i] + step;
      return { parameters: trained, examples: 100, steps: 1, loss: 1 };
    },
    evaluate: async () => evaluation,
  };
}
