/**
 * Figures that clients tell beside an update (training loss, quality of the model) as 32-bit words, so that the words of a group, added
 * up modulo 2^32, give the figures of all and nobody's own.
 *
 * Not protected: what the sums themselves tell (those of a group in which one site alone has test rows are that site's); how often adding
 * carried from one limb to the next (limbs.ts); and lies: a client may claim any figures within the range, and the sums do not show who.
 */
import { dataShape } from '../data/data-shape.ts';
import type { ClassEvaluation, Evaluation, NumberEvaluation } from '../learning/trainer.ts';
import { Problem } from '../protocol/problem.ts';
import { lossOf, type Task } from '../protocol/task.ts';
import { countWords, LimbReader, LimbWriter, mostContributors, realWords } from './limbs.ts';

/** Which figures stand where: public, the same for all clients of a round. */
export interface FiguresLayout {
  /** Words of 32 bits in all; 0 where nothing is asked. */
  readonly words: number;
  readonly loss: boolean;
  /** Null where it is not asked. */
  readonly evaluation: EvaluationForm | null;
  readonly alone: EvaluationForm | null;
}

/** What an evaluation of a task consists of. */
export type EvaluationForm =
  /** @param bins of the two histograms of scores; null: there are none. */
  | { readonly kind: 'classes'; readonly classes: number; readonly bins: number | null }
  /** @param interval whether labels between the lowest and the highest quantile are counted. */
  | { readonly kind: 'numbers'; readonly interval: boolean };

/** What a round asks for. */
export interface FiguresAsked {
  readonly loss: boolean;
  /** Quality of the model of the round. */
  readonly evaluation: boolean;
  /** Quality of what a site reaches by itself. */
  readonly alone: boolean;
}

/** What one client has to tell. */
export interface Figures {
  /** What the task weighs its loss with: a whole number. */
  readonly weight: number;
  readonly loss: number | null;
  /** Null for a site without test rows. */
  readonly evaluation: Evaluation | null;
  readonly alone: Evaluation | null;
}

/** What all contributors together tell. */
export interface SummedFigures {
  /** Σ weight·loss / Σ weight; null where it was not asked. */
  readonly loss: number | null;
  /** One evaluation with the sums of all sites; null where none was asked or no site had test rows. Its `auc` is for `pooledEvaluation`. */
  readonly evaluation: Evaluation | null;
  readonly alone: Evaluation | null;
  /** Sites that told an evaluation. */
  readonly evaluated: number;
}

/** Of an evaluation of numbers, in this order. */
const numberSums = ['loss', 'absoluteError', 'squaredError', 'total', 'totalSquares'] as const;

/** The layout of a task's figures. Under privacy nothing is asked here: figures leave with noise, or not at all. */
export function figuresLayout(task: Task, asks: FiguresAsked): FiguresLayout {
  const form = evaluationForm(task);
  const evaluation = asks.evaluation ? form : null;
  const alone = asks.alone ? form : null;
  const lossWords = asks.loss ? realWords + countWords : 0;
  return {
    words: lossWords + evaluationWords(evaluation) + evaluationWords(alone),
    loss: asks.loss,
    evaluation,
    alone,
  };
}

/**
 * The words of one client: zeros where it has nothing to tell; what is not asked is left out. Throws Problem `malformed` for figures that
 * do not have the form of the task or leave the range of limbs.ts, and where the loss is asked and there is none.
 */
export function encodeFigures(figures: Figures, layout: FiguresLayout): Int32Array<ArrayBuffer> {
  const writer = new LimbWriter(layout.words);
  if (layout.loss) {
    if (figures.loss === null) throw new Problem('malformed', 'the loss is missing');
    writer.count(figures.weight);
    writer.real(figures.weight * figures.loss);
  }
  for (const name of ['evaluation', 'alone'] as const) writeEvaluation(figures[name], layout[name], writer);
  return writer.words;
}

/**
 * The figures behind the sum of so many clients' words, modulo 2^32: counts exact, reals the nearest float64 to the sum of what each client
 * rounded to a multiple of 2^-64. Whether an evaluation contradicts itself is not looked at: what holds for those of all sites holds for
 * their sum.
 *
 * Throws RangeError for another number of words, and for contributors that are not 1 to 4096; Problem `malformed` for a sum that no honest
 * clients have.
 */
export function decodeFigures(sum: Int32Array, layout: FiguresLayout, contributors: number): SummedFigures {
  if (sum.length !== layout.words) throw new RangeError(`figures: expected ${layout.words} words, got ${sum.length}`);
  if (!Number.isInteger(contributors) || contributors < 1 || contributors > mostContributors)
    throw new RangeError(`figures: ${contributors} contributors, expected 1 to ${mostContributors}`);
  const reader = new LimbReader(sum, contributors);
  const loss = layout.loss ? readLoss(reader) : null;
  const { evaluation, sites } = readEvaluation(layout.evaluation, reader, contributors);
  const alone = readEvaluation(layout.alone, reader, contributors);
  return { loss, evaluation, alone: alone.evaluation, evaluated: sites };
}

