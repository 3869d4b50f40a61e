/** Our own engine as a trainer: networks by name on the rows of one site. */
import type { Dataset, Features, SiteData } from '../data/dataset.ts';
import { valueCount } from '../data/rows.ts';
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, Layout } from '../math/kernels/kernels.ts';
import type { Task } from '../protocol/task.ts';
import { serialGradient, sharedGradient } from './batch-gradient.ts';
import { evaluateNetwork } from './evaluate-network.ts';
import { type GradientWorkers, shareDataset } from './gradient-workers.ts';
import { shuffledSteps } from './local-steps.ts';
import { stepCount } from './minibatches.ts';
import { taskNetwork } from './model.ts';
import { momentsTrainer } from './moments-trainer.ts';
import { type NetworkSettings, partRows, planNetwork } from './network.ts';
import { networkManifest } from './network-parameters.ts';
import { planNoise } from './noise.ts';
import { LocalOptimizer, planOptimizer } from './optimizer.ts';
import { privateSteps } from './private-steps.ts';
import { type CheckedPrivacy, checkPrivacy, type PrivateTraining } from './private-training.ts';
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
  /** Exactly for a task whose privacy is dp-sgd: without it such a task is not trained. */
  readonly privacy?: PrivateTraining | undefined;
}

/**
 * A trainer for one task on one site's data. Optimiser state starts anew each round (McMahan et al. 2017).
 * Memory of the kernels is held only while it trains or evaluates. Under dp-sgd neither throws for what rows hold: a failure would tell.
 * Throws RangeError when the data is not of the task's shape or holds a label that is no class, or a token that is none.
 */
export function createTrainer(task: Task, site: SiteData, options: TrainerOptions = {}): Trainer {
  if (task.model.name === 'moments') return momentsTrainer(task, site);
  const network = taskNetwork(task);
  checkData(site.train, network.shape);
  checkData(site.test, network.shape);
  const privacy = checkPrivacy(task, site.train, options.privacy);
  // The workers see this memory; without them the rows stay where they are.
  const rows = options.workers === undefined || options.workers.count === 0 ? site.train : shareDataset(site.train);
  return {
    manifest: networkManifest(network.layers),
    train(request) {
      const own = request.model === undefined ? network : taskNetwork({ ...task, model: request.model });
      return train({ task, network: own, data: rows, privacy, options }, request);
    },
    evaluate: parameters =>
      evaluateNetwork(network, parameters, site.test, task.evaluation.pooledAucBins, {
        ...options,
        notFinite: privacy === null ? 'throws' : 'zero',
      }),
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

interface Training {
  readonly task: Task;
  readonly network: NetworkSettings;
  readonly data: Dataset;
  readonly privacy: CheckedPrivacy | null;
  readonly options: TrainerOptions;
}

async function train(
  { task, network, data, privacy, options }: Training,
  { parameters, round, seed, noiseMultiplier, signal }: TrainRequest,
): Promise<TrainResult> {
  const { optimizer, schedule, proximal, batchSize } = task.training;
  const isPrivate = privacy !== null;
  if (data.rows === 0 && !isPrivate) throw new RangeError('trainer: there are no training rows');
  const source = options.kernels ?? bestKernels();
  const layout = new Layout();
  const most = isPrivate ? privacy.plan.mostRows : Math.min(batchSize, data.rows);
  const purpose = isPrivate ? 'private-training' : 'training';
  const plan = planNetwork(layout, network, Math.min(most, partRows(network.layers)), purpose);
  // The gradient of a part, where a minibatch has several: each begins at 0, so that whoever computes it gives the same bits.
  const hasParts = isPrivate || most > plan.rows;
  const partGradient = hasParts ? layout.float32(plan.count) : plan.gradient;
  const sums = isPrivate ? layout.float64(plan.count) : 0;
  const scratch = isPrivate ? planNoise(layout) : 0;
  const optimizerPlan = planOptimizer(layout, optimizer, proximal, plan.count);
  if (parameters.length !== plan.count) {
    throw new RangeError(`trainer: ${parameters.length} parameters, the model has ${plan.count}`);
  }
  const steps = stepCount(task.training, data.rows);
  const rateFactor = learningRateFactor(schedule, round, task.rounds);
  const turns = new Turns(source.name, { yieldNow: options.yieldNow, signal });
  const kernels = source.acquire(layout.bytes);
  try {
    const vector = (offset: number) => new Float32Array(kernels.buffer, offset, plan.count);
    vector(plan.parameters).set(parameters);
    const local = new LocalOptimizer(kernels, plan, optimizerPlan);
    const { batches } = options;
    const replayed = batches && ((step: number) => batches(round, step));
    const drawn = isPrivate
      ? privateSteps(privacy, { round, noiseMultiplier }, data.rows, { kernels, plan, scratch })
      : shuffledSteps(task.training, seed, data.rows, { kernels, plan }, replayed);
    const place = { kernels, plan, partGradient, sums, network, data, batchSize: most, ...drawn.rule };
    const isShared = options.workers !== undefined && options.workers.count > 0 && hasParts;
    const gradient = isShared ? await sharedGradient(place, turns, options.workers) : serialGradient(place, turns);
    let loss = 0;
    try {
      for (let step = 1; step <= steps; step++) {
        const batch = drawn.batch(step);
        loss += await gradient.compute(batch);
        drawn.finish(batch);
        local.step(rateFactor);
      }
    } finally {
      await gradient.close();
    }
    const result = { parameters: vector(plan.parameters).slice(), steps };
    return isPrivate ? { ...result, examples: 1, loss: null } : { ...result, examples: data.rows, loss: loss / steps };
  } finally {
    source.release(kernels);
  }
}
