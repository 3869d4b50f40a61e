/**
 * What of an update the members of a group send where the task compresses updates (`protection.compression`): values at places that are the
 * same for all members of all groups of a round, so that masked sums stay sums.
 *
 * The places follow from task and round, and the manifest binds both. They are public: compression hides nothing.
 */
import { encodeCbor } from '../bytes/cbor.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { taskManifest } from '../learning/model.ts';
import { parameterCount } from '../learning/parameters.ts';
import { gather, keptCoordinates, scatter } from '../learning/random-mask.ts';
import { sentCount, trainedModel } from '../learning/sent-values.ts';
import { subModel } from '../learning/sub-model.ts';
import { compressionOf } from '../protocol/protection-settings.ts';
import type { Task } from '../protocol/task.ts';

export interface Compression {
  /** For every value that is sent: its place among all parameters of the model. Each place once. */
  readonly places: Int32Array<ArrayBuffer>;
  /** The model that members train in this round (federated dropout); null where they train the whole one. */
  readonly smaller: Smaller | null;
}

interface Smaller {
  readonly model: Task['model'];
  /** For every value that is sent: as in `SubModel`. */
  readonly factors: Float32Array<ArrayBuffer>;
}

/** Null for a task that sends whole updates. */
export function roundCompression(
  task: Task,
  taskHash: Uint8Array,
  round: number,
  { sha256 }: Pick<Primitives, 'sha256'>,
): Compression | null {
  const settings = compressionOf(task.protection);
  if (settings === 'none') return null;
  const seed = sha256(encodeCbor(['parley/v1/compression', taskHash, round]));
  if (settings.kind === 'random-mask')
    return { places: keptCoordinates(seed, parameterCount(taskManifest(task)), settings.keep), smaller: null };
  const { task: smaller, indices, factors } = subModel(task, seed, settings.keep);
  return { places: indices, smaller: { model: smaller.model, factors } };
}

/** Values that every member sends in a round, the same number in all rounds. */
export function sentDimension(task: Task): number {
  const settings = compressionOf(task.protection);
  const trained: Task = { ...task, model: trainedModel(task.model, settings) };
  return sentCount(parameterCount(taskManifest(trained)), settings);
}

/** The parameters that training starts from: those of the smaller model, if the round trains one. */
export function startingPoint(global: Float32Array, compression: Compression | null): Float32Array {
  if (compression === null || compression.smaller === null) return global;
  const { factors } = compression.smaller;
  const start = gather(global, compression.places);
  for (let i = 0; i < start.length; i++) start[i] *= factors[i];
  return start;
}

/**
 * What is sent of the difference that training made, in units of the whole model: the values at the kept places; of a smaller model all, divided by
 * what its parameters were multiplied by. The difference is overwritten, and the result a view of it.
 *
 * Throws RangeError for a difference of another length.
 */
export function sentValues(difference: Float32Array, compression: Compression | null): Float32Array {
  if (compression === null) return difference;
  const { places, smaller } = compression;
  if (smaller === null) {
    if (places[places.length - 1] >= difference.length)
      throw new RangeError(`compression: a place beyond ${difference.length} values`);
    // Places ascend, so none is overwritten before it is read.
    for (let i = 0; i < places.length; i++) difference[i] = difference[places[i]];
    return difference.subarray(0, places.length);
  }
  if (difference.length !== places.length)
    throw new RangeError(`compression: ${difference.length} values of a model with ${places.length}`);
  for (let i = 0; i < difference.length; i++) difference[i] /= smaller.factors[i];
  return difference;
}

/** What was sent as an update of the whole model, with 0 for all that was not: it has the same length, and the same distance from others. */
export function wholeUpdate(sent: Float32Array, compression: Compression | null, length: number): Float32Array {
  return compression === null ? sent : scatter(sent, compression.places, length);
}

/**
 * What a round's result is multiplied by: under a random mask the number of all values over that of the kept, so that over rounds every value moves as far
 * as it would in whole updates; else 1. Federated dropout leaves the result as it is: a value in few rounds moves in few.
 */
export function resultScale(task: Task): number {
  const settings = compressionOf(task.protection);
  if (settings === 'none' || settings.kind !== 'random-mask') return 1;
  return parameterCount(taskManifest(task)) / sentDimension(task);
}
