import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  composedDelta,
  composedEpsilon,
  LossUnavailable,
  singleDelta,
} from '../../../src/core/privacy/composed-loss.ts';
import { type PrivacyEvent, parseEvent } from '../../../src/core/privacy/event.ts';
import { gaussianEpsilon } from '../../../src/core/privacy/gaussian.ts';
import { gaussianMixtureLoss, sampledGaussian } from '../../../src/core/privacy/gaussian-loss.ts';
import { integralDelta } from '../../../src/core/privacy/integral.ts';
import { laplaceCompositionDelta } from '../../../src/core/privacy/laplace-composition.ts';
import { type PrivacyLoss, visitCells } from '../../../src/core/privacy/loss.ts';
import { pldDelta, pldEpsilon } from '../../../src/core/privacy/pld.ts';
import { pldMaxSteps, pldNoiseMultiplier } from '../../../src/core/privacy/pld-calibration.ts';

function sampled(q: number, noiseMultiplier: number, count: number): PrivacyEvent {
  return { kind: 'sampled', q, of: { kind: 'gaussian', noiseMultiplier }, count };
}

function near(got: number, expected: number, relative: number): void {
  assert.ok(
    Math.abs(got - expected) <= relative * Math.abs(expected),
    `${got} is not within ${relative} of ${expected}`,
  );
}

test('published values: Opacus examples by loss distributions, and compositions of the dp_accounting tests', () => {
  // Opacus MNIST settings: δ = 1e-5, z, q = 240/60000, steps.
  near(pldEpsilon(sampled(0.004, 1.3, 3750), 1e-5).upper, 0.8335, 1e-3);
  near(pldEpsilon(sampled(0.004, 0.7, 11250), 1e-5).upper, 5.431, 1e-3);
  // pld_privacy_accountant_test.py (google/differential-privacy b5b0286)
  near(pldDelta(sampled(0.2, 0.5, 3), 1).upper, 0.15594, 1e-3);
  const laplace: PrivacyEvent = { kind: 'sampled', q: 0.2, of: { kind: 'laplace', scale: 0.5 }, count: 3 };
  near(pldEpsilon(laplace, 1e-14).upper, 2.46964, 1e-4);
  const stated = (epsilon: number, delta: number): PrivacyEvent => ({ kind: 'epsilon-delta', epsilon, delta });
  near(pldDelta({ kind: 'composed', events: [stated(1, 0.1), stated(2, 0.2)] }, 3).upper, 0.28, 1e-6);
  near(pldEpsilon({ kind: 'composed', events: [stated(1, 0), stated(2, 0)] }, 0).upper, 3, 1e-9);
});

test('k Gaussians composed by transform are one Gaussian with σ/√k, between the bounds', () => {
  for (const [sigma, k, delta] of [
    [1, 2, 1e-5],
    [4, 100, 1e-6],
    [10, 1000, 1e-9],
    [0.5, 30, 1e-3],
  ]) {
    const lossAt = (cut: number) => gaussianMixtureLoss(sampledGaussian(1, sigma), 'remove', cut);
    const { lower, upper } = composedEpsilon([{ count: k, lossAt }], delta);
    const exact = gaussianEpsilon(sigma / Math.sqrt(k), delta);
    assert.ok(lower <= exact && exact <= upper, `${lower} ≤ ${exact} ≤ ${upper}`);
    near(upper, exact, 1e-5);
    near(lower, exact, 0.01);
  }
});

test('direct convolution of atoms gives what the transform gives', () => {
  const loss = gaussianMixtureLoss(sampledGaussian(0.3, 0.8), 'remove', 12);
  const step = 0.02;
  for (const count of [2, 3]) {
    const { lower, upper } = composedDelta(
      [{ count, lossAt: cut => gaussianMixtureLoss(sampledGaussian(0.3, 0.8), 'remove', cut) }],
      1.5,
    );
    let sum = new Map([[0, 1]]);
    for (let i = 0; i < count; i++) sum = convolved(sum, rounded(loss, step));
    let direct = 0;
    for (const [at, mass] of sum) direct += mass * Math.max(0, -Math.expm1(1.5 - at * step));
    // Rounding to the nearest multiple has no first-order error; the step is coarse.
    near(direct, upper, 1e-3);
    assert.ok(lower <= upper);
  }
});

function rounded(loss: PrivacyLoss, step: number): Map<number, number> {
  const masses = new Map<number, number>();
  visitCells(loss, step, (value, mass) => {
    const at = Math.round(value / step);
    masses.set(at, (masses.get(at) ?? 0) + mass);
  });
  return masses;
}

