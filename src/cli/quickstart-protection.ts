/**
 * What protection by groups does for the task of the quickstart: its run repeated in one process, by the same code, where one can look at what a site holds
 * and at what the coordinator stores. In the last round one site vanishes after it has dealt its shares.
 */

import { vectorKey } from '../coordinator/group-inbox.ts';
import { modelKey } from '../coordinator/round.ts';
import type { RoundReport, Write } from '../coordinator/store.ts';
import { bytesToFloats, toHex } from '../core/bytes/floats.ts';
import { decodeEnvelope } from '../core/crypto/envelope.ts';
import type { SiteData } from '../core/data/dataset.ts';
import { createTrainer } from '../core/learning/local-trainer.ts';
import { encodeTask, type Task, trainingSeed } from '../core/protocol/task.ts';
import { parseInput, parseUnmask } from '../core/secagg/group-message.ts';
import type { GroupPorts } from '../core/secagg/group-ports.ts';
import { packedBytes, unpack } from '../core/secagg/packing.ts';
import { nodePrimitives } from '../node/primitives.ts';
import { memoryCoordinatorDisk } from '../simulation/disk.ts';
import { coordinatorParty } from '../simulation/faults.ts';
import { MemoryStore } from '../simulation/memory-store.ts';
import { World } from '../simulation/world.ts';
import { type Histogram, histogramOf } from './quickstart-histogram.ts';
import { groupSimulationPorts, simulationPorts } from './simulation-ports.ts';

export interface NamedSite {
  readonly name: string;
  readonly data: SiteData;
}

/** What is shown of a run under protection by groups. */
export interface ProtectionShown {
  /** Whose updates, how many of them, and the values of each. */
  readonly site: string;
  readonly rounds: number;
  readonly values: number;
  /** As the site held them before it masked them: taken at the (simulated) site. */
  readonly clear: Histogram;
  /** As the coordinator has stored them. */
  readonly masked: Histogram;
  /** Whether this run had the same models as that of the six processes, bit for bit, before the site vanished. */
  readonly isRepeated: boolean;
  /** Largest difference of a weight from a run in which the coordinator sees single updates. */
  readonly largestDifference: number;
  readonly dropOut: DropOut;
}

/** The round that lost a site, beside one that did not. */
export interface DropOut {
  readonly site: string;
  readonly round: number;
  readonly outcome: 'opened' | 'void';
  /** Sites whose updates are in the sum. */
  readonly survivors: readonly string[];
  /** Shares of the lost site's secret that the others sent, in place of shares of its self mask. */
  readonly shares: number;
  /** Masks that the coordinator computed and took off the sum. */
  readonly masks: Compared;
  /** CPU time from the last share to the opened sum, ms; without a drop-out the median of the other rounds. */
  readonly openingCpuMs: Compared;
  /** What each remaining site sent to open the sum, bytes. */
  readonly openingBytes: Compared;
  /** How long the coordinator waited for the lost site, ms of virtual time. */
  readonly waitedMs: number;
}

interface Compared {
  readonly without: number;
  readonly withDropOut: number;
}

/** What was taken of a site, and of the coordinator, in a round. */
interface Seen {
  readonly clear: Int32Array;
  readonly masked: Int32Array;
  readonly masks: number;
  readonly openingCpuMs: number;
}

/** A crash from which nobody comes back while the run lasts, ms. */
const forGood = 1e9;
const limitMs = 1e9;

/**
 * Repeats a run of the quickstart in a simulation, with a drop-out in its last round, and once more under `inspect` with the same minibatches.
 *
 * @param models SHA-256 of the model that each round of the real run made.
 * @param parameters of its last model.
 */
export async function showProtection(
  task: Task,
  sites: readonly NamedSite[],
  models: readonly string[],
  parameters: Float32Array,
): Promise<ProtectionShown> {
  const [watched, ...others] = sites;
  const lost = others[others.length - 1].name;
  const { seen, reports, openingBytes, shares } = await watchedRun(task, sites, watched.name, lost);
  const inspected = await inspectedRun(task, sites);
  const rounds = seen.length;
  const last = reports[rounds - 1];
  const before = reports[rounds - 2];
  const usual = seen.slice(0, -1);
  return {
    site: watched.name,
    rounds,
    values: seen[0].clear.length,
    clear: histogramOf(joined(seen.map(({ clear }) => clear))),
    masked: histogramOf(joined(seen.map(({ masked }) => masked))),
    isRepeated: reports.slice(0, -1).every(({ model }, i) => model === models[i]),
    largestDifference: parameters.reduce((most, value, i) => Math.max(most, Math.abs(value - inspected[i])), 0),
    dropOut: {
      site: lost,
      round: last.round,
      outcome: last.combined.length > 0 ? 'opened' : 'void',
      survivors: [...(last.groups?.[0].survivors ?? [])].sort(),
      shares,
      masks: { without: usual[usual.length - 1].masks, withDropOut: seen[rounds - 1].masks },
      openingCpuMs: {
        without: median(usual.map(({ openingCpuMs }) => openingCpuMs)),
        withDropOut: seen[rounds - 1].openingCpuMs,
      },
      openingBytes,
      waitedMs: last.milliseconds - before.milliseconds,
    },
  };
}

interface WatchedRun {
  readonly seen: readonly Seen[];
  readonly reports: readonly RoundReport[];
  readonly openingBytes: Compared;
  readonly shares: number;
}

