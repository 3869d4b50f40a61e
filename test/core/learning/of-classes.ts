/** Evaluations as what they are where the task has classes. */
import assert from 'node:assert/strict';
import type { ClassEvaluation, Evaluation } from '../../../src/core/learning/trainer.ts';

export function ofClasses(evaluation: Evaluation): ClassEvaluation {
  assert.ok(evaluation.kind === 'classes');
  return evaluation;
}
