import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawGaussian, noisySteps } from '../../../src/core/math/kernels/discrete-gaussian-twin.ts';
import {
  cumulativeBits,
  gaussianTable,
  storeTable,
  tableBytes,
} from '../../../src/core/math/kernels/gaussian-table.ts';
import { type Kernels, Layout } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { discreteGaussianPmf, discreteGaussianVariance } from '../../../src/core/privacy/discrete-gaussian.ts';
import { normalCdf } from './normal-cdf.ts';
import { assertSame, floats, simd } from './same-kernels.ts';

const words = (kernels: Kernels, offset: number, count: number) => new Uint32Array(kernels.buffer, offset, count);

/** Discrete draws from the words of Philox. */
function discrete(count: number, logScale: number): Int32Array {
  const layout = new Layout();
  const wordCount = Math.ceil((count * 4 + 1000) / 16) * 16;
  const [source, target, consumed] = [layout.float32(wordCount), layout.float32(count), layout.float32(2)];
  const table = layout.float32(tableBytes(logScale) / 4);
  const kernels = simd.acquire(layout.bytes);
  storeTable(kernels.buffer, table, logScale);
  kernels.philox(source, wordCount, 5, logScale, 0, 0, 0, 0);
  const made = kernels.discreteGaussianFill(source, wordCount, table, target, count, logScale, consumed);
  const values = new Int32Array(kernels.buffer, target, made).slice();
  simd.release(kernels);
  assert.equal(made, count);
  return values;
}

/** e^−(numerator / 2^bits) as a fraction of 2^400, by its series, each value on its own. */
function expOfMinus(numerator: bigint, bits: bigint): bigint {
  // (e^−x/2^k)^(2^k) with x / 2^k below 1.
  let halvings = 0n;
  while (numerator >> (bits + halvings) > 0n) halvings++;
  let [sum, term] = [0n, 1n << 400n];
  for (let k = 1n; term !== 0n; k++) {
    sum += k % 2n === 1n ? term : -term;
    term = (term * numerator) >> (bits + halvings);
    term /= k;
  }
  for (; halvings > 0n; halvings--) sum = (sum * sum) >> 400n;
  return sum;
}

test('tables hold the exact cumulative probabilities cut to 144 bits, within 2^−128 in total variation', () => {
  for (const logScale of [0, 1, 3, 6]) {
    const boundaries = cumulativeBits(logScale);
    const variance = BigInt(2 * logScale + 1);
    // To 30 s: e^−450 < 2^−600 is left out, and 16 s to 30 s is what the table leaves out.
    const exact = Array.from({ length: 30 * 2 ** logScale }, (_, h) => expOfMinus(BigInt(h) ** 2n, variance));
    const total = exact.reduce((sum, weight) => sum + weight, 0n);
    let last = 0n;
    let distance = 0n;
    exact.forEach((weight, h) => {
      const next = h < boundaries.length ? boundaries[h] : 1n << 144n;
      const mass = h <= boundaries.length ? (next - last) << 256n : 0n;
      const difference = mass - (weight << 400n) / total;
      distance += difference < 0n ? -difference : difference;
      last = next;
    });
    assert.ok(distance / 2n < 1n << 272n, `2^${logScale}: ${distance.toString(2).length - 401}`);
    // In the bulk the bits are those of the exact sums, cut.
    let sum = 0n;
    for (let h = 0; h < 2 ** logScale; h++) {
      sum += exact[h];
      const difference = boundaries[h] - (sum << 144n) / total;
      assert.ok(difference >= -1n && difference <= 1n, `2^${logScale}: sum ${h}`);
    }
  }
});

test('a table of any scale holds its sums in order, and the guide counts those below each cell', () => {
  for (const logScale of [0, 5, 11]) {
    const boundaries = cumulativeBits(logScale);
    const { guide, near, deep } = gaussianTable(logScale);
    boundaries.forEach((boundary, h) => {
      assert.ok(h === 0 || boundary >= boundaries[h - 1]);
      const cell = Number(boundary >> 128n);
      assert.ok(guide[cell] <= h && h < guide[cell + 1]);
      const low = [near[h], ...deep.subarray(3 * h, 3 * h + 3)].reduce(
        (bits, word) => (bits << 32n) | BigInt(word),
        0n,
      );
      assert.equal(low, boundary & ((1n << 128n) - 1n));
    });
    assert.equal(guide[65_536], boundaries.length);
  }
  assert.equal(gaussianTable(20), gaussianTable(11));
});

