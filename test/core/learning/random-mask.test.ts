import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gather, keptCoordinates, keptCount, scatter } from '../../../src/core/learning/random-mask.ts';

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const share = fc.double({ min: 1e-3, max: 1, noNaN: true });

test('exactly so many places are kept, each once and ascending, the same for the same seed', () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 500 }), share, (bytes, length, keep) => {
      const places = keptCoordinates(bytes, length, keep);
      assert.equal(places.length, keptCount(length, keep));
      assert.ok(places.every((place, i) => place < length && place > (i === 0 ? -1 : places[i - 1])));
      assert.deepEqual(keptCoordinates(bytes, length, keep), places);
    }),
  );
});

test('the number kept is the share rounded up, whatever floating point makes of the product', () => {
  // 0.07 × 100 = 7.000000000000001 in float64.
  const counts = [
    [100, 0.07],
    [10, 0.1],
    [10, 0.11],
    [3, 1 / 3],
    [1, 0.001],
    [7, 1],
  ].map(([length, keep]) => keptCount(length, keep));
  assert.deepEqual(counts, [7, 1, 2, 1, 1, 7]);
  for (const keep of [0, -1, 1.1, Number.NaN]) assert.throws(() => keptCount(10, keep), RangeError);
  for (const length of [0, 1.5, 2 ** 31]) assert.throws(() => keptCount(length, 0.5), RangeError);
});

test('every choice of three in six is equally likely', () => {
  const counts = new Map<string, number>();
  const draws = 6000;
  for (let i = 0; i < draws; i++) {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setUint32(0, i);
    const places = keptCoordinates(bytes, 6, 0.5).join();
    counts.set(places, (counts.get(places) ?? 0) + 1);
  }
  assert.equal(counts.size, 20);
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - draws / 20) ** 2 / (draws / 20), 0);
  // The 0.999 quantile of χ² with 19 degrees of freedom is 43.8.
  assert.ok(chiSquare < 43.8, `χ² = ${chiSquare}`);
});

test('what is gathered comes back to its place, with zeros elsewhere, and sums stay sums', () => {
  const vectors = fc.tuple(
    fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 8, maxLength: 8 }),
    fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 8, maxLength: 8 }),
  );
  fc.assert(
    fc.property(seed, share, vectors, (bytes, keep, [a, b]) => {
      const places = keptCoordinates(bytes, 8, keep);
      const [kept, other] = [a, b].map(values => gather(Float32Array.from(values), places));
      const sum = scatter(
        kept.map((value, i) => value + other[i]),
        places,
        8,
      );
      assert.deepEqual(
        [...sum],
        a.map((value, i) => (places.includes(i) ? value + b[i] : 0)),
      );
    }),
  );
});

test('values that do not fit the places are refused', () => {
  assert.throws(() => scatter(new Float32Array(2), Int32Array.of(1), 4), RangeError);
  assert.throws(() => scatter(new Float32Array(1), Int32Array.of(4), 4), RangeError);
  assert.throws(() => scatter(new Float32Array(1), Int32Array.of(-1), 4), RangeError);
});