function convolved(a: Map<number, number>, b: Map<number, number>): Map<number, number> {
  const sum = new Map<number, number>();
  for (const [x, p] of a) for (const [y, r] of b) sum.set(x + y, (sum.get(x + y) ?? 0) + p * r);
  return sum;
}

test('the contour integral agrees to 1e-4 of ε', () => {
  for (const [q, z, steps, delta] of [
    [0.01, 1, 1000, 1e-5],
    [0.1, 0.8, 1000, 1e-6],
    [0.001, 4, 1000, 1e-5],
    [0.01, 0.5, 10000, 1e-5],
  ]) {
    const { lower, upper } = pldEpsilon(sampled(q, z, steps), delta);
    // δ falls with ε: the integral at ε·(1 ± 1e-4) must bracket δ.
    const release = { q, noiseMultiplier: z, steps };
    assert.ok(integralDelta(release, upper * (1 - 1e-4)) > delta);
    assert.ok(integralDelta(release, upper * (1 + 1e-4)) < delta);
    assert.ok(lower <= upper && lower > 0.985 * upper);
  }
});

test('composed pure releases lie within the bounds', () => {
  for (const [epsilon0, k, epsilon] of [
    [0.5, 20, 4],
    [1, 5, 3],
  ]) {
    // Optimal composition of pure DP (Kairouz, Oh and Viswanath 2015, Thm 3.3): exact sum over binomials.
    let exact = 0;
    for (let i = 0; i <= k; i++) {
      const mass = choose(k, i) * Math.exp((k - i) * epsilon0 - k * Math.log1p(Math.exp(epsilon0)));
      exact += mass * Math.max(0, -Math.expm1(epsilon - (k - 2 * i) * epsilon0));
    }
    const { lower, upper } = pldDelta({ kind: 'epsilon-delta', epsilon: epsilon0, delta: 0, count: k }, epsilon);
    assert.ok(lower <= exact && exact <= upper, `${lower} ≤ ${exact} ≤ ${upper}`);
    near(upper, exact, 1e-3);
  }
  const laplace = pldDelta({ kind: 'laplace', scale: 2, count: 10 }, 2);
  near(laplace.upper, laplaceCompositionDelta(0.5, 10, 2), 1e-4);
});

function choose(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k; i++) product *= (n - k + i) / i;
  return product;
}

test('ε and δ are inverse, and lower bounds stay below upper ones', () => {
  const settings = fc.record({
    q: fc.double({ min: 0.001, max: 0.9, noNaN: true }),
    z: fc.double({ min: 0.6, max: 5, noNaN: true }),
    steps: fc.integer({ min: 1, max: 200 }),
    logDelta: fc.double({ min: -9, max: -2, noNaN: true }),
  });
  fc.assert(
    fc.property(settings, ({ q, z, steps, logDelta }) => {
      const delta = 10 ** logDelta;
      const event = sampled(q, z, steps);
      const { lower, upper } = pldEpsilon(event, delta);
      assert.ok(lower <= upper && lower >= 0);
      const back = pldDelta(event, upper);
      assert.ok(back.lower <= delta * (1 + 1e-6));
      assert.ok(upper === 0 || back.upper >= delta * 0.999);
      assert.ok(upper === 0 || back.upper <= delta * 1.001);
      // More steps and less noise cost more.
      assert.ok(pldEpsilon(sampled(q, z, steps + 50), delta).upper >= upper);
      assert.ok(pldEpsilon(sampled(q, z * 1.2, steps), delta).upper <= upper * (1 + 1e-6));
    }),
    { numRuns: 6, seed: 5 },
  );
});

test('the δ of one release is the mass by quadrature, for removal, addition and replacement', () => {
  for (const direction of ['add', 'remove', 'replace'] as const) {
    const loss = gaussianMixtureLoss(sampledGaussian(0.3, 1), direction, 12);
    let mass = 0;
    visitCells(loss, 0.5, (_, weight) => {
      mass += weight;
    });
    near(mass, 1, 1e-12);
    assert.ok(singleDelta(loss, 0.1) < singleDelta(loss, 0));
  }
  // Without sampling replacing is a move by two sensitivities.
  near(
    singleDelta(gaussianMixtureLoss(sampledGaussian(1, 2), 'replace', 12), 1),
    singleDelta(gaussianMixtureLoss(sampledGaussian(1, 1), 'remove', 12), 1),
    1e-9,
  );
});

