import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame } from './same-kernels.ts';

const cases = fc.record({
  rows: fc.integer({ min: 1, max: 4 }),
  groups: fc.integer({ min: 1, max: 3 }),
  channels: fc.integer({ min: 1, max: 19 }),
  positions: fc.constantFrom(1, 2, 4, 5, 9, 17),
  offset: fc.constantFrom(0, 1000),
  seed: fc.nat(255),
});

test('normalised runs have mean 0 and variance 1, scaled and shifted per channel; the twin agrees to the bit', () => {
  fc.assert(
    fc.property(cases, ({ rows, groups, channels, positions, offset, seed }) => {
      const [size, total, runs] = [channels * positions, groups * channels, rows * groups];
      const [x, gamma, beta, normalised, output, inverses] = assertSame(
        [runs * size, total, total, runs * size, runs * size, 2 * runs],
        (k, [input, g, b, n, y, v]) =>
          k.normalise(input, g, b, n, y, v, rows, groups, channels, positions, 1e-5) as undefined,
        {
          seed,
          prepare: ([input]) =>
            input.forEach((value, i) => {
              input[i] = value + offset;
            }),
        },
      );
      const inverse = new Float64Array(inverses.buffer, inverses.byteOffset, runs);
      for (let run = 0; run < runs; run++) {
        const values = Array.from(x.subarray(run * size, (run + 1) * size));
        const mean = values.reduce((sum, value) => sum + value, 0) / size;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
        assert.ok(Math.abs(inverse[run] * Math.sqrt(variance + 1e-5) - 1) < 1e-9);
        values.forEach((value, i) => {
          const expected = (value - mean) / Math.sqrt(variance + 1e-5);
          const at = run * size + i;
          const channel = (run % groups) * channels + Math.floor(i / positions);
          assert.ok(Math.abs(normalised[at] - expected) <= 1e-6 * (1 + Math.abs(expected)));
          assert.ok(Math.abs(output[at] - (gamma[channel] * normalised[at] + beta[channel])) < 1e-5);
        });
      }
    }),
  );
});

test('normalised values may be written where the output goes, and then the output is the same', () => {
  const [rows, groups, channels, positions] = [3, 2, 3, 5];
  const n = rows * groups * channels * positions;
  const run = (apart: boolean) =>
    assertSame(
      [n, 6, 6, n, n, 12],
      (k, [x, g, b, y, spare, v]) =>
        k.normalise(x, g, b, apart ? spare : y, y, v, rows, groups, channels, positions, 1e-5) as undefined,
    )[3];
  assert.deepEqual(run(false), run(true));
});

test('gradients of normalisation agree with the twin to the bit', () => {
  fc.assert(
    fc.property(cases, ({ rows, groups, channels, positions, seed }) => {
      const [size, total, runs] = [channels * positions, groups * channels, rows * groups];
      assertSame(
        [runs * size, total, runs * size, 2 * runs, runs * size],
        (k, [g, gamma, n, v, target]) =>
          k.normaliseGradient(g, gamma, n, v, target, rows, groups, channels, positions) as undefined,
        {
          seed,
          prepare: ([, , , v]) => new Float64Array(v.buffer, v.byteOffset, runs).fill(1.7),
        },
      );
      assertSame(
        [runs * size, runs * size, 2 * total],
        (k, [g, n, target]) => k.addScaleGradient(g, n, target, rows, total, positions) as undefined,
        { seed },
      );
    }),
  );
});
