/** What a plan says its budget allows is what a ledger grants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../../src/core/privacy/ledger.ts';
import { makePlan, type Plan, plannedNoise } from '../../../src/core/privacy/plan.ts';
import { plannedRuns, roundsWithinBudget } from '../../../src/core/privacy/plan-cost.ts';
import { trainingSpend } from '../../../src/core/privacy/round-noise.ts';
import type { MechanismSettings } from '../../../src/core/protocol/privacy-settings.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { settings, taskA } from './ledger-samples.ts';

const shared = {
  relation: 'add-remove',
  noiseMultiplier: 3,
  delta: 1e-5,
  budget: { epsilon: 2 },
  profile: null,
  recordsPerPerson: 1,
  noisyClients: null,
} as const;
const steps: MechanismSettings = {
  ...shared,
  mechanism: 'dp-sgd',
  unit: 'record',
  noiseAt: 'client',
  clipNorm: 1,
  sampling: { poisson: 0.05 },
  metrics: null,
  schedule: { kind: 'uniform' },
};
const sums: MechanismSettings = {
  ...shared,
  mechanism: 'dp-fedavg',
  unit: 'user',
  noiseAt: 'coordinator',
  noiseMultiplier: 20,
  clip: 1,
  sampling: 'all',
  expectedCohort: 50,
  schedule: { kind: 'uniform' },
};

function planOf(privacy: MechanismSettings): Plan {
  return makePlan({
    privacy,
    rounds: 200,
    dimension: 510,
    stepsPerRound: 20,
    batchSize: 100,
    partRows: 32,
    shared: null,
  });
}

/** Rounds that a ledger grants, each with the noise that was planned. */
function granted(plan: Plan): number {
  const ledger = new Ledger(settings());
  for (let round = 1; round <= plan.rounds; round++) {
    const noise = { noiseMultiplier: plannedNoise(plan, round), clipNorm: 1 };
    try {
      const draft = ledger.reserve(trainingSpend(plan, { task: taskA, plan: taskA }, round, noise));
      for (const entry of draft.entries) ledger.append(entry);
    } catch (error) {
      assert.ok(error instanceof Problem && error.code === 'budget-spent', String(error));
      return round - 1;
    }
  }
  return plan.rounds;
}

const cases: Record<string, MechanismSettings> = {
  'sampled steps of equal noise': steps,
  'sums of equal noise': sums,
  'noise that falls as fixed beforehand': { ...sums, schedule: { kind: 'decaying', factor: 0.97, least: 5 } },
  'noise that follows releases': {
    ...sums,
    schedule: { kind: 'progress', factor: 0.5, least: 5, threshold: 1.2 },
  },
};

for (const [name, privacy] of Object.entries(cases)) {
  test(`a ledger grants as many rounds as the plan says: ${name}`, () => {
    const plan = planOf(privacy);
    const rounds = granted(plan);
    assert.ok(rounds > 5 && rounds < plan.rounds, String(rounds));
    assert.equal(roundsWithinBudget(plan, plannedRuns(plan)), rounds);
  });
}
