import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanUpdate, WeightedSum } from '../../../src/core/aggregation/weighted-mean.ts';
import { createSimdKernels } from '../../../src/core/math/kernels/simd.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';

const simd = createSimdKernels();
const values = fc.array(
  fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e6), max: Math.fround(1e6) }),
  {
    minLength: 1,
    maxLength: 40,
  },
);

function randomUpdate(length: number, seed: number): Float32Array {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  return Float32Array.from({ length }, () => stream.float32() - 0.5);
}

test('the mean is Σ weight·update / Σ weight, added in float64 in the order of the calls', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(values, fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 6 }),
      given => {
        const length = Math.min(...given.map(([update]) => update.length));
        const sum = new WeightedSum(length);
        for (const [update, weight] of given) sum.add(Float32Array.from(update.slice(0, length)), 0, weight);
        const total = given.reduce((t, [, weight]) => t + weight, 0);
        const expected = Float32Array.from(
          { length },
          (_, i) => given.reduce((s, [update, weight]) => s + weight * Math.fround(update[i]), 0) / total,
        );
        assert.deepEqual(sum.mean(total), expected);
      },
    ),
  );
});

test('chunks do not change a bit, neither do the kernels', () => {
  const length = 50_000;
  const updates = [1, 2, 3].map(seed => randomUpdate(length, seed));
  const mean = (source: typeof simd, cuts: number[]) => {
    const sum = new WeightedSum(length, source);
    updates.forEach((update, i) => {
      let from = 0;
      for (const to of [...cuts, length]) {
        sum.add(update.subarray(from, to), from, i + 0.5);
        from = to;
      }
    });
    return sum.mean(4.5);
  };
  const expected = mean(twinKernels, []);
  assert.deepEqual(mean(simd, []), expected);
  assert.deepEqual(mean(simd, [1, 7, 16_385, 40_001]), expected);
  assert.deepEqual(mean(twinKernels, [33_333]), expected);
});

test('memory used before does not leak into a new sum', () => {
  const first = new WeightedSum(10_000, simd);
  first.add(new Float32Array(10_000).fill(5), 0, 1);
  first.mean(1);
  const second = new WeightedSum(10_000, simd);
  assert.deepEqual(second.mean(1), new Float32Array(10_000));
});

test('sums in progress at the same time stay apart', () => {
  const sums = [1, 2].map(() => new WeightedSum(5_000, simd));
  for (const [i, sum] of sums.entries()) sum.add(new Float32Array(5_000).fill(i + 1), 0, 1);
  assert.deepEqual(
    sums.map(sum => sum.mean(1)[4_999]),
    [1, 2],
  );
});

test('a chunk outside the vector, a weight that is no positive number and a sum that was ended are refused', () => {
  const sum = new WeightedSum(10);
  for (const [length, offset] of [
    [11, 0],
    [5, 6],
    [1, -1],
    [1, 0.5],
  ]) {
    assert.throws(() => sum.add(new Float32Array(length), offset, 1), RangeError);
  }
  for (const weight of [0, -1, NaN, Infinity]) assert.throws(() => sum.add(new Float32Array(1), 0, weight), RangeError);
  assert.throws(() => sum.mean(0), RangeError);
  sum.mean(1);
  assert.throws(() => sum.mean(1), TypeError);
  assert.throws(() => sum.add(new Float32Array(1), 0, 1), TypeError);
});

test('a scan gives the squared norm, the same with every kernel', () => {
  for (const length of [0, 1, 15, 4_095, 4_096, 50_001]) {
    const update = randomUpdate(length, 4);
    const expected = update.reduce((sum, x) => sum + x * x, 0);
    const scan = scanUpdate(update, simd);
    assert.equal(scan.finite, true);
    assert.ok(Math.abs(scan.sumOfSquares - expected) <= 1e-12 * expected);
    assert.deepEqual(scanUpdate(update, twinKernels), scan);
  }
});

test('a scan finds a value that is not finite anywhere, and the largest finite ones pass', () => {
  const largest = 3.4028234663852886e38;
  assert.deepEqual(scanUpdate(new Float32Array(20_000).fill(largest), simd).finite, true);
  fc.assert(
    fc.property(
      fc.constantFrom(100, 5_000, 40_000),
      fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      fc.constantFrom(NaN, Infinity, -Infinity),
      (length, place, value) => {
        const update = new Float32Array(length).fill(1);
        update[Math.floor(place * length)] = value;
        assert.equal(scanUpdate(update, simd).finite, false);
        assert.equal(scanUpdate(update, twinKernels).finite, false);
      },
    ),
  );
});
