import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, planOfTask, roundEvent } from '../../../src/core/privacy/plan.ts';
import {
  nextNoise,
  openingNoise,
  progressOf,
  toldNoise,
  trainingSpend,
} from '../../../src/core/privacy/round-noise.ts';
import { adaptiveFedAvg, centralFedAvg, localFedAvg, privateTask } from '../../simulation/private-federation.ts';

function planOf(privacy: object): Plan {
  const plan = planOfTask(privateTask({ privacy, rounds: 50 }));
  assert.ok(plan !== null);
  return plan;
}

test('noise falls after a round without progress, never below the least, and stays after one with', () => {
  const plan = planOf(adaptiveFedAvg);
  let noise = openingNoise(plan);
  assert.deepEqual(noise, { noiseMultiplier: 1, clipNorm: 1 });
  noise = nextNoise(plan, 1, noise, { progress: 1.19, withinClip: 0.5 });
  assert.equal(noise.noiseMultiplier, 0.9);
  noise = nextNoise(plan, 2, noise, { progress: 1.2, withinClip: 0.5 });
  assert.equal(noise.noiseMultiplier, 0.9);
  for (let round = 3; round < 20; round++) noise = nextNoise(plan, round, noise, { progress: 1, withinClip: 0.5 });
  assert.equal(noise.noiseMultiplier, 0.5);
});

test('the clip bound follows the noisy share by the geometric rule, also where the noise puts it beyond 0 and 1', () => {
  const plan = planOf(adaptiveFedAvg);
  const after = (withinClip: number): number =>
    nextNoise(plan, 1, openingNoise(plan), { progress: 2, withinClip }).clipNorm;
  assert.equal(after(0.5), 1);
  assert.equal(after(1), Math.exp(-0.1));
  assert.equal(after(-0.5), Math.exp(0.2));
  assert.ok(Number.isFinite(after(-1e9)) && after(1e9) > 0);
});

test('what is fixed by the task does not follow anything', () => {
  const decaying = planOf({ ...centralFedAvg, schedule: { kind: 'decaying', factor: 0.5, least: 0.2 } });
  const shown = { progress: 0, withinClip: null };
  assert.deepEqual(nextNoise(decaying, 1, openingNoise(decaying), shown), { noiseMultiplier: 0.5, clipNorm: 1 });
  assert.deepEqual(nextNoise(decaying, 9, openingNoise(decaying), null), { noiseMultiplier: 0.2, clipNorm: 1 });
  for (const plan of [decaying, planOf(localFedAvg)])
    assert.deepEqual(toldNoise(plan, openingNoise(plan)), { noiseMultiplier: null, clipNorm: null });
});

test('a sum of noise alone shows no progress, a long one does', () => {
  const grid = { logScale: 10, step: 0.5, contributionSteps: 1, sensitivitySteps: 1 };
  assert.equal(progressOf(Float64Array.of(512, -512, 512), grid), 1);
  assert.equal(progressOf(Float64Array.of(1024, 0), grid), 2);
});

test('a round is charged for exactly the noise it has', () => {
  const plan = planOf(adaptiveFedAvg);
  const spend = trainingSpend(plan, { task: 'aa', plan: 'bb' }, 7, { noiseMultiplier: 0.6, clipNorm: 3 });
  assert.deepEqual(spend.event, roundEvent(plan, 0.6));
  assert.deepEqual(
    [spend.round, spend.purpose, spend.isFixed, spend.limit],
    [7, 'train', false, { epsilon: 1e5, delta: 1e-3 }],
  );
  assert.equal(
    trainingSpend(planOf(localFedAvg), { task: 'aa', plan: 'bb' }, 1, { noiseMultiplier: 1, clipNorm: 1 }).isFixed,
    true,
  );
});