test('nothing costs nothing, no noise costs everything, and nonsense is refused', () => {
  assert.equal(pldEpsilon(sampled(0, 1, 10), 1e-5).upper, 0);
  assert.equal(pldEpsilon({ kind: 'not-private', count: 0 }, 1e-5).upper, 0);
  assert.equal(pldEpsilon({ kind: 'gaussian', noiseMultiplier: 0 }, 1e-5).upper, Number.POSITIVE_INFINITY);
  assert.equal(pldEpsilon({ kind: 'gaussian', noiseMultiplier: 1 }, 0).upper, Number.POSITIVE_INFINITY);
  assert.equal(pldEpsilon(sampled(0.1, 1, 5), 0).upper, Number.POSITIVE_INFINITY);
  assert.throws(() => pldEpsilon(sampled(0.1, 1, 5), Number.NaN), RangeError);
  assert.throws(() => pldDelta(sampled(0.1, 1, 5), -1), RangeError);
  assert.throws(() => pldEpsilon({ kind: 'zcdp', rho: 1 }, 1e-5), LossUnavailable);
  assert.throws(() => parseEvent(sampled(1.5, 1, 1)), RangeError);
  assert.throws(() => parseEvent({ kind: 'gausian', noiseMultiplier: 1 }), RangeError);
  assert.throws(() => parseEvent({ kind: 'laplace', scale: 1, count: 0.5 }), RangeError);
});

test('count multiplies every kind', () => {
  const kinds: PrivacyEvent[] = [
    { kind: 'laplace', scale: 3 },
    { kind: 'gaussian', noiseMultiplier: 5 },
    { kind: 'epsilon-delta', epsilon: 0.2, delta: 1e-7 },
    { kind: 'randomized-response', noise: 0.8, categories: 3, relation: 'replace' },
    { kind: 'mixture', sensitivities: [0, 1, 2], probabilities: [0.8, 0.15, 0.05], noiseMultiplier: 2 },
    { kind: 'truncated', n: 10, q: 0.2, cap: 3, noiseMultiplier: 3 },
    { kind: 'tree', noiseMultiplier: 10, steps: 15 },
    { kind: 'discrete-gaussian', noiseSteps: 1024, sensitivitySteps: 256, slip: 1e-9 },
  ];
  for (const event of kinds) {
    const thrice = pldEpsilon({ ...event, count: 3 } as PrivacyEvent, 1e-5).upper;
    near(pldEpsilon({ kind: 'repeated', of: event, count: 3 }, 1e-5).upper, thrice, 1e-12);
    near(pldEpsilon({ kind: 'composed', events: [event, event, event] }, 1e-5).upper, thrice, 1e-3);
    assert.ok(pldEpsilon(event, 1e-5).upper < thrice, event.kind);
  }
});

test('calibrated noise and steps keep the budget, and a little less or more does not', () => {
  const target = { epsilon: 2, delta: 1e-3, samplingRate: 0.2, steps: 50 };
  const noise = pldNoiseMultiplier(target);
  // dp_accounting's bisection for the same: 2.2491
  near(noise, 2.2491, 1e-3);
  assert.ok(pldEpsilon(sampled(0.2, noise, 50), 1e-3).upper <= 2);
  assert.ok(pldEpsilon(sampled(0.2, noise * 0.999, 50), 1e-3).upper > 2);
  const steps = pldMaxSteps(0.2, 2, 2, 1e-3);
  assert.ok(pldEpsilon(sampled(0.2, 2, steps), 1e-3).upper <= 2);
  assert.ok(pldEpsilon(sampled(0.2, 2, steps + 1), 1e-3).upper > 2);
});

test('of one step of tiny losses no digits are lost', () => {
  // (mpmath) q·erf(1/(2σ√2)) at ε = 0.
  near(pldDelta(sampled(5.442908161227277e-7, 41.05631079017974, 1), 0).upper, 5.288718052145326e-9, 2e-9);
  near(pldDelta(sampled(1.492902240114605e-8, 3.2483615943058215, 1), 0).upper, 1.8262694455745541e-9, 2e-9);
});

test('where δ is above the chance to be sampled little noise is asked for, and soon', () => {
  const noise = pldNoiseMultiplier({ epsilon: 1, delta: 0.5, samplingRate: 0.01, steps: 1 });
  assert.ok(noise <= 0.05 && pldEpsilon(sampled(0.01, noise, 1), 0.5).upper <= 1);
});

test('noise too small for a loss distribution is refused, not tried for hours', () => {
  assert.throws(() => pldEpsilon(sampled(0.01, 1e-9, 1), 1e-5), LossUnavailable);
});
