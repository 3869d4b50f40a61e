import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { gaussianDelta, gaussianEpsilon } from '../../../src/core/privacy/gaussian.ts';
import { groupEpsilon, rdpGroupEpsilon } from '../../../src/core/privacy/group-privacy.ts';
import { laplaceRdp, sampledDelta } from '../../../src/core/privacy/laplace.ts';
import { mostSteps, rdpMaxSteps, rdpNoiseMultiplier } from '../../../src/core/privacy/rdp-calibration.ts';
import { bestOrder, rdpToEpsilon, rdpToEpsilonMironov } from '../../../src/core/privacy/rdp-conversion.ts';
import { rdpCurve, rdpEpsilon, timesSteps } from '../../../src/core/privacy/rdp-epsilon.ts';
import { defaultOrders, opacusOrders } from '../../../src/core/privacy/rdp-orders.ts';
import { rdpPoissonGeneric, rdpSampledWithoutReplacement } from '../../../src/core/privacy/rdp-sampled.ts';
import { rdpSampledGaussian } from '../../../src/core/privacy/rdp-sampled-gaussian.ts';

const rates = fc.double({ min: 1e-4, max: 1, noNaN: true });
const noises = fc.double({ min: 0.3, max: 20, noNaN: true });
const orders = fc.double({ min: 1.05, max: 60, noNaN: true });

/** ln E[f^α]/(α − 1) by Simpson's rule on the definition: no trick, no logarithms of gaps. */
function naive(q: number, z: number, order: number): number {
  const [from, to, nodes] = [-12 * z, order + 12 * z, 40_000];
  const step = (to - from) / nodes;
  let sum = 0;
  for (let i = 0; i <= nodes; i++) {
    const x = from + i * step;
    const f = 1 - q + q * Math.exp((2 * x - 1) / (2 * z * z));
    const weight = i === 0 || i === nodes ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * f ** order * Math.exp((-x * x) / (2 * z * z));
  }
  return Math.log((sum * step) / 3 / (z * Math.sqrt(2 * Math.PI))) / (order - 1);
}

test('the divergence is that of the definition, at whole orders and between', () => {
  for (const [q, z, order] of [
    [0.3, 1, 2],
    [0.3, 1, 2.5],
    [0.05, 0.7, 7],
    [0.05, 0.7, 6.3],
    [0.9, 3, 30.5],
    [0.01, 2, 1.1],
  ]) {
    const [got, expected] = [rdpSampledGaussian(q, z, order), naive(q, z, order)];
    assert.ok(Math.abs(got - expected) < 1e-9 * expected + 1e-12, `${q} ${z} ${order}: ${got} for ${expected}`);
  }
});

test('the two ways to the divergence meet: just above a whole order it is the same', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-4, max: 0.99, noNaN: true }),
      noises,
      fc.integer({ min: 2, max: 40 }),
      (q, z, order) => {
        const [whole, above] = [rdpSampledGaussian(q, z, order), rdpSampledGaussian(q, z, order * (1 + 1e-13))];
        assert.ok(Math.abs(above - whole) <= 1e-9 * whole, `${above} and ${whole}`);
      },
    ),
  );
});

test('just above order 1 the divergence is that of Kullback and Leibler, not nothing', () => {
  // tensorflow/privacy issue 166: an order of 1 + 1e-8 gave ε = 0.
  for (const [q, z] of [
    [0.3, 1],
    [0.01, 0.5],
    [1e-4, 5],
    [0.01, 0.02],
  ]) {
    const kl = rdpSampledGaussian(q, z, 1);
    assert.ok(kl > 0);
    for (const order of [1 + 1e-12, 1 + 1e-8, 1.00005, 1.0001, 1.0002]) {
      const rdp = rdpSampledGaussian(q, z, order);
      assert.ok(rdp >= kl * (1 - 1e-9) && (z < 0.1 || rdp <= kl * 1.01), `${q} ${z} ${order}: ${rdp} after ${kl}`);
    }
  }
});

test('the divergence rises with order and sampling rate, falls with noise, and ends at that without sampling', () => {
  fc.assert(
    fc.property(rates, noises, orders, (q, z, order) => {
      const rdp = rdpSampledGaussian(q, z, order);
      assert.ok(rdp > 0 && rdp <= (order / (2 * z * z)) * (1 + 1e-12));
      assert.ok(rdpSampledGaussian(q, z, order * 1.1) >= rdp * (1 - 1e-9));
      assert.ok(rdpSampledGaussian(q, z * 1.1, order) <= rdp * (1 + 1e-9));
      assert.ok(rdpSampledGaussian(Math.min(1, q * 1.1), z, order) >= rdp * (1 - 1e-9));
    }),
  );
});

