import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCbor } from '../../../src/core/bytes/cbor.ts';
import { flatten, type PrivacyEvent } from '../../../src/core/privacy/event.ts';
import { eventEpsilon, eventRdp, eventSlip } from '../../../src/core/privacy/event-rdp.ts';
import { effectiveNoiseMultiplier } from '../../../src/core/privacy/noise-grid.ts';
import {
  bitGridOf,
  bitNoise,
  gridOf,
  makePlan,
  type Plan,
  planBytes,
  plannedNoise,
  planOfTask,
  roundEvent,
  updateNoise,
} from '../../../src/core/privacy/plan.ts';
import {
  plannedRuns,
  recordsEpsilon,
  roundsWithinBudget,
  runsEvent,
  runsOf,
  withoutSampling,
} from '../../../src/core/privacy/plan-cost.ts';
import type { DpFedAvgSettings, DpSgdSettings } from '../../../src/core/protocol/privacy-settings.ts';
import { fedAvg, sgd, size } from './sample-settings.ts';

const sgdPlan = (changes: Partial<DpSgdSettings> = {}, other: Partial<typeof size> = {}): Plan =>
  makePlan({ privacy: { ...sgd, ...changes }, ...size, ...other });
const fedAvgPlan = (changes: Partial<DpFedAvgSettings> = {}, other: Partial<typeof size> = {}): Plan =>
  makePlan({ privacy: { ...fedAvg, ...changes }, ...size, stepsPerRound: 1, ...other });

/** A vector of at most this length, from numbers in [−1, 1] and one in [0, 1]. */
function vectorWithin(direction: readonly number[], share: number, length: number): Float64Array {
  const norm = Math.hypot(...direction) || 1;
  return Float64Array.from(direction, x => (x / norm) * length * share);
}

const unit = fc.double({ min: -1, max: 1, noNaN: true });
const dimension = 12;
const direction = fc.array(unit, { minLength: dimension, maxLength: dimension });
const rounding = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
  minLength: dimension,
  maxLength: dimension,
});

test('what one unit moves a rounded sum by is within the sensitivity of the plan, whatever the neighbours and the dither', () => {
  for (const relation of ['add-remove', 'zero-out', 'replace'] as const) {
    const plan = sgdPlan({ relation, sampling: 'all' }, { dimension });
    const grid = gridOf(plan, sgd.noiseMultiplier, sgd.clipNorm);
    const rounded = (sum: Float64Array, dither: readonly number[]) =>
      sum.map((x, i) => Math.floor(x / grid.step + dither[i]));
    const others = fc.array(direction, { maxLength: 5 });
    fc.assert(
      fc.property(
        others,
        direction,
        direction,
        fc.constantFrom(0, 0.3, 1),
        rounding,
        (rest, own, other, share, dither) => {
          const sum = new Float64Array(dimension);
          for (const row of rest) for (const [i, x] of vectorWithin(row, 1, sgd.clipNorm).entries()) sum[i] += x;
          const mine = vectorWithin(own, 1, sgd.clipNorm);
          // The neighbour: without the row, or with another one.
          const instead =
            relation === 'replace' ? vectorWithin(other, share, sgd.clipNorm) : new Float64Array(dimension);
          const withIt = rounded(
            sum.map((x, i) => x + mine[i]),
            dither,
          );
          const without = rounded(
            sum.map((x, i) => x + instead[i]),
            dither,
          );
          const moved = Math.hypot(...withIt.map((x, i) => x - without[i]));
          assert.ok(moved <= grid.sensitivitySteps, `${relation}: ${moved} > ${grid.sensitivitySteps}`);
        },
      ),
      { seed: 4, numRuns: 400 },
    );
  }
});

test('replacing a unit moves a sum twice as far as adding one, and noise doubles with it', () => {
  const step = (relation: 'add-remove' | 'replace') => gridOf(sgdPlan({ relation, sampling: 'all' }), 1, 1);
  const [one, two] = [step('add-remove'), step('replace')];
  const noise = ({ step: length, logScale }: typeof one) => length * 2 ** logScale;
  assert.ok(Math.abs(noise(two) / noise(one) - 2) < 1e-12);
  assert.ok(Math.abs(effectiveNoiseMultiplier(two) / effectiveNoiseMultiplier(one) - 1) < 0.01);
});

test('rounding and float sums cost less than a fiftieth of the noise', () => {
  for (const noise of [0.5, 1, 4]) {
    for (const plan of [sgdPlan(), fedAvgPlan(), fedAvgPlan({ noiseAt: 'client' })]) {
      const effective = effectiveNoiseMultiplier(gridOf(plan, noise, 1));
      assert.ok(effective <= noise && effective > 0.98 * noise, String(effective));
    }
  }
});

test('the grid follows the clip bound: its sensitivity in steps is the same for any', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), clip => {
      const [a, b] = [gridOf(fedAvgPlan(), 2, clip), gridOf(fedAvgPlan(), 2, 1)];
      assert.ok(Math.abs(a.sensitivitySteps / b.sensitivitySteps - 1) < 1e-9);
    }),
    { seed: 2 },
  );
});

