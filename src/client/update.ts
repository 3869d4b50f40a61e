/** From a verified assignment to an update fit to leave: one straight path for each way that a task is private, or is not. */
import type { Evaluation, Trainer, TrainResult } from '../core/learning/trainer.ts';
import { TrainerFailure } from '../core/learning/trainer-failure.ts';
import type { Reservation } from '../core/privacy/ledger-port.ts';
import { secretBytes } from '../core/privacy/secret-bytes.ts';
import { Problem } from '../core/protocol/problem.ts';
import { trainingSeed } from '../core/protocol/task.ts';
import { type Compression, startingPoint } from '../core/secagg/compression.ts';
import type { SharedWords } from '../core/secagg/noise-words.ts';
import { average } from './momentum.ts';
import type { ClientPorts } from './ports.ts';
import { reserveRound } from './private-round.ts';
import {
  clip,
  compress,
  difference,
  noise,
  noiseShare,
  noisy,
  noisyDifference,
  silentDifference,
  unprotected,
} from './protect.ts';
import type {
  Averaged,
  Clipped,
  Data,
  Noised,
  Protection,
  Quantised,
  RoundContext,
  RoundPrivacy,
  Trained,
} from './stages.ts';

/** An update as it may leave, and what was spent for it; null where the task is not private. */
export interface Prepared<P extends Protection = Protection> {
  readonly noised: Noised<P>;
  readonly reservation: Reservation | null;
}

/** What training starts from and ends with. */
export interface Training<P extends Protection = Protection> {
  readonly context: RoundContext<P>;
  readonly trainer: Trainer;
  readonly global: Float32Array;
  /** What of the model is trained and sent; null: all of it. */
  readonly compression: Compression | null;
  readonly ports: ClientPorts;
  readonly signal: AbortSignal | undefined;
}

/** Throws Problem `budget-spent` before anything is drawn that the site's ledger does not allow, and `non-finite` when training diverged. */
export async function prepare<P extends Protection>(training: Training<P>): Promise<Prepared<P>> {
  const { privacy } = training.context;
  if (privacy === null) return preparePlain(training);
  return privacy.plan.privacy.mechanism === 'dp-sgd'
    ? prepareNoisySteps(training, privacy)
    : prepareWholeUpdate(training, privacy);
}

async function preparePlain<P extends Protection>(training: Training<P>): Promise<Prepared<P>> {
  const { context, trainer, global, compression, ports, signal } = training;
  const evaluation = context.assignment.evaluate ? await evaluated(trainer, global, signal) : null;
  const start = startingPoint(global, compression);
  const result = await train(training, start);
  const averaged = await averageDurably(difference(result, start, evaluation, ports.vectors), training);
  return { noised: unprotected(clip(compress(averaged, compression), context), context), reservation: null };
}

/** dp-sgd: the trainer adds noise at every step, so all steps are paid for before the first. */
async function prepareNoisySteps<P extends Protection>(
  training: Training<P>,
  privacy: RoundPrivacy,
): Promise<Prepared<P>> {
  const { context, global, compression, ports } = training;
  const reservation = await reserveRound(context, privacy, ports);
  const start = startingPoint(global, compression);
  const result = await train(training, start, privacy);
  const averaged = await averageDurably(noisyDifference(result, start, privacy, ports.vectors), training);
  return { noised: noisy(clip(compress(averaged, compression), context), context), reservation };
}

/**
 * dp-fedavg: the update as a whole is bounded and noised, after training. Where the coordinator adds the noise, what it will release
 * about this site counts on its ledger all the same.
 */
async function prepareWholeUpdate<P extends Protection>(
  training: Training<P>,
  privacy: RoundPrivacy,
): Promise<Prepared<P>> {
  const { context, ports } = training;
  const clipped = await clippedUpdate(training, privacy);
  const reservation = await reserveRound(context, privacy, ports);
  return { noised: noise(clipped, context, privacy, secretBytes(ports.primitives)), reservation };
}

/** dp-fedavg where the members of a group share the noise: paid for before this client's share is drawn. Otherwise as `prepare`. */
export async function prepareShare(
  training: Training<'group'>,
  shared: SharedWords,
): Promise<{ readonly quantised: Quantised; readonly reservation: Reservation }> {
  const { context, ports } = training;
  const { privacy } = context;
  if (privacy === null) throw new RangeError('client: noise is shared in private tasks');
  const clipped = await clippedUpdate(training, privacy);
  const reservation = await reserveRound(context, privacy, ports);
  const quantised = noiseShare(clipped, shared, secretBytes(ports.primitives));
  ports.vectors.give(clipped.difference.buffer);
  return { quantised, reservation };
}

async function clippedUpdate(training: Training, privacy: RoundPrivacy): Promise<Clipped<'exact'>> {
  const { context, global, compression, ports } = training;
  const start = startingPoint(global, compression);
  const result = await trainOrDiverge(training, start);
  const averaged = await averageDurably(silentDifference(result, start, privacy, ports.vectors), training);
  return clip(compress(averaged, compression), context);
}

/** @param start the parameters to train from: those of the smaller model where the round trains one. */
async function train(
  { context, trainer, compression, ports, signal }: Training,
  start: Float32Array,
  privacy?: RoundPrivacy,
): Promise<TrainResult> {
  const { taskHash, round } = context;
  const seed = ports.primitives.sha256(trainingSeed(taskHash, round, ports.name));
  const { noiseMultiplier } = privacy?.noise ?? {};
  const model = compression?.smaller?.model;
  const result = await trainer.train({ parameters: start, model, round, seed, signal, noiseMultiplier });
  await ports.step('trained');
  return result;
}

/**
 * Null when training says itself that it diverged, or when the site's own program failed at it: whether it does can depend on the rows, so
 * nobody else may see it. The site's log says it.
 */
async function trainOrDiverge(training: Training, start: Float32Array): Promise<TrainResult | null> {
  const { context, ports, signal } = training;
  try {
    return await train(training, start);
  } catch (error) {
    if (error instanceof Problem && error.code === 'non-finite') return null;
    if (!(error instanceof TrainerFailure) || signal?.aborted) throw error;
    const { taskId: task, round } = context;
    const detail = `${error.message}: an update of zeros is sent, with its noise → ${error.remedy}`;
    ports.log({ event: 'trainer-failed', level: 'error', task, round, detail });
    return null;
  }
}

async function averageDurably<D extends Data>(trained: Trained<D>, { context, ports }: Training): Promise<Averaged<D>> {
  const averaged = await average(trained, context, ports);
  await ports.step('momentum-blob');
  return averaged;
}

/** Quality on the site's test rows; null when it has none. */
export async function evaluated(
  trainer: Trainer,
  parameters: Float32Array,
  signal?: AbortSignal,
): Promise<Evaluation | null> {
  const evaluation = await trainer.evaluate(parameters, signal);
  return evaluation.examples === 0 ? null : evaluation;
}
