import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addGaussianNoise,
  ditherWithDiscreteGaussian,
  drawDiscreteGaussian,
  type NoisePlace,
  planNoise,
} from '../../../src/core/learning/noise.ts';
import { gaussianTable } from '../../../src/core/math/kernels/gaussian-table.ts';
import { type KernelSource, Layout } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { simd } from '../math/same-kernels.ts';

/** Runs on a vector of `count` values of `start`; random bytes are those of a seed, all kept in `drawn`. */
function withPlace(
  count: number,
  start: number,
  work: (place: NoisePlace, target: number) => void,
  source: KernelSource = simd,
) {
  const layout = new Layout();
  const scratch = planNoise(layout);
  const target = layout.float32(count);
  const kernels = source.acquire(layout.bytes);
  const stream = new RandomStream(new Uint8Array(32).fill(7));
  const drawn: number[] = [];
  const randomBytes = (bytes: Uint8Array<ArrayBuffer>) => {
    assert.ok(bytes.length <= 65_536);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    words.forEach((_, i) => {
      words[i] = stream.uint32();
      drawn.push(words[i]);
    });
  };
  const values = new Float32Array(kernels.buffer, target, count).fill(start);
  work({ kernels, scratch, randomBytes }, target);
  const scratchAfter = new Uint8Array(kernels.buffer, scratch, 65_552).slice();
  const result = {
    values: values.slice(),
    integers: new Int32Array(kernels.buffer, target, count).slice(),
    drawn,
    scratchAfter,
  };
  source.release(kernels);
  return result;
}

test('Gaussian noise is added to every value, with the standard deviation asked for and new words for each', () => {
  const count = 100_003;
  const { values, drawn } = withPlace(count, 10, (place, target) => addGaussianNoise(place, target, count, 3));
  assert.equal(drawn.length, Math.ceil(count / 8) * 8);
  const mean = values.reduce((sum, x) => sum + x, 0) / count;
  const variance = values.reduce((sum, x) => sum + (x - 10) ** 2, 0) / count;
  assert.ok(Math.abs(mean - 10) < (4 * 3) / Math.sqrt(count), `${mean}`);
  assert.ok(Math.abs(variance / 9 - 1) < 4 * Math.sqrt(2 / count), `${variance}`);
  assert.equal(new Set(values).size > 0.95 * count, true);
});

test('noise of deviation 0 changes nothing; a negative or infinite deviation is refused', () => {
  const of = (deviation: number) =>
    withPlace(9, 1.5, (place, target) => addGaussianNoise(place, target, 9, deviation)).values;
  assert.deepEqual(of(0), new Float32Array(9).fill(1.5));
  for (const deviation of [-1, Number.NaN, Infinity]) assert.throws(() => of(deviation), RangeError);
});

test('discrete draws are those of one run over words in the order of the generator, however often they are filled up', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 3, 10, 20), fc.constantFrom(1, 1000, 40_000), (logScale, count) => {
      const draws = (source: KernelSource) =>
        withPlace(count, 0, (place, target) => drawDiscreteGaussian(place, target, count, logScale), source);
      const { integers, drawn } = draws(simd);
      assert.deepEqual(integers, draws(twinKernels).integers);
      const perDraw = drawn.length / count;
      assert.ok(count === 1 || perDraw < (logScale > 11 ? 3.5 : 1.6), `${perDraw} words per draw`);
      // The first chunk holds the first words of as many values: they are drawn from the front.
      const table = gaussianTable(logScale);
      const h = table.guide[drawn[0] >>> 16];
      if (logScale <= 11 && h > 0 && h === table.guide[(drawn[0] >>> 16) + 1]) {
        assert.equal(integers[0], drawn[0] & 0x8000 ? -h : h);
      }
    }),
    { numRuns: 12 },
  );
});

test('words that a call left are used before new ones: long draws are as frequent as they should be', () => {
  // One word at a time would be thrown away most often by the draws that take many.
  const count = 60_000;
  const { integers } = withPlace(count, 0, (place, target) => {
    for (let i = 0; i < count; i += 1000) drawDiscreteGaussian(place, target + 4 * i, 1000, 0);
  });
  const beyond = integers.filter(k => Math.abs(k) >= 3).length;
  // P(|k| ≥ 3) = 0.0092 at scale 1.
  const weight = (k: number) => Math.exp((-k * k) / 2);
  const expected =
    count *
    (1 - (1 + 2 * (weight(1) + weight(2))) / (1 + 2 * [1, 2, 3, 4, 5, 6, 7].reduce((s, k) => s + weight(k), 0)));
  assert.ok(Math.abs(beyond - expected) < 4 * Math.sqrt(expected), `${beyond}, expected ${expected}`);
});

test('both kernels draw the same noise to the bit', () => {
  for (const work of [
    (place: NoisePlace, target: number) => addGaussianNoise(place, target, 20_001, 0.7),
    (place: NoisePlace, target: number) => drawDiscreteGaussian(place, target, 20_001, 10),
    (place: NoisePlace, target: number) => ditherWithDiscreteGaussian(place, target, 20_001, 10, 0.01),
    (place: NoisePlace, target: number) => ditherWithDiscreteGaussian(place, target, 20_001, 13, 0.01),
  ]) {
    assert.deepEqual(withPlace(20_001, 2, work).integers, withPlace(20_001, 2, work, twinKernels).integers);
  }
});

test('no random word stays in memory', () => {
  const gaussian = withPlace(50, 0, (place, target) => addGaussianNoise(place, target, 50, 1));
  const discrete = withPlace(50, 0, (place, target) => drawDiscreteGaussian(place, target, 50, 10));
  const dithered = withPlace(50, 0, (place, target) => ditherWithDiscreteGaussian(place, target, 50, 10, 1));
  assert.ok([...gaussian.scratchAfter, ...discrete.scratchAfter, ...dithered.scratchAfter].every(byte => byte === 0));
});

test('a scale that is no power of two from 1 to 2^20 is refused', () => {
  for (const logScale of [-1, 21, 0.5, Number.NaN]) {
    assert.throws(
      () => withPlace(1, 0, (place, target) => drawDiscreteGaussian(place, target, 1, logScale)),
      /expected the logarithm of a scale from 0 to 20/,
    );
  }
});