/** A source of these words, and how many of them were read. */
function sourceOf(list: readonly number[]) {
  let read = 0;
  return {
    next() {
      assert.ok(read < list.length, 'no more words than given are read');
      return list[read++];
    },
    get read() {
      return read;
    },
  };
}

/** The words of a number of 144 bits: the cell in the upper half of the first. */
function wordsOf(bits: bigint): number[] {
  const low = [96n, 64n, 32n, 0n].map(shift => Number((bits >> shift) & 0xffffffffn));
  return [Number(bits >> 128n) * 2 ** 16, ...low];
}

test('a draw counts the cumulative probabilities up to a number of 144 bits, down to its last bit', () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 2, 7, 10), fc.nat(), fc.constantFrom(-1n, 0n, 1n), (logScale, pick, offset) => {
      const boundaries = cumulativeBits(logScale);
      // What one bit below or above a sum decides, one in a thousand in the tail.
      const at = boundaries[pick % Math.ceil(boundaries.length / (pick % 2 === 0 ? 1 : 4))];
      const number = at + offset;
      fc.pre(number >= 0n && number < 1n << 144n);
      const expected = boundaries.filter(boundary => boundary <= number).length;
      fc.pre(expected > 0);
      const [first, ...others] = wordsOf(number);
      const source = sourceOf(others);
      assert.equal(drawGaussian(source, first, gaussianTable(logScale), logScale), expected);
      assert.equal(drawGaussian(sourceOf(others), first + 0x8000, gaussianTable(logScale), logScale), -expected);
      // The kernel takes the further words from the back.
      const [values] = kernelDraws(logScale, [first], others, 1);
      assert.equal(values, expected);
    }),
    { numRuns: 60 },
  );
});

/** Draws of the kernel from first words in front and further ones at the back. */
function kernelDraws(logScale: number, first: readonly number[], others: readonly number[], count: number): number[] {
  const layout = new Layout();
  const list = [...first, ...[...others].reverse()];
  const [source, target, consumed] = [layout.float32(list.length), layout.float32(count), layout.float32(2)];
  const table = layout.float32(tableBytes(logScale) / 4);
  const kernels = simd.acquire(layout.bytes);
  storeTable(kernels.buffer, table, logScale);
  words(kernels, source, list.length).set(list);
  const made = kernels.discreteGaussianFill(source, list.length, table, target, count, logScale, consumed);
  const values = Array.from(new Int32Array(kernels.buffer, target, made));
  simd.release(kernels);
  return values;
}

test('0 with the negative sign is drawn again, so that it is not twice as likely', () => {
  const table = gaussianTable(3);
  const again = [0x12340000, 0, 0];
  assert.equal(drawGaussian(sourceOf([]), 0, table, 3), 0);
  const drawn = drawGaussian(sourceOf(again), 0x8000, table, 3);
  assert.equal(drawn, drawGaussian(sourceOf(again.slice(1)), again[0], table, 3));
});

test('the bits for the rounding are those behind the sign, and further words where they equal the fraction', () => {
  const table = gaussianTable(0);
  // A word whose cell is of one magnitude, and not 0: no words are read for the noise.
  let cell = 40_000;
  while (table.guide[cell] !== table.guide[cell + 1]) cell++;
  const noise = table.guide[cell];
  const steps = (bits: number, x: number, ...more: number[]) => {
    const source = sourceOf(more);
    const value = noisySteps(source, cell * 2 ** 16 + bits, x, table, 0) - noise;
    assert.equal(source.read, more.length);
    return value;
  };
  assert.equal(steps(0x3fff, 5.5), 6);
  assert.equal(steps(0x4001, 5.5), 5);
  assert.equal(steps(0x3fff, -5.5), -5);
  assert.equal(steps(0x4000, 5.5 + 2 ** -17, 2 ** 30 - 1), 6);
  assert.equal(steps(0x4000, 5.5 + 2 ** -17, 2 ** 30 + 1), 5);
  assert.equal(steps(0x4000, 5.5 + 2 ** -48, 0, 2 ** 31 - 1), 6);
  assert.equal(steps(0x4000, 5.5 + 2 ** -48, 0, 2 ** 31), 5);
  assert.equal(steps(0, 7, 5), 7);
  assert.equal(steps(0, 2 ** 60, 5), 2 ** 50);
  assert.equal(steps(0, -Infinity, 5), -(2 ** 50));
});

