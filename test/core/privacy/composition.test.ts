import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RdpFilter, RdpFilterBank, SumFilter } from '../../../src/core/privacy/filters.ts';
import { laplaceDelta, sampledDelta } from '../../../src/core/privacy/laplace.ts';
import { laplaceCompositionDelta, smallestLaplaceScale } from '../../../src/core/privacy/laplace-composition.ts';
import { optimalAdvancedComposition, pureDpCompositionDelta } from '../../../src/core/privacy/pure-composition.ts';
import { rrRdp, rrTruthProbability } from '../../../src/core/privacy/randomized-response.ts';
import { rdpToEpsilon } from '../../../src/core/privacy/rdp-conversion.ts';

const costs = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { maxLength: 20 });

/** Σ max(0, P(x) − e^ε·Q(x)) over all outcomes of k rounds of binary randomized response, each round spelled out. */
function spelledOut(epsilon0: number, k: number, epsilon: number): number {
  const truth = 1 / (1 + Math.exp(-epsilon0));
  let delta = 0;
  for (let outcome = 0; outcome < 2 ** k; outcome++) {
    let [p, q] = [1, 1];
    for (let i = 0; i < k; i++) {
      const told = (outcome >> i) % 2 === 1;
      p *= told ? truth : 1 - truth;
      q *= told ? 1 - truth : truth;
    }
    delta += Math.max(0, p - Math.exp(epsilon) * q);
  }
  return delta;
}

test('pure mechanisms compose as randomized response does', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 3, noNaN: true }),
      fc.nat({ max: 9 }),
      fc.double({ min: 0, max: 9, noNaN: true }),
      (e0, k, e) => {
        assert.ok(Math.abs(pureDpCompositionDelta(e0, k, e) - spelledOut(e0, k, e)) < 1e-12);
      },
    ),
  );
  assert.equal(pureDpCompositionDelta(0.5, 10, 5), 0);
});

test('optimal composition is between basic composition and the δ it may spend', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 2, noNaN: true }), fc.integer({ min: 1, max: 60 }), (epsilon, k) => {
      const at = optimalAdvancedComposition(epsilon, 0, k, 1e-4);
      assert.ok(at <= k * epsilon && pureDpCompositionDelta(epsilon, k, at) <= 1e-4);
      assert.equal(optimalAdvancedComposition(epsilon, 0, k, 0), k * epsilon);
    }),
  );
  assert.equal(optimalAdvancedComposition(1, 0.01, 30, 0.1), Number.POSITIVE_INFINITY);
});

test('Laplace: δ of the sampled pair is what integration gives, in both directions', () => {
  const density = (x: number, b: number): number => Math.exp(-Math.abs(x) / b) / (2 * b);
  for (const [b, s, q, epsilon] of [
    [1, 1, 1, 0.3],
    [2, 1, 0.3, 0.05],
    [0.5, 1, 0.8, 1],
    [1, 2, 0.4, -0.2],
  ]) {
    const sums = { add: 0, remove: 0 };
    const step = 1e-3;
    for (let x = -30 + step / 2; x < 32; x += step) {
      const without = density(x, b);
      const mixed = (1 - q) * without + q * density(x - s, b);
      sums.remove += step * Math.max(0, mixed - Math.exp(epsilon) * without);
      sums.add += step * Math.max(0, without - Math.exp(epsilon) * mixed);
    }
    for (const adjacency of ['add', 'remove'] as const)
      assert.ok(
        Math.abs(laplaceDelta(b, s, q, adjacency, epsilon) - sums[adjacency]) < 1e-6,
        `${adjacency} ${b} ${s} ${q}`,
      );
  }
});

test('sampling at rate 1 changes nothing, at rate 0 nothing is left', () => {
  const delta = (epsilon: number): number => Math.max(0, -Math.expm1(epsilon - 1));
  for (const adjacency of ['add', 'remove'] as const) {
    assert.ok(Math.abs(sampledDelta(1, adjacency, 0.4, delta) - delta(0.4)) < 1e-15);
    assert.equal(sampledDelta(0, adjacency, 0.4, delta), 0);
  }
});

