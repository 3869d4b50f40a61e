import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Dataset, SiteData } from '../../src/core/data/dataset.ts';
import { parseIdx } from '../../src/core/data/idx.ts';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { taskParameters } from '../../src/core/learning/model.ts';
import { parseTask } from '../../src/core/protocol/task.ts';
import { ofClasses } from '../core/learning/of-classes.ts';

const { PARLEY_DATA_DIR } = process.env;
const skip = PARLEY_DATA_DIR === undefined ? 'needs PARLEY_DATA_DIR' : false;
const width = 784;
const classes = 10;

function load(images: string, labels: string): Dataset {
  const read = (name: string) => parseIdx(gunzipSync(readFileSync(join(PARLEY_DATA_DIR ?? '', 'mnist', name))));
  const pixels = read(images);
  assert.deepEqual(pixels.shape.slice(1), [28, 28]);
  const features = new Float32Array(pixels.values.length);
  for (let i = 0; i < features.length; i++) features[i] = pixels.values[i] / 255;
  return {
    rows: pixels.shape[0],
    width,
    features,
    labelWidth: 1,
    labels: Float32Array.from(read(labels).values),
  };
}

function site(): SiteData {
  return {
    train: load('train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz'),
    test: load('t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'),
    featureNames: [],
    classes,
    scaler: null,
    droppedRows: 0,
  };
}

function digitTask(model: object, training: object) {
  return parseTask({
    parley: 1,
    name: 'mnist',
    seed: 1,
    data: {
      format: 'csv',
      header: false,
      onMissing: 'refuse',
      columns: [
        { name: 'digit', type: 'target' },
        ...Array.from({ length: width }, (_, i) => ({ name: `pixel ${i}`, type: 'number' })),
      ],
      target: { type: 'classes', classes: Array.from({ length: classes }, (_, i) => String(i)) },
      standardise: 'none',
      split: { type: 'stratified', trainFraction: 0.8, seed: 1 },
    },
    model,
    training,
    rounds: 1,
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
    accuracy: 0.978,
  },
];

test('MNIST, centralised', { skip }, async context => {
  const data = site();
  for (const { name, model, training, accuracy } of cases) {
    await context.test(`${name} reaches ${accuracy} on the test digits`, async () => {
      const task = digitTask(model, training);
      const trainer = createTrainer(task, data);
      const seed = new Uint8Array(32).fill(1);
      const parameters = taskParameters(task, seed);
      const trained = await trainer.train({ parameters, round: 1, seed });
      const { correct, examples } = ofClasses(await trainer.evaluate(trained.parameters));
      assert.equal(examples, 10_000);
      assert.ok(correct / examples >= accuracy, `${correct} of ${examples}`);
    });
  }
});
