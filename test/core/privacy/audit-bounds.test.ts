import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binomialAtLeast } from '../../../src/core/math/binomial.ts';
import { normalQuantile } from '../../../src/core/math/normal-quantile.ts';
import { clopperPearson } from '../../../src/core/privacy/binomial-interval.ts';
import { gaussianEpsilon } from '../../../src/core/privacy/gaussian.ts';
import { oneRunEpsilon, oneRunPValue } from '../../../src/core/privacy/one-run-audit.ts';
import { shuffleAmplificationBound } from '../../../src/core/privacy/shuffle.ts';
import {
  leftInverse,
  perQueryError,
  sqrtToeplitzCoefs,
  sqrtToeplitzMaxLoss,
  sqrtToeplitzMeanLoss,
  toeplitzMinSepSensitivitySquared,
} from '../../../src/core/privacy/toeplitz.ts';
import { treeAggregationEpsilon, treeAggregationRdp } from '../../../src/core/privacy/tree-aggregation.ts';

test('a confidence bound is where the tail has the probability asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
      const k = Math.round(share * n);
      const { lower, upper } = clopperPearson(k, n, 0.01);
      assert.ok(lower <= k / n && k / n <= upper);
      if (k > 0) assert.ok(Math.abs(binomialAtLeast(k, n, lower) - 0.01) < 1e-9);
      else assert.equal(lower, 0);
      if (k < n) assert.ok(Math.abs(1 - binomialAtLeast(k + 1, n, upper) - 0.01) < 1e-9);
      else assert.equal(upper, 1);
    }),
  );
  assert.throws(() => clopperPearson(3, 2, 0.05), RangeError);
});

/** The same as code of the paper's appendix spells it out, with every tail summed on its own. */
function spelledOut(m: number, guesses: number, correct: number, epsilon: number, delta: number): number {
  const right = 1 / (1 + Math.exp(-epsilon));
  const beta = binomialAtLeast(correct, guesses, right);
  let alpha = 0;
  for (let i = 1; i <= correct; i++) alpha = Math.max(alpha, (binomialAtLeast(correct - i, guesses, right) - beta) / i);
  return Math.min(1, beta + alpha * delta * 2 * m);
}

test('the p-value of one run is that of the paper, falls with right guesses and rises with ε and δ', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.nat({ max: 200 }),
      fc.double({ min: 0, max: 4, noNaN: true }),
      (guesses, right, epsilon) => {
        const correct = Math.min(guesses, right);
        const p = oneRunPValue(500, guesses, correct, epsilon, 1e-4);
        assert.ok(Math.abs(p - spelledOut(500, guesses, correct, epsilon, 1e-4)) < 1e-9);
        assert.ok(oneRunPValue(500, guesses, correct, epsilon + 0.1, 1e-4) >= p - 1e-12);
        assert.ok(oneRunPValue(500, guesses, correct, epsilon, 1e-3) >= p - 1e-12);
      },
    ),
  );
  assert.throws(() => oneRunPValue(10, 5, 6, 1, 0), RangeError);
});

test('one run refutes less than is true of a Gaussian, more with f-DP, and nothing without a signal', () => {
  const scores = (shift: number): Float64Array =>
    Float64Array.from({ length: 1000 }, (_, i) => normalQuantile((i + 0.5) / 1000) + shift);
  const at = (shift: number, method: 'steinke' | 'fdp'): number =>
    oneRunEpsilon(scores(shift), scores(0), { significance: 0.05, delta: 1e-5, method });
  assert.equal(at(0, 'steinke'), 0);
  assert.equal(at(0, 'fdp'), 0);
  const truth = gaussianEpsilon(0.5, 1e-5);
  assert.ok(at(2, 'steinke') > 1 && at(2, 'steinke') < at(2, 'fdp') && at(2, 'fdp') < truth);
  assert.throws(
    () => oneRunEpsilon(scores(0), new Float64Array(), { significance: 0.05, delta: 1e-5, method: 'fdp' }),
    RangeError,
  );
});

