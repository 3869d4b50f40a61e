/** Rounds of groups from end to end: the coordinator, the clients and both machines, over the simulated network and disks. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { groupSimulationPorts } from '../../src/cli/simulation-ports.ts';
import type { RoundReport } from '../../src/coordinator/store.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import {
  coordinatorSteps,
  groupClientSteps,
  groupCoordinatorSteps,
  type LogEvent,
} from '../../src/core/protocol/ports.ts';
import { protectionSchema } from '../../src/core/protocol/protection-settings.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { syntheticExamples, syntheticStep, syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { World, type WorldSettings } from '../../src/simulation/world.ts';
import { clientNames, smallTask } from './federation.ts';

const clients = 8;
const rounds = 3;
const ports = await groupSimulationPorts();

interface Settings {
  readonly seed?: number;
  readonly faults?: readonly Fault[];
  readonly protection?: object;
  readonly minimum?: number;
  readonly onLog?: WorldSettings['onLog'];
  readonly isInspected?: boolean;
  /** Clients; eight by default. */
  readonly members?: number;
}

interface Outcome {
  readonly ended: boolean;
  readonly task: Task;
  readonly reports: readonly RoundReport[];
  readonly parameters: Float32Array;
  /** What trainers were given, by round. */
  readonly given: ReadonlyMap<number, Float32Array>;
  readonly world: World;
}

function taskOf({ protection, minimum = 6, isInspected }: Settings): Task {
  const base = smallTask({
    seed: 1,
    clients,
    faults: [],
    minimum,
    rounds,
    aggregation: { rule: 'mean', weightCap: 60, clipNorm: 10 },
  });
  if (isInspected) return base;
  return parseTask({
    ...base,
    protection: protectionSchema.parse({ kind: 'group', size: 8, honest: 3, stepSeconds: 5, ...protection }),
  });
}

async function run(settings: Settings): Promise<Outcome> {
  const task = taskOf(settings);
  const manifest = taskManifest(task);
  const given = new Map<number, Float32Array>();
  const world = new World({
    ports,
    seed: settings.seed ?? 1,
    faults: settings.faults ?? [],
    onLog: settings.onLog,
    clients: clientNames(settings.members ?? clients).map(name => ({
      name,
      trainerFor: async (_task, clock) => {
        const trainer = syntheticTrainer(name, manifest, clock, () => 100);
        return {
          ...trainer,
          train: request => {
            given.set(request.round, request.parameters.slice());
            return trainer.train(request);
          },
        };
      },
    })),
  });
  world.clock.after(1000, () => world.submit(task));
  const ended = await world.run(3_600_000);
  assert.deepEqual(world.defects, []);
  if (!ended) return { ended, task, reports: [], parameters: new Float32Array(0), given, world };
  const { reports, task: id } = await world.status();
  const { parameters } = decodeSafetensors(await world.coordinator.artifact(id));
  return { ended, task, reports, parameters, given, world };
}

/** The model after a round is the mean over those in the sum, weighted by their examples, within what fixed point loses. */
function checkSums({ reports, given, parameters, task }: Outcome): void {
  let worst = 0;
  for (const [i, report] of reports.entries()) {
    const before = given.get(report.round);
    const after = i + 1 < reports.length ? given.get(reports[i + 1].round) : parameters;
    if (report.combined.length === 0) continue;
    assert.ok(before !== undefined && after !== undefined);
    const survivors = (report.groups ?? []).flatMap(group => group.survivors);
    assert.ok(survivors.length >= task.cohort.minimum);
    const weights = survivors.map(client => Math.min(60, syntheticExamples(client)));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const trained = survivors.map(client => syntheticStep(client, report.round, before));
    after.forEach((value, at) => {
      const expected = trained.reduce((sum, one, c) => sum + (weights[c] / total) * one[at], 0);
      worst = Math.max(worst, Math.abs(value - expected));
    });
  }
  assert.ok(worst <= 1e-4, `a parameter is off by ${worst}`);
}

test('eight clients through a group give the same weights as with single updates shown', async () => {
  const warnings: LogEvent[] = [];
  const onLog = (_party: string, event: LogEvent): void => {
    if (event.level !== undefined && event.level !== 'info') warnings.push(event);
  };
  const grouped = await run({ onLog });
  assert.deepEqual(warnings, []);
  const inspected = await run({ isInspected: true });
  assert.ok(grouped.ended && inspected.ended);
  assert.deepEqual(
    grouped.reports.map(({ combined, groups }) => [combined, groups?.[0].survivors.length]),
    Array(rounds).fill([['group-1'], clients]),
  );
  checkSums(grouped);
  const differences = grouped.parameters.map((value, i) => Math.abs(value - inspected.parameters[i]));
  assert.ok(Math.max(...differences) <= 1e-4);
  const { clients: rows, pooled } = await grouped.world.status();
  assert.deepEqual(
    rows.map(({ client, sites }) => [client, sites]),
    [['group-1', clients]],
  );
  assert.deepEqual(pooled, (await inspected.world.status()).pooled);
});

