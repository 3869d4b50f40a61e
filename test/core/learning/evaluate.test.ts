import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluateOutputs } from '../../../src/core/learning/evaluate.ts';
import type { LossSettings } from '../../../src/core/learning/loss-settings.ts';
import type { OutputShape } from '../../../src/core/learning/shape.ts';
import type { NumberEvaluation } from '../../../src/core/learning/trainer.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { ofClasses } from './of-classes.ts';

const classes = (count: number, steps = 1): OutputShape => ({ kind: 'classes', classes: count, steps });
const numbers = (count = 1): OutputShape => ({ kind: 'numbers', count });
const binary: LossSettings = { name: 'binary' };
const crossEntropy: LossSettings = { name: 'cross-entropy' };
const quantiles = (...levels: number[]): LossSettings => ({ name: 'quantile', levels });

function ofNumbers(outputs: number[], labels: number[], loss: LossSettings, count = 1): NumberEvaluation {
  const evaluation = evaluateOutputs(Float32Array.from(outputs), Float32Array.from(labels), numbers(count), loss, null);
  assert.ok(evaluation.kind === 'numbers');
  return evaluation;
}

const near = (found: number, expected: number): void =>
  assert.ok(Math.abs(found - expected) <= 1e-12 * Math.max(1, Math.abs(expected)), `${found}, expected ${expected}`);

test('with steps every step of a row is a prediction', () => {
  // Two rows of two steps over three characters; one of the four is wrong.
  const outputs = Float32Array.of(9, 0, 0, 0, 9, 0, 0, 0, 9, 9, 0, 0);
  const evaluation = ofClasses(
    evaluateOutputs(outputs, Float32Array.of(0, 1, 2, 1), classes(3, 2), crossEntropy, null),
  );
  assert.deepEqual([evaluation.examples, evaluation.correct], [4, 3]);
  assert.deepEqual(evaluation.classCounts, [1, 2, 1]);
  assert.deepEqual([evaluation.auc, evaluation.scores], [null, null]);
  const right = Math.log(1 + 2 * Math.exp(-9));
  near(evaluation.logLoss, 3 * right + 9 + right);
});

test('one logit and two logits with its difference are the same classifier', () => {
  const row = fc.record({
    z: fc.integer({ min: -40, max: 40 }),
    offset: fc.integer({ min: -9, max: 9 }),
    label: fc.nat(1),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 30 }), rows => {
      const labels = Float32Array.from(rows, r => r.label);
      const one = Float32Array.from(rows, r => r.z);
      const two = Float32Array.from(rows.flatMap(r => [r.offset, r.offset + r.z]));
      const a = ofClasses(evaluateOutputs(one, labels, classes(2), binary, 8));
      const b = ofClasses(evaluateOutputs(two, labels, classes(2), crossEntropy, 8));
      near(a.logLoss, b.logLoss);
      assert.deepEqual({ ...a, logLoss: 0 }, { ...b, logLoss: 0 });
    }),
    { seed: 3 },
  );
});

test('of equal logits the first class is the answer', () => {
  const outputs = Float32Array.of(1, 1, 1, 0, 2, 2);
  const evaluation = ofClasses(evaluateOutputs(outputs, Float32Array.of(0, 2), classes(3), crossEntropy, null));
  assert.equal(evaluation.correct, 1);
});

test('the sums of numbers are those of their definitions', () => {
  const evaluation = ofNumbers([1, 2, -3, 0.5], [0, 4, -3, 1], { name: 'mse' });
  assert.deepEqual(evaluation, {
    kind: 'numbers',
    examples: 4,
    loss: 5.25,
    absoluteError: 3.5,
    squaredError: 5.25,
    total: 2,
    totalSquares: 26,
    covered: null,
  });
});

test('the loss is the one of the task, for each number: Huber, and the mean over quantiles', () => {
  // d = 0.5 and −3: ½·0.25 + 1·(3 − ½).
  near(ofNumbers([1, 1], [0.5, 4], { name: 'huber', delta: 1 }).loss, 0.125 + 2.5);
  // y − z = 2, 1, −1 under the levels 0.1, 0.5, 0.9.
  near(ofNumbers([1, 2, 4], [3], quantiles(0.1, 0.5, 0.9)).loss, (0.2 + 0.5 + 0.1) / 3);
  assert.equal(ofNumbers([1, 2, 4, 5], [3, 3, 3, 3], { name: 'mse' }, 2).examples, 4, 'two rows of two numbers');
});

test('the forecast is the level nearest to one half, the lower of two, and coverage counts what lies between the outermost', () => {
  const outputs = [1, 3, 5, 0, 10, 20];
  const wide = ofNumbers(outputs, [5, 21], quantiles(0.05, 0.4, 0.9));
  assert.deepEqual([wide.absoluteError, wide.covered], [2 + 11, 1], 'both bounds belong to the interval');
  const even = ofNumbers([1, 3, 5, 7], [0], quantiles(0.1, 0.25, 0.75, 0.9));
  assert.deepEqual([even.absoluteError, even.covered], [3, 0]);
  assert.equal(ofNumbers([1, 3], [0, 0], quantiles(0.7)).covered, null);
});

test('no rows are an evaluation of nothing', () => {
  assert.equal(ofNumbers([], [], { name: 'mse' }).examples, 0);
  assert.equal(evaluateOutputs(new Float32Array(), new Float32Array(), classes(4), crossEntropy, null).examples, 0);
});

test('outputs that are not finite are a problem of the model; a wrong number of them is an error of ours', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => ofNumbers([value], [1], { name: 'mse' }),
      (error: unknown) => error instanceof Problem && error.code === 'non-finite',
    );
  }
  assert.throws(() => ofNumbers([1, 2, 3], [1], quantiles(0.1, 0.9)), RangeError);
  assert.throws(
    () => evaluateOutputs(Float32Array.of(1), Float32Array.of(1), classes(3), crossEntropy, null),
    RangeError,
  );
});
