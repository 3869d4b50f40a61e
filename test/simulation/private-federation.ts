/** A small federation whose task is private, and what must hold of it whatever befalls it. */
import assert from 'node:assert/strict';
import { simulationPorts } from '../../src/cli/simulation-ports.ts';
import type { RunStatus } from '../../src/coordinator/status.ts';
import type { SiteData } from '../../src/core/data/dataset.ts';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import type { Trainer } from '../../src/core/learning/trainer.ts';
import { eventEpsilon } from '../../src/core/privacy/event-rdp.ts';
import type { Spent } from '../../src/core/privacy/ledger.ts';
import { planOfTask } from '../../src/core/privacy/plan.ts';
import { plannedRuns, runsEvent } from '../../src/core/privacy/plan-cost.ts';
import { type Blobs, type Clock, type LogEvent, pause } from '../../src/core/protocol/ports.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';
import { privateTraining } from '../../src/node/private-training.ts';
import type { StorageFaults } from '../../src/simulation/crashed.ts';
import { memoryClientDisk, memoryCoordinatorDisk } from '../../src/simulation/disk.ts';
import { coordinatorParty, type Fault } from '../../src/simulation/faults.ts';
import type { MemoryLedger } from '../../src/simulation/memory-ledger.ts';
import { streamOf } from '../../src/simulation/stream.ts';
import { type SimulationPorts, World } from '../../src/simulation/world.ts';
import { clientNames, deadlineMs, digestOf, smallTask } from './federation.ts';

const { primitives } = simulationPorts;

export interface PrivateSettings {
  readonly name?: string;
  readonly seed?: number;
  readonly clients?: number;
  readonly minimum?: number;
  readonly rounds?: number;
  readonly faults?: readonly Fault[];
  /** In place of the settings of `mechanisms`. */
  readonly privacy: object;
  readonly aggregation?: object;
  readonly workerMomentum?: number;
  readonly protection?: unknown;
  /** Of tasks with groups those of `groupSimulationPorts`. */
  readonly ports?: SimulationPorts;
  /** What a client of dp-fedavg trains: by default a step of about ½ in every parameter. */
  readonly step?: (client: string, round: number) => number;
  readonly trainer?: (client: string, task: Task, clock: Clock) => Trainer;
  /** What the disks of a party refuse. */
  readonly storage?: (party: string) => StorageFaults;
  /** Names that nobody speaks for but the test. */
  readonly hostile?: readonly string[];
}

const shared = { relation: 'add-remove', delta: 1e-3, budget: { epsilon: 1e5 } };
export const dpSgd = {
  ...shared,
  mechanism: 'dp-sgd',
  unit: 'record',
  noiseAt: 'client',
  clipNorm: 1,
  noiseMultiplier: 1,
  sampling: { poisson: 0.5 },
};
export const localFedAvg = {
  ...shared,
  mechanism: 'dp-fedavg',
  unit: 'user',
  noiseAt: 'client',
  clip: 1,
  noiseMultiplier: 1,
  sampling: 'all',
  expectedCohort: 3,
};
/** For groups. */
export const sharedFedAvg = { ...localFedAvg, noiseAt: 'shared' };
export const centralFedAvg = { ...localFedAvg, noiseAt: 'coordinator' };
export const adaptiveFedAvg = {
  ...centralFedAvg,
  clip: { initial: 1, bitNoise: 2 },
  schedule: { kind: 'progress', factor: 0.9, least: 0.5 },
};

export function privateTask({
  name = 'private',
  clients = 3,
  minimum = clients,
  rounds = 3,
  privacy,
  aggregation = { rule: 'mean', weightBy: 'uniform', clipNorm: 1000 },
  workerMomentum = 0,
  protection = 'inspect',
}: PrivateSettings): Task {
  const small = smallTask({ seed: 0, faults: [], clients, minimum, rounds, aggregation, workerMomentum });
  return parseTask({
    ...small,
    name,
    data: {
      ...small.data,
      columns: [
        { name: 'a', type: 'number', center: 0, spread: 1 },
        { name: 'b', type: 'number', center: 0, spread: 1 },
        { name: 'y', type: 'target' },
      ],
      split: { type: 'hash', trainFraction: 0.5, seed: 1 },
    },
    training: { ...small.training, batchSize: 20, amount: { unit: 'steps', count: 2 } },
    protection,
    privacy,
  });
}

export interface PrivateOutcome {
  readonly ended: boolean;
  readonly task: Task;
  /** Null where the run did not end. */
  readonly status: RunStatus | null;
  readonly world: World;
  readonly logs: readonly (LogEvent & { readonly party: string })[];
  /** Reservations of each party. */
  readonly spent: ReadonlyMap<string, readonly Spent[]>;
  readonly ledgers: ReadonlyMap<string, MemoryLedger>;
  /** Digests of what each party wrote to a blob, in order: `party key`. */
  readonly written: ReadonlyMap<string, readonly string[]>;
}

