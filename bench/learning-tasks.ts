/** The trainings that suite `learning` measures, with generated rows. */
import type { SiteData } from '../src/core/data/dataset.ts';
import { layerKind } from '../src/core/learning/layers/table.ts';
import { taskNetwork } from '../src/core/learning/model.ts';
import { RandomStream } from '../src/core/math/random.ts';
import { parseTask, type Task } from '../src/core/protocol/task.ts';

export interface Workload {
  readonly name: string;
  readonly batchSize: number;
  readonly rows: number;
  /** Steps of one timed round. */
  readonly steps: number;
  readonly data: object;
  readonly model: object;
}

const digits = Array.from({ length: 10 }, (_, i) => String(i));
const split = { type: 'stratified', trainFraction: 0.5, seed: 1 };
const classes = { type: 'classes', classes: digits };

function table(width: number, target: object, sequence: object | null): object {
  const columns = Array.from({ length: width }, (_, i) => ({ name: `x${i}`, type: 'number' }));
  return {
    format: 'csv',
    header: true,
    onMissing: 'refuse',
    columns: [...columns, { name: 'y', type: 'target' }],
    target,
    standardise: 'none',
    sequence,
    split,
  };
}

/** MLP 784-128-10, batches of 64. */
export const mlp: Workload = {
  name: 'mlp',
  batchSize: 64,
  rows: 1024,
  steps: 300,
  data: table(784, classes, null),
  model: { name: 'mlp', hidden: [128] },
};

/** LSTM with 64 hidden values over 24 steps of 5 features, one number out, batches of 32. */
export const lstm: Workload = {
  name: 'lstm',
  batchSize: 32,
  rows: 2048,
  steps: 100,
  data: table(120, { type: 'number' }, { steps: 24 }),
  model: { name: 'lstm', hidden: 64 },
};

/** The same with a GRU. */
export const gru: Workload = { ...lstm, name: 'gru', model: { name: 'gru', hidden: 64 } };

/** 28 × 28 digits, 5 × 5 convolution by 2 to 16, 3 × 3 by 2 to 32, dense to 10, batches of 64. */
export const cnn: Workload = {
  name: 'cnn',
  batchSize: 64,
  rows: 2048,
  steps: 80,
  data: { format: 'images', channels: 1, height: 28, width: 28, target: classes, split },
  model: {
    name: 'cnn',
    convolutions: [
      { filters: 16, kernel: 5, stride: 2 },
      { filters: 32, kernel: 3, stride: 2 },
    ],
  },
};

/** SGD on a workload; `clip` clips every example's gradient. */
export function workloadTask(workload: Workload, clip: boolean): Task {
  return parseTask(taskFile(workload, clip ? { norm: 1, per: 'example' } : null, 'none'));
}

/** The same with Poisson batches of the same expected size from the workload's rows, clipping and noise. */
export function privateWorkloadTask(workload: Workload): Task {
  const { batchSize, rows } = workload;
  const privacy = {
    mechanism: 'dp-sgd',
    unit: 'record',
    relation: 'add-remove',
    noiseAt: 'client',
    clipNorm: 1,
    sampling: { poisson: batchSize / rows },
    noiseMultiplier: 1,
    delta: 1e-5,
    budget: { epsilon: 1000 },
  };
  const data = { ...workload.data, split: { ...split, type: 'hash' } };
  return parseTask(taskFile({ ...workload, data }, null, privacy));
}

function taskFile(
  { name, data, model, batchSize, steps }: Workload,
  clip: object | null,
  privacy: object | 'none',
): object {
  return {
    parley: 1,
    name,
    seed: 1,
    data,
    model,
    training: {
      optimizer: { name: 'sgd', learningRate: 0.01 },
      batchSize,
      amount: { unit: 'steps', count: steps },
      clip,
    },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean', weightBy: 'uniform' },
    protection: 'inspect',
    privacy,
  };
}

/** Pixels from 0 to 1, as image sites hold them. */
const pixelValues = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Rows drawn from a seed, for a workload's task. */
export function workloadSite({ rows }: Workload, task: Task, seed: Uint8Array): SiteData {
  const stream = new RandomStream(seed);
  const { shape } = taskNetwork(task);
  const isNumbers = shape.output.kind === 'numbers';
  const width = shape.input.kind === 'image' ? 784 : task.data.format === 'csv' ? task.data.columns.length - 1 : 0;
  const count = rows * width;
  const features =
    shape.input.kind === 'image'
      ? { bytes: Uint8Array.from({ length: count }, () => stream.below(256)), values: pixelValues }
      : Float32Array.from({ length: count }, () => stream.float32() - 0.5);
  const train = {
    rows,
    width,
    features,
    labelWidth: 1,
    labels: Float32Array.from({ length: rows }, () => (isNumbers ? stream.normal() : stream.below(10))),
  };
  return { train, test: train, featureNames: [], classes: isNumbers ? 0 : 10, scaler: null, droppedRows: 0 };
}

/** Multiply–adds of one step of SGD: forward, gradient of parameters, and gradient of inputs but for the first layer. */
export function stepWork(task: Task): number {
  const { layers } = taskNetwork(task);
  const work = layers.map(layer => layerKind(layer).work(layer));
  const total = work.reduce((sum, w) => sum + w, 0);
  return task.training.batchSize * (3 * total - work[0]);
}