test('discrete draws pass a χ² test against the exact probabilities', () => {
  const count = 1_000_000;
  for (const logScale of [0, 1, 2, 4, 7, 10]) {
    const scale = 2 ** logScale;
    const counts = new Map<number, number>();
    for (const value of discrete(count, logScale)) counts.set(value, (counts.get(value) ?? 0) + 1);
    let statistic = 0;
    let cells = 0;
    let [restSeen, restExpected] = [count, count];
    for (let k = 0; count * discreteGaussianPmf(scale, k) > 10; k++) {
      for (const value of k === 0 ? [0] : [k, -k]) {
        const [seen, expected] = [counts.get(value) ?? 0, count * discreteGaussianPmf(scale, value)];
        statistic += (seen - expected) ** 2 / expected;
        restSeen -= seen;
        restExpected -= expected;
        cells++;
      }
    }
    statistic += (restSeen - restExpected) ** 2 / restExpected;
    // χ² with `cells` degrees of freedom: mean cells, variance 2·cells.
    assert.ok(Math.abs(statistic - cells) < 4 * Math.sqrt(2 * cells) + 4, `scale ${scale}: ${statistic} of ${cells}`);
  }
});

test('wide noise is as exact: blocks, and places in them, pass a χ² test against sums of exact probabilities', () => {
  const count = 1_000_000;
  const logScale = 12;
  const scale = 2 ** logScale;
  const values = discrete(count, logScale);
  // Every value modulo 2, and 64 bins of equal width between −2 and 2 standard deviations.
  const width = (4 * scale) / 64;
  const seen = new Map<string, number>();
  const expected = new Map<string, number>();
  const key = (k: number) => `${Math.min(63, Math.max(-1, Math.floor((k + 2 * scale) / width)))} ${k & 1}`;
  for (const value of values) seen.set(key(value), (seen.get(key(value)) ?? 0) + 1);
  for (let k = -16 * scale; k <= 16 * scale; k++)
    expected.set(key(k), (expected.get(key(k)) ?? 0) + count * discreteGaussianPmf(scale, k));
  let statistic = 0;
  for (const [bin, mean] of expected) statistic += ((seen.get(bin) ?? 0) - mean) ** 2 / mean;
  const freedom = expected.size - 1;
  assert.ok(Math.abs(statistic - freedom) < 4 * Math.sqrt(2 * freedom), `${statistic} of ${freedom}`);
});

test('discrete draws have the moments of their distribution, and as many beyond 3, 4 and 4.5 deviations as they should', () => {
  const count = 1_000_000;
  for (const logScale of [10, 11, 12, 15, 20]) {
    const scale = 2 ** logScale;
    const values = discrete(count, logScale);
    const sums = [0, 0, 0, 0];
    for (const value of values) {
      const x = value / Math.sqrt(discreteGaussianVariance(scale));
      for (let power = 0, y = x; power < 4; power++, y *= x) sums[power] += y;
    }
    [0, 1, 0, 3].forEach((expected, power) => {
      const error = Math.sqrt([1, 2, 15, 96][power] / count);
      assert.ok(Math.abs(sums[power] / count - expected) < 4 * error, `2^${logScale}: moment ${power + 1}`);
    });
    for (const deviations of [3, 4, 4.5]) {
      const expected = 2 * count * normalCdf(-deviations);
      const beyond = values.filter(value => Math.abs(value) > deviations * scale).length;
      assert.ok(Math.abs(beyond - expected) < 4 * Math.sqrt(expected) + 1, `2^${logScale}: ${beyond} of ${expected}`);
    }
    const sorted = values.sort();
    let distance = 0;
    for (let i = 0; i < count; i += 10) {
      distance = Math.max(distance, Math.abs(i / count - normalCdf(sorted[i] / scale)));
    }
    assert.ok(distance < 1.95 / Math.sqrt(count) + 1e-3 * 2 ** (10 - logScale), `2^${logScale}: ${distance}`);
  }
});

