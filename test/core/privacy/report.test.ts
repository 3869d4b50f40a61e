import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { epsilonAssumptions, onlyCalculated, units } from '../../../src/core/privacy/assumptions.ts';
import { pldEpsilon } from '../../../src/core/privacy/pld.ts';
import { publicRecipe, recipeReadings } from '../../../src/core/privacy/public-recipe.ts';
import {
  epsilonOverRounds,
  mostRounds,
  noiseReport,
  privacyReport,
  privacyWord,
  roundsReport,
} from '../../../src/core/privacy/report.ts';

test('MNIST with noise 1.3, rate 0.004 and 3750 steps costs what is published by Mironov, and less by better accountants', () => {
  // Opacus, DP-SGD on MNIST: ε 1.16 at δ 1e-5. RDP and PLD from independent implementations (dp_accounting).
  const plan = { noiseMultiplier: 1.3, rounds: 3750, samplingRate: 240 / 60_000, delta: 1e-5 };
  const { withAmplification: figures, withoutAmplification } = privacyReport(plan);
  assert.equal(figures.mironov.toFixed(2), '1.16');
  assert.equal(figures.rdp.epsilon.toFixed(4), '0.9220');
  assert.equal(figures.pld?.upper.toFixed(4), '0.8335');
  assert.equal(figures.word, 'strong');
  assert.equal(figures.agrees, true);
  assert.equal(withoutAmplification.word, 'weak');
  assert.equal(withoutAmplification.samplingRate, 1);
});

test('the public recipe costs 19.2 at the kindest, 79.3 without amplification, far more where its mean moves further than its noise is for', () => {
  const reports = recipeReadings().map(({ plan }) => privacyReport(plan).withAmplification);
  assert.deepEqual(
    reports.slice(0, 2).map(({ pld }) => pld?.upper.toPrecision(3)),
    ['19.2', '79.3'],
  );
  for (let i = 1; i < reports.length; i++) assert.ok(reports[i].pld!.lower > 2 * reports[i - 1].pld!.upper);
  assert.ok(reports.every(({ word }) => word === 'weak'));
  const { noiseMultiplier } = publicRecipe;
  assert.deepEqual(
    recipeReadings().map(({ plan }) => plan.noiseMultiplier),
    [noiseMultiplier, noiseMultiplier, noiseMultiplier / 2, noiseMultiplier / 10],
  );
});

