/** Evaluation of a model on the test rows of one site, from its outputs. */
import { expNegative, log1pUnit, logAtLeastOne, logistic } from '../math/elementary.ts';
import { Problem } from '../protocol/problem.ts';
import { type LossSettings, outputsPerPosition } from './loss-settings.ts';
import { areaUnderCurve, scoreHistogram } from './metrics.ts';
import type { OutputShape } from './shape.ts';
import type { ClassEvaluation, Evaluation, NumberEvaluation } from './trainer.ts';

/**
 * Quality of outputs against the labels. Classes: with one logit a prediction is class 1 when it is above 0, else the class
 * of the greatest logit, the first of equals. Numbers: the output is the forecast; of quantiles that of the level nearest
 * to ½, the lower of equals. Sums are float64, in the order of the rows: the same bits everywhere.
 * Throws Problem `non-finite` when an output is not finite: such a model cannot be measured. Throws RangeError for outputs that are not
 * one set per prediction.
 *
 * @param outputs row-major, per prediction as many as the loss has (`outputsPerPosition`).
 * @param labels row-major, one per prediction.
 * @param bins bins of the score histograms; null: none. Two classes only.
 * @param before what the rows before these gave: the result is that of all of them, to the bit. More than two classes only.
 */
export function evaluateOutputs(
  outputs: Float32Array,
  labels: Float32Array,
  output: OutputShape,
  loss: LossSettings,
  bins: number | null,
  before: ClassEvaluation | null = null,
): Evaluation {
  if (!outputs.every(Number.isFinite)) throw new Problem('non-finite', 'the model gives values that are not finite');
  const width = outputsPerPosition(output, loss) / (output.kind === 'numbers' ? output.count : 1);
  if (outputs.length !== labels.length * width) {
    throw new RangeError(`evaluate: ${outputs.length} outputs for ${labels.length} predictions of ${width}`);
  }
  if (output.kind === 'numbers') return evaluateNumbers(outputs, labels, loss);
  return width === 1
    ? evaluateBinary(outputs, labels, bins)
    : evaluateClasses(outputs, labels, output.classes, bins, before);
}

function evaluateBinary(logits: Float32Array, labels: Float32Array, bins: number | null): ClassEvaluation {
  const classCounts = [0, 0];
  let correct = 0;
  let logLoss = 0;
  for (let i = 0; i < labels.length; i++) {
    const [z, label] = [logits[i], labels[i]];
    classCounts[label]++;
    correct += Number(z > 0 === (label === 1));
    logLoss += Math.max(z, 0) - z * label + log1pUnit(expNegative(-Math.abs(z)));
  }
  return { kind: 'classes', examples: labels.length, correct, logLoss, classCounts, ...ranking(logits, labels, bins) };
}

function evaluateClasses(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  bins: number | null,
  before: ClassEvaluation | null,
): ClassEvaluation {
  const classCounts = before === null ? new Array<number>(classes).fill(0) : [...before.classCounts];
  let correct = before?.correct ?? 0;
  let logLoss = before?.logLoss ?? 0;
  for (let i = 0, at = 0; i < labels.length; i++, at += classes) {
    const label = labels[i];
    classCounts[label]++;
    let best = at;
    for (let c = at + 1; c < at + classes; c++) if (logits[c] > logits[best]) best = c;
    const top = logits[best];
    let sum = 0;
    for (let c = at; c < at + classes; c++) sum += expNegative(logits[c] - top);
    correct += Number(best - at === label);
    logLoss += top - logits[at + label] + logAtLeastOne(sum);
  }
  const examples = (before?.examples ?? 0) + labels.length;
  const counted = { kind: 'classes', examples, correct, logLoss, classCounts } as const;
  if (classes > 2) return { ...counted, auc: null, scores: null };
  // Of two logits the difference is the logit of class 1.
  const difference = Float32Array.from(labels, (_, i) => logits[2 * i + 1] - logits[2 * i]);
  return { ...counted, ...ranking(difference, labels, bins) };
}

/** How well the scores of two classes are ordered. */
function ranking(
  logits: Float32Array,
  labels: Float32Array,
  bins: number | null,
): Pick<ClassEvaluation, 'auc' | 'scores'> {
  const ofClass = (label: number, count: number): number[] => {
    const scores = Array.from(logits.filter((_, i) => labels[i] === label));
    return scoreHistogram(scores.map(logistic), count);
  };
  return {
    auc: areaUnderCurve(logits, labels),
    scores: bins === null ? null : { negative: ofClass(0, bins), positive: ofClass(1, bins) },
  };
}

function evaluateNumbers(outputs: Float32Array, labels: Float32Array, settings: LossSettings): NumberEvaluation {
  const levels = settings.name === 'quantile' ? settings.levels : [0.5];
  const middle = middleLevel(levels);
  const [lowest, highest] = [levels.indexOf(Math.min(...levels)), levels.indexOf(Math.max(...levels))];
  const sums = { loss: 0, absoluteError: 0, squaredError: 0, total: 0, totalSquares: 0 };
  let covered = 0;
  for (let i = 0, at = 0; i < labels.length; i++, at += levels.length) {
    const y = labels[i];
    const d = outputs[at + middle] - y;
    sums.absoluteError += Math.abs(d);
    sums.squaredError += d * d;
    sums.total += y;
    sums.totalSquares += y * y;
    sums.loss += lossOfNumber(outputs, at, y, settings);
    covered += Number(outputs[at + lowest] <= y && y <= outputs[at + highest]);
  }
  return { kind: 'numbers', examples: labels.length, ...sums, covered: levels.length > 1 ? covered : null };
}

/** The task's own loss of one number, as in training: of quantiles the mean over their levels. */
function lossOfNumber(outputs: Float32Array, at: number, y: number, settings: LossSettings): number {
  if (settings.name === 'quantile') {
    const { levels } = settings;
    let sum = 0;
    for (let i = 0; i < levels.length; i++) {
      const d = y - outputs[at + i];
      sum += Math.max(levels[i] * d, (levels[i] - 1) * d);
    }
    return sum / levels.length;
  }
  const size = Math.abs(outputs[at] - y);
  if (settings.name !== 'huber') return size * size;
  const { delta } = settings;
  return size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta);
}

/** Place of the level nearest to ½, the lower of two equally near. */
function middleLevel(levels: readonly number[]): number {
  const off = levels.map(level => Math.abs(level - 0.5));
  const nearest = Math.min(...off);
  const lower = Math.min(...levels.filter((_, i) => off[i] === nearest));
  return levels.indexOf(lower);
}
