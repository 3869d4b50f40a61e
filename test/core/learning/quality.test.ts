import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { evaluateOutputs } from '../../../src/core/learning/evaluate.ts';
import { judged, pooledEvaluation, quality } from '../../../src/core/learning/quality.ts';
import type { Evaluation } from '../../../src/core/learning/trainer.ts';

const value = fc.integer({ min: -20, max: 20 });
const rows = fc.array(fc.record({ label: value, forecast: value }), { minLength: 1, maxLength: 12 });
type Rows = readonly { readonly label: number; readonly forecast: number }[];

const evaluated = (of: Rows): Evaluation =>
  evaluateOutputs(
    Float32Array.from(of, r => r.forecast),
    Float32Array.from(of, r => r.label),
    { kind: 'numbers', count: 1 },
    { name: 'mse' },
    null,
  );
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
const near = (found: number, expected: number): void =>
  assert.ok(Math.abs(found - expected) < 1e-9 * Math.max(1, Math.abs(expected)), `${found}, expected ${expected}`);

test('of numbers, each site and all together are compared with the one answer that is best without a model', () => {
  fc.assert(
    fc.property(fc.array(rows, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (sites, unit) => {
      const all = pooledEvaluation(sites.map(evaluated));
      assert.ok(all !== null);
      const constant = mean(sites.flat().map(r => r.label));
      const whole: Rows = sites.flat();
      for (const [of, evaluation] of [...sites.map(s => [s, evaluated(s)] as const), [whole, all] as const]) {
        const found = judged(evaluation, all, unit);
        assert.ok(found.kind === 'numbers');
        assert.equal(found.examples, of.length);
        near(found.mae, unit * mean(of.map(r => Math.abs(r.forecast - r.label))));
        near(found.rmse, unit * Math.sqrt(mean(of.map(r => (r.forecast - r.label) ** 2))));
        near(found.loss, mean(of.map(r => (r.forecast - r.label) ** 2)));
        const unexplained = mean(of.map(r => (r.label - constant) ** 2));
        assert.ok(Math.abs(found.constantRmse - unit * Math.sqrt(unexplained)) < 1e-5 * unit);
        if (unexplained > 1e-6)
          near(found.r2 ?? Number.NaN, 1 - mean(of.map(r => (r.forecast - r.label) ** 2)) / unexplained);
      }
    }),
    { seed: 4 },
  );
});

test('a model that answers the mean explains nothing, a perfect one everything; where all labels are equal there is nothing to explain', () => {
  const r2 = (labels: number[], forecasts: number[]) => {
    const evaluation = evaluated(labels.map((label, i) => ({ label, forecast: forecasts[i] })));
    const found = judged(evaluation, evaluation, 1);
    return found.kind === 'numbers' ? found.r2 : Number.NaN;
  };
  assert.equal(r2([1, 3], [2, 2]), 0);
  assert.equal(r2([1, 3], [1, 3]), 1);
  assert.equal(r2([1, 3], [3, 1]), -3);
  assert.equal(r2([2, 2], [5, 2]), null);
});

test('whatever sums a client reports within the bounds of the message, the quality is finite', () => {
  const sum = fc.constantFrom(0, 1e-300, 1, 1e100);
  fc.assert(
    fc.property(
      fc.record({ loss: sum, absoluteError: sum, squaredError: sum, total: sum, totalSquares: sum }),
      sums => {
        const one: Evaluation = { kind: 'numbers', examples: 1, covered: null, ...sums };
        const all = pooledEvaluation([one, one]);
        assert.ok(all !== null);
        for (const [key, found] of Object.entries(judged(one, all, 1e300))) {
          assert.ok(typeof found !== 'number' || Number.isFinite(found), key);
        }
      },
    ),
  );
});

test('of classes, counts and losses add up, and the area over all needs the histograms of every site', () => {
  const site = (scores: boolean): Evaluation => ({
    kind: 'classes',
    examples: 4,
    correct: 3,
    logLoss: 2,
    classCounts: [1, 3],
    auc: 1,
    scores: scores ? { negative: [1, 0], positive: [1, 2] } : null,
  });
  const all = pooledEvaluation([site(true), site(true)]);
  assert.ok(all !== null);
  assert.deepEqual(judged(all, all, 1), {
    kind: 'classes',
    examples: 8,
    accuracy: 0.75,
    logLoss: 0.5,
    auc: 5 / 6,
    majority: 0.75,
  });
  const some = pooledEvaluation([site(true), site(false)]);
  assert.ok(some?.kind === 'classes');
  assert.deepEqual([some.auc, some.scores], [null, null]);
  assert.equal(pooledEvaluation([]), null);
});

test('coverage is a share, where there is an interval', () => {
  const one: Evaluation = {
    kind: 'numbers',
    examples: 8,
    loss: 1,
    absoluteError: 1,
    squaredError: 1,
    total: 0,
    totalSquares: 1,
    covered: 6,
  };
  const found = quality(one, 1);
  assert.ok(found.kind === 'numbers' && found.coverage === 0.75);
  const all = pooledEvaluation([one, { ...one, covered: null }]);
  assert.ok(all?.kind === 'numbers' && all.covered === null);
});
