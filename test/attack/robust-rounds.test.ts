/** Members that send what is no update, or a poisoned one, under every aggregation rule. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { RunStatus } from '../../src/coordinator/status.ts';
import { toHex } from '../../src/core/bytes/floats.ts';
import { decodeSafetensors } from '../../src/core/bytes/safetensors.ts';
import { taskManifest, taskParameters } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import { needsToSee } from '../../src/core/protocol/aggregation-settings.ts';
import type { Assignment } from '../../src/core/protocol/message.ts';
import { pause } from '../../src/core/protocol/ports.ts';
import { Problem } from '../../src/core/protocol/problem.ts';
import { initialSeed, type Task } from '../../src/core/protocol/task.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import { syntheticStep, syntheticTrainer } from '../../src/simulation/synthetic-trainer.ts';
import { World } from '../../src/simulation/world.ts';
import { expectedModels } from '../federation/expected-models.ts';
import { clientNames, deadlineMs, smallTask, syntheticTraining } from '../simulation/federation.ts';
import { type Crafted, HostileClient, honestUpdate } from './hostile-client.ts';

const honest = clientNames(7);
const mallory = 'mallory';
/** The honest clients alone. */
const calm = { clients: honest, train: syntheticTraining };

/** What a rule has no default for. */
const needed: Readonly<Record<string, object>> = {
  'centered-clipping': { radius: 0.1 },
  monna: { trusted: honest[2] },
  fltrust: { trusted: honest[2] },
};
const robust = Object.keys(needsToSee).filter(rule => rule !== 'mean');

function taskOf(aggregation: object, changes: Partial<Parameters<typeof smallTask>[0]> = {}): Task {
  return smallTask({ seed: 1, clients: honest.length, faults: [], rounds: 2, aggregation, ...changes });
}

const withRule = (rule: string, byzantine: number): object => ({ rule, byzantine, ...needed[rule] });

/** A world of honest clients and others that a test plays; the task is submitted when all are there. */
function worldOf(
  task: Task,
  hostile: readonly string[],
  absent: readonly string[] = [],
  faults: readonly Fault[] = [],
): World {
  const manifest = taskManifest(task);
  const world = new World({
    ports: simulationPorts,
    seed: 1,
    faults,
    clients: [
      ...honest
        .filter(name => !absent.includes(name))
        .map(name => ({
          name,
          trainerFor: async (_task: unknown, clock: Parameters<typeof syntheticTrainer>[2]) =>
            syntheticTrainer(name, manifest, clock, () => 5000),
        })),
      ...hostile.map(name => ({ name, trainerFor: null })),
    ],
  });
  world.clock.after(1000, () => world.submit(task));
  return world;
}

type Craft = (assignment: Assignment, size: number) => Crafted;

/** Sends what `craft` makes in every round that asks for it; the answers. */
async function attack(world: World, name: string, craft: Craft, size: number, rounds: number): Promise<string[]> {
  const client = new HostileClient(world, name);
  const answers: string[] = [];
  while (answers.length < rounds) {
    const { envelope, assignment } = await client.assignment();
    if (assignment.kind !== 'train') break;
    answers.push(await client.submit(envelope, craft(assignment, size)));
    await client.pause(10);
  }
  return answers;
}

const filled = (size: number, value: number): Float32Array => new Float32Array(size).fill(value);

const malformed: readonly { readonly what: string; readonly code: string; readonly craft: Craft }[] = [
  {
    what: 'a NaN',
    code: 'non-finite',
    craft: (assignment, size) => honestUpdate(assignment, filled(size, 0.01).fill(Number.NaN, 2, 3)),
  },
  {
    what: 'an infinity',
    code: 'non-finite',
    craft: (assignment, size) => honestUpdate(assignment, filled(size, 0.01).fill(Number.NEGATIVE_INFINITY, 2, 3)),
  },
  { what: '1e30', code: 'norm-exceeded', craft: (assignment, size) => honestUpdate(assignment, filled(size, 1e30)) },
  {
    what: 'a vector that is too short',
    code: 'malformed',
    craft: (assignment, size) => honestUpdate(assignment, filled(size - 1, 0.01)),
  },
  {
    what: 'another shape of the same length',
    code: 'malformed',
    craft: (assignment, size) => {
      const { update, tensor } = honestUpdate(assignment, filled(size, 0.01));
      return { update: { ...update, shapes: [{ name: 'all', shape: [size] }] }, tensor };
    },
  },
];

async function outcome(world: World): Promise<RunStatus> {
  assert.ok(await world.run(10 * 60_000), 'the run ends');
  assert.deepEqual(world.defects, []);
  return world.status();
}

