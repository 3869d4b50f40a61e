import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RandomStream } from '../../../src/core/math/random.ts';
import {
  adaptiveClipIndicatorScale,
  adaptiveClipLinearUpdate,
  adaptiveClipNoiseMultiplier,
  adaptiveClipSequence,
  adaptiveClipUpdate,
  unclippedFraction,
} from '../../../src/core/privacy/adaptive-clip.ts';
import { clipL2, l2Norm } from '../../../src/core/privacy/clip.ts';

const awkward = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, 3e38, 1e308, -1e308, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);
const parts = fc.array(
  fc.array(awkward, { maxLength: 6 }).map(values => Float64Array.from(values)),
  { maxLength: 4 },
);
const clips = fc.constantFrom(0, 1e-300, 0.1, 1, 5, 1e30);

test('nothing comes out longer than the bound, whatever went in', () => {
  fc.assert(
    fc.property(parts, clips, (given, clip) => {
      const clipped = clipL2(given, clip);
      const norm = l2Norm(clipped);
      assert.ok(norm !== null && norm <= clip, `${norm} over ${clip}`);
      assert.deepEqual(
        clipped.map(part => part.length),
        given.map(part => part.length),
      );
    }),
    { numRuns: 500 },
  );
});

test('what is within the bound is unchanged, what is beyond keeps its direction and reaches it', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 8 }), values => {
      const given = [Float64Array.from(values)];
      const norm = l2Norm(given) ?? Number.NaN;
      const [clipped] = clipL2(given, 2);
      if (norm <= 2) assert.deepEqual(clipped, given[0]);
      else for (const [i, x] of clipped.entries()) assert.ok(Math.abs(x * norm - 2 * values[i]) <= 1e-12 * norm);
    }),
  );
});

test('one number that is not finite empties the whole contribution, parts are clipped together, and 0-d ones too', () => {
  assert.deepEqual(clipL2([Float64Array.of(1), Float64Array.of(Number.NaN)], 5), [
    Float64Array.of(0),
    Float64Array.of(0),
  ]);
  assert.deepEqual(clipL2([Float64Array.of(3), Float64Array.of(4)], 2.5), [Float64Array.of(1.5), Float64Array.of(2)]);
  assert.deepEqual(clipL2([Float64Array.of(2)], 1), [Float64Array.of(1)]);
  assert.deepEqual(clipL2([], 1), []);
  // A norm beyond the range of doubles is clipped like any other.
  const [huge] = clipL2([new Float64Array(4).fill(-1.7e308)], 2);
  assert.ok(huge.every(x => Math.abs(x + 1) < 1e-12));
  assert.throws(() => clipL2([], Number.NaN), RangeError);
});

test('a bound that follows a quantile ends at it, from above and from below', () => {
  const stream = new RandomStream(new Uint8Array(32).fill(3));
  const norms = Float64Array.from({ length: 101 }, () => Math.exp(stream.normal()));
  const median = norms.toSorted()[50];
  for (const start of [0.01, 100]) {
    const last = adaptiveClipSequence(norms, start, 0.5, 0.2, 300).at(-1) ?? 0;
    assert.ok(Math.abs(last - median) < 0.1 * median, `${last} for ${median}`);
  }
});

test('the bound falls exactly when more than wished are within it', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-3, max: 10, noNaN: true }),
      fc.double({ min: -1, max: 2, noNaN: true }),
      (clip, share) => {
        for (const update of [adaptiveClipUpdate, adaptiveClipLinearUpdate]) {
          const next = update(clip, share, 0.5, 0.2);
          if (share > 0.501) assert.ok(next < clip);
          if (share < 0.499) assert.ok(next > clip);
        }
      },
    ),
  );
  assert.equal(unclippedFraction([1, 2, Number.NaN], 2), 2 / 3);
  assert.throws(() => adaptiveClipUpdate(1, Number.NaN, 0.5, 0.2), RangeError);
});

test('the bit and the update cost together what was paid for', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.1, max: 5, noNaN: true }),
      fc.double({ min: 1.1, max: 20, noNaN: true }),
      (z, factor) => {
        const bits = z * factor;
        const update = adaptiveClipNoiseMultiplier(z, bits);
        assert.ok(Math.abs(update ** -2 + (2 * bits) ** -2 - z ** -2) < 1e-9 * z ** -2);
      },
    ),
  );
  // Design page §2: at m = 40, z = 3.81 and σ_b = m/20 the update needs 12.7.
  assert.ok(Math.abs(adaptiveClipNoiseMultiplier(3.81, 2) - 12.7) < 0.5);
  assert.throws(() => adaptiveClipNoiseMultiplier(4, 2), RangeError);
  assert.throws(() => adaptiveClipIndicatorScale(1, 1, 1), RangeError);
});

test('a sequence of clip bounds without an end is refused', () => {
  assert.throws(() => adaptiveClipSequence([1], 1, 0.5, 0.2, Number.POSITIVE_INFINITY), RangeError);
});
