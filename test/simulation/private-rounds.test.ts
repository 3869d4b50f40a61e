import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import { artifactKey } from '../../src/coordinator/round.ts';
import type { RunStatus } from '../../src/coordinator/status.ts';
import { toHex } from '../../src/core/bytes/floats.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { clientSteps, coordinatorSteps, pause } from '../../src/core/protocol/ports.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { encodeTask } from '../../src/core/protocol/task.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { type FaultShape, randomFaults } from '../../src/simulation/random-faults.ts';
import { clientNames, deadlineMs, printed } from './federation.ts';
import {
  adaptiveFedAvg,
  budgetFor,
  centralFedAvg,
  checkPrivateLaws,
  dpSgd,
  localFedAvg,
  type PrivateOutcome,
  type PrivateSettings,
  privateRun,
  privateWorld,
} from './private-federation.ts';

const federations: Readonly<Record<string, PrivateSettings>> = {
  'dp-sgd': { privacy: { ...dpSgd, metrics: { epsilon: 1 } } },
  'dp-sgd with client momentum, under a rule that bears a liar': {
    privacy: dpSgd,
    aggregation: { rule: 'median', byzantine: 1, clipNorm: 1000 },
    workerMomentum: 0.9,
  },
  'dp-fedavg with noise of the clients, under krum': {
    clients: 5,
    privacy: localFedAvg,
    aggregation: { rule: 'krum', byzantine: 1, clipNorm: 1000 },
  },
  'dp-fedavg with noise of the coordinator': {
    privacy: { ...centralFedAvg, schedule: { kind: 'decaying', factor: 0.9, least: 0.5 } },
  },
  'dp-fedavg with a clip bound and noise that follow releases': { privacy: adaptiveFedAvg },
};

/** Crashes at every step take time: of those whose coordinator does more, and whose clients do. */
const everyStep = ['dp-sgd', 'dp-fedavg with a clip bound and noise that follow releases'];

async function survive(settings: PrivateSettings): Promise<PrivateOutcome & { status: RunStatus }> {
  try {
    const outcome: PrivateOutcome = await privateRun(settings);
    checkPrivateLaws(outcome);
    return outcome;
  } catch (cause) {
    throw new Error(`seed ${settings.seed}, ${printed(settings.faults ?? [])}`, { cause });
  }
}

function reservations(outcome: PrivateOutcome, party: string, round: number): number {
  return (outcome.spent.get(party) ?? []).filter(spent => spent.purpose === 'train' && spent.round === round).length;
}

function writes(outcome: PrivateOutcome, party: string, key: string): readonly string[] {
  const found = [...outcome.written].find(([name]) => name.startsWith(`${party} `) && name.endsWith(key));
  return found?.[1] ?? [];
}

const kinds: readonly Fault['do'][] = ['drop', 'delay', 'replay', 'crash', 'crash'];
const shapeOf = ({ clients = 3 }: PrivateSettings): FaultShape => ({
  clients: clientNames(clients),
  most: 10,
  kinds,
  longestMs: 3 * deadlineMs,
  span: 4,
});

for (const [name, settings] of Object.entries(federations)) {
  describe(`a run of ${name}`, () => {
    test('pays once for every round at every party when nothing happens', async () => {
      const outcome = await survive(settings);
      for (const party of [coordinatorParty, ...clientNames(settings.clients ?? 3)]) {
        const entries = (outcome.spent.get(party) ?? []).filter(({ purpose }) => purpose === 'train');
        assert.deepEqual(
          entries.map(({ round }) => round),
          [1, 2, 3],
          party,
        );
        // The simulation ends with the run: the last receipts may be under way.
        assert.ok(entries.every(({ state, round }) => state === 'released' || (state === 'committed' && round === 3)));
      }
    });

    test('survives 12 lists of lost, late and repeated messages and crashes', async () => {
      for (let seed = 1; seed <= 12; seed++)
        await survive({ ...settings, seed, faults: randomFaults(seed, shapeOf(settings)) });
    });

    if (!everyStep.includes(name)) return;
    test('survives a crash of each party at each named step', async () => {
      for (const [party, steps] of [
        [coordinatorParty, coordinatorSteps],
        ['site-2', clientSteps],
      ] as const) {
        for (const step of steps)
          await survive({ ...settings, faults: [{ do: 'crash', at: { party, step, count: 1 }, ms: 1000 }] });
      }
    });
  });
}