test('the low bits of discrete draws are even: no value of the grid is left out', () => {
  for (const logScale of [10, 12, 20]) {
    const counts = new Array(64).fill(0);
    const count = 1_000_000;
    for (const value of discrete(count, logScale)) counts[value & 63]++;
    const statistic = counts.reduce((sum, seen) => sum + (seen - count / 64) ** 2 / (count / 64), 0);
    assert.ok(statistic < 63 + 4 * Math.sqrt(126), `${statistic}`);
  }
});

test('draws, rounding and the words they take agree with the twin, also where the words end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 1200 }),
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(0.01, 2 ** -7),
      fc.nat(),
      (logScale, wordCount, count, step, key) => {
        const padded = Math.ceil(wordCount / 16) * 16 + 16;
        assertSame(
          [padded, count, 4, tableBytes(logScale) / 4, count],
          (k, [source, target, consumed, table, sums]) => {
            storeTable(k.buffer, table, logScale);
            k.philox(source, padded, key, 2, 0, 0, 0, 0);
            const used = words(k, consumed, 2);
            const made = k.discreteGaussianFill(source, wordCount, table, target, count, logScale, consumed);
            const drawn = used[0] + 1000 * used[1];
            assert.ok(made <= count && used[0] + used[1] <= wordCount && used[0] === made);
            const dithered = k.ditherGaussian(source, wordCount, table, sums, count, logScale, step, consumed);
            assert.ok(used[0] === dithered && used[0] + used[1] <= wordCount);
            // As small numbers: int32 values seen as float32 may be NaN.
            floats(k, target, count).set(new Int32Array(k.buffer, target, count).slice());
            words(k, source, padded).fill(0);
            words(k, table, tableBytes(logScale) / 4).fill(0);
            return drawn + 1e6 * made + 1e9 * (used[0] + 1000 * used[1]);
          },
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('rounding with noise in groups gives the bits of the twin: near the grid, far from it and beyond the bounds', () => {
  const [count, wordCount] = [700, 4096];
  const layout = new Layout();
  const [source, target] = [layout.float32(wordCount), layout.float32(count)];
  const [consumed, table] = [layout.float32(2), layout.float32(tableBytes(11) / 4)];
  const kernels = [simd, twinKernels].map(of => of.acquire(layout.bytes));
  for (const logScale of [0, 3, 7, 10, 11]) {
    for (const k of kernels) storeTable(k.buffer, table, logScale);
    for (const step of [1, 2 ** -90, 2 ** 29, 2 ** 90, 2 ** 91, 3]) {
      const [ours, twins] = kernels.map(k => {
        k.philox(source, wordCount, logScale, 2, 0, 0, 0, 0);
        // Words that leave the rounding to the next, in some places.
        for (let i = 0; i < count; i += 97) words(k, source, count)[i] |= 0x7fff;
        for (let i = 0; i < count; i++) {
          const size = [i, i / 8, 2 ** (i % 60), 2 ** -(i % 60), 32767.5 + i / 1000, 0][i % 6];
          floats(k, target, count)[i] = (i % 4 < 2 ? 1 : -1) * step * size;
        }
        assert.equal(k.ditherGaussian(source, wordCount, table, target, count, logScale, step, consumed), count);
        return [...words(k, target, count), ...words(k, consumed, 2)];
      });
      assert.deepEqual(ours, twins, `steps of ${step}, scale 2^${logScale}`);
    }
  }
  simd.release(kernels[0]);
});

test('words of which no bit differs end no loop too late: all 0, all 1, and the thresholds themselves', () => {
  for (const word of [0, 0xffffffff, 0x80000000, 0x55555555, 0x40000000]) {
    for (const logScale of [0, 10, 20]) {
      assertSame([640, 8, 4, tableBytes(logScale) / 4], (k, [source, target, consumed, table]) => {
        storeTable(k.buffer, table, logScale);
        words(k, source, 640).fill(word);
        const made = k.discreteGaussianFill(source, 640, table, target, 8, logScale, consumed);
        words(k, target, 8).fill(0);
        words(k, source, 640).fill(0);
        words(k, table, tableBytes(logScale) / 4).fill(0);
        return 1000 * made + words(k, consumed, 1)[0];
      });
    }
  }
});