function evaluationForm(task: Task): EvaluationForm {
  const { output } = dataShape(task.data);
  if (output.kind === 'classes')
    return { kind: 'classes', classes: output.classes, bins: task.evaluation.pooledAucBins };
  const loss = lossOf(task);
  return { kind: 'numbers', interval: loss.name === 'quantile' && loss.levels.length > 1 };
}

/** Words of an evaluation and of the number of sites that told one. */
function evaluationWords(form: EvaluationForm | null): number {
  if (form === null) return 0;
  const [counts, reals] =
    form.kind === 'classes' ? [3 + form.classes + 2 * (form.bins ?? 0), 1] : [form.interval ? 3 : 2, numberSums.length];
  return countWords * counts + realWords * reals;
}

function writeEvaluation(evaluation: Evaluation | null, form: EvaluationForm | null, writer: LimbWriter): void {
  if (form === null) return;
  if (evaluation === null) return writer.skip(evaluationWords(form));
  writer.count(1);
  writer.count(evaluation.examples);
  if (evaluation.kind === 'classes' && form.kind === 'classes') writeClasses(evaluation, form, writer);
  else if (evaluation.kind === 'numbers' && form.kind === 'numbers') writeNumbers(evaluation, form, writer);
  else throw unlikeTask();
}

function writeClasses(
  evaluation: ClassEvaluation,
  form: EvaluationForm & { kind: 'classes' },
  writer: LimbWriter,
): void {
  const { correct, logLoss, classCounts, scores } = evaluation;
  const histograms = scores === null ? [] : [scores.negative, scores.positive];
  const isOfTask =
    classCounts.length === form.classes &&
    (form.bins === null ? scores === null : scores !== null && histograms.every(({ length }) => length === form.bins));
  if (!isOfTask) throw unlikeTask();
  writer.count(correct);
  writer.real(logLoss);
  for (const counts of [classCounts, ...histograms]) for (const count of counts) writer.count(count);
}

function writeNumbers(
  evaluation: NumberEvaluation,
  form: EvaluationForm & { kind: 'numbers' },
  writer: LimbWriter,
): void {
  if ((evaluation.covered !== null) !== form.interval) throw unlikeTask();
  for (const name of numberSums) writer.real(evaluation[name]);
  if (evaluation.covered !== null) writer.count(evaluation.covered);
}

function readLoss(reader: LimbReader): number {
  const weight = reader.count();
  if (weight === 0) throw new Problem('malformed', 'no client has a weight');
  return reader.real() / weight;
}

function readEvaluation(
  form: EvaluationForm | null,
  reader: LimbReader,
  contributors: number,
): { readonly evaluation: Evaluation | null; readonly sites: number } {
  if (form === null) return { evaluation: null, sites: 0 };
  const sites = reader.count();
  if (sites > contributors) throw new Problem('malformed', 'more evaluations than clients');
  const examples = reader.count();
  const evaluation =
    form.kind === 'classes' ? readClasses(examples, form, reader) : readNumbers(examples, form, reader);
  return { evaluation: sites === 0 ? null : evaluation, sites };
}

function readClasses(
  examples: number,
  form: EvaluationForm & { kind: 'classes' },
  reader: LimbReader,
): ClassEvaluation {
  const counts = (length: number) => Array.from({ length }, () => reader.count());
  const correct = reader.count();
  const logLoss = notNegative(reader.real());
  const classCounts = counts(form.classes);
  const scores = form.bins === null ? null : { negative: counts(form.bins), positive: counts(form.bins) };
  return { kind: 'classes', examples, correct, logLoss, classCounts, auc: null, scores };
}

function readNumbers(
  examples: number,
  form: EvaluationForm & { kind: 'numbers' },
  reader: LimbReader,
): NumberEvaluation {
  return {
    kind: 'numbers',
    examples,
    loss: notNegative(reader.real()),
    absoluteError: notNegative(reader.real()),
    squaredError: notNegative(reader.real()),
    total: reader.real(),
    totalSquares: notNegative(reader.real()),
    covered: form.interval ? reader.count() : null,
  };
}

function notNegative(sum: number): number {
  if (sum < 0) throw new Problem('malformed', 'a sum of what is never negative is');
  return sum;
}

function unlikeTask(): Problem {
  return new Problem('malformed', 'the evaluation does not have the form of the task');
}
