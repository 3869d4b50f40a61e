import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { MersenneTwister } from '../../../src/core/data/mersenne-twister.ts';
import { shuffledSplit, stratifiedSplit } from '../../../src/core/data/stratified-split.ts';

// Expected values: numpy 2.4.6 and scikit-learn 1.9.1.

test('the generator gives the numbers of numpy.random.RandomState', () => {
  const random = new MersenneTwister(5489);
  const drawn = Array.from({ length: 10_000 }, () => random.next());
  assert.deepEqual([drawn[0], drawn[1], drawn[2], drawn[9999]], [3499211612, 581869302, 3890346734, 4123659995]);
});

test('a permutation is that of numpy.random.RandomState', () => {
  const items = Array.from({ length: 20 }, (_, i) => i);
  assert.deepEqual(
    new MersenneTwister(43).permutation(items),
    [9, 6, 19, 14, 5, 8, 12, 10, 15, 18, 7, 2, 13, 11, 1, 3, 16, 17, 0, 4],
  );
});

test('seeds beyond 32 bits are refused', () => {
  for (const seed of [-1, 2 ** 32, 0.5, Number.NaN]) assert.throws(() => new MersenneTwister(seed), RangeError);
});

test('splits are those of train_test_split, in order', () => {
  assert.deepEqual(stratifiedSplit([0, 0, 0, 1, 1, 1, 2, 2, 2, 2], 0.5, 1), {
    train: [3, 9, 8, 1, 2],
    test: [7, 6, 0, 4, 5],
  });
  assert.deepEqual(stratifiedSplit([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1], 0.66, 43), {
    train: [5, 10, 4, 1, 9, 6, 11],
    test: [8, 0, 7, 2, 3],
  });
  const { train, test } = stratifiedSplit(
    Array.from({ length: 1000 }, (_, i) => i % 10),
    0.777,
    4294967295,
  );
  const digest = (rows: readonly number[]): string => createHash('sha256').update(rows.join(',')).digest('hex');
  assert.equal(digest(train), '75cde0fe3cd05c6d3018a0b8936156f6a215a6fc0cf0b1250e09eb362be03437');
  assert.equal(digest(test), 'b3f333782917c9b3a07f3deb71ff569dc9d44f6039cf32ffe1fe74c84df8279b');
});

test('a class with one row makes it train_test_split without stratify', () => {
  assert.deepEqual(stratifiedSplit([0, 0, 0, 0, 1], 0.6, 7), { train: [2, 1, 4], test: [0, 3] });
});

test('a shuffled split is train_test_split without stratify, whatever the labels', () => {
  assert.deepEqual(shuffledSplit(5, 0.6, 7), { train: [2, 1, 4], test: [0, 3] });
});

test('a split that leaves one side empty is refused', () => {
  assert.throws(() => shuffledSplit(3, 0.2, 1), RangeError);
  assert.throws(() => stratifiedSplit([0], 0.5, 1), RangeError);
  assert.throws(() => stratifiedSplit([0, 1, 0], 0.2, 1), RangeError);
});

test('every row is on one side, the sizes are as asked, and classes keep their share within one row', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(3), { minLength: 2, maxLength: 200 }),
      fc.double({ min: 0.05, max: 0.95, noNaN: true }),
      fc.nat(0xffffffff),
      (labels, fraction, seed) => {
        const trainCount = Math.floor(fraction * labels.length);
        fc.pre(trainCount > 0);
        const { train, test } = stratifiedSplit(labels, fraction, seed);
        assert.equal(train.length, trainCount);
        assert.deepEqual(
          [...train, ...test].sort((a, b) => a - b),
          labels.map((_, i) => i),
        );
        const counts = [0, 1, 2, 3].map(c => labels.filter(label => label === c).length);
        const present = counts.filter(n => n > 0);
        if (Math.min(...present) < 2 || Math.min(train.length, test.length) < present.length) return;
        counts.forEach((n, c) => {
          const share = (n / labels.length) * trainCount;
          const got = train.filter(row => labels[row] === c).length;
          assert.ok(Math.abs(got - share) < 1 + 1e-9, `class ${c}: ${got} of ${share}`);
        });
      },
    ),
  );
});