describe('noise of a round', () => {
  const crash = (
    party: string,
    step:
      | 'ledger-reserved'
      | 'outbox-tensor'
      | 'outbox-stored'
      | 'update-sent'
      | 'model-blob'
      | 'round-recorded'
      | 'ledger-committed',
  ): Fault => ({
    do: 'crash',
    at: { party, step, count: 1 },
    ms: 1000,
  });

  for (const privacy of [dpSgd, localFedAvg]) {
    test(`that a client drew before a crash is never used: it pays again and draws anew (${privacy.mechanism})`, async () => {
      const outcome = await survive({ privacy, faults: [crash('site-2', 'outbox-tensor')] });
      const [first, second, ...more] = writes(outcome, 'site-2', '/1');
      assert.notEqual(first, second, 'the same noise twice');
      assert.deepEqual(more, []);
      assert.equal(reservations(outcome, 'site-2', 1), 2);
      assert.equal(reservations(outcome, 'site-1', 1), 1);
    });

    test(`that a client has said is said again, and not paid again (${privacy.mechanism})`, async () => {
      for (const step of ['outbox-stored', 'ledger-committed', 'update-sent'] as const) {
        const outcome = await survive({ privacy, faults: [crash('site-2', step)] });
        assert.equal(writes(outcome, 'site-2', '/1').length, 1, step);
        assert.equal(reservations(outcome, 'site-2', 1), 1, step);
        // Whose update has arrived is not asked for it again.
        const state = step === 'update-sent' ? 'committed' : 'released';
        assert.equal(outcome.spent.get('site-2')?.[0].state, state, `${step}: kept, sent, and known to be`);
      }
    });
  }

  test('of clients is counted once by the coordinator, however often it combines a round', async () => {
    for (const step of ['ledger-reserved', 'model-blob', 'round-recorded', 'ledger-committed'] as const) {
      for (const privacy of [dpSgd, localFedAvg]) {
        const outcome = await survive({ privacy, faults: [crash(coordinatorParty, step)] });
        const [first, ...others] = outcome.spent.get(coordinatorParty) ?? [];
        assert.deepEqual([first.round, first.state], [1, 'released'], step);
        assert.equal(others.length, 2, step);
      }
    }
  });

  test('that the coordinator drew before a crash is never used: it pays again and draws anew', async () => {
    const outcome = await survive({ privacy: centralFedAvg, faults: [crash(coordinatorParty, 'model-blob')] });
    const [first, second] = writes(outcome, coordinatorParty, '/model/2');
    assert.notEqual(first, second);
    assert.equal(reservations(outcome, coordinatorParty, 1), 2);
  });

  test('that a recorded model holds is never drawn again', async () => {
    for (const step of ['round-recorded', 'ledger-committed'] as const) {
      const outcome = await survive({ privacy: centralFedAvg, faults: [crash(coordinatorParty, step)] });
      assert.equal(writes(outcome, coordinatorParty, '/model/2').length, 1, step);
      assert.equal(reservations(outcome, coordinatorParty, 1), 1, step);
      assert.equal(outcome.spent.get(coordinatorParty)?.[0].state, 'released', step);
    }
  });

  for (const party of [coordinatorParty, 'site-2']) {
    test(`is neither drawn nor paid for again by ${party} when its disk was full for a while`, async () => {
      for (const privacy of [dpSgd, localFedAvg, centralFedAvg]) {
        for (let at = 3; at <= (party === coordinatorParty ? 24 : 10); at++) {
          let commits = 0;
          const beforeCommit = (): void => {
            commits++;
            if (commits >= at && commits < at + 3) throw new Problem('storage-full');
          };
          const outcome = await survive({
            privacy,
            rounds: 2,
            storage: who => (who === party ? { beforeCommit } : {}),
          });
          const rounds = (outcome.spent.get(party) ?? []).map(({ round }) => round);
          assert.deepEqual(rounds, [1, 2], `${privacy.mechanism} at ${privacy.noiseAt}, full from commit ${at}`);
        }
      }
    });
  }

  test('is paid for once when updates could not be read for a while', async () => {
    for (const privacy of [centralFedAvg, localFedAvg]) {
      const { world, outcome } = privateWorld({ privacy });
      const { blobs } = world.coordinatorDisk;
      const { stream } = blobs;
      let failures = 0;
      blobs.stream = async key => {
        if (failures++ < 9) throw new Problem('storage-full');
        return stream(key);
      };
      const result = await outcome();
      checkPrivateLaws(result);
      assert.ok(failures > 9);
      assert.equal(reservations(result, coordinatorParty, 1), 1, privacy.noiseAt);
    }
  });

  test('is another one in every run, at whoever adds it', async () => {
    for (const privacy of [dpSgd, localFedAvg, centralFedAvg]) {
      const [one, two] = [await survive({ privacy }), await survive({ privacy })];
      assert.notEqual(one.status.model, two.status.model, privacy.mechanism);
    }
  });
});

