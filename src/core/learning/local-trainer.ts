/** Our own engine as a trainer: dense networks on the rows of one site. */
import type { Dataset, SiteData } from '../data/dataset.ts';
import { classCount, featureNames } from '../data/schema.ts';
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, type Kernels, Layout } from '../math/kernels/kernels.ts';
import { RandomStream } from '../math/random.ts';
import type { Task } from '../protocol/task.ts';
import { evaluateLogits } from './evaluate.ts';
import { minibatches, stepCount } from './minibatches.ts';
import { modelManifest } from './model.ts';
import { backward, forward, type NetworkPlan, planNetwork } from './network.ts';
import { LocalOptimizer, planOptimizer } from './optimizer.ts';
import { predictLogits } from './predict.ts';
import type { Trainer, TrainRequest, TrainResult } from './trainer.ts';
import { type TurnOptions, Turns } from './turns.ts';

/** Rows of one pass; a larger minibatch goes through in parts, with the same bits. */
const passRows = 256;

export interface TrainerOptions extends Pick<TurnOptions, 'yieldNow'> {
  /** Default: the fastest of this platform. All give the same bits. */
  readonly kernels?: KernelSource;
  /** Row numbers of the minibatch of a step (both count from 1), to replay a published run. Default: shuffled by the request's seed. */
  readonly batches?: (round: number, step: number) => ArrayLike<number>;
}

/**
 * A trainer for one task on one site's data. Optimiser state starts anew each round (McMahan et al. 2017).
 * Memory of the kernels is held only while it trains or evaluates.
 * Throws RangeError when the data is not of the task's width or holds a label that is no class.
 */
export function createTrainer(task: Task, site: SiteData, options: TrainerOptions = {}): Trainer {
  const inputWidth = featureNames(task.data).length;
  const classes = classCount(task.data);
  checkData(site.train, inputWidth, classes);
  checkData(site.test, inputWidth, classes);
  return {
    manifest: modelManifest(task.model, inputWidth, classes),
    train: request => train(task, site.train, classes, options, request),
    async evaluate(parameters) {
      const logits = await predictLogits(task.model, classes, parameters, site.test, options);
      return evaluateLogits(logits, site.test.labels, classes, task.evaluation.pooledAucBins);
    },
  };
}

function checkData({ rows, width, features, labels }: Dataset, inputWidth: number, classes: number): void {
  if (width !== inputWidth) throw new RangeError(`trainer: rows of ${width} features, the task has ${inputWidth}`);
  if (features.length !== rows * width || labels.length !== rows) {
    throw new RangeError(`trainer: ${features.length} features and ${labels.length} labels for ${rows} rows`);
  }
  const stray = labels.find(label => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (stray !== undefined) throw new RangeError(`trainer: the label ${stray} is none of ${classes} classes`);
}

async function train(
  task: Task,
  data: Dataset,
  classes: number,
  options: TrainerOptions,
  { parameters, round, seed, signal }: TrainRequest,
): Promise<TrainResult> {
  const { optimizer, proximal, batchSize } = task.training;
  if (data.rows === 0) throw new RangeError('trainer: there are no training rows');
  const source = options.kernels ?? bestKernels();
  const layout = new Layout();
  const rows = Math.min(batchSize, data.rows, passRows);
  const plan = planNetwork(layout, { model: task.model, inputWidth: data.width, classes }, rows, 'training');
  const optimizerPlan = planOptimizer(layout, optimizer, proximal, plan.count);
  if (parameters.length !== plan.count) {
    throw new RangeError(`trainer: ${parameters.length} parameters, the model has ${plan.count}`);
  }
  const steps = stepCount(task.training, data.rows);
  const turns = new Turns(source.name, { yieldNow: options.yieldNow, signal });
  const shuffled = minibatches(data.rows, batchSize, new RandomStream(seed));
  const kernels = source.acquire(layout.bytes);
  try {
    const memory = new Float32Array(kernels.buffer);
    const weights = memory.subarray(plan.parameters / 4, plan.parameters / 4 + plan.count);
    const gradient = memory.subarray(plan.gradient / 4, plan.gradient / 4 + plan.count);
    weights.set(parameters);
    const local = new LocalOptimizer(kernels, plan, optimizerPlan);
    let loss = 0;
    for (let step = 1; step <= steps; step++) {
      const batch = options.batches?.(round, step) ?? shuffled.next().value;
      if (batch.length < 1 || batch.length > batchSize)
        throw new RangeError(`trainer: a batch of ${batch.length} rows`);
      gradient.fill(0);
      for (let from = 0; from < batch.length; from += passRows) {
        const count = Math.min(passRows, batch.length - from);
        gather(data, batch, from, count, memory, plan);
        loss += learn(kernels, plan, count, batch.length) / batch.length;
        if (turns.due(3 * count * plan.count)) await turns.pause();
      }
      local.step();
    }
    return { parameters: weights.slice(), examples: data.rows, steps, loss: loss / steps };
  } finally {
    source.release(kernels);
  }
}

/** Copies rows of the minibatch into kernel memory. */
function gather(
  { width, features, labels }: Dataset,
  batch: ArrayLike<number>,
  from: number,
  count: number,
  memory: Float32Array,
  plan: NetworkPlan,
): void {
  for (let i = 0; i < count; i++) {
    const row = batch[from + i];
    if (!(row >= 0 && row < labels.length)) throw new RangeError(`trainer: there is no row ${row}`);
    memory.set(features.subarray(row * width, (row + 1) * width), plan.input / 4 + i * width);
    memory[plan.labels / 4 + i] = labels[row];
  }
}

function learn(kernels: Kernels, plan: NetworkPlan, rows: number, batch: number): number {
  forward(kernels, plan, rows);
  return backward(kernels, plan, rows, batch);
}
