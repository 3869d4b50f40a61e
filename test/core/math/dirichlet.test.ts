import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawDirichlet, drawLogGamma } from '../../../src/core/math/dirichlet.ts';
import { RandomStream } from '../../../src/core/math/random.ts';

const stream = (seed: number) => new RandomStream(new Uint8Array(32).fill(seed));

function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1) };
}

test('gamma draws have mean and variance equal to their shape', () => {
  const count = 40_000;
  for (const shape of [0.2, 0.7, 1, 2.5, 30]) {
    const random = stream(1);
    const { mean, variance } = moments(Array.from({ length: count }, () => Math.exp(drawLogGamma(shape, random))));
    // Five standard errors; those of the variance by the kurtosis 3 + 6 / shape.
    assert.ok(Math.abs(mean - shape) < 5 * Math.sqrt(shape / count), `mean ${mean} at ${shape}`);
    assert.ok(Math.abs(variance - shape) < 5 * shape * Math.sqrt((2 + 6 / shape) / count), `${variance} at ${shape}`);
  }
});

test('a gamma draw of shape 1 is exponential: its quantiles are those of the formula', () => {
  const random = stream(2);
  const draws = Float64Array.from({ length: 40_000 }, () => Math.exp(drawLogGamma(1, random))).sort();
  for (const q of [0.1, 0.5, 0.9]) {
    const below = draws.filter(x => x < -Math.log(1 - q)).length / draws.length;
    assert.ok(Math.abs(below - q) < 5 * Math.sqrt((q * (1 - q)) / draws.length), `${below} of ${q}`);
  }
});

test('Dirichlet shares have the mean 1/n and the variance (n − 1) / (n² (n α + 1))', () => {
  const parts = 5;
  for (const alpha of [0.1, 0.5, 5]) {
    const random = stream(3);
    const first = Array.from({ length: 20_000 }, () => drawDirichlet(parts, alpha, random)[0]);
    const { mean, variance } = moments(first);
    const expected = (parts - 1) / (parts * parts * (parts * alpha + 1));
    assert.ok(Math.abs(mean - 1 / parts) < 5 * Math.sqrt(expected / first.length), `mean ${mean} at ${alpha}`);
    assert.ok(Math.abs(variance / expected - 1) < 0.06, `variance ${variance}, expected ${expected}`);
  }
});

test('shares are not negative and sum to 1, at any α; the same seed draws the same', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
      fc.integer({ min: 0, max: 255 }),
      (parts, alpha, seed) => {
        const shares = drawDirichlet(parts, alpha, stream(seed));
        assert.ok(shares.every(share => share >= 0));
        assert.ok(Math.abs(shares.reduce((a, b) => a + b, 0) - 1) < 1e-12);
        assert.deepEqual(drawDirichlet(parts, alpha, stream(seed)), shares);
      },
    ),
  );
});

test('a draw is the same number on every platform', () => {
  assert.deepEqual(
    [...drawDirichlet(3, 0.5, stream(7))],
    [0.8259811112304118, 0.02130213713168197, 0.15271675163790607],
  );
});

test('shapes and counts without a meaning are refused', () => {
  for (const shape of [0, -1, NaN, Infinity]) assert.throws(() => drawLogGamma(shape, stream(1)), RangeError);
  assert.throws(() => drawDirichlet(0, 1, stream(1)), RangeError);
});