describe('a run whose budget allows two of three rounds', () => {
  const cases: readonly PrivateSettings[] = [
    { privacy: dpSgd },
    { privacy: { ...dpSgd, metrics: { epsilon: 1 } } },
    { privacy: localFedAvg },
    { privacy: centralFedAvg },
  ];
  for (const [i, { privacy }] of cases.entries()) {
    test(`ends after the second with a whole model that says so (case ${i + 1})`, async () => {
      const settings = { privacy: { ...privacy, budget: { epsilon: budgetFor({ privacy }, 2) } } };
      const { status, world, spent, logs } = await privateRun(settings);
      assert.ok(status !== null);
      assert.deepEqual(world.defects, []);
      assert.equal(status.phase, 'finished');
      assert.deepEqual(
        status.reports.map(({ round }) => round),
        [1, 2],
      );
      assert.equal(status.privacy?.budgetSpentAfter, 2);
      assert.ok(logs.some(({ event }) => event === 'budget-spent'));
      for (const entries of spent.values())
        assert.ok(
          entries.every(({ purpose, round }) => purpose === 'evaluate' || round <= 2),
          'nothing beyond the budget',
        );
      const bytes = await world.coordinatorDisk.blobs.read(artifactKey(status.task));
      assert.ok(bytes !== null);
      const { metadata } = decodeSafetensors(bytes);
      assert.equal(metadata.parameters, status.reports[1].model, 'the model of the last round');
      const statement = JSON.parse(metadata.privacy);
      assert.deepEqual(statement.rounds, { planned: 3, released: 2, end: 'budget' });
      assert.ok(statement.epsilon <= settings.privacy.budget.epsilon);
    });
  }

  test('ends earlier where the coordinator has paid twice for a round, because a crash took its noise', async () => {
    const privacy = { ...centralFedAvg, budget: { epsilon: budgetFor({ privacy: centralFedAvg }, 3) } };
    const faults: Fault[] = [{ do: 'crash', at: { party: coordinatorParty, step: 'model-blob', count: 1 }, ms: 1000 }];
    const { status, logs } = await privateRun({ privacy, faults });
    assert.equal(status?.privacy?.budgetSpentAfter, 2);
    assert.match(
      logs.find(({ event }) => event === 'budget-spent')?.detail ?? '',
      /of this run spent after round 2 of 3/,
    );
  });

  test('ends, and does not wait for ever, when clients that the quorum needs have spent theirs', async () => {
    const privacy = { ...localFedAvg, budget: { epsilon: budgetFor({ privacy: localFedAvg }, 3) } };
    const faults: Fault[] = [{ do: 'crash', at: { party: 'site-2', step: 'outbox-tensor', count: 1 }, ms: 1000 }];
    const { status, logs } = await privateRun({ privacy, faults });
    assert.equal(status?.privacy?.budgetSpentAfter, 2);
    assert.match(
      logs.find(({ event }) => event === 'budget-spent')?.detail ?? '',
      /at its clients spent after round 2 of 3/,
    );
    const without = await privateRun({ privacy, faults, minimum: 2 });
    assert.equal(without.status?.privacy?.budgetSpentAfter, null, 'the others are enough');
    assert.deepEqual(without.status.reports[2].combined, ['site-1', 'site-3']);
    assert.deepEqual(without.status.refusals, [{ client: 'site-2', code: 'declined: budget', count: 1 }]);
  });

  test('and one whose budget allows none releases nothing and has no model', async () => {
    for (const privacy of [centralFedAvg, localFedAvg]) {
      const settings = { privacy: { ...privacy, budget: { epsilon: budgetFor({ privacy }, 1) / 2 } } };
      const { status, world } = await privateRun(settings);
      assert.equal(status?.phase, 'stopped');
      assert.equal(status.privacy?.budgetSpentAfter, 0);
      assert.equal(await world.coordinatorDisk.blobs.read(artifactKey(status.task)), null);
    }
  });

  test('keeps on disk no update of a round that it will not combine', async () => {
    const privacy = { ...centralFedAvg, budget: { epsilon: budgetFor({ privacy: centralFedAvg }, 2) } };
    const { status, world } = await privateRun({ privacy });
    assert.ok(status !== null);
    assert.deepEqual(await world.coordinatorDisk.blobs.list(`${status.task}/update/`), []);
  });
});

