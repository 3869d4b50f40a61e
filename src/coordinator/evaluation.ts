/** What clients say of a model's quality: refused where it cannot be so. */
import { dataShape } from '../core/data/data-shape.ts';
import type { ClassEvaluation, Evaluation, NumberEvaluation } from '../core/learning/trainer.ts';
import type { EvaluationReport } from '../core/protocol/message.ts';
import { Problem } from '../core/protocol/problem.ts';
import { lossOf, type Task } from '../core/protocol/task.ts';

/** Float sums of a client may be off by this share of what exact ones would be. */
const roundingSlack = 1 + 1e-9;

/**
 * Refuses a parsed evaluation that does not fit the task or that no data could give. Numbers that could be true are
 * believed: a client can lie about its quality, and with it spoil the quality over all and early stopping.
 * Throws Problem `malformed`.
 */
export function checkEvaluation(evaluation: Evaluation | null, task: Task): void {
  if (evaluation === null) return;
  const { output } = dataShape(task.data);
  if (evaluation.kind !== output.kind) throw new Problem('malformed', `the evaluation is not one of ${output.kind}`);
  const isPossible =
    evaluation.examples > 0 &&
    (evaluation.kind === 'numbers'
      ? numbersArePossible(evaluation, task)
      : output.kind === 'classes' && classesArePossible(evaluation, output.classes, task));
  if (!isPossible) throw new Problem('malformed', 'the evaluation contradicts itself');
}

/**
 * Refuses a report about the final model that does not fit the task, or that tells without noise what a private task tells with noise.
 * Throws Problem `malformed`.
 */
export function checkReport({ evaluation, alone, noisyCounts }: EvaluationReport, task: Task): void {
  if (task.privacy === 'none') {
    if (noisyCounts !== null) throw new Problem('malformed', 'noisy counts are those of a private task');
    checkEvaluation(evaluation, task);
    checkEvaluation(alone, task);
    return;
  }
  if (evaluation !== null || alone !== null || noisyCounts === null)
    throw new Problem('malformed', 'tells figures that the privacy of the task keeps');
}

function classesArePossible(evaluation: ClassEvaluation, classes: number, task: Task): boolean {
  const { examples, correct, classCounts, auc, scores } = evaluation;
  const bins = task.evaluation.pooledAucBins;
  return (
    correct <= examples &&
    classCounts.length === classes &&
    total(classCounts) === examples &&
    (auc === null || classes === 2) &&
    (scores === null ||
      (scores.negative.length === bins &&
        scores.positive.length === bins &&
        total(scores.negative) === classCounts[0] &&
        total(scores.positive) === classCounts[1]))
  );
}

/** By the Cauchy–Schwarz inequality no sum of n numbers is above the root of n times that of their squares. */
function numbersArePossible(evaluation: NumberEvaluation, task: Task): boolean {
  const { examples, absoluteError, squaredError, covered } = evaluation;
  const isWithin = (sum: number, squares: number): boolean => sum * sum <= examples * squares * roundingSlack;
  const loss = lossOf(task);
  const hasInterval = loss.name === 'quantile' && loss.levels.length > 1;
  return (
    isWithin(absoluteError, squaredError) &&
    isWithin(evaluation.total, evaluation.totalSquares) &&
    (covered === null ? !hasInterval : hasInterval && covered <= examples)
  );
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
