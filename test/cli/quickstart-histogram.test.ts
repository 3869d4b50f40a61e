import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bins, histogramLines, histogramOf } from '../../src/cli/quickstart-histogram.ts';
import { streamOf } from '../../src/simulation/stream.ts';

test('every word falls into its part of the range, the ends included', () => {
  const words = Int32Array.of(-(2 ** 31), -(2 ** 31) + 2 ** 28 - 1, -(2 ** 31) + 2 ** 28, -1, 0, 2 ** 31 - 1);
  const { counts } = histogramOf(words);
  assert.deepEqual([counts[0], counts[1], counts[7], counts[8], counts[15]], [2, 1, 1, 1, 1]);
  assert.equal(counts.length, bins);
});

test('uniform words look uniform, and words around zero do not', () => {
  const random = streamOf(1, 'histogram');
  const uniform = Int32Array.from({ length: 420 }, () => random.below(2 ** 32) - 2 ** 31);
  const small = Int32Array.from(uniform, word => word >> 8);
  assert.ok(histogramOf(uniform).uniformP > 0.01);
  assert.ok(histogramOf(small).uniformP < 1e-12);
});

test('χ² near its 95th percentile gives a p-value near 0.05', () => {
  // With 15 degrees that is 24.996 (NIST/SEMATECH e-Handbook, 1.3.6.7.4); these counts give 25.06.
  const counts = Array.from({ length: bins }, (_, i) => 100 + (i % 2 === 0 ? 12.5 : -12.5) + (i % 4 < 2 ? 0.5 : -0.5));
  const words = Int32Array.from(counts.flatMap((count, i) => Array(count).fill(-(2 ** 31) + i * 2 ** 28)));
  const { uniformP } = histogramOf(words);
  assert.ok(Math.abs(uniformP - 0.05) < 0.002, `p ${uniformP}`);
});

test('bars are drawn in eighths over two lines, and what is there at all is seen', () => {
  assert.deepEqual(histogramLines([0, 1, 8, 16]), ['      ██', '  ▁▁████']);
  assert.deepEqual(histogramLines([0, 1, 1000]), ['    ██', '  ▁▁██']);
  assert.deepEqual(histogramLines([0, 0]), ['    ', '    ']);
});