test('a run that is stopped states the noisy updates of its open round: the coordinator has seen them', async () => {
  for (const [privacy, released] of [
    [localFedAvg, 2],
    [centralFedAvg, 1],
  ] as const) {
    const { world, task, outcome } = privateWorld({
      privacy,
      trainer: (name, given, clock) => ({
        manifest: taskManifest(given),
        async train({ parameters, round, signal }) {
          await pause(clock, name === 'site-3' && round === 2 ? deadlineMs : 100, signal);
          return { parameters, examples: 1, steps: 1, loss: 0 };
        },
        evaluate: () => assert.fail('nobody evaluates for a private task'),
      }),
    });
    const id = toHex(simulationPorts.primitives.sha256(encodeTask(task)));
    world.clock.after(deadlineMs / 2, () => void world.coordinator.stop(id));
    const { status } = await outcome();
    assert.equal(status?.phase, 'stopped');
    assert.equal(status.reports.length, 1);
    const bytes = await world.coordinatorDisk.blobs.read(artifactKey(id));
    assert.ok(bytes !== null);
    const statement = JSON.parse(decodeSafetensors(bytes).metadata.privacy);
    assert.deepEqual(statement.rounds, { planned: 3, released, end: 'stopped' }, privacy.noiseAt);
    assert.equal((await world.coordinatorDisk.store.releases(id)).length, released);
  }
});

describe('the clip bound that follows norms', () => {
  const settings = (step: number): PrivateSettings => ({
    clients: 8,
    rounds: 6,
    step: () => step,
    privacy: { ...centralFedAvg, expectedCohort: 8, noiseMultiplier: 0.1, clip: { initial: 1, bitNoise: 0.2 } },
  });
  const boundOf = async ({ world }: PrivateOutcome): Promise<number> => {
    const [run] = await world.coordinatorDisk.store.runs();
    return run.privacy?.noise.clipNorm ?? Number.NaN;
  };

  test('falls where all updates are within it, and rises where none is', async () => {
    const [short, long] = [await survive(settings(0.01)), await survive(settings(10))];
    assert.ok((await boundOf(short)) < 0.75, `${await boundOf(short)}`);
    assert.ok((await boundOf(long)) > 1.3, `${await boundOf(long)}`);
  });

  test('rises no further than the task lets updates be', async () => {
    const aggregation = { rule: 'mean', weightBy: 'uniform', clipNorm: 1.1 };
    assert.equal(await boundOf(await survive({ ...settings(10), aggregation })), 1.1);
  });

  test('counts an update that is not finite as beyond it, and as zeros', async () => {
    const outcome = await survive(settings(Number.NaN));
    assert.ok((await boundOf(outcome)) > 1.3);
    assert.deepEqual(outcome.status.refusals, [], 'nobody declined: that would tell');
  });

  test('is the same after a crash of the coordinator at every step of a round', async () => {
    for (const step of ['ledger-reserved', 'model-blob', 'round-recorded', 'round-swept'] as const) {
      const outcome = await survive({
        ...settings(0.5),
        rounds: 3,
        faults: [{ do: 'crash', at: { party: coordinatorParty, step, count: 2 }, ms: 500 }],
      });
      for (const digests of outcome.world.shown.values()) assert.equal(digests.size, 1);
    }
  });
});
