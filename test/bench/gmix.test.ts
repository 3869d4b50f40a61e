import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gmix, gmixWidth, splitMix } from '../../bench/gmix.ts';

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

test('SplitMix64 of seed 1 begins as published', () => {
  assert.equal(splitMix(1)(), 0x910a2dec89025cc1n);
});

test('gmix has the check values of its definition', () => {
  const train = gmix(1, 20_000);
  const first = [0.16737931, -0.10174421, 0.21328336, -0.28748626];
  first.forEach((expected, i) => {
    assert.ok(Math.abs(train.features[i] - expected) < 5e-9, `x₀[${i}] is ${train.features[i]}`);
  });
  assert.deepEqual([...train.labels.subarray(0, 10)], [3, 2, 6, 5, 1, 5, 1, 7, 3, 9]);
  assert.ok(Math.abs(sum(train.features) + 2876.2595) < 5e-5, `${sum(train.features)}`);
  assert.ok(Math.abs(sum(gmix(2, 5000).features) + 917.2308) < 5e-5);
});

test('a shorter gmix is the beginning of a longer one, with rows of norm 1', () => {
  const [short, long] = [gmix(3, 20), gmix(3, 30)];
  assert.deepEqual(short.features, long.features.slice(0, 20 * gmixWidth));
  assert.deepEqual(short.labels, long.labels.slice(0, 20));
  for (let row = 0; row < 20; row++) {
    const squares = short.features.subarray(row * gmixWidth, (row + 1) * gmixWidth).map(value => value * value);
    assert.ok(Math.abs(sum(squares) - 1) < 1e-12);
  }
});