/** All rounds under groups. Ends when the last one is closed: nothing is evaluated. */
async function watchedRun(task: Task, sites: readonly NamedSite[], site: string, lost: string): Promise<WatchedRun> {
  const ports = await groupSimulationPorts();
  if (ports.group === undefined) throw new RangeError('quickstart: the simulation has no groups');
  const masking: { readonly clear: Int32Array; readonly masked: Int32Array; readonly masks: number }[] = [];
  const group: GroupPorts = {
    ...ports.group,
    async applyMasks(masks, segment, vector) {
      const clear = vector.slice();
      await ports.group?.applyMasks(masks, segment, vector);
      if (segment.label === 'update') masking.push({ clear, masked: vector.slice(), masks: masks.length });
    },
  };
  let lastShareMs = 0;
  const store = new WatchedStore(write => {
    if (write.put === 'message' && write.key.label === 'group-unmask') lastShareMs = cpuMs();
  });
  const disk = { ...memoryCoordinatorDisk({}, nodePrimitives), store };
  const taskHash = nodePrimitives.sha256(encodeTask(task));
  const taskId = toHex(taskHash);
  const message = async (round: number, sender: string, label: string) =>
    (await store.message({ task: taskId, round, label, sender }))?.envelope ?? null;
  const inputOf = async (round: number): Promise<Uint8Array> => {
    const envelope = await message(round, site, 'group-input');
    if (envelope === null) throw new RangeError(`quickstart: ${site} sent nothing in round ${round}`);
    const key = vectorKey({ task: taskHash, round }, site, parseInput(decodeEnvelope(envelope).payload).vector);
    const bytes = await disk.blobs.read(key);
    if (bytes === null) throw new RangeError(`quickstart: the coordinator does not hold what ${site} sent`);
    return bytes;
  };
  const looks: Promise<Seen>[] = [];
  const look = async (round: number, openingCpuMs: number): Promise<Seen> => {
    // The coordinator takes the masks off the sum after all members have put theirs on.
    const opening = masking[masking.length - 1];
    const stored = await inputOf(round);
    const masked = unpack(stored.subarray(0, packedBytes(opening.clear.length, 32)), 32, opening.clear.length);
    const found = masking.find(one => sameWords(one.masked, masked));
    if (found === undefined) throw new RangeError(`quickstart: what ${site} sent was not masked by it`);
    return { clear: found.clear, masked, masks: opening.masks, openingCpuMs };
  };
  let isOver = false;
  const world = new World({
    ports: { ...ports, group },
    seed: 0,
    coordinatorDisk: disk,
    clients: sites.map(({ name, data }) => ({ name, trainerFor: async own => createTrainer(own, data) })),
    faults: [{ do: 'crash', at: { party: lost, step: 'group-shares-sent', count: task.rounds }, ms: forGood }],
    onLog(party, { event, round }) {
      if (party !== coordinatorParty) return;
      if (event === 'group-opened' && round !== undefined) looks.push(look(round, cpuMs() - lastShareMs));
      if (event === 'round-closed' && round === task.rounds) isOver = true;
    },
  });
  await complete(world, task, () => isOver);
  const seen = await Promise.all(looks);
  const reports = await store.rounds(taskId, 0);
  const bytesOf = async (round: number): Promise<number> => (await message(round, site, 'group-unmask'))?.length ?? 0;
  const last = await message(task.rounds, site, 'group-unmask');
  const survivors = reports[reports.length - 1].groups?.[0].survivors.length ?? 0;
  const shares = last === null ? 0 : survivors * parseUnmask(decodeEnvelope(last).payload).root.length;
  const openingBytes = { without: await bytesOf(task.rounds - 1), withDropOut: last?.length ?? 0 };
  return { seen, reports, openingBytes, shares };
}

/** The parameters after the last round of the same training where the coordinator sees every update. */
async function inspectedRun(task: Task, sites: readonly NamedSite[]): Promise<Float32Array> {
  const { sha256 } = nodePrimitives;
  const inspected: Task = { ...task, protection: 'inspect' };
  const minibatches = sha256(encodeTask(task));
  const disk = memoryCoordinatorDisk({}, nodePrimitives);
  let isOver = false;
  const world = new World({
    ports: simulationPorts,
    seed: 0,
    coordinatorDisk: disk,
    clients: sites.map(({ name, data }) => ({
      name,
      async trainerFor(own) {
        const trainer = createTrainer(own, data);
        // Seeds follow from the hash of the task, and this is another task.
        return {
          ...trainer,
          train: request => trainer.train({ ...request, seed: sha256(trainingSeed(minibatches, request.round, name)) }),
        };
      },
    })),
    onLog(party, { event, round }) {
      if (party === coordinatorParty && event === 'round-closed' && round === task.rounds) isOver = true;
    },
  });
  await complete(world, inspected, () => isOver);
  const bytes = await disk.blobs.read(modelKey(toHex(sha256(encodeTask(inspected))), task.rounds + 1));
  if (bytes === null) throw new RangeError('quickstart: the run without groups has no model');
  return bytesToFloats(bytes);
}

/** Runs a task to where it is over, with all clients there from the beginning. */
async function complete(world: World, task: Task, isOver: () => boolean): Promise<void> {
  world.clock.after(1000, () => world.submit(task));
  await world.run(limitMs, isOver);
  if (world.defects.length > 0) throw world.defects[0];
  if (!isOver()) throw new RangeError('quickstart: the simulated run has not come to its end');
}

class WatchedStore extends MemoryStore {
  readonly #watch: (write: Write) => void;

  constructor(watch: (write: Write) => void) {
    super();
    this.#watch = watch;
  }

  override async commit(writes: readonly Write[]): Promise<void> {
    await super.commit(writes);
    writes.forEach(this.#watch);
  }
}

function sameWords(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}

function joined(parts: readonly Int32Array[]): Int32Array {
  return Int32Array.from(parts.flatMap(part => [...part]));
}

/** Of this process so far. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
