/** The trainer of a statistics task: its "model" are exact sums over the site's training rows, nothing is learnt. */
import { dataShape } from '../data/data-shape.ts';
import type { SiteData } from '../data/dataset.ts';
import { momentsOf, numberColumns } from '../data/moments.ts';
import { onlyTable } from '../data/only-table.ts';
import type { Task } from '../protocol/task.ts';
import { limbsOf, momentsManifest } from './moment-limbs.ts';
import { type Manifest, parameterCount } from './parameters.ts';
import type { Evaluation, Trainer } from './trainer.ts';

/** The tensors of a statistics task. Throws UserError for data that are no table. */
export function taskMomentsManifest(task: Task): Manifest {
  return momentsManifest(columnCount(task));
}

/**
 * The sums of this site's training rows as limbs, added to the parameters of the round (zeros). There is nothing to evaluate.
 *
 * What leaves the site under `protection: inspect`: its number of training rows, and by the sums the exact mean and variance of
 * every number column, readable by the coordinator. Test rows are not counted. Nothing bounds what two statistics tasks with
 * other splits tell together.
 */
export function momentsTrainer(task: Task, site: SiteData): Trainer {
  const columns = columnCount(task);
  const manifest = momentsManifest(columns);
  const evaluation = emptyEvaluation(task);
  return {
    manifest,
    async train({ parameters, signal }) {
      signal?.throwIfAborted();
      if (parameters.length !== parameterCount(manifest)) {
        throw new RangeError(`trainer: ${parameters.length} parameters, the model has ${parameterCount(manifest)}`);
      }
      const limbs = limbsOf(momentsOf(site.train, columns));
      const sums = limbs.map((limb, i) => parameters[i] + limb);
      return { parameters: sums, examples: site.train.rows, steps: 0, loss: 0 };
    },
    evaluate: async () => evaluation,
  };
}

function columnCount(task: Task): number {
  return numberColumns(onlyTable(task.data, task.name, 'Use another model than moments.')).length;
}

/** Of no rows. */
function emptyEvaluation(task: Task): Evaluation {
  const { output } = dataShape(task.data);
  if (output.kind === 'numbers') {
    const sums = { loss: 0, absoluteError: 0, squaredError: 0, total: 0, totalSquares: 0 };
    return { kind: 'numbers', examples: 0, ...sums, covered: null };
  }
  const classCounts = new Array<number>(output.classes).fill(0);
  return { kind: 'classes', examples: 0, correct: 0, logLoss: 0, classCounts, auc: null, scores: null };
}
