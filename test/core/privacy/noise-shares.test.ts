import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { ddgTau } from '../../../src/core/privacy/distributed-noise.ts';
import { parseEvent } from '../../../src/core/privacy/event.ts';
import { rotated, rotatedBack } from '../../../src/core/privacy/hadamard.ts';
import {
  type SharedRequest,
  sharedEvent,
  sharedPlan,
  shareOf,
  sumOfShares,
} from '../../../src/core/privacy/noise-shares.ts';
import { simd } from '../math/same-kernels.ts';
import { seededBytes } from './seeded-bytes.ts';

const rotation = new Uint8Array(32).fill(5);
const request: SharedRequest = {
  noiseMultiplier: 0.8,
  clipNorm: 2,
  relation: 'add-remove',
  dimension: 100,
  cohort: 12,
  mostDropouts: 3,
  mostColluders: 2,
};

const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
const normals = (count: number, seed: number) => {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  return Float32Array.from({ length: count }, () => stream.normal());
};

test('the rotation keeps lengths, spreads a single coordinate over all, and is undone', () => {
  for (const count of [1, 2, 3, 7, 64, 1000, 10_000]) {
    const vector = normals(count, count % 200);
    const turned = rotated(vector, rotation, simd);
    assert.ok(Math.abs(norm(turned) / norm(vector) - 1) < 1e-12);
    rotatedBack(turned, rotation, count, simd).forEach((x, i) => {
      assert.ok(Math.abs(x - vector[i]) < 1e-12);
    });
    assert.deepEqual(rotated(vector, rotation, twinKernels), turned);
  }
  const single = new Float64Array(64);
  single[9] = 8;
  assert.ok(rotated(single, rotation, simd).every(x => Math.abs(x) === 1));
  assert.notDeepEqual(rotated(single, new Uint8Array(32).fill(6), simd), rotated(single, rotation, simd));
});

test('the transform is the matrix with entries (−1)^(bits that row and column share)', () => {
  const count = 16;
  for (let column = 0; column < count; column++) {
    const unit = new Float64Array(count);
    unit[column] = 1;
    const values = rotated(unit, rotation, twinKernels);
    const sign = Math.sign(values[0]);
    values.forEach((x, row) => {
      const shared = (row & column).toString(2).replaceAll('0', '').length;
      assert.equal(x, (sign * (-1) ** shared) / 4);
    });
  }
});

test('shares add up to the sum of the clipped updates and noise of at least the variance that is charged', () => {
  const dimension = 2048;
  const plan = sharedPlan({ ...request, dimension });
  const updates = Array.from({ length: 12 }, (_, i) => normals(dimension, i).map(x => (i % 2 === 0 ? x : x / 1000)));
  const clipped = updates.map(update => {
    const scale = Math.min(1, plan.clipNorm / norm(update));
    return Float64Array.from(update, x => x * scale);
  });
  const shares = updates.map((update, i) => shareOf(update, plan, rotation, simd, seededBytes(i).randomBytes));
  // All of them, and as few as the plan allows for.
  for (const present of [12, 9]) {
    const sum = sumOfShares(shares.slice(0, present), plan, rotation, simd);
    let squares = 0;
    for (let i = 0; i < dimension; i++) {
      let exact = 0;
      for (const vector of clipped.slice(0, present)) exact += vector[i];
      squares += (sum[i] - exact) ** 2;
    }
    const deviation = Math.sqrt(squares / dimension);
    const expected = plan.step * Math.sqrt(present * (4 ** plan.logScale + 0.2));
    assert.ok(Math.abs(deviation / expected - 1) < 4 / Math.sqrt(2 * dimension), `${deviation} of ${expected}`);
    assert.ok(deviation > request.noiseMultiplier * request.clipNorm * 0.95);
  }
});

test('what is sure, colluders and dropouts taken off, is the noise multiplier asked for', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.3, max: 20, noNaN: true }),
      fc.constantFrom('add-remove' as const, 'replace' as const),
      fc.integer({ min: 1, max: 200_000 }),
      fc.integer({ min: 1, max: 500 }),
      fc.nat(100),
      fc.nat(100),
      (noiseMultiplier, relation, dimension, sure, mostDropouts, mostColluders) => {
        const cohort = sure + mostDropouts + mostColluders;
        const plan = sharedPlan({
          noiseMultiplier,
          clipNorm: 3,
          relation,
          dimension,
          cohort,
          mostDropouts,
          mostColluders,
        });
        assert.equal(plan.noisyClients, sure);
        assert.equal(plan.leastShares, cohort - mostDropouts);
        const sensitivity = relation === 'replace' ? 6 : 3;
        const deviation = plan.step * 2 ** plan.logScale * Math.sqrt(sure);
        assert.ok(Math.abs(deviation / (noiseMultiplier * sensitivity) - 1) < 1e-12);
        // Rounding costs little of it, and the sum is as good as one discrete Gaussian.
        const effective = (2 ** plan.logScale * Math.sqrt(sure)) / plan.sensitivitySteps;
        assert.ok(effective <= noiseMultiplier && effective > 0.97 * noiseMultiplier, `${effective}`);
        assert.ok(plan.logScale >= 1 && ddgTau(2 ** plan.logScale, sure) < 1e-15);
        const event = sharedEvent(plan);
        assert.deepEqual(parseEvent(event), event);
      },
    ),
  );
});