test('every accountant stands where it must: lower ≤ integral ≤ upper ≤ RDP ≤ Mironov', () => {
  const property = fc.property(
    fc.double({ min: 0.8, max: 5, noNaN: true }),
    fc.integer({ min: 1, max: 500 }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
    fc.constantFrom(1e-3, 1e-5, 1e-8),
    (noiseMultiplier, rounds, samplingRate, delta) => {
      const { withAmplification, withoutAmplification } = privacyReport({
        noiseMultiplier,
        rounds,
        samplingRate,
        delta,
      });
      for (const { pld, integral, rdp, mironov, agrees } of [withAmplification, withoutAmplification]) {
        assert.ok(pld !== null && pld.lower <= pld.upper && pld.upper <= rdp.epsilon * (1 + 1e-9));
        assert.ok(rdp.epsilon <= mironov);
        assert.notEqual(agrees, false, `${pld.lower} ${integral} ${pld.upper}`);
      }
      assert.ok(withAmplification.rdp.epsilon <= withoutAmplification.rdp.epsilon);
    },
  );
  fc.assert(property, { numRuns: 6, seed: 5 });
});

test('noise found for a budget keeps it, and a hundredth less does not', () => {
  const budget = { epsilon: 2, rounds: 50, samplingRate: 0.1, delta: 1e-5 };
  const { withAmplification: found, withoutAmplification } = noiseReport(budget);
  const spent = (noiseMultiplier: number) => privacyReport({ ...budget, noiseMultiplier }).withAmplification;
  assert.ok(spent(found.rdp).rdp.epsilon <= 2 && spent(found.rdp * 0.99).rdp.epsilon > 2);
  assert.ok(found.pld !== null && spent(found.pld).pld!.upper <= 2 && spent(found.pld * 0.99).pld!.upper > 2);
  assert.ok(found.pld < found.rdp && found.rdp < withoutAmplification.rdp);
});

test('rounds found for a budget keep it, and one more does not', () => {
  const budget = { epsilon: 2, noiseMultiplier: 2, samplingRate: 0.1, delta: 1e-5 };
  const { withAmplification: found } = roundsReport(budget);
  const upper = (count: number) =>
    pldEpsilon({ kind: 'sampled', q: 0.1, of: { kind: 'gaussian', noiseMultiplier: 2 }, count }, 1e-5).upper;
  assert.ok(found.pld !== null && upper(found.pld) <= 2 && upper(found.pld + 1) > 2);
  const curve = epsilonOverRounds({ ...budget, rounds: found.rdp + 1 }, mostRounds);
  assert.ok(curve[found.rdp - 1].epsilon <= 2 && curve[found.rdp].epsilon > 2);
  assert.ok(found.rdp <= found.pld);
});

test('rounds that cost next to nothing are counted up to the most, and too little noise allows none', () => {
  const cheap = { epsilon: 1, noiseMultiplier: 1e6, samplingRate: 1e-3, delta: 1e-5 };
  assert.deepEqual(roundsReport(cheap).withAmplification, { rdp: mostRounds, pld: mostRounds });
  assert.deepEqual(roundsReport({ ...cheap, noiseMultiplier: 0.1 }).withoutAmplification, { rdp: 0, pld: 0 });
});

test('epsilon over rounds rises to that of the last round', () => {
  const plan = { noiseMultiplier: 1.1, rounds: 100, samplingRate: 0.3, delta: 1e-5 };
  const curve = epsilonOverRounds(plan, 7);
  assert.deepEqual(
    curve.map(({ rounds }) => rounds),
    [15, 29, 43, 58, 72, 86, 100],
  );
  for (let i = 1; i < curve.length; i++) assert.ok(curve[i].epsilon > curve[i - 1].epsilon);
  assert.equal(curve[6].epsilon, privacyReport(plan).withAmplification.rdp.epsilon);
  assert.equal(epsilonOverRounds({ ...plan, rounds: 3 }, 50).length, 3);
});

test('words go by ε, and noise without ε has none', () => {
  assert.deepEqual([0, 1, 1.0001, 10, 10.01].map(privacyWord), ['strong', 'strong', 'balanced', 'balanced', 'weak']);
  assert.equal(privacyWord(Number.POSITIVE_INFINITY), 'none');
  assert.throws(() => privacyWord(Number.NaN), RangeError);
});

test('a plan that means nothing is refused', () => {
  const plan = { noiseMultiplier: 1, rounds: 10, samplingRate: 0.5, delta: 1e-5 };
  for (const wrong of [{ noiseMultiplier: 0 }, { rounds: 0 }, { samplingRate: 0 }, { delta: 0 }, { delta: Number.NaN }])
    assert.throws(() => privacyReport({ ...plan, ...wrong }), RangeError, JSON.stringify(wrong));
});

test('the assumptions name unit, relation, weights, and hidden Poisson sampling where there is sampling', () => {
  for (const unit of [...units, null]) {
    const text = epsilonAssumptions(unit, 0.3).join('\n');
    assert.match(text, new RegExp(`^Unit: .*${unit ?? 'contribution'}`));
    for (const part of ['add-remove', 'Poisson', 'hidden from the adversary', 'weights that clients report'])
      assert.ok(text.includes(part), part);
    assert.doesNotMatch(epsilonAssumptions(unit, 1).join('\n'), /Poisson/);
  }
  assert.match(onlyCalculated, /settings given here.*parley task check/);
});
