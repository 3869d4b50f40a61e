import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkEvaluation } from '../../src/coordinator/evaluation.ts';
import { evaluateOutputs } from '../../src/core/learning/evaluate.ts';
import type { LossSettings } from '../../src/core/learning/loss-settings.ts';
import type { ClassEvaluation, Evaluation, NumberEvaluation } from '../../src/core/learning/trainer.ts';
import { encodePayload, maxEnvelopeBytes, parseEvaluationReport } from '../../src/core/protocol/message.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import { smallTask } from '../simulation/federation.ts';

const binaryTask = smallTask({ seed: 1, clients: 1, faults: [], evaluation: { pooledAucBins: 3 } });

function numberTask(loss: LossSettings): Task {
  const { data, training, ...rest } = binaryTask;
  return parseTask({
    ...rest,
    data: { ...data, target: { type: 'number' } },
    training: { ...training, loss },
    evaluation: {},
  });
}

const plain = numberTask({ name: 'mse' });
const ranged = numberTask({ name: 'quantile', levels: [0.1, 0.9] });

const ofClasses: ClassEvaluation = {
  kind: 'classes',
  examples: 5,
  correct: 3,
  logLoss: 1,
  classCounts: [2, 3],
  auc: 0.5,
  scores: { negative: [1, 1, 0], positive: [0, 1, 2] },
};
const ofNumbers: NumberEvaluation = {
  kind: 'numbers',
  examples: 4,
  loss: 1,
  absoluteError: 2,
  squaredError: 1,
  total: -4,
  totalSquares: 4,
  covered: null,
};

/** Through the wire and the check, as the coordinator does it. */
function take(evaluation: object | null, task: Task): void {
  const payload = { model: new Uint8Array(32), evaluation, alone: null };
  checkEvaluation(parseEvaluationReport(encodePayload(payload as never)).evaluation, task);
}

const isMalformed = (error: unknown): boolean => error instanceof Problem && error.code === 'malformed';

test('what fits the task is taken', () => {
  take(ofClasses, binaryTask);
  take({ ...ofClasses, auc: null, scores: null }, binaryTask);
  take(ofNumbers, plain);
  take({ ...ofNumbers, covered: 4 }, ranged);
  take(null, plain);
});

test('an evaluation of the other kind is refused', () => {
  assert.throws(() => take(ofClasses, plain), isMalformed);
  assert.throws(() => take(ofNumbers, binaryTask), isMalformed);
});

test('numbers that no data could give are refused', () => {
  for (const [change, task] of [
    [{ examples: 0 }, plain],
    [{ examples: 1.5 }, plain],
    [{ loss: -1 }, plain],
    [{ squaredError: -1 }, plain],
    [{ absoluteError: 2.01 }, plain],
    [{ squaredError: 0.99 }, plain],
    [{ total: -4.01 }, plain],
    [{ totalSquares: 3.99 }, plain],
    [{ totalSquares: 1e101 }, plain],
    [{ covered: 4 }, plain],
    [{ covered: null }, ranged],
    [{ covered: 5 }, ranged],
    [{ note: 'x' }, plain],
  ] as const) {
    const evaluation = { ...ofNumbers, covered: task === ranged ? 4 : null, ...change };
    assert.throws(() => take(evaluation, task), isMalformed, JSON.stringify(change));
  }
});

test('counts of classes that contradict each other are refused', () => {
  for (const change of [
    { correct: 6 },
    { logLoss: -1 },
    { classCounts: [2, 2] },
    { classCounts: [2, 2, 1] },
    { auc: 1.5 },
    { scores: { negative: [1, 1], positive: [1, 2] } },
    { scores: { negative: [1, 0, 0], positive: [0, 2, 2] } },
    { kind: 'else' },
  ]) {
    assert.throws(() => take({ ...ofClasses, ...change }, binaryTask), isMalformed, JSON.stringify(change));
  }
});

test('what an honest client measures is taken, whatever its rows', () => {
  const number = fc.float({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(number, number, number), { minLength: 1, maxLength: 40 }), rows => {
      const labels = Float32Array.from(rows, ([label]) => label);
      const shape = { kind: 'numbers', count: 1 } as const;
      const one = Float32Array.from(rows, ([, forecast]) => forecast);
      take(evaluateOutputs(one, labels, shape, { name: 'mse' }, null), plain);
      const two = Float32Array.from(rows.flatMap(([, low, high]) => [low, high]));
      take(evaluateOutputs(two, labels, shape, { name: 'quantile', levels: [0.1, 0.9] }, null), ranged);
    }),
    { seed: 9, numRuns: 300 },
  );
});

test('the largest reports fit an envelope: every class counted, or two histograms of each of two models', () => {
  const most = 2 ** 40;
  const report = (evaluation: Evaluation) =>
    encodePayload({ model: new Uint8Array(32), evaluation, alone: evaluation } as never).length;
  const characters = 4097;
  const classCounts = new Array<number>(characters).fill(2 ** 33);
  assert.ok(
    report({ ...ofClasses, examples: characters * most, classCounts, auc: null, scores: null }) < maxEnvelopeBytes / 10,
  );
  // Counts of a message add up to 10^12 at most: all of them take 5 bytes or less, but for a few.
  const bins = new Array<number>(65_536).fill(15_000_000);
  const scores = { negative: bins, positive: bins };
  assert.ok(report({ ...ofClasses, examples: most, classCounts: [most, most], scores }) < maxEnvelopeBytes);
});