test('ε by RDP is never below the exact ε of a sampled step', () => {
  fc.assert(
    fc.property(rates, noises, fc.double({ min: -9, max: -2, noNaN: true }), (q, z, log) => {
      const { epsilon } = rdpEpsilon({ samplingRate: q, noiseMultiplier: z }, 1, 10 ** log);
      const exact = sampledDelta(q, 'remove', epsilon, at => gaussianDelta(z, at));
      assert.ok(exact <= 10 ** log * (1 + 1e-9), `δ ${exact}`);
    }),
    { numRuns: 30 },
  );
});

test('ε by RDP is never below the exact ε of many unsampled steps, and within a sixth of it', () => {
  for (const z of [0.7, 2, 10])
    for (const steps of [1, 10, 100]) {
      const { epsilon, atEnd } = rdpEpsilon({ samplingRate: 1, noiseMultiplier: z }, steps, 1e-5);
      const exact = gaussianEpsilon(z, 1e-5, 1, steps);
      assert.ok(epsilon >= exact && !atEnd && epsilon <= 1.17 * exact, `${epsilon} for ${exact}`);
    }
});

test('steps multiply the divergence, and curves of steps add up', () => {
  const step = { samplingRate: 0.1, noiseMultiplier: 1.3 };
  const curve = rdpCurve(step);
  const sum = curve.map((rdp, i) => rdp + timesSteps(curve, 6)[i]);
  assert.ok(Math.abs(bestOrder(defaultOrders, sum, 1e-5).epsilon - rdpEpsilon(step, 7, 1e-5).epsilon) < 1e-12);
  assert.ok(rdpEpsilon(step, 8, 1e-5).epsilon > rdpEpsilon(step, 7, 1e-5).epsilon);
});

test('the figures of the much-copied recipe and of three published runs on MNIST come out', () => {
  // Opacus examples/mnist: published with the conversion of Mironov.
  for (const [noiseMultiplier, steps, published, epsilon] of [
    [1.3, 3750, 1.16, 0.922],
    [1.1, 15000, 2.91, 2.503],
    [0.7, 11250, 6.86, 6.093],
  ]) {
    const step = { samplingRate: 240 / 60000, noiseMultiplier };
    const { epsilon: loose } = rdpEpsilon(step, steps, 1e-5, { conversion: rdpToEpsilonMironov });
    assert.ok(Math.abs(loose - published) < 0.006, `${loose}`);
    assert.ok(Math.abs(rdpEpsilon(step, steps, 1e-5).epsilon - epsilon) < 5e-4);
  }
  // z = 1.1 for 100 rounds: 79.3 when everyone takes part, by the exact Gaussian; at a third of them still beyond any meaning.
  assert.ok(Math.abs(gaussianEpsilon(1.1, 1e-5, 1, 100) - 79.28) < 0.01);
  assert.ok(rdpEpsilon({ samplingRate: 0.3, noiseMultiplier: 1.1 }, 100, 1e-5).epsilon > 19.2);
});

test('a run that Opacus reports at 7.33 comes out the same at its orders', () => {
  // pytorch/opacus opacus/tests/accountants_test.py test_rdp_accountant.
  const { epsilon } = rdpEpsilon({ samplingRate: 0.04, noiseMultiplier: 1.5 }, 2250, 1e-5, { orders: opacusOrders });
  assert.ok(Math.abs(epsilon - 7.32911117143) < 1e-6);
});

test('the conversion is never negative, and never above that of Mironov', () => {
  fc.assert(
    fc.property(
      orders,
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.double({ min: -12, max: -0.1, noNaN: true }),
      (order, rdp, log) => {
        const epsilon = rdpToEpsilon(order, rdp, 10 ** log);
        assert.ok(epsilon >= 0 && epsilon <= rdpToEpsilonMironov(order, rdp, 10 ** log) + 1e-12);
      },
    ),
  );
  assert.equal(rdpToEpsilon(8, 0, 1e-5), 0);
  assert.equal(rdpToEpsilon(1, 1, 1e-5), Number.POSITIVE_INFINITY);
  assert.equal(rdpToEpsilon(Number.POSITIVE_INFINITY, 3, 1e-5), 3);
});

test('an end of the orders is told', () => {
  assert.equal(rdpEpsilon({ samplingRate: 1, noiseMultiplier: 1 }, 1, 1e-5).atEnd, false);
  assert.deepEqual(rdpEpsilon({ samplingRate: 1, noiseMultiplier: 0.3 }, 1000, 1e-5).order, 1.1);
  assert.equal(rdpEpsilon({ samplingRate: 1, noiseMultiplier: 0.3 }, 1000, 1e-5).atEnd, true);
});