/** The federation before it runs. @param play for a test that plays parties itself. */
export function privateWorld(settings: PrivateSettings): {
  readonly world: World;
  readonly task: Task;
  readonly outcome: () => Promise<PrivateOutcome>;
} {
  const { seed = 1, clients = 3, faults = [], hostile = [], storage = () => ({}) } = settings;
  const task = privateTask(settings);
  const logs: (LogEvent & { party: string })[] = [];
  const written = new Map<string, string[]>();
  const ledgers = new Map<string, MemoryLedger>();
  const watched = <D extends { readonly blobs: Blobs; readonly privacy: unknown }>(party: string, disk: D): D => {
    // A disk in memory has a ledger in memory.
    ledgers.set(party, disk.privacy as MemoryLedger);
    return { ...disk, blobs: recording(disk.blobs, (key, digest) => note(written, `${party} ${key}`, digest)) };
  };
  const world = new World({
    ports: settings.ports ?? simulationPorts,
    seed,
    faults,
    coordinatorDisk: watched(coordinatorParty, memoryCoordinatorDisk(storage(coordinatorParty), primitives)),
    clientDisk: name => watched(name, memoryClientDisk(storage(name), primitives)),
    onLog: (party, event) => logs.push({ party, ...event }),
    clients: clientNames(clients).map(name => ({
      name,
      trainerFor: hostile.includes(name)
        ? null
        : async (given, clock) =>
            settings.trainer?.(name, given, clock) ?? trainerOf(name, given, clock, settings.step),
    })),
  });
  world.clock.after(1000, () => world.submit(task));
  const named = faults.reduce((sum, f) => sum + ('ms' in f ? Math.abs(f.ms) : 0) + ('ms' in f.at ? f.at.ms : 0), 0);
  const limitMs = named + (task.rounds + 1 + faults.length) * (deadlineMs + 70_000);
  return {
    world,
    task,
    async outcome() {
      const ended = await world.run(limitMs);
      const spent = new Map([...ledgers].map(([party, { ledger }]) => [party, ledger.spent]));
      const status = ended ? await world.status() : null;
      return { ended, task, status, world, logs, spent, ledgers, written };
    },
  };
}

export function privateRun(settings: PrivateSettings): Promise<PrivateOutcome> {
  return privateWorld(settings).outcome();
}

/** What holds of every run of a private task whose budget is large enough, under every list of operations. */
export function checkPrivateLaws(outcome: PrivateOutcome): asserts outcome is PrivateOutcome & { status: RunStatus } {
  const { ended, task, status, world, spent } = outcome;
  assert.deepEqual(world.defects, [], 'no party meets a defect');
  assert.deepEqual(world.ended, [], 'no honest client is refused for good');
  assert.ok(ended && status !== null, 'the run ends');
  const rounds = Array.from({ length: task.rounds }, (_, i) => i + 1);
  assert.deepEqual(
    status.reports.map(report => report.round),
    rounds,
    'every round is closed once, in order',
  );
  for (const [key, digests] of world.shown) assert.equal(digests.size, 1, `one model is shown for ${key}`);
  for (const { loss, evaluation, combined } of status.reports) {
    assert.deepEqual([loss, evaluation], [null, null], 'a report tells no figure of the sites');
    assert.ok(combined.length >= task.cohort.minimum, 'no round is combined below its quorum');
  }
  for (const [party, entries] of spent) {
    const paid = new Set(entries.filter(entry => entry.purpose === 'train').map(entry => entry.round));
    const took =
      party === coordinatorParty ? rounds : rounds.filter(r => status.reports[r - 1].combined.includes(party));
    for (const round of took) assert.ok(paid.has(round), `${party} paid for round ${round}`);
  }
}

/** The smallest ε that so many rounds of the task cost, and hardly more. */
export function budgetFor(settings: PrivateSettings, rounds: number): number {
  const plan = planOfTask(privateTask({ ...settings, rounds: settings.rounds ?? 3 }));
  assert.ok(plan !== null);
  return eventEpsilon(runsEvent(plan, [{ ...plannedRuns(plan)[0], rounds }]), plan.privacy.delta).epsilon * 1.001;
}

/** Rows of a site: ten to train with, ten to test with. */
function siteOf(name: string): SiteData<Float32Array> {
  const stream = streamOf(0, `rows/${name}`);
  const half = () => {
    const features = Float32Array.from({ length: 20 }, () => stream.normal());
    const labels = Float32Array.from({ length: 10 }, (_, i) => (features[2 * i] > 0 ? 1 : 0));
    return { rows: 10, width: 2, features, labelWidth: 1, labels };
  };
  return { train: half(), test: half(), featureNames: ['a', 'b'], classes: 2, scaler: null, droppedRows: 0 };
}

/** Of dp-fedavg one that moves every parameter by the same step; of dp-sgd our own engine. */
function trainerOf(name: string, task: Task, clock: Clock, step = (_client: string, _round: number) => 0.5): Trainer {
  const engine = privateTraining(task);
  if (engine !== undefined) return createTrainer(task, siteOf(name), { privacy: engine });
  return {
    manifest: taskManifest(task),
    async train({ parameters, round, signal }) {
      await pause(clock, 100, signal);
      const moved = parameters.map(value => value + step(name, round));
      return { parameters: moved, examples: 777_123, steps: 31_337, loss: 0.7654321 };
    },
    evaluate: () => assert.fail('nobody evaluates for a private task'),
  };
}

function recording(blobs: Blobs, onCommit: (key: string, digest: string) => void): Blobs {
  return {
    ...bound(blobs),
    async write(key) {
      const writer = await blobs.write(key);
      const parts: number[] = [];
      return {
        async write(chunk) {
          parts.push(...chunk);
          await writer.write(chunk);
        },
        async commit() {
          await writer.commit();
          const bytes = Uint8Array.from(parts);
          onCommit(key, digestOf(new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4))));
        },
        abort: () => writer.abort(),
      };
    },
  };
}

function bound(blobs: Blobs): Blobs {
  return {
    write: key => blobs.write(key),
    read: key => blobs.read(key),
    stream: key => blobs.stream(key),
    open: key => blobs.open(key),
    list: prefix => blobs.list(prefix),
    remove: key => blobs.remove(key),
  };
}

function note(lists: Map<string, string[]>, key: string, item: string): void {
  const list = lists.get(key) ?? [];
  list.push(item);
  lists.set(key, list);
}