describe('one client that sends what is no update, in every round, is left out and counted off f:', () => {
  for (const rule of robust) {
    test(rule, async () => {
      const task = taskOf(withRule(rule, 1));
      const size = parameterCount(taskManifest(task));
      const expected = await expectedModels(task, { ...calm, caught: 1 });
      for (const { what, code, craft } of malformed) {
        const world = worldOf(task, [mallory]);
        const answers = attack(world, mallory, craft, size, task.rounds);
        const { reports } = await outcome(world);
        assert.deepEqual(await answers, [code, code], what);
        assert.deepEqual(
          reports.map(({ combined, refused, model }) => ({ combined, refused, model })),
          expected.map(model => ({ combined: honest, refused: [mallory], model })),
          what,
        );
      }
    });
  }

  for (const before of [[], [{ name: 'clip', norm: 1 }]]) {
    test(`the mean${before.length > 0 ? ' of clipped updates' : ''}, which is told of no liar`, async () => {
      const task = taskOf({ rule: 'mean', weightBy: 'uniform', before });
      const size = parameterCount(taskManifest(task));
      for (const { what, code, craft } of malformed) {
        const world = worldOf(task, [mallory]);
        const answers = attack(world, mallory, craft, size, task.rounds);
        const { reports } = await outcome(world);
        assert.deepEqual(await answers, [code, code], what);
        for (const { combined, weights } of reports) {
          assert.deepEqual(combined, honest);
          assert.ok(weights?.every(weight => Math.abs(weight - 1 / honest.length) < 1e-12));
        }
      }
    });
  }
});

/** How far the model of a round with one huge update is from the nearest honest one, in units of how far those are apart. */
async function displacement(aggregation: object): Promise<number> {
  const task = taskOf(aggregation, { rounds: 1 });
  const size = parameterCount(taskManifest(task));
  const far = 99 / Math.sqrt(size);
  const world = worldOf(task, [mallory]);
  const answers = attack(world, mallory, assignment => honestUpdate(assignment, filled(size, far)), size, 1);
  const { reports, task: id } = await outcome(world);
  assert.deepEqual(await answers, ['accepted']);
  assert.equal(reports[0].combined.length, honest.length + 1);
  const { parameters } = decodeSafetensors(await world.coordinator.artifact(id));
  const initial = initialOf(task);
  const trained = honest.map(name => syntheticStep(name, 1, initial));
  const distance = (a: Float32Array, b: Float32Array): number => Math.hypot(...a.map((value, i) => value - b[i]));
  const apart = Math.max(...trained.flatMap(a => trained.map(b => distance(a, b))));
  return Math.min(...trained.map(one => distance(one, parameters))) / apart;
}

describe('one client that sends a huge vector within the bounds moves the model no further than twice what honest ones are apart:', () => {
  // FoolsGold looks for clients that act alike: one alone counts in full.
  for (const rule of robust.filter(name => name !== 'foolsgold')) {
    test(rule, async () => {
      const found = await displacement(withRule(rule, 1));
      assert.ok(found <= 2, `${found}`);
    });
  }

  test('mean, however, goes where that client wants', async () => {
    const found = await displacement({ rule: 'mean', weightBy: 'uniform' });
    assert.ok(found > 20, `${found}`);
  });
});

function initialOf(task: Task): Float32Array {
  return taskParameters(task, simulationPorts.primitives.sha256(initialSeed(task)));
}

/** Status of the run at a time, and what happens then. */
function at(world: World, milliseconds: number, action: () => void | Promise<void>): void {
  world.clock.after(milliseconds, () => void action());
}

test('more refused updates than f: the round waits, and says why, until those who sent them are revoked', async () => {
  const task = taskOf(withRule('median', 1));
  const size = parameterCount(taskManifest(task));
  const world = worldOf(task, ['mallory', 'oscar']);
  const nan: Craft = assignment => honestUpdate(assignment, filled(size, Number.NaN));
  // Revoked at last, it is not let in any more.
  for (const name of ['mallory', 'oscar']) attack(world, name, nan, size, 1000).catch(() => undefined);
  const waiting: (string | null)[] = [];
  const reports: number[] = [];
  for (const ms of [0.5, 3, 5])
    at(world, ms * deadlineMs, async () => {
      const status = await world.status();
      waiting.push(status.waiting);
      reports.push(status.reports.length);
    });
  at(world, 5.5 * deadlineMs, () => world.coordinator.forget('mallory'));
  assert.ok(await world.run(12 * deadlineMs), 'the run ends');
  assert.deepEqual(world.defects, []);
  const why =
    'because 2 updates were refused (mallory, oscar) and aggregation.byzantine is 1: ' +
    'parley revoke NAME, or parley stop and a task that bears more';
  assert.deepEqual(waiting, [why, why, why]);
  assert.deepEqual(reports, [0, 0, 0]);
  const status = await world.status();
  assert.deepEqual(
    status.reports.map(({ combined, refused, model }) => ({ combined, refused, model })),
    (await expectedModels(task, { ...calm, caught: 1 })).map(model => ({
      combined: honest,
      refused: ['oscar'],
      model,
    })),
  );
});

