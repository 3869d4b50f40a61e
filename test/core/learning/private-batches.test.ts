import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawBatch } from '../../../src/core/learning/private-batches.ts';
import { seededBytes, wordsOf } from './private-example.ts';

test('the sizes of batches have the mean and variance of the binomial law, and the empty batch its probability', () => {
  const draws = 20_000;
  for (const [rows, probability] of [
    [40, 0.05],
    [25, 0.3],
    [10, 0.9],
  ]) {
    const randomBytes = seededBytes(rows);
    const sizes = Array.from({ length: draws }, () => drawBatch(rows, probability, randomBytes).length);
    const law = {
      mean: rows * probability,
      variance: rows * probability * (1 - probability),
      emptyProbability: (1 - probability) ** rows,
    };
    const mean = sizes.reduce((sum, size) => sum + size, 0) / draws;
    const variance = sizes.reduce((sum, size) => sum + (size - law.mean) ** 2, 0) / draws;
    const empty = sizes.filter(size => size === 0).length / draws;
    assert.ok(Math.abs(mean - law.mean) < 5 * Math.sqrt(law.variance / draws), `mean ${mean}`);
    // The fourth central moment of a binomial is 3v² + v(1 − 6q(1 − q)).
    const fourth = 3 * law.variance ** 2 + law.variance * (1 - 6 * probability * (1 - probability));
    assert.ok(
      Math.abs(variance - law.variance) < 5 * Math.sqrt((fourth - law.variance ** 2) / draws),
      `variance ${variance}`,
    );
    const { emptyProbability: p } = law;
    assert.ok(Math.abs(empty - p) < 5 * Math.sqrt((p * (1 - p)) / draws) + 1e-9, `empty ${empty}, expected ${p}`);
  }
});

test('every row is drawn as often as any other, and every pair as often as two independent rows', () => {
  const [rows, probability, draws] = [8, 0.3, 20_000];
  const randomBytes = seededBytes(1);
  const together = Array.from({ length: rows }, () => new Float64Array(rows));
  for (let draw = 0; draw < draws; draw++) {
    const batch = drawBatch(rows, probability, randomBytes);
    for (const a of batch) for (const b of batch) together[a][b]++;
  }
  together.forEach((counts, a) => {
    counts.forEach((count, b) => {
      const p = a === b ? probability : probability ** 2;
      const deviation = Math.sqrt(draws * p * (1 - p));
      assert.ok(Math.abs(count - draws * p) < 5 * deviation, `rows ${a} and ${b}: ${count}`);
    });
  });
});

test('a row is drawn exactly when a random fraction is below the probability, whatever the digit that decides', () => {
  const half = 2 ** 31;
  assert.deepEqual([...drawBatch(4, 0.5, wordsOf([half - 1, half, 0, 0xffffffff]))], [0, 2]);
  // 2^−32 + 2^−64: where the first word equals the first digit, the second decides. It is the first of the next that are drawn.
  const fine = 2 ** -32 + 2 ** -64;
  const tied = (...others: number[]) => drawBatch(1, fine, wordsOf([1, ...others])).length;
  assert.deepEqual([...drawBatch(3, fine, wordsOf([0, 2, 0]))], [0, 2]);
  assert.deepEqual([tied(0), tied(1, 0), tied(2)], [1, 0, 0]);
  // The least number there is, 2^14 / 2^1088.
  const zeros = Array<number>(33).fill(0);
  const least = (...last: number[]) => drawBatch(1, 2 ** -1074, wordsOf([...zeros, ...last])).length;
  assert.deepEqual([least(2 ** 14 - 1), least(2 ** 14), least(2 ** 14 + 1)], [1, 0, 0]);
});

test('a probability of 1 takes every row without a word, one of 0 and an empty table take none', () => {
  const none = () => assert.fail('no words are needed');
  assert.deepEqual([...drawBatch(3, 1, none)], [0, 1, 2]);
  assert.deepEqual([...drawBatch(0, 1, none)], []);
  assert.deepEqual([...drawBatch(3, 0, seededBytes(1))], []);
  assert.deepEqual([...drawBatch(0, 0.5, seededBytes(1))], []);
  for (const q of [-0.1, 1.1, Number.NaN]) assert.throws(() => drawBatch(3, q, seededBytes(1)), RangeError);
  assert.throws(() => drawBatch(1.5, 0.5, seededBytes(1)), RangeError);
});
