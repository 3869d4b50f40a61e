import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Kernels, Layout } from '../../../src/core/math/kernels/kernels.ts';
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

/** Discrete draws from the words of Philox. */
function discrete(count: number, logScale: number): Int32Array {
  const layout = new Layout();
  const wordCount = Math.ceil((count * 14 + 1000) / 16) * 16;
  const [source, target, consumed] = [layout.float32(wordCount), layout.float32(count), layout.float32(1)];
  const kernels = simd.acquire(layout.bytes);
  kernels.philox(source, wordCount, 5, logScale, 0, 0, 0, 0);
  const made = kernels.discreteGaussianFill(source, wordCount, target, count, logScale, consumed);
  const values = new Int32Array(kernels.buffer, target, made).slice();
  simd.release(kernels);
  assert.equal(made, count);
  return values;
}

/** P(k) of the discrete Gaussian from its definition. */
function probabilities(scale: number): (k: number) => number {
  const weight = (k: number) => Math.exp(-(k * k) / (2 * scale * scale));
  let total = 1;
  for (let k = 1; k < 20 * scale; k++) total += 2 * weight(k);
  return k => weight(k) / total;
}

test('discrete draws pass a χ² test against the exact probabilities', () => {
  const count = 1_000_000;
  for (const logScale of [0, 1, 2, 4]) {
    const probability = probabilities(2 ** logScale);
    const counts = new Map<number, number>();
    for (const value of discrete(count, logScale)) counts.set(value, (counts.get(value) ?? 0) + 1);
    let statistic = 0;
    let cells = 0;
    let [restSeen, restExpected] = [count, count];
    for (let k = 0; count * probability(k) > 10; k++) {
      for (const value of k === 0 ? [0] : [k, -k]) {
        const [seen, expected] = [counts.get(value) ?? 0, count * probability(value)];
        statistic += (seen - expected) ** 2 / expected;
        restSeen -= seen;
        restExpected -= expected;
        cells++;
      }
    }
    statistic += (restSeen - restExpected) ** 2 / restExpected;
    // χ² with `cells` degrees of freedom: mean cells, variance 2·cells.
    assert.ok(statistic < cells + 4 * Math.sqrt(2 * cells), `scale ${2 ** logScale}: ${statistic} of ${cells}`);
  }
});

test('discrete draws of large scales have the moments of a normal variable of that scale', () => {
  const count = 1_000_000;
  for (const logScale of [10, 15, 20]) {
    const values = discrete(count, logScale);
    const sums = [0, 0, 0, 0];
    for (const value of values) {
      const x = value / 2 ** logScale;
      for (let power = 0, y = x; power < 4; power++, y *= x) sums[power] += y;
    }
    [0, 1, 0, 3].forEach((expected, power) => {
      const error = Math.sqrt([1, 2, 15, 96][power] / count);
      assert.ok(Math.abs(sums[power] / count - expected) < 4 * error, `2^${logScale}: moment ${power + 1}`);
    });
    const sorted = values.sort();
    let distance = 0;
    for (let i = 0; i < count; i += 10) {
      distance = Math.max(distance, Math.abs(i / count - normalCdf(sorted[i] / 2 ** logScale)));
    }
    assert.ok(distance < 1.95 / Math.sqrt(count) + 1e-3 * 2 ** (10 - logScale), `2^${logScale}: ${distance}`);
  }
});

test('the low bits of discrete draws are even: no value of the grid is left out', () => {
  const counts = new Array(64).fill(0);
  const count = 1_000_000;
  for (const value of discrete(count, 10)) counts[value & 63]++;
  const statistic = counts.reduce((sum, seen) => sum + (seen - count / 64) ** 2 / (count / 64), 0);
  assert.ok(statistic < 63 + 4 * Math.sqrt(126), `${statistic}`);
});

test('discrete draws and the words they take agree with the twin, also where the words end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 1, max: 30 }),
      fc.nat(),
      (logScale, wordCount, count, key) => {
        const padded = Math.ceil(wordCount / 16) * 16 + 16;
        assertSame([padded, count, 4], (k, [source, target, consumed]) => {
          k.philox(source, padded, key, 2, 0, 0, 0, 0);
          const made = k.discreteGaussianFill(source, wordCount, target, count, logScale, consumed);
          const used = words(k, consumed, 1)[0];
          assert.ok(made <= count && used <= wordCount);
          // As small numbers: int32 values seen as float32 may be NaN.
          floats(k, target, count).set(new Int32Array(k.buffer, target, count).slice());
          words(k, source, padded).fill(0);
          return 100_000 * made + used;
        });
      },
    ),
    { numRuns: 300 },
  );
});

test('words of which no bit differs end no loop too late: all 0, all 1, and the thresholds themselves', () => {
  for (const word of [0, 0xffffffff, 0x80000000, 0x55555555, 0x40000000]) {
    for (const logScale of [0, 10, 20]) {
      assertSame([64, 8, 4], (k, [source, target, consumed]) => {
        words(k, source, 64).fill(word);
        const made = k.discreteGaussianFill(source, 64, target, 8, logScale, consumed);
        words(k, target, 8).fill(0);
        words(k, source, 64).fill(0);
        return 1000 * made + words(k, consumed, 1)[0];
      });
    }
  }
});

/** Φ(x): the series of Marsaglia 2004 in the middle, the continued fraction of the tail beyond; within 1e-13. */
function normalCdf(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (Math.abs(x) < 3) {
    let [sum, term] = [x, x];
    for (let odd = 3; Math.abs(term) > 1e-17; odd += 2) {
      term *= (x * x) / odd;
      sum += term;
    }
    return 0.5 + sum * density;
  }
  let fraction = Math.abs(x);
  for (let k = 60; k >= 1; k--) fraction = Math.abs(x) + k / fraction;
  const beyond = density / fraction;
  return x < 0 ? beyond : 1 - beyond;
}