test('an offender that is revoked while no coordinator runs does not hold up the round when it is back', async () => {
  const task = taskOf(withRule('median', 0), { rounds: 1 });
  const size = parameterCount(taskManifest(task));
  const crash: Fault = { do: 'crash', at: { party: coordinatorParty, ms: 2 * deadlineMs }, ms: 1000 };
  const world = worldOf(task, [mallory], [], [crash]);
  const nan: Craft = assignment => honestUpdate(assignment, filled(size, Number.NaN));
  // Once: when the coordinator is back, nothing is heard of it.
  const answers = attack(world, mallory, nan, size, 1);
  const reports: number[] = [];
  at(world, 1.9 * deadlineMs, async () => void reports.push((await world.status()).reports.length));
  at(
    world,
    2 * deadlineMs + 500,
    () => void world.revoked.add(toHex(world.connect(mallory).identity.signer.publicKey)),
  );
  assert.ok(await world.run(6 * deadlineMs), 'the run ends');
  assert.deepEqual(world.defects, []);
  assert.deepEqual([await answers, reports], [['non-finite'], [0]]);
  assert.deepEqual((await world.status()).reports[0].combined, honest);
});

test('an offender that sends a good update after all is one of the honest again', async () => {
  const task = taskOf(withRule('median', 0), { rounds: 1 });
  const size = parameterCount(taskManifest(task));
  const world = worldOf(task, [mallory]);
  let sent = 0;
  const craft: Craft = assignment => honestUpdate(assignment, filled(size, sent++ === 0 ? Number.NaN : 0.01));
  const answers = attack(world, mallory, craft, size, 2);
  const { reports } = await outcome(world);
  assert.deepEqual(await answers, ['non-finite', 'accepted']);
  assert.deepEqual(reports[0].combined, [mallory, ...honest]);
});

test('a client that declines, drops out or says two things is not counted off f', async () => {
  const task = taskOf(withRule('median', 1), { minimum: 5, rounds: 1 });
  const size = parameterCount(taskManifest(task));
  const world = worldOf(task, [mallory, 'silent'], [honest[6]]);
  void new HostileClient(world, 'silent').assignment();
  const client = new HostileClient(world, mallory);
  const answers = (async () => {
    const { envelope, assignment } = await client.assignment();
    const first = await client.submit(envelope, honestUpdate(assignment, filled(size, 0.01)));
    return [first, await client.submit(envelope, honestUpdate(assignment, filled(size, 0.02)))];
  })();
  const seen: (readonly string[])[] = [];
  at(world, 0.9 * deadlineMs, async () => {
    const [run] = await world.coordinatorDisk.store.runs();
    seen.push(run.offenders);
  });
  const { reports } = await outcome(world);
  assert.deepEqual(await answers, ['accepted', 'equivocation']);
  assert.deepEqual(seen, [[]]);
  assert.deepEqual(reports[0].combined, [mallory, ...honest.slice(0, 6)]);
  assert.deepEqual(reports[0].dropped, ['silent']);
});

for (const rule of ['monna', 'fltrust']) {
  test(`${rule}: no round closes without the trusted client; what arrived counts when it is there again`, async () => {
    const task = taskOf(withRule(rule, 1), { minimum: 6, rounds: 1 });
    const trusted = honest[2];
    const world = worldOf(task, [trusted], [trusted]);
    const waiting: (string | null)[] = [];
    at(world, 2 * deadlineMs, async () => void waiting.push((await world.status()).waiting));
    const answer = (async () => {
      await pause(world.clock, 3 * deadlineMs);
      const client = new HostileClient(world, trusted);
      const { envelope, assignment } = await client.assignment();
      const initial = initialOf(task);
      const trained = syntheticStep(trusted, 1, initial);
      return client.submit(
        envelope,
        honestUpdate(
          assignment,
          trained.map((value, i) => value - initial[i]),
        ),
      );
    })();
    assert.ok(await world.run(8 * deadlineMs), 'the run ends');
    assert.equal(await answer, 'accepted');
    assert.deepEqual(waiting, [`for the update of ${trusted}, the trusted client`]);
    const { reports } = await world.status();
    assert.deepEqual(reports[0].combined, honest);
    assert.equal(reports[0].model, (await expectedModels(task, calm))[0]);
  });
}

