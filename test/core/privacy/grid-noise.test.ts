import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planNoise } from '../../../src/core/learning/noise.ts';
import { type KernelSource, Layout } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import {
  addDiscreteNoise,
  ditherWithNoise,
  fromGrid,
  noisySum,
  roundedToGrid,
} from '../../../src/core/privacy/grid-noise.ts';
import { type NoiseGrid, noiseGrid } from '../../../src/core/privacy/noise-grid.ts';
import { simd } from '../math/same-kernels.ts';
import { failingBytes, type SeededBytes, seededBytes } from './seeded-bytes.ts';

const gridFor = (dimension: number, more: { noiseMultiplier?: number; clipNorm?: number } = {}): NoiseGrid =>
  noiseGrid({
    noiseMultiplier: 1,
    clipNorm: 1,
    relation: 'add-remove',
    dimension,
    sumSlack: 0,
    roundingSlip: Math.exp(-0.5),
    ...more,
  });

/** The values after dithering with noise in the memory of the kernels. */
function dithered(start: Float32Array, grid: NoiseGrid, source: SeededBytes, kernelSource: KernelSource = simd) {
  const layout = new Layout();
  const [scratch, target] = [planNoise(layout), layout.float32(start.length)];
  const kernels = kernelSource.acquire(layout.bytes);
  const values = new Float32Array(kernels.buffer, target, start.length);
  values.set(start);
  try {
    ditherWithNoise({ kernels, scratch, randomBytes: source.randomBytes }, target, start.length, grid);
  } catch (error) {
    return { values: values.slice(), error };
  } finally {
    kernelSource.release(kernels);
  }
  return { values: values.slice(), error: null };
}

test('a sum comes back on the grid, unbiased, with the variance of the noise and of the rounding', () => {
  for (const [x, clipNorm] of [
    [0.3, 1],
    [-2.00033, 0.77],
    [0, 3],
  ]) {
    const count = 400_000;
    const grid = gridFor(10, { clipNorm });
    const { values } = dithered(new Float32Array(count).fill(x), grid, seededBytes());
    const [s, exact] = [2 ** grid.logScale, Math.fround(x) / grid.step];
    const steps = Array.from(values, value => Math.round(value / grid.step));
    assert.ok(values.every((value, i) => value === Math.fround(steps[i] * grid.step)));
    const mean = steps.reduce((sum, k) => sum + (k - exact), 0) / count;
    const squares = steps.reduce((sum, k) => sum + (k - exact) ** 2, 0) / count;
    assert.ok(Math.abs(mean) < (4 * s) / Math.sqrt(count), `${mean}`);
    assert.ok(Math.abs(squares / s ** 2 - 1) < 4 * Math.sqrt(2 / count), `${squares}`);
  }
});

test('rounding alone is unbiased: a fraction is its chance of going up', () => {
  const count = 400_000;
  const grid: NoiseGrid = { logScale: 0, step: 1, contributionSteps: 1, sensitivitySteps: 1 };
  for (const fraction of [1 / 3, 2 ** -10, 1 - 2 ** -9]) {
    const sum = noisySum(new Float64Array(count).fill(5 + fraction), grid, seededBytes().randomBytes);
    const mean = sum.reduce((total, k) => total + k, 0) / count - 5;
    const error = Math.sqrt((1 + fraction * (1 - fraction)) / count);
    assert.ok(Math.abs(mean - fraction) < 4 * error, `${fraction}: ${mean}`);
  }
});

test('both kernels give the same bits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), fc.constantFrom(1, 30, 1e5), (count, noiseMultiplier) => {
      const start = Float32Array.from({ length: count }, (_, i) => Math.sin(i) * 10 ** ((i % 12) - 6));
      const grid = gridFor(count > 1000 ? 30 : 4, { noiseMultiplier: Math.min(noiseMultiplier, 1e4) });
      const fast = dithered(start, grid, seededBytes(count % 250));
      assert.deepEqual(fast, dithered(start, grid, seededBytes(count % 250), twinKernels));
    }),
    { numRuns: 30 },
  );
});

test('a value that is not finite is refused before anything is drawn, and the sum stays as it was', () => {
  for (const bad of [Number.NaN, Infinity, -Infinity]) {
    const source = seededBytes();
    const start = new Float32Array([1, 2, bad, 4, 5]);
    const { values, error } = dithered(start, gridFor(5), source);
    assert.ok(error instanceof RangeError && /not finite/.test(error.message));
    assert.deepEqual(values, start);
    assert.throws(() => noisySum(Float64Array.from(start), gridFor(5), source.randomBytes), /not finite/);
    assert.equal(source.drawn(), 0);
  }
});

test('values too large for exact steps saturate, which brings no two sums further apart', () => {
  const grid = gridFor(4);
  const { values } = dithered(Float32Array.of(3e38, -3e38, 1e20, 1), grid, seededBytes());
  assert.deepEqual([...values.subarray(0, 3)], [2 ** 40, -(2 ** 40), 2 ** 40]);
  assert.equal(noisySum(Float64Array.of(1e300), grid, seededBytes().randomBytes)[0] / 2 ** 40 - 1 < 1e-9, true);
});

