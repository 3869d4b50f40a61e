/** The sum of an opened group: stored inputs added up modulo 2^bits, the masks taken off, and what is left read as one update. */
import { scanUpdate } from '../core/aggregation/weighted-mean.ts';
import { floatsToBytes, toHex } from '../core/bytes/floats.ts';
import { decodeEnvelope } from '../core/crypto/envelope.ts';
import { taskManifest } from '../core/learning/model.ts';
import { parameterCount } from '../core/learning/parameters.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import { roundCompression, wholeUpdate } from '../core/secagg/compression.ts';
import { dequantise, groupMean } from '../core/secagg/encoding.ts';
import { decodeFigures, type SummedFigures } from '../core/secagg/figures.ts';
import { parseInput } from '../core/secagg/group-message.ts';
import type { Opening } from '../core/secagg/group-state.ts';
import { roundFigures, updateEncoding } from '../core/secagg/make-manifest.ts';
import type { GroupManifest } from '../core/secagg/manifest.ts';
import { noisyGroupMean, sharedWords } from '../core/secagg/noise-words.ts';
import { packedBytes, Unpacker } from '../core/secagg/packing.ts';
import { updateKey } from './admit.ts';
import type { Book, Loaded } from './book.ts';
import { checkEvaluation } from './evaluation.ts';
import { vectorKey } from './group-inbox.ts';
import { kindOf } from './group-opening.ts';
import { groupPorts, manifestIn } from './group-session.ts';
import { asksEvaluation } from './run.ts';
import type { EvaluationRecord, GroupRecord, Received } from './store.ts';

/** What of a group goes into its round. */
export type Opened = { readonly received: Received } | { readonly evaluation: EvaluationRecord };

/**
 * Opens the sum of a group; its mean is durable when this resolves, and anybody's own input was never there without masks. Null with a
 * reason where the sum is none that honest members have. Memory: two vectors, however many members there are.
 */
export async function openSum(
  book: Book,
  loaded: Loaded,
  group: GroupRecord,
  opening: Opening,
): Promise<Opened | { readonly refused: string }> {
  const manifest = manifestIn(group);
  const words = await summed(book, loaded, group, manifest, opening);
  try {
    return kindOf(loaded.run) === 'train'
      ? { received: await meanOf(book, loaded, group, opening, words) }
      : { evaluation: evaluationOf(loaded, group, opening, words) };
  } catch (error) {
    if (error instanceof RangeError || error instanceof Problem) return { refused: error.message };
    throw error;
  }
}

/** The words of each segment, unmasked. */
type Words = Readonly<Partial<Record<GroupManifest['segments'][number]['label'], Int32Array>>>;

async function summed(
  book: Book,
  loaded: Loaded,
  group: GroupRecord,
  manifest: GroupManifest,
  { survivors, masks }: Opening,
): Promise<Words> {
  const { applyMasks } = groupPorts(book.ports);
  const sums = manifest.segments.map(({ words }) => new Int32Array(words));
  const one = sums.map(({ length }) => new Int32Array(length));
  for (const at of survivors) await addInput(book, loaded, group.members[at], manifest, sums, one);
  for (const [i, { label, words, bits }] of manifest.segments.entries())
    await applyMasks(masks, { label, length: words, bits }, sums[i]);
  return Object.fromEntries(manifest.segments.map(({ label }, i) => [label, sums[i]]));
}

