/**
 * From trained parameters to an update fit to leave, one function per stage: compress → clip → noise, and where the coordinator sees single updates
 * encode → sign. `momentum.ts` stands before them; under groups `group-input.ts` goes on from `noise`.
 */
import { scanUpdate } from '../core/aggregation/weighted-mean.ts';
import { floatsToBytes } from '../core/bytes/floats.ts';
import { signEnvelope } from '../core/crypto/envelope.ts';
import { clipToNorm } from '../core/learning/clip.ts';
import type { Evaluation, TrainResult } from '../core/learning/trainer.ts';
import type { FloatPool } from '../core/math/float-pool.ts';
import { addDiscreteNoise, fromGrid, roundedToGrid } from '../core/privacy/grid-noise.ts';
import { gridOf, isClipAdaptive, type Plan, updateNoise } from '../core/privacy/plan.ts';
import type { RandomBytes } from '../core/privacy/random-words.ts';
import { encodePayload, labels } from '../core/protocol/message.ts';
import { passed } from '../core/protocol/stage.ts';
import { type Compression, sentValues } from '../core/secagg/compression.ts';
import { type SharedWords, wordsWithNoise } from '../core/secagg/noise-words.ts';
import { diverged } from './momentum.ts';
import type { ClientPorts } from './ports.ts';
import type {
  Averaged,
  Clipped,
  Compressed,
  Data,
  Encoded,
  Noised,
  Protection,
  Quantised,
  RoundContext,
  RoundPrivacy,
  Signed,
  Trained,
  TrainingReport,
} from './stages.ts';

/** The difference between trained and global parameters, in float32. */
export function difference(
  result: TrainResult,
  global: Float32Array,
  evaluation: Evaluation | null,
  vectors: FloatPool,
): Trained<'exact'> {
  const { examples, steps, loss, parameters } = result;
  const report = { examples, steps, loss, evaluation, withinClip: null };
  return passed<Trained<'exact'>>({ data: 'exact', difference: subtracted(parameters, global, vectors), report });
}

/** The same of a trainer that adds the noise itself (dp-sgd). Throws TypeError when it tells a loss: then it is a trainer for other tasks. */
export function noisyDifference(
  result: TrainResult,
  global: Float32Array,
  { plan }: RoundPrivacy,
  vectors: FloatPool,
): Trained<'noisy'> {
  if (result.loss !== null) throw new TypeError('client: the trainer of a private task told a loss');
  const update = subtracted(result.parameters, global, vectors);
  return passed<Trained<'noisy'>>({ data: 'noisy', difference: update, report: silent(plan) });
}

/**
 * The same where the whole update is what privacy protects: training that diverged is an update of zeros, because declining would tell.
 * Also null stands for it.
 */
export function silentDifference(
  result: TrainResult | null,
  global: Float32Array,
  { plan }: RoundPrivacy,
  vectors: FloatPool,
): Trained<'exact'> {
  const update = subtracted(result?.parameters ?? global, global, vectors);
  const { finite } = scanUpdate(update);
  if (!finite) update.fill(0);
  // A norm that is not finite is never within the bound.
  const withinClip = finite && result !== null ? null : false;
  return passed<Trained<'exact'>>({ data: 'exact', difference: update, report: { ...silent(plan), withinClip } });
}

/** What leaves with the update of a private task: nothing that its rows decide. */
function silent({ stepsPerRound }: Plan): TrainingReport {
  return { examples: 1, steps: stepsPerRound, loss: null, evaluation: null, withinClip: null };
}

function subtracted(parameters: Float32Array, global: Float32Array, vectors: FloatPool): Float32Array {
  const update = vectors.take(global.length);
  for (let i = 0; i < update.length; i++) update[i] = parameters[i] - global[i];
  return update;
}

/** Leaves what the round sends, before clipping: clip bound and noise are for that alone. Without compression nothing changes. */
export function compress<D extends Data>(
  { data, difference, report }: Averaged<D>,
  compression: Compression | null,
): Compressed<D> {
  return passed<Compressed<D>>({ data, difference: sentValues(difference, compression), report });
}

/**
 * Clips to the bound of the task, and before noise on whole updates to the clip bound of the round. Throws Problem `non-finite` when
 * training diverged: such an update never leaves.
 */
export function clip<D extends Data>(compressed: Compressed<D>, context: RoundContext): Clipped<D> {
  const { data, difference, report } = compressed;
  if (report.loss !== null && !Number.isFinite(report.loss)) throw diverged();
  try {
    const withinClip = isWithinClip(difference, report, context.privacy);
    const clipped = clipToNorm(difference, updateBound(context, data));
    return passed<Clipped<D>>({ data, difference: clipped, report: { ...report, withinClip } });
  } catch (cause) {
    throw diverged(cause);
  }
}

