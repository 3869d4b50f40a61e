/** Our own engine as a trainer: networks by name on the rows of one site. */
import type { Dataset, Features, SiteData } from '../data/dataset.ts';
import { valueCount } from '../data/rows.ts';
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, type Kernels, Layout } from '../math/kernels/kernels.ts';
import { RandomStream } from '../math/random.ts';
import type { Task } from '../protocol/task.ts';
import { serialGradient, sharedGradient } from './batch-gradient.ts';
import { evaluateNetwork } from './evaluate-network.ts';
import { type GradientWorkers, shareDataset } from './gradient-workers.ts';
import { minibatches, stepCount } from './minibatches.ts';
import { taskNetwork } from './model.ts';
import { momentsTrainer } from './moments-trainer.ts';
import { type NetworkPlan, type NetworkSettings, partRows, planNetwork } from './network.ts';
import { networkManifest } from './network-parameters.ts';
import { addGaussianNoise, type NoisePlace, planNoise } from './noise.ts';
import { LocalOptimizer, planOptimizer } from './optimizer.ts';
import type { Minibatch } from './part-learner.ts';
import { learningRateFactor } from './schedule.ts';
import { type DataShape, inputWidth, labelWidth } from './shape.ts';
import type { Trainer, TrainRequest, TrainResult } from './trainer.ts';
import { type TurnOptions, Turns } from './turns.ts';

export interface TrainerOptions extends Pick<TurnOptions, 'yieldNow'> {
  /** Threads that take parts of large minibatches. The result is the same bytes for any number of them. */
  readonly workers?: GradientWorkers;
  /** Default: the fastest of this platform. All give the same bits. */
  readonly kernels?: KernelSource;
  /** Row numbers of the minibatch of a step (both count from 1), to replay a published run. Default: shuffled by the request's seed. */
  readonly batches?: (round: number, step: number) => ArrayLike<number>;
  /** Noise on the gradient of every minibatch; only with `training.clip` per example. */
  readonly noise?: GradientNoise;
}

/**
 * Gaussian noise with the standard deviation multiplier × clip norm on the sum of the clipped gradients (Abadi et al. 2016). The
 * arithmetic of DP-SGD, not yet a guarantee: minibatches are shuffled, not sampled, nothing accounts for them, and float
 * noise shows in its last bits (Mironov 2012).
 */
export interface GradientNoise extends Pick<NoisePlace, 'randomBytes'> {
  readonly multiplier: number;
}

/**
 * A trainer for one task on one site's data. Optimiser state starts anew each round (McMahan et al. 2017).
 * Memory of the kernels is held only while it trains or evaluates.
 * Throws RangeError when the data is not of the task's shape or holds a label that is no class, or a token that is none.
 */
export function createTrainer(task: Task, site: SiteData, options: TrainerOptions = {}): Trainer {
  if (task.model.name === 'moments') return momentsTrainer(task, site);
  const network = taskNetwork(task);
  checkData(site.train, network.shape);
  checkData(site.test, network.shape);
  // The workers see this memory; without them the rows stay where they are.
  const rows = options.workers === undefined || options.workers.count === 0 ? site.train : shareDataset(site.train);
  return {
    manifest: networkManifest(network.layers),
    train: request => train(task, network, rows, options, request),
    evaluate: parameters => evaluateNetwork(network, parameters, site.test, task.evaluation.pooledAucBins, options),
  };
}

