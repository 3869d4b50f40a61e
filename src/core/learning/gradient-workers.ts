/**
 * Sharing the parts of a minibatch among threads. A part's gradient always begins at 0 and parts are added in order, so the
 * number of threads never changes a bit. Needs SharedArrayBuffer (in a browser: a cross-origin isolated page).
 */
import type { Dataset, Features } from '../data/dataset.ts';
import type { NetworkSettings } from './network.ts';
import type { GradientRule, Minibatch } from './part-learner.ts';

/** Everything a worker needs for one round of training. The vectors are shared memory. */
export interface WorkerAssignment extends GradientRule {
  readonly network: NetworkSettings;
  readonly data: Dataset;
  /** Rows of a part. */
  readonly rows: number;
  /** Current parameters, written by the training thread before it asks. */
  readonly parameters: Float32Array;
  /** Gradients of parts: `slots` vectors of the length of the parameters. */
  readonly gradients: Float32Array;
}

export type WorkerRequest =
  | { readonly kind: 'open'; readonly round: number; readonly assignment: WorkerAssignment }
  /** Write the gradient of the part that begins at `firsts[i]` into slot `slots[i]`. */
  | {
      readonly kind: 'learn';
      readonly round: number;
      readonly batch: Minibatch;
      readonly firsts: readonly number[];
      readonly slots: readonly number[];
    }
  | { readonly kind: 'close'; readonly round: number };

/** Summed losses of the parts, in the order asked; empty for other requests. */
export type WorkerReply = readonly number[];

/** Threads that answer requests: each a `PartWorker` of its own. Requests to one worker are answered in order. */
export interface GradientWorkers {
  /** Threads beside the caller's. */
  readonly count: number;
  /** Rejects when the worker failed or has ended. */
  ask(worker: number, request: WorkerRequest): Promise<WorkerReply>;
}

/** The same data in memory that all threads see, copied once. */
export function shareDataset(data: Dataset): Dataset {
  return { ...data, features: shareFeatures(data.features), labels: shared(data.labels) };
}

/** A zeroed vector that all threads see. */
export function sharedVector(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(4 * length));
}

function shareFeatures(features: Features): Features {
  if (features instanceof Float32Array) return shared(features);
  const bytes = new Uint8Array(new SharedArrayBuffer(features.bytes.length));
  bytes.set(features.bytes);
  return { bytes, values: shared(features.values) };
}

function shared(values: Float32Array): Float32Array {
  const copy = sharedVector(values.length);
  copy.set(values);
  return copy;
}
