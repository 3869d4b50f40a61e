import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clipToNorm } from '../../../src/core/learning/clip.ts';

const norm = (vector: Float32Array): number => Math.hypot(...vector);

test('nan-dp-fixed: a value that is not finite is refused, never clipped into shape', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => clipToNorm(Float32Array.of(1, value, 2), 1), RangeError);
  }
});

test('zero-update-dp: a zero update passes as it is', () => {
  const zero = new Float32Array(5);
  assert.equal(clipToNorm(zero, 1), zero);
});

test('scalar-clip: one value is clipped like any vector', () => {
  assert.deepEqual(clipToNorm(Float32Array.of(2), 1), Float32Array.of(1));
});

test('what is within the bound is returned unchanged; what is longer points the same way and ends at the bound', () => {
  const vectors = fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true, min: -1000, max: 1000 });
  fc.assert(
    fc.property(vectors, fc.double({ min: 0.01, max: 100, noNaN: true }), (vector, bound) => {
      const clipped = clipToNorm(vector, bound);
      if (norm(vector) <= bound) return assert.equal(clipped, vector);
      assert.ok(Math.abs(norm(clipped) / bound - 1) < 1e-5);
      const scale = bound / norm(vector);
      for (const [i, value] of clipped.entries()) assert.ok(Math.abs(value - vector[i] * scale) <= 1e-5 * bound);
    }),
  );
});

test('a bound that is no bound is a mistake of ours', () => {
  for (const bound of [0, -1, Number.NaN]) assert.throws(() => clipToNorm(Float32Array.of(1), bound), RangeError);
});
