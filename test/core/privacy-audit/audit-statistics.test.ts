import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomStream } from '../../../src/core/math/random.ts';
import { seededBytes } from '../../../src/core/privacy-audit/seeded-bytes.ts';
import {
  chiSquarePValue,
  correlationPValue,
  fitPValue,
  leastVariancePValue,
  meanPValue,
  normalPValue,
  variancePValue,
} from '../../../src/core/privacy-audit/significance.ts';
import { twoWorldsBound } from '../../../src/core/privacy-audit/two-worlds-bound.ts';

function normals(count: number, seed: number, mean = 0, deviation = 1): Float64Array {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  return Float64Array.from({ length: count }, () => mean + deviation * stream.normal());
}

test('p-values are those of tables', () => {
  assert.ok(Math.abs(normalPValue(1.959964) - 0.05) < 1e-6);
  assert.ok(Math.abs(normalPValue(-3.290527) - 0.001) < 1e-8);
  assert.equal(normalPValue(Number.NaN), 0);
  // NIST/SEMATECH e-Handbook, §1.3.6.7.4: upper critical values of χ² with 63 and 100 degrees.
  assert.ok(Math.abs(chiSquarePValue(82.529, 63) - 0.05) < 5e-4);
  assert.ok(Math.abs(chiSquarePValue(149.449, 100) - 0.001) < 3e-5);
  assert.equal(chiSquarePValue(Number.NaN, 63), 0);
});

test('normal numbers on a grid pass every test, and what is not normal, or of another size, does not', () => {
  const step = 2 ** -10;
  const noise = normals(100_000, 1).map(x => Math.round(x / step) * step);
  const other = normals(100_000, 2);
  for (const p of [
    meanPValue(noise),
    variancePValue(noise),
    leastVariancePValue(noise),
    fitPValue(noise, step),
    correlationPValue(noise, other),
  ])
    assert.ok(p > 0.01, `p = ${p}`);
  assert.ok(meanPValue(noise.map(x => x + 0.05)) < 1e-6);
  assert.ok(variancePValue(noise.map(x => 0.97 * x)) < 1e-6);
  assert.ok(leastVariancePValue(noise.map(x => 0.97 * x)) < 1e-6);
  assert.ok(leastVariancePValue(noise.map(x => 1.5 * x)) > 0.99);
  // Uniform numbers of the same mean and variance.
  const stream = new RandomStream(new Uint8Array(32).fill(3));
  const uniform = other.map(() => (stream.float64() - 0.5) * Math.sqrt(12));
  assert.ok(variancePValue(uniform) > 0.01);
  assert.ok(fitPValue(uniform, 1e-9) < 1e-6);
  assert.ok(
    correlationPValue(
      noise,
      noise.map((x, i) => 0.9 * other[i] + 0.1 * x),
    ) < 1e-6,
  );
});

test('two worlds that are μ apart give a bound below μ, and close to it', () => {
  for (const mu of [0.3, 1, 2.5]) {
    const [inside, outside] = [normals(100_000, 4, mu), normals(100_000, 5)];
    const bound = twoWorldsBound(inside, outside, 1e-4, 1e-5);
    assert.ok(bound.mu <= mu && bound.mu > 0.9 * mu - 0.05, `${bound.mu} of ${mu}`);
    assert.ok(bound.epsilon > 0);
  }
  assert.deepEqual(twoWorldsBound(normals(1000, 6), normals(1000, 7), 1e-4, 1e-5), { mu: 0, epsilon: 0 });
});

test('a bound at level 0.1 is wrong at most once in ten', () => {
  let wrong = 0;
  for (let seed = 0; seed < 60; seed++)
    if (twoWorldsBound(normals(400, 2 * seed, 1), normals(400, 2 * seed + 1), 0.1, 1e-5).mu > 1) wrong++;
  // 0.1 · 60 and three standard errors.
  assert.ok(wrong <= 13, `${wrong} of 60`);
});

test('replayed bytes come again, label by label', () => {
  const [one, again, other] = ['a', 'a', 'b'].map(label => {
    const { randomBytes, drawn } = seededBytes(label);
    const bytes = new Uint8Array(1003);
    randomBytes(bytes.subarray(0, 500));
    randomBytes(bytes.subarray(500));
    assert.equal(drawn(), 1003);
    return bytes;
  });
  assert.deepEqual(one, again);
  assert.notDeepEqual(one, other);
});
