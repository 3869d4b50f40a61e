import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  dirichletPartition,
  iidPartition,
  labelPartition,
  largestGroups,
  type Partition,
  rowsByKey,
} from '../../../src/core/data/partition.ts';
import { RandomStream } from '../../../src/core/math/random.ts';

const stream = (seed: number) => new RandomStream(new Uint8Array(32).fill(seed));

/** Six thousand rows of ten classes, in turn. */
const digits = Uint8Array.from({ length: 6000 }, (_, i) => i % 10);

function everyRowOnce(partition: Partition, rows: number): void {
  const all = partition.flatMap(client => [...client]).sort((a, b) => a - b);
  assert.deepEqual(
    all,
    Array.from({ length: rows }, (_, i) => i),
  );
  for (const client of partition) assert.ok(client.every((row, i) => i === 0 || client[i - 1] < row));
}

/** Mean over clients of the entropy of their labels, in nats, clients weighted by rows. */
function labelEntropy(partition: Partition, labels: ArrayLike<number>): number {
  let sum = 0;
  for (const rows of partition) {
    for (const [, own] of rowsByKey(Array.from(rows, row => labels[row]))) {
      sum -= own.length * Math.log(own.length / rows.length);
    }
  }
  return sum / labels.length;
}

const dealing = fc.record({
  labels: fc.array(fc.nat({ max: 7 }), { minLength: 40, maxLength: 300 }),
  clients: fc.integer({ min: 1, max: 20 }),
  seed: fc.integer({ min: 0, max: 255 }),
});

test('every partition deals each row exactly once, and the same seed deals the same', () => {
  fc.assert(
    fc.property(dealing, fc.double({ min: 0.001, max: 1000, noNaN: true }), ({ labels, clients, seed }, alpha) => {
      for (const partition of [
        (random: RandomStream) => iidPartition(labels.length, clients, random),
        (random: RandomStream) => dirichletPartition(labels, clients, alpha, 2, random),
        (random: RandomStream) => labelPartition(labels, clients, 2, random),
      ]) {
        const dealt = partition(stream(seed));
        assert.equal(dealt.length, clients);
        everyRowOnce(dealt, labels.length);
        assert.deepEqual(partition(stream(seed)), dealt);
      }
      everyRowOnce([...rowsByKey(labels).values()], labels.length);
    }),
  );
});

test('another seed deals otherwise', () => {
  assert.notDeepEqual(iidPartition(100, 5, stream(1)), iidPartition(100, 5, stream(2)));
  assert.notDeepEqual(labelPartition(digits, 5, 2, stream(1)), labelPartition(digits, 5, 2, stream(2)));
  assert.notDeepEqual(dirichletPartition(digits, 5, 1, 1, stream(1)), dirichletPartition(digits, 5, 1, 1, stream(2)));
});

test('IID shares differ by one row at most and hold the classes as the whole does', () => {
  const dealt = iidPartition(digits.length, 7, stream(4));
  assert.deepEqual([...new Set(dealt.map(rows => rows.length))].sort(), [857, 858]);
  for (const rows of dealt) {
    for (const [, own] of rowsByKey(Array.from(rows, row => digits[row]))) {
      // Five standard deviations of a hypergeometric draw of 857 out of 6,000.
      assert.ok(Math.abs(own.length - 85.7) < 5 * 8.2, `${own.length}`);
    }
  }
});

test('the entropy of the labels of a client falls with α', () => {
  const entropies = [1000, 10, 1, 0.1, 0.01].map(alpha =>
    labelEntropy(dirichletPartition(digits, 20, alpha, 1, stream(5)), digits),
  );
  for (let i = 1; i < entropies.length; i++) assert.ok(entropies[i] < entropies[i - 1], entropies.join(' '));
  assert.ok(Math.log(10) - entropies[0] < 0.01, 'at a large α each client sees all classes alike');
  assert.ok(entropies[4] < 0.5, 'at a small α each client sees few');
});

test('over many Dirichlet partitions every client has the same mean share of a class', () => {
  const labels = Uint8Array.from({ length: 400 }, (_, i) => i % 2);
  const clients = 4;
  const random = stream(6);
  const runs = 600;
  const held = new Float64Array(clients);
  for (let run = 0; run < runs; run++) {
    dirichletPartition(labels, clients, 0.5, 0, random).forEach((rows, client) => {
      held[client] += rows.filter(row => labels[row] === 0).length / 200;
    });
  }
  // A share has the variance (n − 1) / (n² (n α + 1)) = 1/16.
  for (const sum of held) assert.ok(Math.abs(sum / runs - 1 / clients) < 5 * Math.sqrt(1 / 16 / runs), `${held}`);
});

test('no client of a Dirichlet partition stays below the minimum, however small α', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 60 }), (seed, minimum) => {
      const dealt = dirichletPartition(digits, 100, 0.01, minimum, stream(seed));
      assert.ok(dealt.every(rows => rows.length >= minimum));
    }),
    { numRuns: 20 },
  );
});

test('two label-sorted shards give a client two classes where shards divide classes, as with 100 × 600 digits', () => {
  const dealt = labelPartition(digits, 100, 2, stream(7));
  for (const rows of dealt) {
    assert.equal(rows.length, 60);
    assert.ok(rowsByKey(Array.from(rows, row => digits[row])).size <= 2);
  }
});

test('groups keep the order in which they appear; the largest are chosen, of equals the earlier', () => {
  const groups = rowsByKey(['b', 'a', 'b', 'c', 'a', 'd']);
  assert.deepEqual(
    [...groups].map(([key, rows]) => `${key}:${rows}`),
    ['b:0,2', 'a:1,4', 'c:3', 'd:5'],
  );
  const size = ([, rows]: [string, Uint32Array]) => rows.length;
  const names = (count: number) => largestGroups([...groups], count, size).map(([key]) => key);
  assert.deepEqual(names(3), ['b', 'a', 'c']);
  assert.deepEqual(names(1), ['b']);
  assert.deepEqual(names(9), ['b', 'a', 'c', 'd']);
});

test('a partition that cannot be is refused', () => {
  const random = stream(8);
  assert.throws(() => iidPartition(3, 4, random), RangeError);
  assert.throws(() => iidPartition(3, 0, random), RangeError);
  assert.throws(() => labelPartition(digits, 100, 0, random), RangeError);
  assert.throws(() => labelPartition(digits, 4000, 2, random), RangeError);
  assert.throws(() => dirichletPartition(digits, 100, 1, 61, random), RangeError);
  assert.throws(() => dirichletPartition(digits, 100, 0, 1, random), RangeError);
});
