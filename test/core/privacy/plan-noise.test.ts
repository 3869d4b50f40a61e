import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readTaskFile } from '../../../src/cli/task-file.ts';
import { makePlan, type Plan, planOfTask } from '../../../src/core/privacy/plan.ts';
import { leastPlannedNoise } from '../../../src/core/privacy/plan-noise.ts';
import { planOutlook } from '../../../src/core/privacy/plan-outlook.ts';

const examples = join(import.meta.dirname, '..', '..', '..', 'examples');

function example(name: string): Plan {
  const plan = planOfTask(readTaskFile(join(examples, `${name}.task.yaml`)));
  assert.ok(plan !== null);
  return plan;
}

const heart = example('heart-private');
const writers = example('mnist-writers-private');
const plans: Readonly<Record<string, Plan>> = {
  heart,
  writers,
  'drawn rows': makePlan({ ...heart, privacy: { ...heart.privacy, sampling: { poisson: 0.05 } } as Plan['privacy'] }),
  replaced: makePlan({ ...heart, privacy: { ...heart.privacy, relation: 'replace' } }),
  'falling noise': makePlan({
    ...writers,
    privacy: { ...writers.privacy, schedule: { kind: 'decaying', factor: 0.9, least: 2 } },
  }),
};

function roundsAllowed(plan: Plan, epsilon: number, noiseMultiplier: number): number {
  const privacy = { ...plan.privacy, noiseMultiplier, budget: { epsilon } };
  return planOutlook(makePlan({ ...plan, privacy })).roundsAllowed;
}

test('the noise found allows every round within ε, a thousandth less does not', () => {
  for (const [name, plan] of Object.entries(plans)) {
    for (const epsilon of name === 'falling noise' ? [9] : [1, 3, 12]) {
      const noise = leastPlannedNoise(plan, epsilon);
      assert.equal(Number(noise.toPrecision(4)), noise);
      assert.equal(roundsAllowed(plan, epsilon, noise), plan.rounds, `${name} ${epsilon}: ${noise}`);
      assert.ok(roundsAllowed(plan, epsilon, noise * (1 - 1.1e-3)) < plan.rounds, `${name} ${epsilon}: ${noise}`);
    }
  }
});

test('where no noise is enough, or none is fixed beforehand, that is said', () => {
  // What the noise falls to decides, whatever it falls from.
  const schedule = { kind: 'decaying', factor: 0.1, least: 2 } as const;
  const falling = makePlan({ ...writers, privacy: { ...writers.privacy, schedule } });
  assert.throws(() => leastPlannedNoise(falling, 1), /no noise keeps 30 rounds within ε 1$/);
  const progress = { kind: 'progress', factor: 0.9, least: 2, threshold: 1.2 } as const;
  const following = makePlan({ ...writers, privacy: { ...writers.privacy, schedule: progress } });
  assert.throws(() => leastPlannedNoise(following, 8), /follows releases/);
  // 2^20 steps are too few for so much noise on so many values.
  assert.throws(() => leastPlannedNoise(makePlan({ ...writers, rounds: 300 }), 1e-3), /no noise keeps 300 rounds/);
});
