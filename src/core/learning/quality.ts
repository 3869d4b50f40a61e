/** Quality as people read it, from the sums that sites report, beside what answering without a model would reach. */
import { accuracy, aucFromHistograms, majorityAccuracy } from './metrics.ts';
import type { ClassEvaluation, Evaluation, NumberEvaluation } from './trainer.ts';

/** How good a model is on some rows. */
export type Quality = ClassQuality | NumberQuality;

export interface ClassQuality {
  readonly kind: 'classes';
  /** Predictions counted. */
  readonly examples: number;
  readonly accuracy: number;
  /** Mean negative log likelihood (natural logarithm). */
  readonly logLoss: number;
  readonly auc: number | null;
}

export interface NumberQuality {
  readonly kind: 'numbers';
  readonly examples: number;
  /** Mean of the task's own loss, in the scaled units that the model is trained in. */
  readonly loss: number;
  /** Mean absolute error, in units of the target column. */
  readonly mae: number;
  /** Root of the mean squared error, in units of the target column. */
  readonly rmse: number;
  /** Share of the values between the lowest and the highest quantile; null where the task has not two quantiles. */
  readonly coverage: number | null;
}

/** Quality with the line that every model has to beat. */
export type Judged = (ClassQuality & ClassBaseline) | (NumberQuality & NumberBaseline);

export interface ClassBaseline {
  /** Accuracy of always answering the class that is most frequent among these rows. */
  readonly majority: number;
}

export interface NumberBaseline {
  /** `rmse` of always answering the mean over the test rows of all sites. */
  readonly constantRmse: number;
  /** Share of the squared error of that answer which the model removes: 1 is perfect, below 0 is worse; null where there is none. */
  readonly r2: number | null;
}

/** The sums of an evaluation that quality is made of. */
export type Measured =
  | Pick<ClassEvaluation, 'kind' | 'examples' | 'correct' | 'logLoss' | 'auc'>
  | Pick<NumberEvaluation, 'kind' | 'examples' | 'loss' | 'absoluteError' | 'squaredError' | 'covered'>;

/** @param unit how much of the target column 1 in the labels stands for; 1 for classes. */
export function quality(evaluation: Measured, unit: number): Quality {
  return evaluation.kind === 'classes' ? classQuality(evaluation) : numberQuality(evaluation, unit);
}

/** @param all the evaluation over all sites, of the same kind: where the mean is taken from. */
export function judged(evaluation: Evaluation, all: Evaluation, unit: number): Judged {
  if (evaluation.kind === 'classes') {
    return { ...classQuality(evaluation), majority: majorityAccuracy(evaluation.classCounts) };
  }
  const { examples, squaredError, total, totalSquares } = evaluation;
  const mean = all.kind === 'numbers' ? all.total / all.examples : 0;
  // Rounding can leave a little less than nothing.
  const spread = Math.max(0, totalSquares - 2 * mean * total + examples * mean * mean);
  const removed = 1 - squaredError / spread;
  return {
    ...numberQuality(evaluation, unit),
    constantRmse: inColumn(Math.sqrt(spread / examples), unit),
    r2: Number.isFinite(removed) ? removed : null,
  };
}

/**
 * The evaluations of one task's sites as one, in the order given (floats are summed in it); null for none. The area under the curve
 * over all comes from score histograms where every site sent one.
 */
export function pooledEvaluation(evaluations: readonly Evaluation[]): Evaluation | null {
  if (evaluations.length === 0) return null;
  const classes = evaluations.filter(e => e.kind === 'classes');
  return classes.length > 0 ? pooledClasses(classes) : pooledNumbers(evaluations.filter(e => e.kind === 'numbers'));
}

function classQuality({ kind, examples, correct, logLoss, auc }: Measured & { kind: 'classes' }): ClassQuality {
  return { kind, examples, accuracy: accuracy(correct, examples), logLoss: logLoss / examples, auc };
}

function numberQuality(evaluation: Measured & { kind: 'numbers' }, unit: number): NumberQuality {
  const { kind, examples, loss, absoluteError, squaredError, covered } = evaluation;
  return {
    kind,
    examples,
    loss: loss / examples,
    mae: inColumn(absoluteError / examples, unit),
    rmse: inColumn(Math.sqrt(squaredError / examples), unit),
    coverage: covered === null ? null : covered / examples,
  };
}

/** Finite whatever a client reports: a status with an infinity in it could not be sent. */
function inColumn(value: number, unit: number): number {
  return Math.min(value * unit, Number.MAX_VALUE);
}

function pooledClasses(evaluations: readonly ClassEvaluation[]): ClassEvaluation {
  const classCounts = evaluations[0].classCounts.map((_, c) => summed(evaluations, e => e.classCounts[c] ?? 0));
  const scores = pooledScores(evaluations);
  return {
    kind: 'classes',
    examples: summed(evaluations, e => e.examples),
    correct: summed(evaluations, e => e.correct),
    logLoss: summed(evaluations, e => e.logLoss),
    classCounts,
    auc: scores === null ? null : aucFromHistograms(scores.negative, scores.positive),
    scores,
  };
}

/** Null unless every site sent histograms over the same bins. */
function pooledScores(evaluations: readonly ClassEvaluation[]): ClassEvaluation['scores'] {
  const scores = evaluations.flatMap(e => (e.scores === null ? [] : [e.scores]));
  const bins = scores[0]?.positive.length ?? 0;
  const isWhole =
    scores.length === evaluations.length && scores.every(s => s.positive.length === bins && s.negative.length === bins);
  if (!isWhole || bins === 0) return null;
  const add = (kind: 'positive' | 'negative'): number[] =>
    Array.from({ length: bins }, (_, bin) => summed(scores, s => s[kind][bin]));
  return { negative: add('negative'), positive: add('positive') };
}

function pooledNumbers(evaluations: readonly NumberEvaluation[]): NumberEvaluation {
  return {
    kind: 'numbers',
    examples: summed(evaluations, e => e.examples),
    loss: summed(evaluations, e => e.loss),
    absoluteError: summed(evaluations, e => e.absoluteError),
    squaredError: summed(evaluations, e => e.squaredError),
    total: summed(evaluations, e => e.total),
    totalSquares: summed(evaluations, e => e.totalSquares),
    covered: evaluations.every(e => e.covered !== null) ? summed(evaluations, e => e.covered ?? 0) : null,
  };
}

function summed<T>(items: readonly T[], pick: (item: T) => number): number {
  return items.reduce((sum, item) => sum + pick(item), 0);
}
