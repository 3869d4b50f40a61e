/** Messages of a round: what stands inside the signed envelopes, and how an update lies on the wire. */
import { z } from 'zod';
import { encodeCbor } from '../bytes/cbor.ts';
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../crypto/envelope.ts';
import { parsePayload } from './payload.ts';
import { Problem } from './problem.ts';

const digest = z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === 32, 'not 32 bytes');
const count = z.number().int().min(0);
const finite = z.number();
/** Losses and sums beyond this are refused: what is made of them over any cohort, squares included, stays finite. */
const largestSum = 1e100;
const loss = finite.min(-largestSum).max(largestSum);
const sum = finite.min(0).max(largestSum);
/** Predictions that one site counts. */
const examples = count.max(1e12);
const noisyCount = z.number().int().min(-1e15).max(1e15);

const evaluation = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('classes'),
    examples,
    correct: count,
    logLoss: sum,
    classCounts: z.array(count).min(2).max(65_536),
    auc: z.number().min(0).max(1).nullable(),
    scores: z.strictObject({ negative: z.array(count).max(65_536), positive: z.array(count).max(65_536) }).nullable(),
  }),
  z.strictObject({
    kind: z.literal('numbers'),
    examples,
    loss: sum,
    absoluteError: sum,
    squaredError: sum,
    total: loss,
    totalSquares: sum,
    covered: count.nullable(),
  }),
]);

/** What a client recomputes its group and its manifest from. */
const groupAssignment = z.strictObject({
  /** Bytes of the manifest (`core/secagg/manifest.ts`). */
  manifest: z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length <= 65_536, 'not a manifest'),
  /** SHA-256 of the update certificates of all that were dealt into groups, ascending. */
  cohort: z.array(digest).max(32_768),
  /** What the coin parties have committed to and revealed; null where there is one group, and so nothing to deal. */
  coin: z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length <= 262_144, 'not a coin').nullable(),
});

/** Coordinator → client, label `assignment`: what to do with which model. */
const assignment = z.strictObject({
  kind: z.enum(['train', 'evaluate']),
  /** SHA-256 of the global parameters as little-endian float32. */
  model: digest,
  parameters: count.min(1),
  /** Evaluate the model before training from it. */
  evaluate: z.boolean(),
  /** Milliseconds left until the round closes, when this was sent. */
  remainingMs: finite,
  /** Clients of the cohort. */
  cohort: count,
  /** Noise multiplier of this round, where releases decide it (`privacy.schedule: progress`); null where the task does. */
  noiseMultiplier: z.number().gt(0).max(1e6).nullable().default(null),
  /** L2 bound of an update in this round, where releases decide it (`privacy.clip` as a block); null where the task does. */
  clipNorm: z.number().gt(0).max(1e18).nullable().default(null),
  /** The session of the client's group, under protection `group`; null elsewhere. */
  group: groupAssignment.nullable().default(null),
});

/**
 * Client → coordinator, label `update`; the tensor follows the envelope as raw little-endian float32. Under privacy nothing but the
 * tensor tells of the site's rows: examples are 1, steps what the task says, loss and evaluation null.
 */
const update = z.strictObject({
  /** The model it was trained from. */
  model: digest,
  examples: finite,
  steps: count,
  loss: loss.nullable(),
  dtype: z.string().max(16),
  shapes: z.array(z.strictObject({ name: z.string().max(256), shape: z.array(count).max(8) })).max(4096),
  tensor: digest,
  bytes: count,
  evaluation: evaluation.nullable(),
  /** Was the update within the clip bound before it was clipped? Null unless the bound follows the norms (`privacy.clip` as a block). */
  withinClip: z.boolean().nullable().default(null),
});

/** Client → coordinator, label `evaluation`: quality of the final model, and of what this client reaches alone. */
const evaluationReport = z.strictObject({
  model: digest,
  /** Null for a site without test rows. */
  evaluation: evaluation.nullable(),
  alone: evaluation.nullable(),
  /** Under privacy the only figures that leave, with noise: they may be negative, or more right than there are. Null where the task asks for none. */
  noisyCounts: z.strictObject({ examples: noisyCount, correct: noisyCount }).nullable().default(null),
});

