/** Suite `learning`: local training, scanning and averaging, with the SIMD kernels and with their TypeScript twin. */
import { scanUpdate, WeightedSum } from '../src/core/aggregation/weighted-mean.ts';
import type { Dataset } from '../src/core/data/dataset.ts';
import { createTrainer } from '../src/core/learning/local-trainer.ts';
import { taskParameters } from '../src/core/learning/model.ts';
import { bestKernels } from '../src/core/math/kernels/best.ts';
import type { KernelSource } from '../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../src/core/math/kernels/twin.ts';
import { RandomStream } from '../src/core/math/random.ts';
import { parseTask } from '../src/core/protocol/task.ts';
import { type BenchResult, measure } from './harness.ts';

const width = 784;
const classes = 10;
const rows = 2_048;
const updateLength = 1_000_000;
const updates = 100;
/** So many different updates, taken in turn: more than the caches hold. */
const distinctUpdates = 12;
const seed = new Uint8Array(32).fill(7);

/**
 * `mlp.sgd`: steps of SGD on an MLP 784-128-10 with batches of 64, gathering of the batch included, one thread;
 * `mlp.sgd.twin` the same without WebAssembly. `update.scan`: finiteness and norm of 1,000,000 values.
 * `update.mean.100x1m`: weighted mean of 100 such updates.
 */
export async function learning(): Promise<BenchResult[]> {
  const stream = new RandomStream(seed);
  const received = Array.from({ length: distinctUpdates }, () => randomValues(stream, updateLength));
  return [
    await measure('mlp.sgd', 'steps/s', trainingRate(bestKernels(), 300), { runs: 7 }),
    await measure('mlp.sgd.twin', 'steps/s', trainingRate(twinKernels, 10), { runs: 3 }),
    await measure('update.scan', 'ms', () => scanTime(received), { runs: 15 }),
    await measure('update.mean.100x1m', 'ms', () => meanTime(received), { runs: 5 }),
  ];
}

/** A run: one untimed round, then one timed round of so many steps. */
function trainingRate(kernels: KernelSource, steps: number): () => Promise<number> {
  const stream = new RandomStream(seed);
  const train: Dataset = {
    rows,
    width,
    features: randomValues(stream, rows * width),
    labelWidth: 1,
    labels: Float32Array.from({ length: rows }, () => stream.below(classes)),
  };
  const site = { train, test: train: [], classes, scaler: null, droppedRows: 0 };
  const task = mlpTask(steps);
  const trainer = createTrainer(task, site, { kernels });
  const parameters = taskParameters(task, seed);
  const round = () => trainer.train({ parameters, round: 1, seed });
  return async () => {
    await round();
    const start = performance.now();
    await round();
    return (1000 * steps) / (performance.now() - start);
  };
}

function mlpTask(steps: number) {
  return parseTask({
    parley: 1,
    name: 'bench',
    seed: 1,
    data: {
      format: 'csv',
      header: true,
      onMissing: 'refuse',
      columns: [
        ...Array.from({ length: width }, (_, i) => ({ name: `pixel ${i}`, type: 'number' })),
        { name: 'digit', type: 'target' },
      ],
      target: { type: 'classes', classes: Array.from({ length: classes }, (_, i) => String(i)) },
      standardise: 'none',
      split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    },
    model: { name: 'mlp', hidden: [128] },
    training: {
      optimizer: { name: 'sgd', learningRate: 0.01 },
      batchSize: 64,
      amount: { unit: 'steps', count: steps },
    },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
}

function randomValues(stream: RandomStream, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => stream.float32() - 0.5);
}

function scanTime(received: readonly Float32Array[]): number {
  const start = performance.now();
  for (const update of received) scanUpdate(update);
  return (performance.now() - start) / received.length;
}

function meanTime(received: readonly Float32Array[]): number {
  const start = performance.now();
  const sum = new WeightedSum(updateLength);
  for (let i = 0; i < updates; i++) sum.add(received[i % received.length], 0, i + 1);
  sum.mean((updates * (updates + 1)) / 2);
  return performance.now() - start;
}
