import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GradientWorkers, WorkerReply, WorkerRequest } from '../../../src/core/learning/gradient-workers.ts';
import { createTrainer } from '../../../src/core/learning/local-trainer.ts';
import { taskParameters } from '../../../src/core/learning/model.ts';
import { PartWorker } from '../../../src/core/learning/part-worker.ts';
import type { KernelSource, Kernels } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';

const rows = 200;
const data = { rows, width: 2, features: new Float32Array(2 * rows), labelWidth: 1, labels: new Float32Array(rows) };
const site = { train: data, test: data, featureNames: [], classes: 2, scaler: null, droppedRows: 0 };
const seed = new Uint8Array(32);
const of: Task = parseTask({
  parley: 1,
  name: 'test',
  seed: 1,
  data: {
    format: 'csv',
    header: true,
    onMissing: 'refuse',
    columns: [...['a', 'b'].map(name => ({ name, type: 'number' })), { name: 'y', type: 'target' }],
    target: { type: 'classes', classes: ['no', 'yes'] },
    standardise: 'none',
    split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
  },
  model: { name: 'logistic' },
  training: {
    optimizer: { name: 'sgd', learningRate: 0.1 },
    batchSize: rows,
    amount: { unit: 'steps', count: 1 },
  },
  rounds: 1,
  cohort: { minimum: 1 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean' },
  protection: 'inspect',
  privacy: 'none',
});

/** Counts the memories that are held. */
function counted(): KernelSource & { readonly held: Set<Kernels> } {
  const held = new Set<Kernels>();
  return {
    name: 'twin',
    held,
    acquire(bytes) {
      const kernels = twinKernels.acquire(bytes);
      held.add(kernels);
      return kernels;
    },
    release: kernels => void held.delete(kernels),
  };
}

/** Workers of this thread, one of which refuses what it is asked. */
function crewWith(source: KernelSource, refuses: (worker: number, request: WorkerRequest) => boolean): GradientWorkers {
  const workers = [0, 1, 2].map(() => new PartWorker(source));
  return {
    count: workers.length,
    async ask(worker, request): Promise<WorkerReply> {
      if (refuses(worker, request)) throw new Error(`worker ${worker} refuses to ${request.kind}`);
      return workers[worker].answer(request);
    },
  };
}

for (const kind of ['open', 'learn', 'close'] as const) {
  test(`where one worker fails to ${kind}, training fails, and no memory is held afterwards`, async () => {
    const own = counted();
    const theirs = counted();
    const workers = crewWith(theirs, (worker, request) => worker === 1 && request.kind === kind);
    const trainer = createTrainer(of, site, { workers, kernels: own });
    const request = { parameters: taskParameters(of, seed), round: 1, seed };
    await assert.rejects(trainer.train(request), new RegExp(`worker 1 refuses to ${kind}`));
    assert.equal(own.held.size, 0);
    // A worker that does not close ends with what it holds.
    assert.equal(theirs.held.size, kind === 'close' ? 1 : 0);
  });
}

test('the gradient of a minibatch is scaled to the bound where it is longer, and left as it is where it is not', async () => {
  // From 0, a step of SGD at rate 0.1 moves the bias alone: by the gradient ½, for all labels are 0.
  const moved = async (clip: Task['training']['clip']) => {
    const trainer = createTrainer({ ...of, training: { ...of.training, clip } }, site);
    const { parameters } = await trainer.train({ parameters: new Float32Array(3), round: 1, seed });
    return parameters[2] / -0.1;
  };
  for (const [norm, expected] of [
    [0.125, 0.125],
    [0.5, 0.5],
    [3, 0.5],
  ]) {
    for (const per of ['batch', 'example'] as const) {
      const length = await moved({ norm, per });
      assert.ok(Math.abs(length - expected) < 1e-6, `${length} by ${per}, expected ${expected}`);
    }
  }
  assert.ok(Math.abs((await moved(null)) - 0.5) < 1e-6);
});

test('what dropout drops is drawn from the seed', async () => {
  const model: Task['model'] = { name: 'mlp', hidden: [8], activation: 'relu', norm: 'none', dropout: 0.5 };
  const features = new Float32Array(2 * rows).fill(1);
  const train = { ...data, features };
  const inOrder = { batches: () => Array.from({ length: rows }, (_, row) => row) };
  const task: Task = { ...of, model };
  const parameters = taskParameters(task, seed);
  const trained = async (first: number) => {
    const trainer = createTrainer(task, { ...site, train }, inOrder);
    return (await trainer.train({ parameters, round: 1, seed: new Uint8Array(32).fill(first) })).parameters;
  };
  assert.deepEqual(await trained(1), await trained(1));
  assert.notDeepEqual(await trained(1), await trained(2));
});