test('Laplace for k uses: within the optimum for pure mechanisms, exact for one, basic at δ = 0', () => {
  for (const epsilon of [0, 0.2, 0.5])
    assert.ok(Math.abs(laplaceCompositionDelta(0.7, 1, epsilon) - laplaceDelta(1, 0.7, 1, 'remove', epsilon)) < 1e-5);
  for (const [epsilon0, k, epsilon] of [
    [0.1, 50, 1],
    [0.5, 8, 2],
    [1, 200, 120],
  ]) {
    const delta = laplaceCompositionDelta(epsilon0, k, epsilon);
    assert.ok(delta > 0 && delta <= pureDpCompositionDelta(epsilon0, k, epsilon) * (1 + 1e-9));
  }
  assert.equal(smallestLaplaceScale(3, 0, 10, 21), 70);
  const scale = smallestLaplaceScale(1, 1e-4, 20, 1);
  assert.ok(laplaceCompositionDelta(1 / scale, 20, 1) <= 1e-4);
  // Published by google/differential-privacy, accountant_test.py: 13.6 ± 0.1.
  assert.ok(Math.abs(scale - 13.6) < 0.1);
});

test('randomized response with the truth probability of ε has that ε and no more', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 8, noNaN: true }), fc.integer({ min: 2, max: 50 }), (epsilon, k) => {
      // Truth with p is noise of k·(1 − p)/(k − 1).
      const noise = ((1 - rrTruthProbability(k, epsilon)) * k) / (k - 1);
      assert.ok(Math.abs(rrRdp(noise, k, 'replace-one', Number.POSITIVE_INFINITY) - epsilon) < 1e-9);
      assert.ok(rrRdp(noise, k, 'replace-one', 4) <= epsilon);
      assert.ok(rrRdp(noise, k, 'replace-special', 4) <= rrRdp(noise, k, 'replace-one', 4) + 1e-12);
    }),
  );
  assert.equal(rrRdp(0, 3, 'replace-one', 2), Number.POSITIVE_INFINITY);
  assert.equal(rrRdp(1, 3, 'replace-one', 2), 0);
});

test('a filter never goes over its limit, and a refused mechanism changes nothing', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 5, noNaN: true }), costs, (limit, asked) => {
      const filter = new SumFilter(limit);
      let sum = 0;
      for (const cost of asked) {
        const before = filter.spent;
        const admitted = filter.admit(cost);
        assert.equal(filter.spent, admitted ? before + cost : before);
        if (admitted) sum += cost;
        else assert.ok(before + cost > limit);
      }
      assert.ok(sum <= limit);
    }),
  );
  const filter = new SumFilter(1);
  assert.equal(filter.admit(Number.POSITIVE_INFINITY), false);
  assert.throws(() => filter.admit(Number.NaN), RangeError);
  assert.throws(() => new SumFilter(Number.NaN), RangeError);
});

test('an RDP filter at one order keeps ε at δ', () => {
  fc.assert(
    fc.property(costs, asked => {
      const filter = new RdpFilter(8, 3, 1e-5);
      for (const cost of asked) filter.admit(cost);
      assert.ok(rdpToEpsilon(8, filter.rdp, 1e-5) <= 3);
    }),
  );
  assert.throws(() => new RdpFilter(1, 3, 1e-5), RangeError);
});

test('filters at several orders share δ, and give up only when all of them would', () => {
  const bank = new RdpFilterBank([2, 8, 32], 3, 1e-5);
  const alone = new RdpFilter(8, 3, 1e-5 / 3);
  const rdp = (order: number): number => order * 0.02;
  let [together, single] = [0, 0];
  while (bank.admit([2, 8, 32].map(rdp))) together++;
  while (alone.admit(rdp(8))) single++;
  assert.ok(together >= single && together < 1000);
  assert.throws(() => bank.admit([1]), RangeError);
  assert.throws(() => bank.admit([1, Number.NaN, 1]), RangeError);
});

test('of one use the least Laplace scale is that of the closed form, from above', () => {
  // δ = 1 − e^{(ε − Δ/b)/2}
  for (const [epsilon, delta] of [
    [0.35, 1.9e-4],
    [3.6, 0.12],
  ]) {
    const exact = 3 / (epsilon - 2 * Math.log1p(-delta));
    const got = smallestLaplaceScale(epsilon, delta, 1, 3);
    assert.ok(got >= exact && got <= exact * (1 + 1e-6), `${got}, exactly ${exact}`);
  }
});