/** sums += the stored input of a member, read into `one`; its segments follow one after another. Throws Error when it is not there as it was taken. */
async function addInput(
  book: Book,
  { run, taskHash }: Loaded,
  client: string,
  { segments }: GroupManifest,
  sums: readonly Int32Array[],
  one: readonly Int32Array[],
): Promise<void> {
  const { store, blobs } = book.ports;
  const missing = new Error(`the input of ${client} in round ${run.round} of ${run.task} is missing or damaged`);
  const key = { task: run.task, round: run.round, label: 'group-input', sender: client };
  const stored = await store.message(key);
  if (stored === null) throw missing;
  const { vector } = parseInput(decodeEnvelope(stored.envelope).payload);
  const chunks = await blobs.stream(vectorKey({ task: taskHash, round: run.round }, client, vector));
  if (chunks === null) throw missing;
  const parts = segments.map(({ words, bits }, i) => ({
    held: one[i],
    left: packedBytes(words, bits),
    unpacker: new Unpacker(one[i], bits),
  }));
  let part = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (part === parts.length) throw missing;
      const { unpacker, left } = parts[part];
      const taken = Math.min(left, chunk.length - at);
      unpacker.add(chunk.subarray(at, at + taken));
      parts[part].left -= taken;
      at += taken;
      if (parts[part].left === 0) part++;
    }
  }
  if (part < parts.length) throw missing;
  for (const [i, { held, unpacker }] of parts.entries()) {
    unpacker.end();
    const sum = sums[i];
    for (let word = 0; word < sum.length; word++) sum[word] += held[word];
  }
}

async function meanOf(
  book: Book,
  loaded: Loaded,
  group: GroupRecord,
  { survivors }: Opening,
  words: Words,
): Promise<Received> {
  const { blobs, primitives, step } = book.ports;
  const { run, task } = loaded;
  const { mean: sent, weight } = read(book, loaded, group, survivors.length, words.update ?? new Int32Array(0));
  const figures = figuresIn(loaded, words, survivors.length);
  const compression = roundCompression(task, loaded.taskHash, run.round, primitives);
  const mean = wholeUpdate(sent, compression, parameterCount(taskManifest(task)));
  const bytes = floatsToBytes(mean);
  const tensor = toHex(await primitives.sha256Large(bytes));
  await writeBlob(blobs, updateKey(run.task, run.round, group.name, tensor), bytes);
  await step('group-sum-blob');
  return {
    client: group.name,
    tensor,
    examples: weight,
    weight: weightOf(task, weight),
    norm: Math.sqrt(scanUpdate(mean).sumOfSquares),
    loss: figures?.loss ?? null,
    // Nobody tells how many it took.
    steps: 0,
    evaluation: figures?.evaluation ?? null,
    withinClip: null,
  };
}

/** The mean of what the members of a group sent, and what its members weigh together: of a sum whose noise they share all of them, whoever dropped out. */
function read(
  { ports }: Book,
  { run, task, taskHash }: Loaded,
  group: GroupRecord,
  survivors: number,
  words: Int32Array,
): { readonly mean: Float32Array; readonly weight: number } {
  const shared = sharedWords(task, taskHash, run.round, ports.primitives);
  if (shared !== null) {
    const { thresholds } = manifestIn(group);
    const mean = noisyGroupMean(words, survivors, thresholds, shared, task.aggregation.clipNorm);
    return { mean, weight: thresholds.members };
  }
  const encoding = updateEncoding(task, group.members.length);
  const sum = dequantise(words, encoding, survivors);
  return { mean: groupMean(sum, encoding), weight: sum.weight };
}

/** A mean of means is the mean of all where each weighs what is in it; every other rule weighs its rows alike. */
function weightOf({ aggregation }: Task, weight: number): number {
  return aggregation.rule === 'mean' ? weight : 1;
}

function evaluationOf(loaded: Loaded, group: GroupRecord, { survivors }: Opening, words: Words): EvaluationRecord {
  const figures = figuresIn(loaded, words, survivors.length);
  return {
    client: group.name,
    sites: figures?.evaluated ?? 0,
    evaluation: figures?.evaluation ?? null,
    alone: figures?.alone ?? null,
    noisyCounts: null,
  };
}

function figuresIn({ run, task }: Loaded, { figures }: Words, contributors: number): SummedFigures | null {
  if (figures === undefined) return null;
  const layout = roundFigures(task, kindOf(run), asksEvaluation(run, task));
  const told = decodeFigures(figures, layout, contributors);
  checkEvaluation(told.evaluation, task);
  checkEvaluation(told.alone, task);
  return told;
}
