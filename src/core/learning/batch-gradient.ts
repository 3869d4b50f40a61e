/** The gradient of a minibatch: its parts one after the other, or shared among threads; the same bits either way. */
import type { Dataset } from '../data/dataset.ts';
import type { Kernels } from '../math/kernels/kernels.ts';
import { type GradientWorkers, sharedVector, type WorkerReply } from './gradient-workers.ts';
import type { NetworkPlan, NetworkSettings } from './network.ts';
import { type GradientRule, type Minibatch, PartLearner } from './part-learner.ts';
import type { Turns } from './turns.ts';

/** What a round of training holds while it lasts. */
export interface BatchPlace extends GradientRule {
  readonly kernels: Kernels;
  readonly plan: NetworkPlan;
  /** Byte offset of the gradient of a part; that of the plan where no minibatch has two parts. */
  readonly partGradient: number;
  /** Private: byte offset of the float64 values that more than `mostFloatParts` are added in; parts have a gradient of their own then. */
  readonly sums: number;
  readonly network: NetworkSettings;
  /** In shared memory where there are workers. */
  readonly data: Dataset;
  /** Rows of the longest minibatch. */
  readonly batchSize: number;
}

export interface BatchGradient {
  /**
   * Writes the gradient of the minibatch's mean loss into the plan's gradient, or the private sum of a batch that may be empty; returns the
   * mean loss.
   */
  compute(batch: Minibatch): Promise<number>;
  close(): Promise<void>;
}

/** Parts in order on this thread. */
export function serialGradient(place: BatchPlace, turns: Turns): BatchGradient {
  const learner = new PartLearner(place.kernels, place.plan, place.data, place);
  const { plan } = place;
  return {
    async compute(batch) {
      const { length } = batch.rows;
      begin(place, length);
      let loss = 0;
      for (let first = 0; first < length; first += plan.rows) {
        loss += learnPart(place, learner, batch, first) / length;
        addPart(place, length);
        if (turns.due(workOf(place, length - first))) await turns.pause();
      }
      finish(place, length);
      return loss;
    },
    close: async () => undefined,
  };
}

let rounds = 0;

/** Gradients that wait to be added, for each thread: more of them make a minibatch of many parts take memory and no less time. */
const slotsPerThread = 4;

/** Parts dealt in turn to this thread and the workers, so many at a time, and added in order. */
export async function sharedGradient(
  place: BatchPlace,
  turns: Turns,
  workers: GradientWorkers,
): Promise<BatchGradient> {
  const { plan, kernels } = place;
  const learner = new PartLearner(kernels, plan, place.data, place);
  const threads = workers.count + 1;
  const most = Math.min(Math.ceil(place.batchSize / plan.rows), slotsPerThread * threads);
  const parameters = sharedVector(plan.count);
  const gradients = sharedVector(most * plan.count);
  const round = ++rounds;
  const { network, data, clip, maskKey, unitNorm } = place;
  const assignment = { network, data, rows: plan.rows, clip, maskKey, unitNorm, parameters, gradients };
  const everyone = Array.from({ length: workers.count }, (_, worker) => worker);
  const close = async () => {
    await Promise.all(everyone.map(worker => workers.ask(worker, { kind: 'close', round })));
  };
  const opened = await Promise.allSettled(
    everyone.map(worker => workers.ask(worker, { kind: 'open', round, assignment })),
  );
  const failed = opened.find(result => result.status === 'rejected');
  if (failed !== undefined) {
    // What others opened would be held as long as they live. Those that cannot close have nothing open.
    await close().catch(() => undefined);
    throw failed.reason;
  }
  return {
    async compute(batch) {
      const { length } = batch.rows;
      const parts = Math.ceil(length / plan.rows);
      parameters.set(vectorAt(place, plan.parameters));
      const losses = new Array<number>(parts);
      const rows = Uint32Array.from(batch.rows);
      const askWorker = async (worker: number, begin: number, filled: number): Promise<void> => {
        const slots = partsOf(worker + 1, threads, filled);
        if (slots.length === 0) return;
        const firsts = slots.map(slot => (begin + slot) * plan.rows);
        const reply: WorkerReply = await workers.ask(worker, {
          kind: 'learn',
          round,
          batch: { ...batch, rows },
          firsts,
          slots,
        });
        slots.forEach((slot, i) => {
          losses[begin + slot] = reply[i];
        });
      };
      const learnOwn = async (begin: number, filled: number): Promise<void> => {
        for (const slot of partsOf(0, threads, filled)) {
          const first = (begin + slot) * plan.rows;
          losses[begin + slot] = learnPart(place, learner, batch, first);
          gradients.set(vectorAt(place, place.partGradient), slot * plan.count);
          if (turns.due(workOf(place, length - first))) await turns.pause();
        }
      };
      begin(place, length);
      for (let done = 0; done < parts; done += most) {
        const filled = Math.min(most, parts - done);
        await all([...everyone.map(worker => askWorker(worker, done, filled)), learnOwn(done, filled)]);
        for (let slot = 0; slot < filled; slot++) {
          vectorAt(place, place.partGradient).set(gradients.subarray(slot * plan.count, (slot + 1) * plan.count));
          addPart(place, length);
        }
      }
      finish(place, length);
      return losses.reduce((sum, loss) => sum + loss / length, 0);
    },
    close,
  };
}

/** Waits for every one, also when another has failed: nobody may be left at work in memory that is given back then. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.find(result => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function learnPart(place: BatchPlace, learner: PartLearner, batch: Minibatch, first: number): number {
  if (place.partGradient !== place.plan.gradient) vectorAt(place, place.partGradient).fill(0);
  return learner.learn(batch, first, place.partGradient);
}

/** Parts of a private batch up to so many are added in float32; beyond, its rounding would show, and they are added in float64. */
const mostFloatParts = 8;

function isWide({ plan, unitNorm }: BatchPlace, rows: number): boolean {
  return unitNorm !== null && rows > mostFloatParts * plan.rows;
}

function begin(place: BatchPlace, rows: number): void {
  const { kernels, plan, sums } = place;
  if (isWide(place, rows)) new Float64Array(kernels.buffer, sums, plan.count).fill(0);
  else vectorAt(place, plan.gradient).fill(0);
}

function addPart(place: BatchPlace, rows: number): void {
  const { kernels, plan, partGradient, sums } = place;
  if (isWide(place, rows)) kernels.addWeighted(partGradient, sums, plan.count, 1);
  else if (partGradient !== plan.gradient) kernels.addScaled(partGradient, plan.gradient, plan.count, 1);
}

function finish(place: BatchPlace, rows: number): void {
  const { kernels, plan, sums } = place;
  if (isWide(place, rows)) kernels.divideToFloat(sums, plan.gradient, plan.count, 1);
}

function vectorAt({ kernels, plan }: BatchPlace, offset: number): Float32Array {
  return new Float32Array(kernels.buffer, offset, plan.count);
}

function workOf({ plan }: BatchPlace, rowsLeft: number): number {
  return 3 * Math.min(plan.rows, rowsLeft) * plan.work;
}

function partsOf(thread: number, threads: number, parts: number): number[] {
  return Array.from({ length: Math.max(0, Math.ceil((parts - thread) / threads)) }, (_, i) => thread + i * threads);
}
