import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  accuracy,
  areaUnderCurve,
  aucFromHistograms,
  majorityAccuracy,
  scoreHistogram,
} from '../../../src/core/learning/metrics.ts';

const examples = fc.array(fc.record({ score: fc.integer({ min: 0, max: 12 }), label: fc.integer({ min: 0, max: 1 }) }));

/** The definition: the share of pairs in which the positive scores higher, ties one half. */
function byPairs(scores: number[], labels: number[]): number | null {
  let halves = 0;
  let pairs = 0;
  scores.forEach((positive, i) => {
    scores.forEach((negative, j) => {
      if (labels[i] !== 1 || labels[j] !== 0) return;
      pairs++;
      halves += positive > negative ? 2 : positive === negative ? 1 : 0;
    });
  });
  return pairs === 0 ? null : halves / (2 * pairs);
}

test('the area under the curve is the share of pairs in the right order, ties one half', () => {
  fc.assert(
    fc.property(examples, rows => {
      const scores = rows.map(row => row.score);
      const labels = rows.map(row => row.label);
      assert.equal(areaUnderCurve(scores, labels), byPairs(scores, labels));
    }),
  );
});

test('the area from histograms is exact when scores in one bin are equal', () => {
  fc.assert(
    fc.property(examples, rows => {
      const scoresOf = (label: number) => rows.filter(row => row.label === label).map(row => row.score / 12);
      const expected = areaUnderCurve(
        rows.map(row => row.score / 12),
        rows.map(row => row.label),
      );
      assert.equal(aucFromHistograms(scoreHistogram(scoresOf(0), 13), scoreHistogram(scoresOf(1), 13)), expected);
    }),
  );
});

test('known areas come out', () => {
  assert.equal(areaUnderCurve([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]), 0.75);
  assert.equal(areaUnderCurve([1, 2, 3], [0, 0, 1]), 1);
  assert.equal(areaUnderCurve([3, 2, 1], [0, 0, 1]), 0);
  assert.equal(areaUnderCurve([1, 1, 1], [0, 1, 1]), 0.5);
  assert.equal(areaUnderCurve([1, 2], [1, 1]), null);
  assert.equal(aucFromHistograms([0, 0], [1, 2]), null);
  assert.throws(() => aucFromHistograms([1], [1, 2]), RangeError);
});

test('histograms count every score once, the score 1 in the last bin', () => {
  assert.deepEqual(scoreHistogram([0, 0.24, 0.25, 0.5, 0.99, 1], 4), [2, 1, 1, 2]);
});

test('the majority line is the share of the most frequent class', () => {
  assert.equal(majorityAccuracy([30, 50, 20]), 0.5);
  assert.equal(majorityAccuracy([0, 7]), 1);
  assert.equal(accuracy(3, 4), 0.75);
  assert.ok(Number.isNaN(majorityAccuracy([0, 0])));
});
