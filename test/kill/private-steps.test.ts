/** kill -9 around the ledger: a private run goes on, nothing drawn before a death is used after it, and every round is paid for. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { RunStatus } from '../../src/coordinator/status.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { eventEpsilon } from '../../src/core/privacy/event-rdp.ts';
import { planOfTask } from '../../src/core/privacy/plan.ts';
import { runsEvent } from '../../src/core/privacy/plan-cost.ts';
import { pause, type Step } from '../../src/core/protocol/ports.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import { systemClock } from '../../src/node/clock.ts';
import { copyOf, type Enrolled, enrol, temporaryFolder } from '../federation/enrolled.ts';
import type { Death } from '../federation/process.ts';
import { smallTask } from '../federation/small-task.ts';
import { runMortal } from './mortal.ts';

const clients = ['anna', 'bert', 'cleo'];

const base = smallTask({ minimum: clients.length, rounds: 4 });
const shared = { relation: 'add-remove', delta: 1e-3, noiseMultiplier: 2, budget: { epsilon: 1e5 } };
const dpSgd = privateTask('steps', {
  ...shared,
  mechanism: 'dp-sgd',
  unit: 'record',
  noiseAt: 'client',
  clipNorm: 1,
  sampling: { poisson: 0.2 },
  metrics: { epsilon: 1 },
});
const dpFedAvg = (epsilon: number): Task =>
  privateTask('sums', {
    ...shared,
    mechanism: 'dp-fedavg',
    unit: 'organisation',
    noiseAt: 'coordinator',
    clip: 1,
    sampling: 'all',
    expectedCohort: clients.length,
    budget: { epsilon },
  });

function privateTask(name: string, privacy: object): Task {
  const { evaluation: _evaluation, ...rest } = base;
  return parseTask({
    ...rest,
    name,
    data: { ...base.data, standardise: 'none', split: { type: 'hash', trainFraction: 0.7, seed: 3 } },
    training: { ...base.training, batchSize: 20 },
    aggregation: { rule: 'mean', weightBy: 'uniform', clipNorm: 1000 },
    privacy,
  });
}

/** The smallest ε that so many rounds cost, and hardly more. */
function budgetFor(rounds: number): number {
  const plan = planOfTask(dpFedAvg(1e5));
  assert.ok(plan !== null);
  return eventEpsilon(runsEvent(plan, [{ noiseMultiplier: 2, rounds }]), shared.delta).epsilon * 1.001;
}

describe('a private federation', { concurrency: 2 }, () => {
  let enrolled: Enrolled;
  const hooks: (() => void)[] = [];
  before(async () => {
    const folder = temporaryFolder({ after: hook => void hooks.push(hook) });
    enrolled = await enrol(join(folder, 'base'), clients);
  });
  test.after(() => {
    for (const hook of hooks) hook();
  });

  async function outcome(
    name: string,
    task: Task,
    deaths: Record<string, readonly Death[]>,
  ): Promise<{ status: RunStatus; metadata: Record<string, string>; died: readonly Step[] }> {
    const mortal = await runMortal(await copyOf(enrolled, join(enrolled.folder, '..', name)), deaths);
    try {
      const id = await mortal.operator.submit(task);
      const { status } = await mortal.operator.outcome(id);
      const { metadata } = decodeSafetensors(await mortal.operator.channel.bytes(`/v1/runs/${id}/artifact`));
      if (Object.keys(deaths).length > 0) await Promise.race([mortal.allDied, pause(systemClock, 10_000)]);
      return { status, metadata, died: [...mortal.died] };
    } finally {
      await mortal.end();
    }
  }

  const twice = (step: Step): Death[] => [
    { step, nth: 1 },
    { step, nth: 2 },
  ];
  const cases: readonly (readonly [task: Task, deaths: Record<string, readonly Death[]>])[] = [
    [dpSgd, { anna: twice('ledger-reserved'), bert: twice('ledger-committed'), coordinator: twice('ledger-reserved') }],
    [
      dpFedAvg(1e5),
      { cleo: twice('ledger-reserved'), coordinator: [...twice('ledger-reserved'), ...twice('ledger-committed')] },
    ],
  ];
  for (const [task, deaths] of cases) {
    test(`(${task.name}) goes on after two deaths at each step around every ledger`, { timeout: 120_000 }, async () => {
      const { status, metadata, died } = await outcome(task.name, task, deaths);
      const planned = Object.values(deaths).flatMap(list => list.map(({ step }) => step));
      assert.deepEqual([...died].sort(), planned.sort());
      assert.equal(status.phase, 'finished');
      assert.deepEqual(
        status.reports.map(report => [report.round, report.combined, report.loss, report.evaluation]),
        [1, 2, 3, 4].map(round => [round, clients, null, null]),
      );
      assert.deepEqual(status.refusals, []);
      const { rounds } = JSON.parse(metadata.privacy);
      assert.deepEqual(rounds, { planned: 4, released: 4, end: 'rounds' });
    });
  }

  test('whose budget ends stops before the release, says so, and its last model is whole', {
    timeout: 120_000,
  }, async () => {
    const { status, metadata } = await outcome('budget', dpFedAvg(budgetFor(3)), {});
    assert.equal(status.phase, 'finished');
    assert.equal(status.reports.length, 3);
    assert.equal(status.privacy?.budgetSpentAfter, 3);
    assert.equal(metadata.parameters, status.reports[2].model);
    const statement = JSON.parse(metadata.privacy);
    assert.deepEqual(statement.rounds, { planned: 4, released: 3, end: 'budget' });
    assert.ok(statement.epsilon <= budgetFor(3));
  });
});