/** Client → coordinator, label `decline`: this client gives no answer in this round. Says no more than it must. */
const decline = z.strictObject({
  /**
   * `cannot-train`: its data or its rules do not allow the task. `diverged`: training gave no finite numbers.
   * `failed`: its trainer failed in this round. `budget`: its own privacy ledger does not allow the release.
   */
  reason: z.enum(['cannot-train', 'diverged', 'failed', 'budget']),
});

/** Coordinator → client, label `receipt`: this payload was stored. */
const receipt = z.strictObject({ label: z.string(), payload: digest });

export type Assignment = z.infer<typeof assignment>;
export type Update = z.infer<typeof update>;
export type EvaluationReport = z.infer<typeof evaluationReport>;
export type Decline = z.infer<typeof decline>;
export type Receipt = z.infer<typeof receipt>;

export const labels = {
  assignment: 'assignment',
  update: 'update',
  evaluation: 'evaluation',
  decline: 'decline',
  receipt: 'receipt',
} as const;

/** Longest envelope of any message, bytes: room for two full score histograms. */
export const maxEnvelopeBytes = 2 * 1024 * 1024;

export const parseAssignment = (bytes: Uint8Array): Assignment => parsePayload(assignment, bytes, 'bad-request');
export const parseUpdate = (bytes: Uint8Array): Update => parsePayload(update, bytes, 'malformed');
export const parseEvaluationReport = (bytes: Uint8Array): EvaluationReport =>
  parsePayload(evaluationReport, bytes, 'malformed');
export const parseDecline = (bytes: Uint8Array): Decline => parsePayload(decline, bytes, 'malformed');
export const parseReceipt = (bytes: Uint8Array): Receipt => parsePayload(receipt, bytes, 'bad-request');

/** Deterministic bytes of any of the payloads above. */
export function encodePayload(payload: Assignment | Update | EvaluationReport | Decline | Receipt): Uint8Array {
  return encodeCbor(payload);
}

/** The start of an update's body: length of the envelope (uint32, big-endian), then the envelope; the tensor follows. */
export function encodeUpdateHead(envelope: Envelope): Uint8Array<ArrayBuffer> {
  const encoded = encodeEnvelope(envelope);
  const out = new Uint8Array(4 + encoded.length);
  new DataView(out.buffer).setUint32(0, encoded.length);
  out.set(encoded, 4);
  return out;
}

export interface UpdateBody {
  readonly envelope: Envelope;
  /** What follows the envelope, in order. */
  readonly tensor: AsyncIterable<Uint8Array>;
}

/** Reads the head of an update's body and leaves the rest as a stream. Throws Problem `bad-request`. */
export async function splitUpdateBody(chunks: AsyncIterable<Uint8Array>): Promise<UpdateBody> {
  const iterator = chunks[Symbol.asyncIterator]();
  let held: Uint8Array = new Uint8Array(0);
  const fill = async (bytes: number): Promise<void> => {
    const parts = [held];
    for (let length = held.length; length < bytes; ) {
      const next = await iterator.next();
      if (next.done) throw new Problem('bad-request', 'the body ends inside the envelope');
      parts.push(next.value);
      length += next.value.length;
    }
    held = joined(parts);
  };
  await fill(4);
  const length = new DataView(held.buffer, held.byteOffset, 4).getUint32(0);
  if (length > maxEnvelopeBytes) throw new Problem('too-large', 'the envelope is too long');
  await fill(4 + length);
  const envelope = decodeEnvelope(held.slice(4, 4 + length));
  const rest = held.subarray(4 + length);
  return { envelope, tensor: remainder(rest, iterator) };
}

async function* remainder(first: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (;;) {
    const next = await iterator.next();
    if (next.done) return;
    yield next.value;
  }
}

/** One copy at most: a body may come in millions of chunks of a few bytes. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const filled = parts.filter(part => part.length > 0);
  if (filled.length === 1) return filled[0];
  const out = new Uint8Array(filled.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of filled) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