test('noise from ε is the least that keeps it, and steps from ε the most', () => {
  const target = { epsilon: 2, delta: 1e-5, samplingRate: 0.02, steps: 500 };
  const noiseMultiplier = rdpNoiseMultiplier(target);
  const step = { samplingRate: 0.02, noiseMultiplier };
  assert.ok(rdpEpsilon(step, 500, 1e-5).epsilon <= 2);
  assert.ok(rdpEpsilon({ ...step, noiseMultiplier: noiseMultiplier * (1 - 1e-6) }, 500, 1e-5).epsilon > 2);
  const steps = rdpMaxSteps(step, 2, 1e-5);
  assert.ok(steps >= 500);
  assert.ok(rdpEpsilon(step, steps, 1e-5).epsilon <= 2 && rdpEpsilon(step, steps + 1, 1e-5).epsilon > 2);
  assert.equal(rdpNoiseMultiplier({ ...target, steps: 0 }), 0);
  assert.throws(() => rdpNoiseMultiplier({ ...target, delta: 0 }), RangeError);
  assert.equal(rdpMaxSteps({ samplingRate: 1, noiseMultiplier: 0 }, 1, 1e-5), 0);
  assert.equal(rdpMaxSteps({ samplingRate: 0, noiseMultiplier: 1 }, 1, 1e-5), Number.POSITIVE_INFINITY);
  assert.equal(
    mostSteps(n => n <= 1000),
    1000,
  );
});

test('any mechanism under Poisson sampling is bounded from above, and not worse than unsampled', () => {
  fc.assert(
    fc.property(rates, noises, fc.integer({ min: 2, max: 40 }), (q, z, order) => {
      const bound = rdpPoissonGeneric(order, q, at => at / (2 * z * z));
      assert.ok(bound >= rdpSampledGaussian(q, z, order) * (1 - 1e-9) - 1e-14);
      assert.ok(bound <= (order / (2 * z * z)) * (1 + 1e-9));
    }),
  );
});

test('batches of fixed size: the divergence falls with their size, and a full batch amplifies nothing', () => {
  for (const order of [2, 3.5, 16, 40]) {
    const at = (m: number): number => rdpSampledWithoutReplacement(1000, m, 4, order);
    assert.ok(at(1) < at(10) && at(10) < at(100) && at(100) <= at(1000));
    assert.equal(at(1000), order / 32);
    assert.equal(at(0), 0);
  }
  // The pair of one record replaced, with the batch drawn: its own Rényi divergence at order 2 is a lower bound.
  const [q, z] = [0.1, 2];
  const exact = Math.log1p(q * q * 2 * Math.expm1(1 / (z * z)) * 0.5);
  assert.ok(rdpSampledWithoutReplacement(1000, 100, z, 2) >= exact * 0.99);
});

test('a group of one is the record, more cost more, and too many are infinite', () => {
  const step = { samplingRate: 0.0064, noiseMultiplier: 1 };
  const at = (records: number): number => rdpGroupEpsilon(step, 782, records, 1e-6);
  assert.equal(at(1), rdpEpsilon(step, 782, 1e-6).epsilon);
  assert.ok(at(2) > 2 * at(1) && at(3) > at(2));
  assert.equal(at(10), Number.POSITIVE_INFINITY);
  // A pure guarantee multiplies.
  assert.ok(Math.abs(groupEpsilon(() => 0.5, 4, 1e-6) - 2) < 1e-12);
});

test('without sampling a group only makes the sensitivity larger', () => {
  const all = { samplingRate: 1, noiseMultiplier: 3 };
  assert.equal(rdpGroupEpsilon(all, 5, 3, 1e-6), rdpEpsilon({ ...all, noiseMultiplier: 1 }, 5, 1e-6).epsilon);
});

test('the divergence of Laplace noise goes from KL to ε', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 20, noNaN: true }), orders, (epsilon, order) => {
      const rdp = laplaceRdp(epsilon, order);
      assert.ok(rdp <= epsilon && rdp >= laplaceRdp(epsilon, 1) * (1 - 1e-9));
      // ε-DP is ε²/2-zCDP (Bun and Steinke 2016).
      assert.ok(rdp <= (order * epsilon ** 2) / 2 + 1e-12);
    }),
  );
});

test('of hardly any noise the divergence is that of two bells apart, at once', () => {
  for (const q of [1e-6, 0.01, 0.7])
    for (const order of [1, 1.00005, 1.1, 2.5, 60.5]) {
      const [less, more] = [rdpSampledGaussian(q, 0.00999999, order), rdpSampledGaussian(q, 0.01000001, order)];
      assert.ok(less > more && less < more * (1 + 1e-5), `${q} ${order}: ${less}, ${more}`);
    }
  // α/2z² + α·ln q/(α − 1)
  const expected = 1.5 / 2e-12 + 3 * Math.log(0.01);
  assert.ok(Math.abs(rdpSampledGaussian(0.01, 1e-6, 1.5) / expected - 1) < 1e-12);
});
