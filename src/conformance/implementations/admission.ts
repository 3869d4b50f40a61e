/** A round with hostile clients, as the must-not cases tell it: admission by the coordinator, then the rule over those it admits. */

import { admit } from '../../coordinator/admit.ts';
import type { Verified } from '../../coordinator/stages.ts';
import type { Run } from '../../coordinator/store.ts';
import { type Aggregate, aggregate } from '../../core/aggregation/pipeline.ts';
import { floatsToBytes, toHex } from '../../core/bytes/floats.ts';
import type { Manifest } from '../../core/learning/parameters.ts';
import { encodePayload, labels, parseUpdate, type Update } from '../../core/protocol/message.ts';
import type { Blobs } from '../../core/protocol/ports.ts';
import { Problem, type ProblemCode } from '../../core/protocol/problem.ts';
import { passed } from '../../core/protocol/stage.ts';
import { parseTask, type Task } from '../../core/protocol/task.ts';
import { nodePrimitives } from '../../node/primitives.ts';
import { pipelineInput, withCohort } from './cohort-run.ts';

export interface Sent {
  readonly values: readonly number[];
  /** Fields of the message in place of the honest ones. */
  readonly fields?: Partial<Update>;
}

export interface Outcome {
  /** Per client: why its update was refused, or null. */
  readonly codes: readonly (ProblemCode | null)[];
  /** Null where no update is left. */
  readonly aggregate: Aggregate | null;
}

const model = new Uint8Array(32);

/**
 * Admits what the clients send and combines what is left by the rule; f and the rule's range are those of the task, less the refused.
 * Throws RangeError where they do not hold any more.
 */
export async function roundOf(
  sent: readonly Sent[],
  manifest: Manifest,
  aggregation: Readonly<Record<string, unknown>>,
): Promise<Outcome> {
  const task = taskWith(aggregation);
  const codes: (ProblemCode | null)[] = [];
  const admitted: { values: readonly number[]; weight: number }[] = [];
  for (const one of sent) {
    const { code, weight } = await admitOne(one, manifest, task);
    codes.push(code);
    if (code === null) admitted.push({ values: one.values, weight });
  }
  if (admitted.length === 0) return { codes, aggregate: null };
  const refused = sent.length - admitted.length;
  const settings = { ...task.aggregation, byzantine: Math.max(0, task.aggregation.byzantine - refused) };
  const vectors = admitted.map(({ values }) => values);
  const weights = settings.rule === 'mean' ? admitted.map(({ weight }) => weight) : null;
  const combined = await withCohort(vectors, cohort =>
    aggregate(pipelineInput(cohort, { vectors, settings, weights })),
  );
  return { codes, aggregate: combined };
}

async function admitOne(
  { values, fields = {} }: Sent,
  manifest: Manifest,
  task: Task,
): Promise<{ code: ProblemCode | null; weight: number }> {
  const tensor = floatsToBytes(Float32Array.from(values));
  const honest: Update = {
    model,
    examples: 10,
    steps: 1,
    loss: 0.5,
    dtype: 'f32',
    shapes: manifest.map(({ name, shape }) => ({ name, shape: [...shape] })),
    tensor: nodePrimitives.sha256(tensor),
    bytes: tensor.length,
    evaluation: null,
    withinClip: null,
  };
  try {
    const { received } = await admit(verified({ ...honest, ...fields }, tensor), {
      // Admission reads no more of a run than where it stands.
      run: { task: '00'.repeat(32), round: 1, model: toHex(model) } as Run,
      task,
      manifest,
      blobs: forgettingBlobs,
      primitives: nodePrimitives,
      step: async () => {},
    });
    return { code: null, weight: received.weight };
  } catch (error) {
    if (error instanceof Problem) return { code: error.code, weight: 0 };
    throw error;
  }
}

/** What the coordinator has when a signature holds: the message as it came over the wire. */
function verified(update: Update, tensor: Uint8Array): Verified {
  const payload = encodePayload(update);
  return passed<Verified>({
    client: 'hostile',
    envelope: {
      label: labels.update,
      federation: 'hospitals',
      task: new Uint8Array(32),
      round: 1,
      sender: new Uint8Array(32),
      payload,
      signature: new Uint8Array(64),
    },
    update: parseUpdate(payload),
    tensor: (async function* () {
      yield tensor;
    })(),
  });
}

/** Nothing that is written is read again. */
export const forgettingBlobs: Blobs = {
  write: async () => ({ write: async () => {}, commit: async () => {}, abort: async () => {} }),
  read: async () => null,
  stream: async () => null,
  open: async () => null,
  list: async () => [],
  remove: async () => {},
};

/** A task with this aggregation, for cohorts of 20 and more. */
export function taskWith(aggregation: Readonly<Record<string, unknown>>): Task {
  return parseTask({
    parley: 1,
    name: 'hostile',
    seed: 1,
    data: {
      format: 'csv',
      header: true,
      onMissing: 'refuse',
      columns: [
        { name: 'x', type: 'number' },
        { name: 'y', type: 'target' },
      ],
      target: { type: 'above', value: 0 },
      standardise: 'none',
      split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    },
    model: { name: 'mlp', hidden: [1], activation: 'tanh' },
    training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 1, amount: { unit: 'steps', count: 1 } },
    rounds: 1,
    cohort: { fraction: 1, minimum: 20, overSelection: 0, deadlineSeconds: 60 },
    server: { optimizer: 'fedavg' },
    aggregation,
    protection: 'inspect',
    privacy: 'none',
  });
}
