/** Settings of private tasks, for tests that change what they are about. */
import type { DpFedAvgSettings, DpSgdSettings } from '../../../src/core/protocol/privacy-settings.ts';

export const sgd: DpSgdSettings = {
  mechanism: 'dp-sgd',
  unit: 'record',
  clipNorm: 1,
  sampling: { poisson: 0.05 },
  noisyClients: null,
  metrics: null,
  relation: 'add-remove',
  noiseAt: 'client',
  noiseMultiplier: 1.1,
  delta: 1e-5,
  budget: { epsilon: 3 },
  profile: null,
  schedule: { kind: 'uniform' },
  recordsPerPerson: 1,
};
export const fedAvg: DpFedAvgSettings = {
  mechanism: 'dp-fedavg',
  unit: 'user',
  clip: 0.5,
  sampling: 'all',
  expectedCohort: 40,
  noisyClients: null,
  relation: 'zero-out',
  noiseAt: 'coordinator',
  noiseMultiplier: 3.81,
  delta: 1e-3,
  budget: { epsilon: 8 },
  profile: null,
  schedule: { kind: 'uniform' },
  recordsPerPerson: 1,
};
/** What of a plan is not about privacy. */
export const size = { rounds: 30, dimension: 200, stepsPerRound: 10, batchSize: 64, partRows: 32, shared: null };
