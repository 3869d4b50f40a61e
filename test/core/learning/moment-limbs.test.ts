import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WeightedSum } from '../../../src/core/aggregation/weighted-mean.ts';
import { addMoments, type Moments } from '../../../src/core/data/moments.ts';
import {
  largestNorm,
  limbsOf,
  momentsManifest,
  momentsOfMean,
  mostClients,
} from '../../../src/core/learning/moment-limbs.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';

/** The unweighted mean, as the coordinator takes it. */
function meanOf(updates: readonly Float32Array[]): Float32Array {
  const sum = new WeightedSum(updates[0].length);
  for (const update of updates) sum.add(update, 0, 1);
  return sum.mean(updates.length);
}

const site = fc.bigInt({ min: 0n, max: 2n ** 28n - 1n }).chain(rows => {
  const sum = fc.bigInt({ min: -(rows << 40n), max: rows << 40n });
  const squares = fc.bigInt({ min: 0n, max: rows << 80n });
  return fc
    .array(fc.tuple(sum, squares), { minLength: 2, maxLength: 2 })
    .map((columns): Moments => ({ rows, columns: columns.map(([sum, squares]) => ({ sum, squares })) }));
});

test('the sums of any sites come back exactly from the mean of their limbs', () => {
  fc.assert(
    fc.property(fc.array(site, { minLength: 1, maxLength: 9 }), sites => {
      assert.deepEqual(momentsOfMean(meanOf(sites.map(limbsOf)), sites.length, 2), sites.reduce(addMoments));
    }),
    { seed: 3, numRuns: 200 },
  );
});

test('limbs are whole numbers of 12 bits, and the longest update is not longer than its bound', () => {
  const rows = 2n ** 28n - 1n;
  const limbs = limbsOf({ rows, columns: [{ sum: rows << 40n, squares: rows << 80n }] });
  assert.equal(limbs.length, parameterCount(momentsManifest(1)));
  assert.ok(limbs.every(limb => Number.isInteger(limb) && limb >= 0 && limb <= 4095));
  assert.ok(Math.hypot(...limbs) <= largestNorm(1));
  assert.throws(() => limbsOf({ rows: 2n ** 28n, columns: [] }), RangeError);
});

test('every sum of limbs of up to 4096 clients survives the mean in float32', () => {
  const recovered = (sum: number, clients: number): number => {
    const mean = new Float32Array(18);
    mean[0] = sum / clients;
    return Number(momentsOfMean(mean, clients, 1).rows);
  };
  for (const clients of [1, 2, 3, 2047, 2049, 4093, 4095, 4096]) {
    const worst = 4095 * clients;
    for (const sum of [0, 1, worst >> 1, worst - clients, worst - 1, worst]) {
      assert.equal(recovered(sum, clients), sum, `${sum} of ${clients} clients`);
    }
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: mostClients }), fc.double({ min: 0, max: 1, noNaN: true }), (clients, at) => {
      const sum = Math.floor(at * 4095 * clients);
      return recovered(sum, clients) === sum;
    }),
    { seed: 4, numRuns: 20_000 },
  );
});

test('4096 clients with the largest limbs add up through the real mean', () => {
  const rows = 2n ** 28n - 1n;
  const limbs = limbsOf({ rows, columns: [{ sum: rows << 40n, squares: rows << 80n }] }).fill(4095);
  const worst = momentsOfMean(limbs, 1, 1);
  for (const clients of [4095, 4096]) {
    const updates = new Array<Float32Array>(clients).fill(limbs);
    const { rows: sum, columns } = momentsOfMean(meanOf(updates), clients, 1);
    assert.equal(sum, worst.rows * BigInt(clients));
    assert.deepEqual(columns, [
      { sum: worst.columns[0].sum * BigInt(clients), squares: worst.columns[0].squares * BigInt(clients) },
    ]);
  }
});

test('a mean that is none of whole numbers is refused: a site sent something else', () => {
  const refused = (value: number, clients: number) => {
    const mean = new Float32Array(18);
    mean[5] = value;
    assert.throws(
      () => momentsOfMean(mean, clients, 1),
      (error: unknown) =>
        error instanceof Problem && error.code === 'malformed' && /some site sent/.test(error.message),
    );
  };
  refused(0.25, 2);
  refused(-1, 2);
  refused(4096, 2);
  refused(Number.NaN, 2);
  for (const clients of [0, 1.5, 4097])
    assert.throws(() => momentsOfMean(new Float32Array(18), clients, 1), RangeError);
  assert.throws(() => momentsOfMean(new Float32Array(17), 2, 1), RangeError);
});
