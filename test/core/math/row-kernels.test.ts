import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSame } from './same-kernels.ts';

const rows = fc.integer({ min: 1, max: 9 });
const width = fc.integer({ min: 1, max: 37 });
const gap = fc.nat(5);
const seeds = fc.nat(255);

test('squared norms of rows agree with the twin to the bit, at every width and stride, and are those of the formula', () => {
  fc.assert(
    fc.property(rows, width, gap, seeds, (n, m, between, seed) => {
      const stride = m + between;
      const [values, sums] = assertSame(
        [n * stride, 2 * n],
        (kernels, [a, s]) => kernels.addRowSquares(a, 4 * stride, s, n, m) as undefined,
        { seed, prepare: ([, zeros]) => void zeros.fill(0) },
      );
      new Float64Array(sums.buffer).forEach((sum, row) => {
        const own = values.subarray(row * stride, row * stride + m);
        const expected = own.reduce((total, x) => total + x * x, 0);
        assert.ok(Math.abs(sum - expected) <= 1e-12 * expected, `row ${row}: ${sum}, not ${expected}`);
      });
    }),
  );
});

test('products of two vectors and scaled sums agree with the twin to the bit, at every length', () => {
  fc.assert(
    fc.property(fc.nat(70), fc.double({ min: -3, max: 3, noNaN: true }), seeds, (count, scale, seed) => {
      const sizes = [count, count];
      assertSame(sizes, (kernels, [a, b]) => kernels.dotProduct(a, b, count), { seed });
      assertSame(sizes, (kernels, [a, b]) => kernels.addScaled(a, b, count, scale) as undefined, { seed });
    }),
  );
});

test('rows scaled by weights agree with the twin to the bit; a weight of 0 leaves zeros in place of anything', () => {
  fc.assert(
    fc.property(rows, width, seeds, (n, m, seed) => {
      const [values] = assertSame([n * m, n], (kernels, [a, w]) => kernels.scaleRows(a, n, m, w) as undefined, {
        seed,
        prepare([matrix, weights]) {
          weights[seed % n] = 0;
          matrix[(seed % n) * m] = Number.NaN;
        },
      });
      assert.ok(values.subarray((seed % n) * m, ((seed % n) + 1) * m).every(value => value === 0));
    }),
  );
});
