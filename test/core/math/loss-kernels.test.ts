import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame } from './same-kernels.ts';

const counts = fc.integer({ min: 1, max: 40 });
const scales = fc.constantFrom(1e-3, 1, 3e4);
const seeds = fc.nat(255);

test('squared, Huber and pinball losses and their gradients agree with the twin to the bit', () => {
  fc.assert(
    fc.property(counts, scales, fc.double({ min: 0.01, max: 10, noNaN: true }), seeds, (n, scale, setting, seed) => {
      const prepare = ([z]: Float32Array[]) =>
        z.forEach((x, i) => {
          z[i] = x * scale;
        });
      assertSame([n, n, n], (k, [z, y, g]) => k.squaredLoss(z, y, g, n, 7), { seed, prepare });
      assertSame([n, n, n], (k, [z, y, g]) => k.huberLoss(z, y, g, n, 7, setting), { seed, prepare });
      const level = setting / 11;
      assertSame([3 * n, n, 3 * n], (k, [z, y, g]) => k.pinballLoss(z + 4, y, g + 4, n, 12, 7, level), {
        seed,
        prepare,
      });
    }),
    { numRuns: 100 },
  );
});

test('an output that is no number makes loss and gradient no number, and an infinite one traps nothing', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const prepare = ([z]: Float32Array[]) => {
      z[1] = value;
    };
    for (const run of [
      (k, [z, y, g]) => k.squaredLoss(z, y, g, 3, 3),
      (k, [z, y, g]) => k.huberLoss(z, y, g, 3, 3, 1),
      (k, [z, y, g]) => k.pinballLoss(z, y, g, 3, 4, 3, 0.9),
    ] satisfies Parameters<typeof assertSame>[1][]) {
      const [, , gradient] = assertSame([3, 3, 3], run, { prepare });
      assert.equal(Number.isNaN(gradient[1]), Number.isNaN(value));
      assert.ok(Number.isFinite(gradient[0]) && Number.isFinite(gradient[2]));
    }
  }
});

test('the pinball kernel touches only the outputs and gradients of its level', () => {
  const [, , gradient] = assertSame([8, 4, 8], (k, [z, y, g]) => k.pinballLoss(z + 4, y, g + 4, 4, 8, 1, 0.5), {
    prepare: ([, , g]) => g.fill(9),
  });
  assert.deepEqual(
    Array.from(gradient, value => value === 9),
    [true, false, true, false, true, false, true, false],
  );
});