function updateBound({ task, privacy }: RoundContext, data: Data): number {
  const { clipNorm } = task.aggregation;
  return privacy === null || data === 'noisy' ? clipNorm : Math.min(clipNorm, privacy.noise.clipNorm);
}

/** Before clipping; null unless the task asks. */
function isWithinClip(
  difference: Float32Array,
  { withinClip }: TrainingReport,
  privacy: RoundPrivacy | null,
): boolean | null {
  if (privacy === null || !isClipAdaptive(privacy.plan)) return null;
  return withinClip ?? Math.sqrt(scanUpdate(difference).sumOfSquares) <= privacy.noise.clipNorm;
}

/** `privacy: none`: nothing is added, and the coordinator records an unbounded release. */
export function unprotected<P extends Protection>(
  { difference, report }: Clipped<'exact'>,
  { protection }: RoundContext<P>,
): Noised<P> {
  return passed<Noised<P>>({ protection, difference, report });
}

/** An update whose noise the trainer has added (dp-sgd): all since then is post-processing. */
export function noisy<P extends Protection>(
  { difference, report }: Clipped<'noisy'>,
  { protection }: RoundContext<P>,
): Noised<P> {
  return passed<Noised<P>>({ protection, difference, report });
}

/**
 * Noise on a whole update. Where the client adds it (`noiseAt: client`): rounded to the grid, drawn anew until it is short enough, exact
 * integer noise of the full scale; what is then longer than `aggregation.clipNorm` is shortened, which costs nothing. Where the
 * coordinator adds it nothing happens here: the clipped update is what it sees.
 */
export function noise<P extends Protection>(
  { difference, report }: Clipped<'exact'>,
  { protection, task }: RoundContext<P>,
  privacy: RoundPrivacy,
  randomBytes: RandomBytes,
): Noised<P> {
  const { plan } = privacy;
  const { noiseMultiplier, clipNorm } = privacy.noise;
  if (plan.privacy.noiseAt === 'coordinator') return passed<Noised<P>>({ protection, difference, report });
  if (plan.privacy.noiseAt === 'shared') throw new RangeError('client: a share of noise goes on words of a group');
  const grid = gridOf(plan, updateNoise(plan, noiseMultiplier), clipNorm);
  const steps = addDiscreteNoise(roundedToGrid(difference, clipNorm, grid, randomBytes), grid, randomBytes);
  difference.set(clipToNorm(fromGrid(steps, grid), task.aggregation.clipNorm));
  return passed<Noised<P>>({ protection, difference, report });
}

/**
 * A share of the noise of a group on a whole update (`noiseAt: shared`): words that are private in the sum of the group only, so there is no way
 * from here but under its masks.
 */
export function noiseShare(
  { difference, report }: Clipped<'exact'>,
  shared: SharedWords,
  randomBytes: RandomBytes,
): Quantised {
  return passed<Quantised>({ words: wordsWithNoise(difference, shared, randomBytes), report });
}

/** For a coordinator that sees this update: one that belongs to a group has no such form. */
export function encode(noised: Noised<'inspect'>): Encoded {
  return passed<Encoded>({ tensor: floatsToBytes(noised.difference), report: noised.report });
}

/** Signs label, federation, task, round, sender and the payload's digest; the payload holds the tensor's digest. */
export async function sign(
  { tensor, report }: Encoded,
  context: RoundContext<'inspect'>,
  ports: ClientPorts,
): Promise<Signed> {
  const { signer, certificate } = ports.identity();
  const { examples, steps, loss, evaluation, withinClip } = report;
  const payload = encodePayload({
    model: context.assignment.model,
    examples,
    steps,
    loss,
    dtype: 'f32',
    shapes: context.manifest.map(({ name, shape }) => ({ name, shape: [...shape] })),
    tensor: await ports.primitives.sha256Large(tensor),
    bytes: tensor.length,
    // An Evaluation is plain data of the same shape; only its arrays are declared read-only.
    evaluation: evaluation as never,
    withinClip,
  });
  const envelope = signEnvelope(
    {
      label: labels.update,
      federation: ports.federation,
      task: context.taskHash,
      round: context.round,
      sender: certificate,
      payload,
    },
    signer,
    ports.primitives,
  );
  return passed<Signed>({ envelope, tensor });
}
