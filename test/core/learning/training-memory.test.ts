import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset } from '../../../src/core/data/dataset.ts';
import { createTrainer } from '../../../src/core/learning/local-trainer.ts';
import { taskNetwork } from '../../../src/core/learning/model.ts';
import { trainingBytes } from '../../../src/core/learning/training-memory.ts';
import type { KernelSource } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { parseTask } from '../../../src/core/protocol/task.ts';

const rows = 100;
const data: Dataset = {
  rows,
  width: 144,
  features: new Float32Array(rows * 144),
  labelWidth: 1,
  labels: new Float32Array(rows),
};
const site = { train: data, test: data, featureNames: [], classes: 3, scaler: null, droppedRows: 0 };

test('the memory a task is said to take is what the trainer asks for', async () => {
  const cnn = { name: 'cnn', convolutions: [{ filters: 8, kernel: 3, pool: { kind: 'max', size: 2 } }], norm: 'group' };
  const sgd = { name: 'sgd', learningRate: 0.1 };
  const adam = { name: 'adam', learningRate: 0.1, weightDecay: 0.1 };
  for (const [model, optimizer, batchSize] of [
    [{ name: 'logistic' }, sgd, 1],
    [{ name: 'mlp', hidden: [20], norm: 'layer', dropout: 0.5 }, adam, 100],
    [cnn, sgd, 10],
    [cnn, adam, 50],
  ] as const) {
    const task = parseTask({
      parley: 1,
      name: 'memory',
      seed: 1,
      data: {
        format: 'images',
        height: 12,
        width: 12,
        target: { type: 'classes', classes: ['a', 'b', 'c'] },
        split: { type: 'files' },
      },
      model,
      training: { optimizer, batchSize, amount: { unit: 'steps', count: 1 }, clip: { norm: 1, per: 'example' } },
      rounds: 1,
      cohort: { minimum: 1 },
      server: { optimizer: 'fedavg' },
      aggregation: { rule: 'mean' },
      protection: 'inspect',
      privacy: 'none',
    });
    const asked: number[] = [];
    const kernels: KernelSource = {
      ...twinKernels,
      acquire(bytes) {
        asked.push(bytes);
        return twinKernels.acquire(bytes);
      },
    };
    const trainer = createTrainer(task, site, { kernels });
    const count = trainer.manifest.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    await trainer.train({ parameters: new Float32Array(count), round: 1, seed: new Uint8Array(32) });
    assert.deepEqual(asked, [trainingBytes(taskNetwork(task), task.training)], JSON.stringify([model, optimizer]));
  }
});
