import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Kernels, Layout } from '../../../src/core/math/kernels/kernels.ts';
import { normalCdf } from './normal-cdf.ts';
import { assertSame, floats, simd } from './same-kernels.ts';

const words = (kernels: Kernels, offset: number, count: number) => new Uint32Array(kernels.buffer, offset, count);
/** The first and last words there are, and those where the logarithm changes its course. */
const edges = [0, 1, 255, 256, 0x7fffffff, 0x80000000, 0xb504f333, 0xb504f334, 0xffffff00, 0xfffffffe, 0xffffffff];

test('Gaussian draws agree with the twin to the bit, at every count and for the first and last words', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(1e-6, 1, 3.7),
      fc.nat(255),
      fc.array(fc.constantFrom(...edges), { maxLength: 8 }),
      (n, scale, seed, first) => {
        const padded = Math.ceil(n / 8) * 8;
        const prepare = (k: Kernels, w: number) => {
          k.philox(w, Math.ceil(n / 16) * 16, seed, 1, 0, 0, 0, 0);
          words(k, w, padded).set(first.slice(0, padded));
        };
        const sizes = [padded + 8, n, n];
        const [, values, added] = assertSame(
          sizes,
          (k, [w, x, y]) => {
            prepare(k, w);
            k.gaussianFill(w, x, n, scale);
            k.addGaussian(w, y, n, scale);
            words(k, w, padded).fill(0);
            return undefined;
          },
          { seed, prepare: ([, , y]) => y.fill(1) },
        );
        values.forEach((value, i) => {
          assert.ok(Number.isFinite(value));
          assert.equal(added[i], Math.fround(1 + value));
        });
      },
    ),
    { numRuns: 200 },
  );
});

/** Runs over `count` normal draws from the words of Philox, in a memory of their own. */
function withNormals<T>(count: number, work: (values: Float32Array, words: Uint32Array) => T): T {
  const layout = new Layout();
  const [source, target] = [layout.float32(count), layout.float32(count)];
  const kernels = simd.acquire(layout.bytes);
  kernels.philox(source, count, 3, 1, 0, 0, 0, 0);
  kernels.gaussianFill(source, target, count, 1);
  const result = work(floats(kernels, target, count), words(kernels, source, count));
  simd.release(kernels);
  return result;
}

test('a draw is Box and Muller’s formula of its words, within float32', () => {
  withNormals(160_000, (values, source) => {
    let worst = 0;
    for (let i = 0; i < values.length; i++) {
      const at = i - (i % 8) + (i % 4);
      const [length, direction] = [source[at], source[at + 4]];
      const r = Math.sqrt(-2 * Math.log((length + ((direction & 255) + 0.5) / 256) / 2 ** 32));
      const x = ((((direction >>> 8) & 0x1fffff) + 0.5) / 2 ** 21) * (Math.PI / 4);
      const isFirst = i % 8 < 4;
      const isSwapped = (direction & 0x20000000) !== 0;
      const sign = (direction >>> (isFirst ? 31 : 30)) & 1 ? -1 : 1;
      const expected = sign * r * (isFirst === isSwapped ? Math.sin(x) : Math.cos(x));
      worst = Math.max(worst, Math.abs(values[i] - expected) / r);
    }
    assert.ok(worst < 3e-7, `${worst}`);
  });
});

test('10 million draws pass a Kolmogorov–Smirnov test, and their moments and tails are normal', () => {
  const count = 10_000_000;
  withNormals(count, values => {
    const sums = [0, 0, 0, 0];
    let together = 0;
    let squares = 0;
    for (let block = 0; block < count; block += 8) {
      for (let i = block; i < block + 4; i++) {
        const [x, y] = [values[i], values[i + 4]];
        const [x2, y2] = [x * x, y * y];
        sums[0] += x + y;
        sums[1] += x2 + y2;
        sums[2] += x2 * x + y2 * y;
        sums[3] += x2 * x2 + y2 * y2;
        together += x * y;
        squares += (x2 - 1) * (y2 - 1);
      }
    }
    // Standard errors of the mean powers of a normal variable: √(1, 2, 15, 96) / √n.
    [0, 1, 0, 3].forEach((expected, power) => {
      const error = Math.sqrt([1, 2, 15, 96][power] / count);
      assert.ok(Math.abs(sums[power] / count - expected) < 4 * error, `moment ${power + 1}: ${sums[power] / count}`);
    });
    assert.ok(Math.abs(together) < 4 * Math.sqrt(count / 2), 'the two of a pair are not correlated');
    assert.ok(Math.abs(squares) < 4 * Math.sqrt(4 * (count / 2)), 'nor their squares');
    values.sort();
    let distance = 0;
    // The distribution moves by at most 100 / n from one place looked at to the next.
    for (let i = 0; i < count; i += 100) distance = Math.max(distance, Math.abs(i / count - normalCdf(values[i])));
    // 1.95 / √n: once in a thousand samples.
    assert.ok(distance + 100 / count < 1.95 / Math.sqrt(count), `${distance * Math.sqrt(count)} / √n`);
    for (const bound of [2, 3, 4, 5]) {
      const expected = 2 * count * normalCdf(-bound);
      const beyond = rankOf(values, -bound) + count - rankOf(values, bound);
      assert.ok(
        Math.abs(beyond - expected) < 4 * Math.sqrt(expected),
        `${beyond} beyond ${bound}, expected ${expected}`,
      );
    }
  });
});

/** How many of the sorted values are below x. */
function rankOf(sorted: Float32Array, x: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

test('the longest pair is 7.54 standard deviations, and those before it are apart', () => {
  const lengths = [0, 1, 2, 16].map(word => {
    const [, values] = assertSame([16, 8], (k, [w, x]) => {
      words(k, w, 16).fill(0);
      words(k, w, 4).fill(word);
      k.gaussianFill(w, x, 8, 1);
      return undefined;
    });
    return Math.hypot(values[0], values[4]);
  });
  assert.ok(Math.abs(lengths[0] - 7.5388) < 1e-3, `${lengths[0]}`);
  assert.ok(lengths[0] > lengths[1] && lengths[1] > lengths[2] && lengths[2] > lengths[3] && lengths[3] > 6);
});
