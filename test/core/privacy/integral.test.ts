import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gaussLegendre } from '../../../src/core/math/gauss-legendre.ts';
import { gaussianEpsilon } from '../../../src/core/privacy/gaussian.ts';
import { integralDelta, integralEpsilon } from '../../../src/core/privacy/integral.ts';
import { InversionLine } from '../../../src/core/privacy/integral-line.ts';
import { pldEpsilon } from '../../../src/core/privacy/pld.ts';
import { sampledGaussianDelta } from '../../../src/core/privacy/sampled-gaussian-delta.ts';

function near(got: number, expected: number, relative: number): void {
  assert.ok(
    Math.abs(got - expected) <= relative * Math.abs(expected),
    `${got} is not within ${relative} of ${expected}`,
  );
}

test('loss distributions and the integral agree to 1e-4 of ε at the corners of the grid', () => {
  // q, z, T, δ: heavy tails, sharp lower ends, thousands of steps, and next to no ε.
  for (const [q, noiseMultiplier, steps, delta] of [
    [0.001, 0.8, 10, 1e-3],
    [0.001, 0.8, 10, 1e-10],
    [0.001, 1, 10, 1e-7],
    [0.001, 1.5, 100, 1e-10],
    [0.001, 2, 10, 1e-10],
    [0.001, 8, 10, 1e-5],
    [0.001, 1, 1000, 1e-7],
    [0.001, 0.8, 10_000, 1e-5],
    [0.01, 8, 10_000, 1e-10],
    [0.05, 8, 1, 1e-10],
    [0.3, 2, 100, 1e-5],
    [0.9, 0.5, 10, 1e-10],
    [0.9, 0.5, 10_000, 1e-3],
  ] as const) {
    const integral = integralEpsilon({ q, noiseMultiplier, steps }, delta);
    const { lower, upper } = pldEpsilon(
      { kind: 'sampled', q, of: { kind: 'gaussian', noiseMultiplier }, count: steps },
      delta,
    );
    assert.ok(lower <= integral * (1 + 1e-9), `${lower} ≤ ${integral}`);
    near(upper, integral, 1e-4);
  }
});

test('the line gives for one release what the closed form gives, wherever it is laid', () => {
  for (const [q, sigma, epsilon] of [
    [0.001, 0.5, 0.3],
    [0.3, 0.8, 2],
    [0.05, 8, 0.01],
    [0.9, 1.5, 1],
  ] as const) {
    const exact = sampledGaussianDelta(q, sigma, 1, 'remove', epsilon);
    for (const lambda of [0.5, 2]) {
      const loss = { q, sigma, direction: 'remove' } as const;
      const line = new InversionLine({ loss, steps: 1, lambda, epsilon });
      near(line.deltaAt(epsilon, 400 / (epsilon - Math.log1p(-q))).delta, exact, 1e-7);
    }
  }
});

test('without sampling the integral is that of one Gaussian', () => {
  for (const [noiseMultiplier, steps, delta] of [
    [0.5, 10, 1e-10],
    [1, 100, 1e-5],
    [8, 1000, 1e-3],
    [100, 7, 1e-6],
  ] as const)
    near(
      integralEpsilon({ q: 1, noiseMultiplier, steps }, delta),
      gaussianEpsilon(noiseMultiplier, delta, 1, steps),
      1e-8,
    );
});

test('ε and δ of the integral are inverse, and ε is 0 where δ(0) is small enough', () => {
  const release = { q: 0.01, noiseMultiplier: 1, steps: 50 };
  for (const delta of [1e-3, 1e-6, 1e-9]) near(integralDelta(release, integralEpsilon(release, delta)), delta, 1e-6);
  const atZero = integralDelta(release, 0);
  assert.equal(integralEpsilon(release, atZero * 1.001), 0);
  assert.ok(integralEpsilon(release, atZero * 0.999) > 0);
  assert.equal(integralEpsilon({ ...release, q: 0 }, 1e-5), 0);
  assert.equal(integralEpsilon({ ...release, steps: 0 }, 1e-5), 0);
  for (const wrong of [{ q: 1.1 }, { noiseMultiplier: 0 }, { steps: 1.5 }, { q: Number.NaN }])
    assert.throws(() => integralEpsilon({ ...release, ...wrong }, 1e-5), RangeError);
  assert.throws(() => integralEpsilon(release, 0), RangeError);
});

test('Gauss–Legendre quadrature is exact for polynomials up to degree 2n − 1, and not beyond', () => {
  for (const n of [1, 2, 5, 16]) {
    const { nodes, weights } = gaussLegendre(n);
    const integral = (degree: number) => nodes.reduce((sum, x, i) => sum + weights[i] * x ** degree, 0);
    for (let degree = 0; degree < 2 * n; degree++)
      assert.ok(Math.abs(integral(degree) - (degree % 2 === 0 ? 2 / (degree + 1) : 0)) < 1e-14);
    assert.ok(Math.abs(integral(2 * n) - 2 / (2 * n + 1)) > 1e-12);
  }
  assert.throws(() => gaussLegendre(0), RangeError);
});

test('noise of which the moments would take minutes is refused at once', () => {
  assert.throws(() => integralEpsilon({ q: 0.01, noiseMultiplier: 0.005, steps: 100 }, 1e-5), RangeError);
});