test('a shuffler amplifies within its condition only', () => {
  assert.ok(shuffleAmplificationBound(1, 1e6, 1e-6) < 0.05);
  assert.ok(shuffleAmplificationBound(1, 1e5, 1e-6) > shuffleAmplificationBound(1, 1e6, 1e-6));
  assert.throws(() => shuffleAmplificationBound(8, 1000, 1e-6), RangeError);
});

test('a tree costs as many Gaussians as it is high', () => {
  // 1600 steps: 11 levels. Published by google/differential-privacy: at most 2.04 at z = 8.83, δ = 1e-6.
  assert.ok(Math.abs(treeAggregationRdp(8.83, 1600, 2) - 11 / 8.83 ** 2) < 1e-15);
  assert.ok(treeAggregationEpsilon(8.83, 1600, 1e-6).epsilon <= 2.04);
  assert.equal(treeAggregationRdp(1, 0, 2), 0);
  assert.equal(treeAggregationRdp(0, 1, 2), Number.POSITIVE_INFINITY);
});

test('the square root of prefix sums squares to them, and its losses are those of its rows', () => {
  const n = 12;
  const coefs = sqrtToeplitzCoefs(n);
  const matrix = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (j <= i ? coefs[i - j] : 0)));
  const prefix = matrix.map((_, i) => matrix.map((_, j) => (j <= i ? 1 : 0)));
  const errors = perQueryError(prefix, leftInverse(matrix));
  const sensitivity = coefs.reduce((sum, c) => sum + c * c, 0);
  assert.ok(Math.abs(Math.max(...errors) * sensitivity - sqrtToeplitzMaxLoss(n)) < 1e-10);
  assert.ok(Math.abs((errors.reduce((a, b) => a + b, 0) / n) * sensitivity - sqrtToeplitzMeanLoss(n)) < 1e-10);
});

test('what undoes a matrix from the left is its inverse or pseudo-inverse, and there is none of columns that depend on each other', () => {
  const round = (matrix: number[][]) => matrix.map(row => row.map(x => Math.round(x * 1e12) / 1e12 || 0));
  assert.deepEqual(
    round(
      leftInverse([
        [0, 2],
        [1, 1],
      ]),
    ),
    [
      [-0.5, 1],
      [0.5, 0],
    ],
  );
  const third = 0.333333333333;
  assert.deepEqual(
    round(
      leftInverse([
        [1, 0],
        [0, 1],
        [1, 1],
      ]),
    ),
    [
      [0.666666666667, -third, third],
      [-third, 0.666666666667, third],
    ],
  );
  for (const matrix of [
    [[0]],
    [[1, 2]],
    [
      [1, 2],
      [2, 4],
    ],
    [[Number.NaN]],
    [],
    [[1], [1, 2]],
  ])
    assert.throws(() => leftInverse(matrix), RangeError);
});

test('the sensitivity for several participations is the worst of all allowed ones', () => {
  const [n, apart, most] = [9, 3, 3];
  const coefs = sqrtToeplitzCoefs(n);
  let worst = 0;
  for (let pattern = 0; pattern < 2 ** n; pattern++) {
    const steps = Array.from({ length: n }, (_, i) => i).filter(i => (pattern >> i) % 2 === 1);
    if (steps.length > most || steps.some((step, i) => i > 0 && step - steps[i - 1] < apart)) continue;
    const sum = Array.from({ length: n }, (_, row) =>
      steps.reduce((x, step) => x + (row >= step ? coefs[row - step] : 0), 0),
    );
    worst = Math.max(
      worst,
      sum.reduce((x, value) => x + value * value, 0),
    );
  }
  assert.ok(Math.abs(toeplitzMinSepSensitivitySquared(coefs, n, apart, most) - worst) < 1e-12);
  assert.throws(() => toeplitzMinSepSensitivitySquared([1, 2], 4, 2), RangeError);
});