test('where the generator fails no part of a noisy sum is left', () => {
  const count = 100_000;
  for (const times of [0, 1, 3]) {
    const source = failingBytes(times);
    const { values, error } = dithered(new Float32Array(count).fill(0.25), gridFor(10), source);
    assert.match(String(error), /the generator failed/);
    assert.ok(values.every(Number.isNaN));
    assert.ok(source.isErased());
  }
});

test('every random byte is erased after use', () => {
  const grid = gridFor(3000);
  const uses: ((source: SeededBytes) => unknown)[] = [
    source => dithered(new Float32Array(3000), grid, source),
    source => noisySum(new Float64Array(3000), grid, source.randomBytes),
    source => addDiscreteNoise(new Int32Array(3000), grid, source.randomBytes),
    source => roundedToGrid(new Float32Array(3000).fill(0.01), 1, grid, source.randomBytes),
  ];
  for (const use of uses) {
    const source = seededBytes();
    use(source);
    assert.ok(source.drawn() > 10_000 && source.isErased());
  }
});

test('noise is new in every call', () => {
  const source = seededBytes();
  const grid = gridFor(100);
  const [first, second] = [0, 0].map(() => noisySum(new Float64Array(100), grid, source.randomBytes));
  assert.notDeepEqual(first, second);
});

test('a contribution is rounded to a neighbour in every coordinate, and never longer than what the noise is for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, min: -10, max: 10 }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(0.3, 1, 1e-9, 5e8),
      fc.nat(200),
      (list, clipNorm, seed) => {
        const grid = gridFor(list.length, { clipNorm });
        const steps = roundedToGrid(Float64Array.from(list), clipNorm, grid, seededBytes(seed).randomBytes);
        const norm = Math.hypot(...list);
        const scale = norm > clipNorm ? clipNorm / norm : 1;
        steps.forEach((k, i) => {
          assert.ok(Math.abs(k - (list[i] * scale) / grid.step) < 1 + 1e-6);
        });
        assert.ok(Math.hypot(...steps) <= grid.contributionSteps);
      },
    ),
    { numRuns: 200 },
  );
});

test('a negative value next to nothing is rounded to nothing', () => {
  const tiny = Float64Array.from([-5e-324, -1e-300, -1e-17, 5e-324, -0]);
  for (let seed = 0; seed < 50; seed++) {
    assert.deepEqual(
      roundedToGrid(tiny, 1, gridFor(5), seededBytes(seed).randomBytes).map(k => k + 0),
      new Int32Array(5),
    );
  }
  const narrow: NoiseGrid = { logScale: 0, step: 1, contributionSteps: 1, sensitivitySteps: 1 };
  const sum = noisySum(new Float64Array(100_000).fill(-1e-300), narrow, seededBytes().randomBytes);
  assert.ok(Math.abs(sum.reduce((total, k) => total + k, 0) / 100_000) < 4 / Math.sqrt(100_000));
});

test('a contribution that is rounded too long is drawn again', () => {
  // Half a step in each of 400 coordinates: 10 steps long before rounding, √200 after it on average.
  const grid: NoiseGrid = { logScale: 10, step: 1, contributionSteps: 14, sensitivitySteps: 14 };
  const vector = new Float64Array(400).fill(0.5);
  const source = seededBytes();
  for (let i = 0; i < 20; i++) {
    const squares = roundedToGrid(vector, 10, grid, source.randomBytes).reduce((sum, k) => sum + k * k, 0);
    assert.ok(squares <= 196, `${squares}`);
  }
  assert.ok(source.drawn() > 1.5 * 20 * 400 * 4, 'some of them twice');
});

test('a contribution with a value that is not finite becomes zero; a bound that is too short is refused', () => {
  const grid = gridFor(3);
  for (const bad of [Number.NaN, Infinity]) {
    assert.deepEqual(roundedToGrid(Float32Array.of(1, bad, 2), 1, grid, seededBytes().randomBytes), new Int32Array(3));
  }
  assert.throws(() => roundedToGrid(new Float32Array(3), 2, grid, seededBytes().randomBytes), RangeError);
  for (const clipNorm of [0, -1, Number.NaN, Infinity]) {
    assert.throws(() => roundedToGrid(new Float32Array(3), clipNorm, grid, seededBytes().randomBytes), RangeError);
  }
});

test('integers with noise are integers around them; a sum beyond 32 bits is refused', () => {
  const grid = gridFor(10);
  const count = 200_000;
  const noisy = addDiscreteNoise(new Int32Array(count).fill(77), grid, seededBytes().randomBytes);
  const mean = noisy.reduce((sum, k) => sum + k - 77, 0) / count;
  const variance = noisy.reduce((sum, k) => sum + (k - 77) ** 2, 0) / count;
  assert.ok(Math.abs(mean) < (4 * 1024) / Math.sqrt(count));
  assert.ok(Math.abs(variance / 1024 ** 2 - 1) < 4 * Math.sqrt(2 / count));
  assert.deepEqual(fromGrid(Int32Array.of(1024, -512), grid), Float32Array.of(1, -0.5));
  const full = new Int32Array(64).fill(2 ** 31 - 1);
  assert.throws(() => addDiscreteNoise(full, grid, seededBytes().randomBytes), RangeError);
});
