/**
 * Many clients and a large model: rounds without training, as fast as this machine goes and in bounded memory.
 *
 * Coordinator and clients are the code that runs in production, messages are signed and verified, every tensor is hashed
 * by its client and again by the coordinator. Three things differ from `World` as tests use it: digests and the
 * coordinator's blobs are made beside this thread, and what happens at one instant of virtual time may then happen in
 * another order (the model does not depend on it); bytes in memory that were hashed once are not hashed again, so that
 * all clients share the digest of the model; clients keep no tensor, because none of them crashes.
 */
import { taskManifest } from '../core/learning/model.ts';
import type { Manifest } from '../core/learning/parameters.ts';
import type { Evaluation, Trainer } from '../core/learning/trainer.ts';
import { FloatPool } from '../core/math/float-pool.ts';
import { type Blobs, type Clock, pause } from '../core/protocol/ports.ts';
import type { Task } from '../core/protocol/task.ts';
import { memoryClientDisk, memoryCoordinatorDisk } from './disk.ts';
import type { Hashing } from './hashing.ts';
import { type SimulationPorts, World } from './world.ts';

export interface RoundsSettings {
  readonly ports: SimulationPorts;
  /** Digests, on other threads. */
  readonly hashing: Hashing;
  readonly task: Task;
  readonly clients: number;
  /** Where the coordinator keeps models and updates; nothing of it is needed afterwards. */
  readonly blobs: Blobs;
  /** About so many clients train and send at one time: each takes 8 bytes × parameters or more. */
  readonly atOnce: number;
  /** Told when a round is over. */
  readonly onRound?: (round: number) => void;
}

const evaluation: Evaluation = {
  kind: 'classes',
  examples: 2,
  correct: 1,
  logLoss: 1,
  classCounts: [1, 1],
  auc: null,
  scores: null,
};
/** How long digests and blobs may take in virtual time, and about how long an update is under way with them. */
const patienceMs = 60;
const underWayMs = 120;
const submitAtMs = 500;

/** Runs the task to its end and answers with the digest of the final model (hex). Throws Error when the run gets stuck. */
export async function simulateRounds(settings: RoundsSettings): Promise<string> {
  const { ports, hashing, task, clients, atOnce, onRound } = settings;
  const train = stepOnce();
  const vectors = new FloatPool(clients);
  const manifest = taskManifest(task);
  const world = new World({
    ports,
    seed: 0,
    patienceMs,
    vectors,
    hashing: { ...hashing, sha256Large: rememberDigests(hashing.sha256Large, vectors) },
    coordinatorDisk: { ...memoryCoordinatorDisk({}, ports.primitives), blobs: settings.blobs },
    clientDisk: () => ({ ...memoryClientDisk({}, ports.primitives), blobs: noBlobs }),
    clients: Array.from({ length: clients }, (_, i) => ({
      name: `client-${String(i + 1).padStart(6, '0')}`,
      trainerFor: async (_task: Task, clock: Clock) => idleTrainer(manifest, train, clock, (i * underWayMs) / atOnce),
    })),
    onLog: (_party, { event, round }) => {
      if (event === 'round-closed' && round !== undefined) onRound?.(round);
    },
  });
  world.clock.after(submitAtMs, () => world.submit(task));
  const ended = await world.run((task.rounds + 2) * task.cohort.deadlineSeconds * 1000);
  if (world.defects.length > 0) throw world.defects[0];
  if (!ended) throw new Error('simulateRounds: the run got stuck');
  return (await world.status()).model;
}

function idleTrainer(
  manifest: Manifest,
  train: (global: Float32Array) => Float32Array,
  clock: Clock,
  milliseconds: number,
): Trainer {
  return {
    manifest,
    async train({ parameters, signal }) {
      await pause(clock, milliseconds, signal);
      return { parameters: train(parameters), examples: 100, steps: 1, loss: 1 };
    },
    evaluate: async () => evaluation,
  };
}

/** "Training" that moves every parameter by a thousandth; all clients of a round share the one result. */
function stepOnce(): (global: Float32Array) => Float32Array {
  let known: { readonly from: ArrayBufferLike; readonly result: Float32Array } | null = null;
  return global => {
    if (known?.from !== global.buffer) known = { from: global.buffer, result: global.map(value => value + 0.001) };
    return known.result;
  };
}

function rememberDigests(
  digest: (bytes: Uint8Array) => Promise<Uint8Array>,
  vectors: FloatPool,
): (bytes: Uint8Array) => Promise<Uint8Array> {
  const known = new WeakMap<ArrayBufferLike, Promise<Uint8Array>>();
  return bytes => {
    const { buffer } = bytes;
    if (bytes.byteLength !== buffer.byteLength || vectors.owns(buffer)) return digest(bytes);
    const result = known.get(buffer) ?? digest(bytes);
    known.set(buffer, result);
    return result;
  };
}

/** Blobs of a client that never needs them again. */
const noBlobs: Blobs = {
  write: async () => ({ write: async () => undefined, commit: async () => undefined, abort: async () => undefined }),
  read: async () => null,
  stream: async () => null,
  open: async () => null,
  list: async () => [],
  remove: async () => undefined,
};
