/** Evaluation of a model on the test rows of one site, from its logits. */
import { expNegative, log1pUnit, logAtLeastOne, logistic } from '../math/elementary.ts';
import { Problem } from '../protocol/problem.ts';
import { areaUnderCurve, scoreHistogram } from './metrics.ts';
import type { Evaluation } from './trainer.ts';

/**
 * Two classes: a row is positive when its logit is above 0. More: the class of the greatest logit, the first of equals.
 * Throws Problem `non-finite` when a logit is not finite: such a model cannot be measured.
 *
 * @param logits row-major: one per row for two classes, else one per class.
 * @param bins bins of the score histograms; null: none. Two classes only.
 */
export function evaluateLogits(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  bins: number | null,
): Evaluation {
  if (!logits.every(Number.isFinite)) throw new Problem('non-finite', 'the model gives values that are not finite');
  const binary = classes === 2;
  const classCounts = new Array<number>(classes).fill(0);
  let correct = 0;
  let logLoss = 0;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    classCounts[label]++;
    if (binary) {
      const z = logits[row];
      correct += Number(z > 0 === (label === 1));
      logLoss += Math.max(z, 0) - z * label + log1pUnit(expNegative(-Math.abs(z)));
    } else {
      const outputs = logits.subarray(row * classes, (row + 1) * classes);
      const top = outputs.reduce((a, b) => Math.max(a, b));
      correct += Number(outputs.indexOf(top) === label);
      logLoss += top - outputs[label] + logAtLeastOne(outputs.reduce((sum, z) => sum + expNegative(z - top), 0));
    }
  }
  return {
    examples: labels.length,
    correct,
    logLoss,
    classCounts,
    auc: binary ? areaUnderCurve(logits, labels) : null,
    scores: binary && bins !== null ? histograms(logits, labels, bins) : null,
  };
}

function histograms(logits: Float32Array, labels: Float32Array, bins: number): Evaluation['scores'] {
  const ofClass = (label: number) =>
    scoreHistogram(
      Array.from(logits)
        .filter((_, i) => labels[i] === label)
        .map(logistic),
      bins,
    );
  return { negative: ofClass(0), positive: ofClass(1) };
}
