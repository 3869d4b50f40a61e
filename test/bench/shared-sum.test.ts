import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openedSum } from '../../bench/shared-sum.ts';
import { noiseGrid } from '../../src/core/privacy/noise-grid.ts';
import { seededBytes } from '../core/learning/private-example.ts';

const [parties, dimension, clipNorm] = [4, 4000, 10];
const grid = noiseGrid({
  noiseMultiplier: 0.5,
  clipNorm,
  relation: 'add-remove',
  dimension,
  sumSlack: 0,
  roundingSlip: 1e-9,
});

test('the opened sum is the sum of all parties, negative totals too, with the noise of all of them', () => {
  const sums = Array.from({ length: parties }, (_, party) =>
    Float64Array.from({ length: dimension }, (_, i) => (i % 2 === 0 ? 1 : -1) * (party + i / dimension)),
  );
  const opened = openedSum(sums, grid, seededBytes(5));
  const noise = opened.map((value, i) => value - sums.reduce((sum, part) => sum + part[i], 0));
  const mean = noise.reduce((sum, value) => sum + value, 0) / dimension;
  const variance = noise.reduce((sum, value) => sum + value * value, 0) / dimension;
  const expected = parties * (0.5 * clipNorm) ** 2;
  assert.ok(Math.abs(mean) < 5 * Math.sqrt(expected / dimension), `mean ${mean}`);
  assert.ok(Math.abs(variance / expected - 1) < 5 * Math.sqrt(2 / dimension), `variance ${variance} for ${expected}`);
});

test('what is opened lies on the grid', () => {
  const sum = new Float64Array(dimension).fill(Math.PI);
  for (const value of openedSum([sum, sum], grid, seededBytes(6))) {
    assert.ok(Number.isInteger(value / grid.step));
  }
});
