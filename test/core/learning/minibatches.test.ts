import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { minibatches, stepCount } from '../../../src/core/learning/minibatches.ts';
import { RandomStream } from '../../../src/core/math/random.ts';

const stream = (value: number) => new RandomStream(new Uint8Array(32).fill(value));
const size = fc.integer({ min: 1, max: 40 });

test('an epoch takes every row once, in batches of the size asked, only the last one smaller', () => {
  fc.assert(
    fc.property(size, size, fc.nat(255), (rows, batchSize, seed) => {
      const batches = minibatches(rows, batchSize, stream(seed));
      for (let epoch = 0; epoch < 3; epoch++) {
        const seen: number[] = [];
        while (seen.length < rows) {
          const batch = batches.next().value;
          assert.equal(batch.length, Math.min(batchSize, rows - seen.length));
          seen.push(...batch);
        }
        assert.deepEqual(
          seen.sort((a, b) => a - b),
          Array.from({ length: rows }, (_, i) => i),
        );
      }
    }),
  );
});

test('every epoch has an order of its own, fixed by the seed', () => {
  const epochs = (seed: number) => {
    const batches = minibatches(50, 50, stream(seed));
    return [[...batches.next().value], [...batches.next().value]];
  };
  assert.deepEqual(epochs(1), epochs(1));
  assert.notDeepEqual(epochs(1)[0], epochs(1)[1]);
  assert.notDeepEqual(epochs(1)[0], epochs(2)[0]);
  assert.throws(() => minibatches(0, 4, stream(1)).next(), RangeError);
});

test('steps are counted, or follow from epochs', () => {
  const training = { batchSize: 4 } as Parameters<typeof stepCount>[0];
  assert.equal(stepCount({ ...training, amount: { unit: 'epochs', count: 3 } }, 9), 9);
  assert.equal(stepCount({ ...training, amount: { unit: 'steps', count: 7 } }, 9), 7);
});
