import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { taskParameters } from '../../src/core/learning/model.ts';
import { parseTask } from '../../src/core/protocol/task.ts';
import { loadSiteFrom } from '../../src/node/data/site-files.ts';

const { PARLEY_DATA_DIR } = process.env;
const skip = PARLEY_DATA_DIR === undefined ? 'needs PARLEY_DATA_DIR' : false;

function digitTask(model: object, training: object, rounds: number) {
  return parseTask({
    parley: 1,
    name: 'mnist',
    seed: 1,
    data: {
      format: 'images',
      height: 28,
      width: 28,
      target: { type: 'classes', classes: [...'0123456789'] },
      split: { type: 'files' },
    },
    model,
    training,
    rounds,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
}

const cases = [
  {
    name: 'softmax regression',
    model: { name: 'logistic' },
    training: {
      optimizer: { name: 'sgd', learningRate: 0.2 },
      batchSize: 64,
      amount: { unit: 'epochs', count: 8 },
    },
    rounds: 1,
    accuracy: 0.92,
  },
  {
    name: 'an MLP 784-128-10',
    model: { name: 'mlp', hidden: [128] },
    training: {
      optimizer: { name: 'momentum', learningRate: 0.1 },
      batchSize: 128,
      amount: { unit: 'epochs', count: 15 },
    },
    rounds: 1,
    accuracy: 0.98,
  },
  {
    name: 'a CNN of two convolutions',
    model: {
      name: 'cnn',
      convolutions: [
        { filters: 16, kernel: 5, stride: 2, padding: 2 },
        { filters: 32, kernel: 3, stride: 2, padding: 1 },
      ],
      hidden: [128],
      dropout: 0.25,
    },
    training: {
      optimizer: { name: 'adam', learningRate: 0.002 },
      schedule: { name: 'cosine', final: 0.02 },
      batchSize: 64,
      amount: { unit: 'epochs', count: 1 },
    },
    rounds: 8,
    accuracy: 0.989,
  },
];

test('MNIST, centralised', { skip }, async context => {
  const [{ model: first, training: how }] = cases;
  const data = await loadSiteFrom(digitTask(first, how, 1).data, join(PARLEY_DATA_DIR ?? '', 'mnist'));
  for (const { name, model, training, rounds, accuracy } of cases) {
    await context.test(`${name} reaches ${accuracy} on the test digits`, async () => {
      const task = digitTask(model, training, rounds);
      const trainer = createTrainer(task, data);
      const seed = new Uint8Array(32).fill(1);
      let parameters: Float32Array = taskParameters(task, seed);
      for (let round = 1; round <= rounds; round++) {
        parameters = (await trainer.train({ parameters, round, seed: seed.map(byte => byte + round) })).parameters;
      }
      const evaluation = await trainer.evaluate(parameters);
      assert.ok(evaluation.kind === 'classes');
      assert.equal(evaluation.examples, 10_000);
      assert.ok(evaluation.correct / 10_000 >= accuracy, `${evaluation.correct} of 10,000`);
    });
  }
});