test('a round of dp-sgd is as many sampled sums as it has steps, one of dp-fedavg is one sum that everyone is in', () => {
  const [rows] = flatten(roundEvent(sgdPlan(), 1.1));
  assert.deepEqual([rows.event.kind, rows.count], ['sampled', 10]);
  assert.ok(rows.event.kind === 'sampled' && rows.event.q === 0.05);
  const [all] = flatten(roundEvent(sgdPlan({ sampling: 'all' }), 1.1));
  assert.deepEqual([all.event.kind, all.count], ['discrete-gaussian', 10]);
  const updates = flatten(roundEvent(fedAvgPlan(), 3.81));
  assert.deepEqual([updates.length, updates[0].event.kind, updates[0].count], [1, 'discrete-gaussian', 1]);
});

test('all slips of a run together take a hundredth of δ, with bits two', () => {
  const whole = (plan: Plan) => eventSlip(runsEvent(plan, plannedRuns(plan))) / plan.privacy.delta;
  assert.ok(Math.abs(whole(sgdPlan()) - 0.01) < 1e-6);
  assert.ok(Math.abs(whole(fedAvgPlan()) - 0.01) < 1e-4);
  const clip = { initial: 0.1, targetQuantile: 0.5, learningRate: 0.2, bitNoise: null };
  assert.ok(Math.abs(whole(fedAvgPlan({ clip })) - 0.02) < 1e-4);
});

test('an adaptive clip costs what its noise multiplier says, bits included', () => {
  for (const relation of ['zero-out', 'add-remove', 'replace'] as const) {
    for (const given of [null, 5, 20]) {
      const clip = { initial: 0.1, targetQuantile: 0.5, learningRate: 0.2, bitNoise: given };
      const plan = fedAvgPlan({ clip, relation });
      const fixed = fedAvgPlan({ relation });
      const [adaptive, plain] = [plan, fixed].map(each => eventRdp(roundEvent(each, 3.81), [2, 8]));
      for (const i of [0, 1]) assert.ok(Math.abs(adaptive[i] / plain[i] - 1) < 0.02, `${relation} ${given}`);
      // More noise on updates than z by what the bits cost, and the σ_b that was asked for on the bits.
      assert.ok(updateNoise(plan, 3.81) > 3.81);
      const bits = bitGridOf(plan, 3.81);
      assert.ok(bits !== null);
      const sigma = bitNoise(plan, 3.81) ?? Number.NaN;
      assert.ok(Math.abs((bits.step * 2 ** bits.logScale) / sigma - 1) < 1e-12);
      // ½ is a whole number of steps of nearly this sensitivity.
      const moved = relation === 'replace' ? 1 : 0.5;
      assert.ok(bits.sensitivitySteps * bits.step >= moved);
    }
  }
  assert.deepEqual([bitGridOf(fedAvgPlan(), 3.81), updateNoise(fedAvgPlan(), 3.81)], [null, 3.81]);
});

test('where σ_b is left out the updates keep their noise within 5 %', () => {
  const clip = { initial: 0.1, targetQuantile: 0.5, learningRate: 0.2, bitNoise: null };
  for (const relation of ['zero-out', 'replace'] as const)
    assert.ok(updateNoise(fedAvgPlan({ clip, relation }), 3.81) <= 1.053 * 3.81);
  assert.equal(bitNoise(fedAvgPlan({ clip, expectedCohort: 1000 }), 3.81), 50);
});

test('decaying noise falls by its factor to its least, and the planned runs cost at least as much', () => {
  const schedule = { kind: 'decaying', factor: 0.9, least: 0.7 } as const;
  const plan = sgdPlan({ schedule });
  const noise = Array.from({ length: 30 }, (_, i) => plannedNoise(plan, i + 1));
  assert.equal(noise[0], 1.1);
  assert.ok(Math.abs(noise[1] - 0.99) < 1e-12);
  assert.deepEqual(noise.slice(10), new Array(20).fill(0.7));
  const exact = eventEpsilon(runsEvent(plan, runsOf(noise)), 1e-5).epsilon;
  assert.ok(Math.abs(eventEpsilon(runsEvent(plan, plannedRuns(plan)), 1e-5).epsilon / exact - 1) < 1e-12);
  // Of more levels than are told apart, several count at the least noise of them.
  const slow = sgdPlan({ schedule: { kind: 'decaying', factor: 0.999, least: 0.2 } }, { rounds: 600 });
  const levels = Array.from({ length: 600 }, (_, i) => plannedNoise(slow, i + 1));
  const bound = eventEpsilon(runsEvent(slow, plannedRuns(slow)), 1e-5).epsilon;
  const truth = eventEpsilon(runsEvent(slow, runsOf(levels)), 1e-5).epsilon;
  assert.ok(bound >= truth && bound < 1.02 * truth, `${bound} ${truth}`);
  assert.equal(
    plannedRuns(slow).reduce((sum, { rounds }) => sum + rounds, 0),
    600,
  );
});

