/** kill -9 at every named step of the protocol, twice each: the run ends with the bits of one in which nothing happened. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { clientSteps, coordinatorSteps, pause, type Step } from '../../src/core/protocol/ports.ts';
import { systemClock } from '../../src/node/clock.ts';
import { copyOf, type Enrolled, enrol, temporaryFolder } from '../federation/enrolled.ts';
import { expectedModel } from '../federation/expected.ts';
import type { Outcome } from '../federation/operator.ts';
import type { Death } from '../federation/process.ts';
import { smallTask } from '../federation/small-task.ts';
import { runMortal } from './mortal.ts';
import { assertUndisturbed } from './undisturbed.ts';

const clients = ['anna', 'bert', 'cleo'];
/** Two tasks: what happens once in a run happens twice. The first is one whose rule and whose clients remember the round before. */
const tasks = [
  smallTask({
    name: 'first',
    minimum: clients.length,
    rounds: 4,
    aggregation: { rule: 'centered-clipping', radius: 0.05, byzantine: 1 },
    workerMomentum: 0.9,
  }),
  smallTask({ name: 'second', minimum: clients.length, rounds: 2, hidden: 5 }),
];
/** Completed once in a run (a later round opens in the write that closes the one before); the others in every round. */
const oncePerRun = new Set<Step>([
  'task-blob',
  'task-stored',
  'round-open',
  'artifact-blob',
  'run-finished',
  'evaluated',
  'evaluation-sent',
]);

describe('a federation that is killed at a step', { concurrency: 2 }, () => {
  let base: Enrolled;
  let expected: Outcome[];
  const hooks: (() => void)[] = [];
  before(async () => {
    const folder = temporaryFolder({ after: hook => void hooks.push(hook) });
    base = await enrol(join(folder, 'base'), clients);
    expected = (await outcomes('undisturbed', {})).found;
    for (const [i, task] of tasks.entries()) assert.equal(expected[i].model, await expectedModel(task, clients));
  });
  test.after(() => {
    for (const hook of hooks) hook();
  });

  /** Runs both tasks on a copy of the federation. */
  async function outcomes(
    name: string,
    deaths: Record<string, readonly Death[]>,
  ): Promise<{ found: Outcome[]; died: readonly Step[] }> {
    const mortal = await runMortal(await copyOf(base, join(base.folder, '..', name)), deaths);
    try {
      const ids: string[] = [];
      for (const task of tasks) ids.push(await mortal.operator.submit(task));
      const found: Outcome[] = [];
      for (const id of ids) found.push(await mortal.operator.outcome(id));
      // The last death may come after the last answer.
      if (Object.keys(deaths).length > 0) await Promise.race([mortal.allDied, pause(systemClock, 10_000)]);
      return { found, died: [...mortal.died] };
    } finally {
      await mortal.end();
    }
  }

  // Only private tasks have a ledger: private-steps.test.ts.
  const isReached = (step: Step): boolean => step !== 'ledger-reserved' && step !== 'ledger-committed';
  const cases = [
    ...coordinatorSteps.filter(isReached).map(step => ({ party: 'coordinator', step })),
    ...clientSteps.filter(isReached).map((step, i) => ({ party: clients[i % clients.length], step })),
  ];
  for (const { party, step } of cases) {
    test(`${step}: goes on after both deaths of ${party} and ends the same`, { timeout: 120_000 }, async () => {
      const later = { step, nth: oncePerRun.has(step) ? 1 : 3 };
      const { found, died } = await outcomes(step, { [party]: [{ step, nth: 1 }, later] });
      assert.deepEqual(died, [step, step], 'the step was completed, and completed again');
      found.forEach((outcome, i) => {
        assertUndisturbed(outcome, expected[i]);
      });
    });
  }
});
