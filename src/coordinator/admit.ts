/** Admission: form, weight, finiteness, norm and digest of an update, before anything else looks at it. */

import { scanUpdate } from '../core/aggregation/weighted-mean.ts';
import { floatsToBytes, toHex } from '../core/bytes/floats.ts';
import { encodeEnvelope } from '../core/crypto/envelope.ts';
import type { Primitives } from '../core/crypto/primitives.ts';
import { type Manifest, parameterCount, sameManifest } from '../core/learning/parameters.ts';
import { isClipAdaptive, planOfTask } from '../core/privacy/plan.ts';
import type { Update } from '../core/protocol/message.ts';
import type { Blobs, StepPort } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { passed } from '../core/protocol/stage.ts';
import type { Task } from '../core/protocol/task.ts';
import { checkEvaluation } from './evaluation.ts';
import type { Admitted, Verified } from './stages.ts';
import type { Run } from './store.ts';

/** Distances of longer updates would overflow float32 (‖x‖ ≤ 2^60). */
const largestNorm = 2 ** 60;
/** Clients clip in float64 and round to float32; the bound allows for that. */
export const roundingSlack = 1 + 1e-5;
const chunkFloats = 65_536;

/**
 * Where the tensor of an update lies. The key names the digest (hex): two different updates that a client sends at once
 * lie apart, so that the one that is accepted is the one that is combined.
 */
export function updateKey(task: string, round: number, client: string, tensor: string): string {
  return `${task}/update/${round}/${client}/${tensor}`;
}

/**
 * Reads the tensor once, as a stream: digest, finiteness and norm are computed while it is written to its blob,
 * which is durable when this resolves. Memory: one chunk. Throws Problem; then nothing stays behind.
 */
export async function admit(
  verified: Verified,
  context: { run: Run; task: Task; manifest: Manifest; blobs: Blobs; primitives: Primitives; step: StepPort },
): Promise<Admitted> {
  const { client, envelope, update, tensor } = verified;
  const { run, task } = context;
  checkForm(update, context.manifest, run);
  checkEvaluation(update.evaluation, task);
  checkSilence(update, task);
  const writer = await context.blobs.write(updateKey(run.task, run.round, client, toHex(update.tensor)));
  try {
    const { digest, norm } = await readTensor(tensor, update.bytes, writer, context.primitives);
    if (toHex(digest) !== toHex(update.tensor)) throw new Problem('bad-digest');
    if (!(norm <= Math.min(largestNorm, updateBound(run, task) * roundingSlack))) throw new Problem('norm-exceeded');
    await writer.commit();
    await context.step('update-blob');
    return passed<Admitted>({
      received: {
        client,
        tensor: toHex(digest),
        examples: update.examples,
        weight: isSummed(task) ? summedWeight(norm, task) : admittedWeight(update.examples, task),
        norm,
        loss: update.loss,
        steps: update.steps,
        evaluation: update.evaluation,
        withinClip: update.withinClip,
      },
      payload: context.primitives.sha256(envelope.payload),
      envelope: encodeEnvelope(envelope),
    });
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function checkForm(update: Update, manifest: Manifest, run: Run): void {
  if (toHex(update.model) !== run.model) throw new Problem('malformed', 'trained from another model');
  if (update.dtype !== 'f32') throw new Problem('malformed', `dtype ${update.dtype}, expected f32`);
  if (update.bytes !== 4 * parameterCount(manifest)) throw new Problem('malformed', 'wrong length');
  if (!sameManifest(update.shapes, manifest)) throw new Problem('malformed', 'shapes differ from the model');
}

/**
 * Under privacy an update says nothing beside its tensor, so that no client tells by accident what it must not; and without privacy
 * nothing is left out. Throws Problem `malformed`.
 */
function checkSilence({ examples, steps, loss, evaluation, withinClip }: Update, task: Task): void {
  const plan = planOfTask(task);
  if (plan === null) {
    if (loss === null || withinClip !== null) throw new Problem('malformed', 'figures are those of a private task');
    return;
  }
  if (examples !== 1 || steps !== plan.stepsPerRound || loss !== null || evaluation !== null)
    throw new Problem('malformed', 'tells figures that the privacy of the task keeps');
  if ((withinClip !== null) !== isClipAdaptive(plan))
    throw new Problem('malformed', 'whether it was within the clip bound is for a bound that follows norms');
}

/** The longest that an update may be: where the coordinator adds noise for it, no longer than the noise is for. */
function updateBound({ privacy }: Run, { aggregation, privacy: settings }: Task): number {
  const isCovered = settings !== 'none' && settings.noiseAt === 'coordinator' && privacy !== null;
  return isCovered ? Math.min(aggregation.clipNorm, privacy.noise.clipNorm) : aggregation.clipNorm;
}

/** Of a sum that gets noise: 1, and less for what `aggregation.before` clips. It moves the sum by no more than the update itself. */
function summedWeight(norm: number, { aggregation }: Task): number {
  const clips = aggregation.before.flatMap(stage => (stage.name === 'clip' ? [stage.norm / norm] : []));
  return Math.min(1, ...clips);
}

/** Whether a round of this task is a sum that the coordinator adds noise to. */
export function isSummed({ privacy }: Task): boolean {
  return privacy !== 'none' && privacy.noiseAt === 'coordinator';
}

/** The weight that the task gives an update: finite, positive, capped; 1 for every rule but the mean. Throws Problem `bad-weight`. */
export function admittedWeight(examples: number, task: Task): number {
  if (!Number.isFinite(examples) || examples <= 0) throw new Problem('bad-weight');
  const { aggregation } = task;
  return aggregation.rule === 'mean' && aggregation.weightBy === 'examples'
    ? Math.min(examples, aggregation.weightCap)
    : 1;
}

async function readTensor(
  tensor: AsyncIterable<Uint8Array>,
  expectedBytes: number,
  writer: { write(chunk: Uint8Array): Promise<void> },
  primitives: Primitives,
): Promise<{ digest: Uint8Array; norm: number }> {
  const hash = primitives.createSha256();
  const values = new Float32Array(chunkFloats);
  const buffer = floatsToBytes(values);
  let held = 0;
  let total = 0;
  let sumOfSquares = 0;
  const flush = async (): Promise<void> => {
    const bytes = buffer.subarray(0, held);
    hash.update(bytes);
    const scan = scanUpdate(values.subarray(0, held / 4));
    if (!scan.finite) throw new Problem('non-finite');
    sumOfSquares += scan.sumOfSquares;
    await writer.write(bytes);
    held = 0;
  };
  for await (const chunk of tensor) {
    total += chunk.length;
    if (total > expectedBytes) throw new Problem('malformed', 'more bytes than declared');
    for (let at = 0; at < chunk.length; ) {
      const part = Math.min(chunk.length - at, buffer.length - held);
      buffer.set(chunk.subarray(at, at + part), held);
      at += part;
      held += part;
      if (held === buffer.length) await flush();
    }
  }
  if (total !== expectedBytes) throw new Problem('malformed', 'fewer bytes than declared');
  if (held > 0) await flush();
  return { digest: await hash.digest(), norm: Math.sqrt(sumOfSquares) };
}
