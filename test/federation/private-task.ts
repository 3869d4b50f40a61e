/** A task of test/federation/small-task.ts under which each organisation hides itself by noise of its own. */
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import { smallTask, type TaskSettings } from './small-task.ts';

/** @param privacy settings that differ. With these ε is 1.1 after four rounds. */
export function privateTask(settings: TaskSettings, privacy: object = {}): Task {
  return parseTask({
    ...smallTask(settings),
    aggregation: { rule: 'mean', weightBy: 'uniform', clipNorm: 10_000 },
    evaluation: { everyRounds: 1, pooledAucBins: null, aloneBaseline: false },
    privacy: {
      mechanism: 'dp-fedavg',
      unit: 'organisation',
      relation: 'zero-out',
      clip: 1,
      sampling: 'all',
      expectedCohort: 2,
      noiseAt: 'client',
      noiseMultiplier: 8,
      delta: 1e-5,
      budget: { epsilon: 3 },
      ...privacy,
    },
  });
}