/** Names of who is in the sums, by round. */
const survivorsOf = ({ reports }: Outcome): readonly (readonly string[])[] =>
  reports.map(({ groups }) => (groups ?? []).flatMap(group => group.survivors));

describe('one of eight clients is killed in the middle of a round, and the others open the sum without it:', () => {
  for (const step of groupClientSteps) {
    test(step, async () => {
      const faults: Fault[] = [{ do: 'crash', at: { party: 'site-3', step, count: 2 }, ms: 600_000 }];
      const outcome = await run({ faults });
      assert.ok(outcome.ended);
      checkSums(outcome);
      const [first, second, third] = survivorsOf(outcome);
      assert.equal(first.length, clients);
      // Its input was there when it was killed after sending it.
      const isIn = ['group-input-sent', 'group-agreed', 'group-unmasked'].includes(step);
      assert.equal(second.length, isIn ? clients : clients - 1);
      assert.equal(third.length, clients - 1);
      assert.deepEqual(outcome.reports[1].dropped, isIn ? [] : ['site-3']);
    });
  }
});

describe('the coordinator is killed at a step of a round, and no sum is wrong for it:', () => {
  const unreached = ['group-round-void', 'update-verified', 'update-blob', 'update-stored', 'evaluation-stored'];
  const steps = [...groupCoordinatorSteps, ...coordinatorSteps].filter(
    step => !unreached.includes(step) && !step.startsWith('ledger-'),
  );
  for (const step of steps) {
    test(step, async () => {
      for (const count of step.startsWith('group-') ? [1, 2, 11] : [1]) {
        const faults: Fault[] = [{ do: 'crash', at: { party: coordinatorParty, step, count }, ms: 500 }];
        const outcome = await run({ seed: count, faults, members: 5, minimum: 4 });
        assert.ok(outcome.ended, `stuck after ${step} ${count}`);
        checkSums(outcome);
        assert.deepEqual(
          outcome.reports.map(({ combined }) => combined),
          Array(rounds).fill(['group-1']),
        );
        assert.deepEqual(
          survivorsOf(outcome).map(names => names.length),
          Array(rounds).fill(5),
        );
      }
    });
  }
});

test('a round that too few stay in is void: it leaves the model as it was, and the next one has another number', async () => {
  const gone = ['site-1', 'site-2', 'site-3'];
  const faults = gone.map(
    (party): Fault => ({ do: 'crash', at: { party, step: 'group-shares-sent', count: 2 }, ms: 40_000 }),
  );
  const outcome = await run({ faults });
  assert.ok(outcome.ended);
  const [first, second, third] = outcome.reports;
  assert.deepEqual(second.combined, []);
  assert.equal(second.model, first.model);
  assert.match(second.groups?.[0].why ?? '', /the group needs 6/);
  assert.notEqual(third.model, second.model);
  assert.equal((await outcome.world.status()).voids, 1);
  checkSums(outcome);
});

test('without privacy a client that comes back is left out until the set may grow again, and status says so', async () => {
  const faults: Fault[] = [{ do: 'crash', at: { party: 'site-3', step: 'group-keys-sent', count: 1 }, ms: 10_000 }];
  const left: LogEvent[] = [];
  const onLog = (party: string, event: LogEvent): void => {
    if (party === coordinatorParty && event.event === 'left-out') left.push(event);
  };
  const outcome = await run({ faults, onLog, protection: { redrawRounds: 2 } });
  assert.ok(outcome.ended);
  assert.deepEqual(
    survivorsOf(outcome).map(names => names.includes('site-3')),
    [false, false, true],
  );
  assert.deepEqual(
    left.map(({ round }) => round),
    [2],
  );
  checkSums(outcome);
});

test('a model whose final evaluation has too few members is published without figures', async () => {
  const gone = ['site-1', 'site-2', 'site-3'];
  const faults = gone.map(
    (party): Fault => ({ do: 'crash', at: { party, step: 'group-unmasked', count: 3 }, ms: 3_000_000 }),
  );
  const outcome = await run({ faults });
  assert.ok(outcome.ended);
  checkSums(outcome);
  const { phase, pooled, missing } = await outcome.world.status();
  assert.equal(phase, 'finished');
  assert.equal(pooled, null);
  assert.equal(missing.length, clients);
});

test('a final evaluation for which no group comes together is given up after the deadline of a round', async () => {
  // While the coordinator is away between the last round and its record.
  const coordinator = { party: coordinatorParty, step: 'round-combined', count: 3 } as const;
  const gone = clientNames(clients - 2).map(
    (party): Fault => ({ do: 'crash', at: { party, ms: 30_000 }, ms: 3_000_000 }),
  );
  const lines: string[] = [];
  const onLog = (party: string, { event }: LogEvent): void => {
    if (party === coordinatorParty) lines.push(event);
  };
  const outcome = await run({ faults: [...gone, { do: 'crash', at: coordinator, ms: 60_000 }], onLog });
  assert.ok(outcome.ended);
  assert.ok(lines.includes('not-evaluated'));
  assert.equal((await outcome.world.status()).phase, 'finished');
});