test('the budget allows as many rounds as cost no more than it, and not one more', () => {
  for (const plan of [sgdPlan(), sgdPlan({ schedule: { kind: 'decaying', factor: 0.95, least: 0.8 } }), fedAvgPlan()]) {
    const { budget, delta } = plan.privacy;
    const most = roundsWithinBudget(plan, plannedRuns(plan));
    const cost = (rounds: number) => {
      const noise = Array.from({ length: rounds }, (_, i) => plannedNoise(plan, i + 1));
      return eventEpsilon(runsEvent(plan, runsOf(noise)), delta).epsilon;
    };
    assert.ok(most > 0 && cost(most) <= budget.epsilon);
    assert.ok(most === plan.rounds || cost(most + 1) > budget.epsilon);
  }
});

test('noise that follows releases is allowed no more rounds than noise that is fixed', () => {
  const fixed = fedAvgPlan({ budget: { epsilon: 4 } }, { rounds: 200 });
  const schedule = { kind: 'progress', factor: 0.9, least: 3.81, threshold: 1.2 } as const;
  const free = fedAvgPlan({ budget: { epsilon: 4 }, schedule }, { rounds: 200 });
  const [most, fewer] = [fixed, free].map(plan => roundsWithinBudget(plan, plannedRuns(plan)));
  assert.ok(fewer <= most && fewer > most / 2, `${fewer} ${most}`);
});

test('without amplification everyone is in every sum: 20.9 becomes 83.1, on the grid hardly more', () => {
  const plan = sgdPlan({ sampling: { poisson: 0.3 } }, { rounds: 10, dimension: 10 });
  const event = runsEvent(plan, plannedRuns(plan));
  const without = eventEpsilon(withoutSampling(event), 1e-5).epsilon;
  // RDP of 100 sums with z = 1.1: 20.9 and 83.1 (docs/privacy.md).
  const sampled = eventEpsilon(event, 1e-5).epsilon;
  assert.ok(sampled > 20.9 && sampled < 1.03 * 20.9, String(sampled));
  assert.ok(without > 83.1 && without < 1.03 * 83.1, String(without));
});

test('who has more records is protected less, and never better than k times the noise without sampling', () => {
  const plan = sgdPlan();
  const event = runsEvent(plan, plannedRuns(plan));
  const figures = [1, 2, 5, 10].map(records => recordsEpsilon(event, records, 1e-5));
  assert.ok(Math.abs(figures[0] - eventEpsilon(event, 1e-5).epsilon) < 1e-9);
  for (let i = 1; i < figures.length; i++) assert.ok(figures[i] > figures[i - 1] && Number.isFinite(figures[i]));
});

test('the bytes of a plan change with every part of it', () => {
  const bytes = (plan: Plan) => Buffer.from(planBytes(plan)).toString('hex');
  const plans = [
    sgdPlan(),
    sgdPlan({ clipNorm: 2 }),
    sgdPlan({ relation: 'zero-out' }),
    sgdPlan({ delta: 1e-6 }),
    sgdPlan({}, { rounds: 31 }),
    sgdPlan({}, { dimension: 201 }),
    sgdPlan({}, { batchSize: 65 }),
    sgdPlan({}, { stepsPerRound: 11 }),
    fedAvgPlan(),
    fedAvgPlan({ noiseAt: 'client' }),
  ];
  assert.equal(new Set(plans.map(bytes)).size, plans.length);
  assert.deepEqual((decodeCbor(planBytes(sgdPlan())) as unknown[])[0], 'parley/v1/privacy-plan');
});

test('a task without privacy has no plan, and noise that no grid is fine enough for is refused', () => {
  assert.equal(planOfTask({ privacy: 'none' } as Parameters<typeof planOfTask>[0]), null);
  assert.throws(() => sgdPlan({ noiseMultiplier: 1e6 }), RangeError);
});

test('who knows the draw gains by every kind of sampling', () => {
  const gaussian = (noiseMultiplier: number, count: number) =>
    eventRdp({ kind: 'gaussian', noiseMultiplier, count }, [2]);
  const of = { kind: 'gaussian', noiseMultiplier: 4, count: 3 } as const;
  const known = (event: PrivacyEvent) => eventRdp(withoutSampling(event), [2]);
  assert.deepEqual(known({ kind: 'sampled', q: 0.1, of, count: 5 }), gaussian(4, 15));
  assert.deepEqual(known({ kind: 'sampled-fixed', n: 100, m: 10, of, count: 5 }), gaussian(2, 15));
  assert.deepEqual(known({ kind: 'truncated', n: 100, q: 0.1, cap: 20, noiseMultiplier: 4, count: 5 }), gaussian(2, 5));
  const mixture: PrivacyEvent = {
    kind: 'mixture',
    sensitivities: [0, 2, 9],
    probabilities: [0.9, 0.1, 0],
    noiseMultiplier: 4,
  };
  assert.deepEqual(known(mixture), gaussian(2, 1));
  assert.deepEqual(known({ kind: 'sampled', q: 0, of, count: 5 }), Float64Array.of(0));
});