test('sums do not wrap: not where all clients send the same vector of the bound, nor where it is one coordinate', () => {
  const clipNorm = 1;
  for (const [dimension, cohort] of [
    [3, 2],
    [256, 40],
    [1000, 10],
  ]) {
    const plan = sharedPlan({ ...request, clipNorm, dimension, cohort, mostDropouts: 0, mostColluders: 0 });
    const single = new Float32Array(dimension);
    single[dimension - 1] = 1;
    for (const update of [single, new Float32Array(dimension).fill(1), normals(dimension, 1)]) {
      const shares = Array.from({ length: cohort }, (_, i) =>
        shareOf(update, plan, rotation, simd, seededBytes(i).randomBytes),
      );
      const sum = sumOfShares(shares, plan, rotation, simd);
      const scale = cohort / norm(update);
      const deviation = plan.step * Math.sqrt(cohort * (4 ** plan.logScale + 0.25));
      // A wrapped coordinate would move all by 2^bits steps over √d.
      sum.forEach((x, i) => {
        assert.ok(Math.abs(x - update[i] * scale) < 6 * deviation);
      });
    }
  }
});

test('bits are those of the bound of the paper, with one to spare', () => {
  for (const cohort of [6, 50, 500]) {
    const plan = sharedPlan({ ...request, dimension: 4096, cohort });
    const [n, sigma] = [cohort, plan.step * 2 ** plan.logScale];
    const bound =
      (8 * Math.sqrt((plan.clipNorm * n) ** 2 / plan.paddedDimension + (plan.step ** 2 / 4 + sigma ** 2) * n)) /
      plan.step;
    assert.equal(plan.bits, Math.ceil(Math.log2(2 * bound)));
  }
});

test('too few shares are not opened; neither are too many, nor shares of another form', () => {
  const plan = sharedPlan(request);
  const share = () => shareOf(new Float32Array(100), plan, rotation, simd, seededBytes().randomBytes);
  const shares = Array.from({ length: 13 }, share);
  for (const count of [0, 8, 13])
    assert.throws(() => sumOfShares(shares.slice(0, count), plan, rotation, simd), /9 to 12/);
  for (const bad of [new Int32Array(100), new Int32Array(128).fill(2 ** plan.bits), new Int32Array(128).fill(-1)])
    assert.throws(() => sumOfShares([...shares.slice(0, 9), bad], plan, rotation, simd), RangeError);
  assert.throws(() => shareOf(new Float32Array(99), plan, rotation, simd, seededBytes().randomBytes), RangeError);
});

test('an update with a value that is not finite adds noise alone', () => {
  const plan = sharedPlan({ ...request, cohort: 1, mostDropouts: 0, mostColluders: 0 });
  const bad = new Float32Array(100).fill(Infinity);
  assert.deepEqual(
    shareOf(bad, plan, rotation, simd, seededBytes().randomBytes),
    shareOf(new Float32Array(100), plan, rotation, simd, seededBytes().randomBytes),
  );
});

test('every random byte of a share is erased', () => {
  const source = seededBytes();
  shareOf(normals(100, 1), sharedPlan(request), rotation, simd, source.randomBytes);
  assert.ok(source.drawn() > 800 && source.isErased());
});

test('plans where nobody’s noise is sure, or that need too many bits, are refused', () => {
  for (const bad of [
    { mostDropouts: 10 },
    { mostDropouts: 0, mostColluders: 12 },
    { cohort: 0 },
    { dimension: 0 },
    { noiseMultiplier: 0 },
    { clipNorm: Number.NaN },
    { mostColluders: -1 },
    { dimension: 2 ** 40 },
    { noiseMultiplier: 1e-5, cohort: 1_000_000, mostDropouts: 0, mostColluders: 0 },
  ])
    assert.throws(() => sharedPlan({ ...request, ...bad }), RangeError, JSON.stringify(bad));
});