function checkData({ rows, width, features, labels }: Dataset, { input, output }: DataShape): void {
  if (width !== inputWidth(input)) {
    throw new RangeError(`trainer: rows of ${width} features, the task has ${inputWidth(input)}`);
  }
  if (valueCount(features) !== rows * width || labels.length !== rows * labelWidth(output)) {
    throw new RangeError(`trainer: ${valueCount(features)} features and ${labels.length} labels for ${rows} rows`);
  }
  // The kernels check nothing: a token is a place in the memory of a table.
  if (input.kind === 'tokens') checkTokens(features, input.vocabulary);
  if (output.kind === 'numbers') return;
  const { classes } = output;
  const stray = labels.find(label => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (stray !== undefined) throw new RangeError(`trainer: the label ${stray} is none of ${classes} classes`);
}

function checkTokens(features: Features, vocabulary: number): void {
  for (let i = 0; i < valueCount(features); i++) {
    const token = features instanceof Float32Array ? features[i] : features.values[features.bytes[i]];
    if (!(Number.isInteger(token) && token >= 0 && token < vocabulary)) {
      throw new RangeError(`trainer: the token ${token} is none of ${vocabulary}`);
    }
  }
}

async function train(
  task: Task,
  network: NetworkSettings,
  data: Dataset,
  options: TrainerOptions,
  { parameters, round, seed, signal }: TrainRequest,
): Promise<TrainResult> {
  const { optimizer, schedule, proximal, batchSize, clip } = task.training;
  if (data.rows === 0) throw new RangeError('trainer: there are no training rows');
  const source = options.kernels ?? bestKernels();
  const layout = new Layout();
  const most = Math.min(batchSize, data.rows);
  const plan = planNetwork(layout, network, Math.min(most, partRows(network.layers)), 'training');
  // The gradient of a part, where a minibatch has several: each begins at 0, so that whoever computes it gives the same bits.
  const partGradient = most > plan.rows ? layout.float32(plan.count) : plan.gradient;
  const noise = planNoiseOf(layout, options.noise, task.training);
  const optimizerPlan = planOptimizer(layout, optimizer, proximal, plan.count);
  if (parameters.length !== plan.count) {
    throw new RangeError(`trainer: ${parameters.length} parameters, the model has ${plan.count}`);
  }
  const steps = stepCount(task.training, data.rows);
  const rateFactor = learningRateFactor(schedule, round, task.rounds);
  const turns = new Turns(source.name, { yieldNow: options.yieldNow, signal });
  const stream = new RandomStream(seed);
  const shuffled = minibatches(data.rows, batchSize, stream);
  const masks = stream.split('dropout');
  const maskKey: [number, number] = [masks.uint32(), masks.uint32()];
  const kernels = source.acquire(layout.bytes);
  const place = { kernels, plan, partGradient, network, data, clip, maskKey, batchSize: most };
  try {
    const vector = (offset: number) => new Float32Array(kernels.buffer, offset, plan.count);
    vector(plan.parameters).set(parameters);
    const local = new LocalOptimizer(kernels, plan, optimizerPlan);
    const isShared = options.workers !== undefined && options.workers.count > 0 && partGradient !== plan.gradient;
    const gradient = isShared ? await sharedGradient(place, turns, options.workers) : serialGradient(place, turns);
    let loss = 0;
    try {
      for (let step = 1; step <= steps; step++) {
        const batch: Minibatch = { rows: options.batches?.(round, step) ?? shuffled.next().value, step };
        const { length } = batch.rows;
        if (length < 1 || length > batchSize) throw new RangeError(`trainer: a batch of ${length} rows`);
        loss += await gradient.compute(batch);
        if (clip?.per === 'batch') clipGradient(kernels, plan, clip.norm);
        noise?.(kernels, plan, length);
        local.step(rateFactor);
      }
    } finally {
      await gradient.close();
    }
    return { parameters: vector(plan.parameters).slice(), examples: data.rows, steps, loss: loss / steps };
  } finally {
    source.release(kernels);
  }
}

/** Lays out the noise and returns what adds it to the gradient of a minibatch, which is a mean over so many rows. */
function planNoiseOf(
  layout: Layout,
  noise: GradientNoise | undefined,
  { clip }: Task['training'],
): ((kernels: Kernels, plan: NetworkPlan, rows: number) => void) | null {
  if (noise === undefined) return null;
  if (clip?.per !== 'example') throw new RangeError('trainer: noise needs gradients that are clipped per example');
  const scratch = planNoise(layout);
  const { multiplier, randomBytes } = noise;
  const deviation = multiplier * clip.norm;
  return (kernels, { gradient, count }, rows) =>
    addGaussianNoise({ kernels, scratch, randomBytes }, gradient, count, deviation / rows);
}

/**
 * Scales the gradient of the minibatch to the norm where it is longer (Pascanu et al. 2013). One that is not finite stays so, and with
 * it the parameters: it is never clipped into shape.
 */
function clipGradient(kernels: Kernels, plan: NetworkPlan, clipNorm: number): void {
  const norm = Math.sqrt(kernels.sumOfSquares(plan.gradient, plan.count));
  if (!(norm > clipNorm && norm < Infinity)) return;
  new Float32Array(kernels.buffer, plan.weights, 1)[0] = clipNorm / norm;
  kernels.scaleRows(plan.gradient, 1, plan.count, plan.weights);
}