test('a rule that refuses what arrived leaves the round waiting, says why, and is asked again only when more has arrived', async () => {
  // No norm is above and below the median.
  const aggregation = { rule: 'signguard', low: 1, high: 1 };
  const task = taskOf(aggregation, { minimum: 6, rounds: 1 });
  const size = parameterCount(taskManifest(task));
  const world = worldOf(task, [mallory], []);
  const why: (string | undefined)[] = [];
  const { store } = world.coordinatorDisk;
  let commits = 0;
  const commit = store.commit.bind(store);
  store.commit = writes => {
    commits++;
    for (const write of writes) if (write.put === 'run' && write.run.problem !== null) why.push(write.run.problem);
    return commit(writes);
  };
  // Silent in the first attempt.
  const answer = (async () => {
    const client = new HostileClient(world, mallory);
    await client.assignment();
    await client.pause(3 * deadlineMs);
    const { envelope, assignment } = await client.assignment();
    return client.submit(envelope, honestUpdate(assignment, filled(size, 0.01)));
  })();
  assert.equal(await world.run(10 * deadlineMs), false);
  assert.deepEqual(world.defects, []);
  assert.equal(await answer, 'accepted');
  const { waiting, answered, phase } = await world.status();
  assert.equal(phase, 'training');
  assert.match(
    waiting ?? '',
    /^because the rule refuses: signguard: no norm of 8 lies between 1 and 1 times the median/,
  );
  assert.equal(answered.length, 8);
  assert.match(why[0] ?? '', /no norm of 7 lies/);
  assert.ok(commits < 40, `${commits} commits`);
});

test('what liars claim of their training and of the model moves neither the loss that is reported nor early stopping', async () => {
  const task = taskOf(withRule('median', 2), { rounds: 4, stopping: { metric: 'loss', patience: 4, minDelta: 0 } });
  const size = parameterCount(taskManifest(task));
  const liars = [mallory, 'trudy'];
  const world = worldOf(task, liars);
  const claim = { kind: 'classes' as const, examples: 10, correct: 0, classCounts: [5, 5], auc: null, scores: null };
  for (const liar of liars) {
    let round = 0;
    void attack(
      world,
      liar,
      (assignment, length) => {
        const { update, tensor } = honestUpdate(assignment, filled(length, 0.01));
        const logLoss = 10 ** (90 + ++round);
        return { update: { ...update, loss: 1e100, evaluation: { ...claim, logLoss } }, tensor };
      },
      size,
      task.rounds,
    );
  }
  const { reports } = await outcome(world);
  for (const { loss, combined } of reports) {
    assert.equal(combined.length, 9);
    assert.ok(loss !== null && Math.abs(loss) < 100, `training loss ${loss}`);
  }
  const [{ stopping }] = await world.coordinatorDisk.store.runs();
  assert.ok(stopping !== null && stopping.best.value <= 1, `by what the honest report, not ${stopping?.best.value}`);
});

test('a step that no float32 can hold is not taken: the round waits and says why', async () => {
  const task = taskOf(withRule('median', 1), {
    rounds: 1,
    server: { optimizer: 'fedavg', learningRate: 1e60, momentum: 0 },
  });
  const world = worldOf(task, []);
  assert.equal(await world.run(4 * deadlineMs), false);
  assert.deepEqual(world.defects, []);
  assert.match(
    (await world.status()).waiting ?? '',
    /^because the rule refuses: the model would not be finite any more:/,
  );
});

test('while a round cannot be recorded its status says why; it goes on by itself', async () => {
  const task = taskOf(withRule('median', 1), { rounds: 2 });
  const world = worldOf(task, []);
  const { store } = world.coordinatorDisk;
  const commit = store.commit.bind(store);
  let isFull = true;
  store.commit = async writes => {
    if (isFull && writes.some(write => write.put === 'round')) throw new Problem('storage-full', 'state.sqlite');
    return commit(writes);
  };
  const waiting: (string | null)[] = [];
  at(world, deadlineMs / 2, async () => {
    waiting.push((await world.status()).waiting);
    isFull = false;
  });
  at(world, deadlineMs / 2 + 2000, async () => void waiting.push((await world.status()).waiting));
  const { reports } = await outcome(world);
  assert.match(waiting[0] ?? '', /^because the coordinator fails and tries again: storage-full: state.sqlite → Free /);
  assert.equal(waiting[1], null);
  assert.deepEqual(
    reports.map(({ model }) => model),
    await expectedModels(task, calm),
  );
});
