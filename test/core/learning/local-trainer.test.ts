import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Dataset, SiteData } from '../../../src/core/data/dataset.ts';
import { createTrainer, type TrainerOptions } from '../../../src/core/learning/local-trainer.ts';
import { taskNetwork, taskParameters } from '../../../src/core/learning/model.ts';
import { predictProbabilities } from '../../../src/core/learning/predict.ts';
import { createSimdKernels } from '../../../src/core/math/kernels/simd.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';
import { ofClasses } from './of-classes.ts';

const width = 3;
const seed = new Uint8Array(32).fill(9);

function dataset(rows: number, classes: number): Dataset {
  const stream = new RandomStream(seed);
  const features = Float32Array.from({ length: rows * width }, () => stream.normal());
  const labels = Float32Array.from({ length: rows }, (_, i) => {
    const score = features[i * width] - features[i * width + 1];
    return classes === 2 ? Number(score > 0) : Math.min(classes - 1, Math.max(0, Math.floor(score + classes / 2)));
  });
  return { rows, width, features, labelWidth: 1, labels };
}

function siteOf(train: Dataset, classes: number): SiteData {
  return { train, test: train, featureNames: ['a', 'b', 'c'], classes, scaler: null, droppedRows: 0 };
}

function task(changes: { classes?: number; model?: object; training?: object; evaluation?: object } = {}): Task {
  return parseTask({
    parley: 1,
    name: 'test',
    seed: 1,
    data: {
      format: 'csv',
      header: true,
      onMissing: 'refuse',
      columns: [...['a', 'b', 'c'].map(name => ({ name, type: 'number' })), { name: 'y', type: 'target' }],
      target: { type: 'classes', classes: Array.from({ length: changes.classes ?? 2 }, (_, i) => `class ${i}`) },
      standardise: 'none',
      split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    },
    model: changes.model ?? { name: 'logistic' },
    training: {
      optimizer: { name: 'sgd', learningRate: 0.1 },
      batchSize: 8,
      amount: { unit: 'epochs', count: 2 },
      ...changes.training,
    },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
    ...(changes.evaluation === undefined ? {} : { evaluation: changes.evaluation }),
  });
}

const start = (of: Task) => taskParameters(of, seed);

async function trainOnce(of: Task, site: SiteData, options: TrainerOptions = {}) {
  return createTrainer(of, site, options).train({ parameters: start(of), round: 1, seed });
}

const optimizers = [
  { name: 'sgd', learningRate: 0.1 },
  { name: 'momentum', learningRate: 0.05, weightDecay: 0.01 },
  { name: 'momentum', learningRate: 0.05, nesterov: true },
  { name: 'adam', learningRate: 0.01, weightDecay: 0.01 },
  { name: 'adamw', learningRate: 0.01 },
];

test('SIMD kernels and twin train the same model to the bit, with every optimiser, for two and three classes', async () => {
  for (const optimizer of optimizers) {
    for (const classes of [2, 3]) {
      for (const model of [{ name: 'logistic' }, { name: 'mlp', hidden: [9, 5], activation: 'tanh' }]) {
        const of = task({ classes, model, training: { optimizer, proximal: 0.1 } });
        const site = siteOf(dataset(29, classes), classes);
        const simd = await trainOnce(of, site, { kernels: createSimdKernels() });
        const twin = await trainOnce(of, site, { kernels: twinKernels });
        assert.deepEqual(simd, twin);
        assert.ok(simd.parameters.some((w, i) => w !== start(of)[i]));
      }
    }
  }
});

test('a schedule scales the learning rate by the round of the task', async () => {
  const at = async (learningRate: number, round: number, schedule?: object) => {
    const training = { optimizer: { name: 'sgd', learningRate }, ...(schedule === undefined ? {} : { schedule }) };
    const of: Task = { ...task({ training }), rounds: 3 };
    const trainer = createTrainer(of, siteOf(dataset(29, 2), 2));
    return (await trainer.train({ parameters: start(of), round, seed })).parameters;
  };
  const halving = { name: 'exponential', factor: 0.5 };
  assert.deepEqual(await at(0.4, 1, halving), await at(0.4, 1));
  assert.deepEqual(await at(0.4, 3, halving), await at(0.1, 3));
});

test('training does what the formulas say: one SGD step with weight decay and FedProx, by hand', async () => {
  const data: Dataset = {
    rows: 1,
    width,
    features: Float32Array.of(1, 2, -1),
    labelWidth: 1,
    labels: Float32Array.of(1),
  };
  const optimizer = { name: 'sgd', learningRate: 0.5, weightDecay: 0.25 };
  const of = task({ training: { optimizer, proximal: 2, amount: { unit: 'steps', count: 2 } } });
  const result = await createTrainer(of, siteOf(data, 2)).train({ parameters: new Float32Array(4), round: 1, seed });
  const x = [1, 2, -1, 1];
  let w = [0, 0, 0, 0];
  for (let step = 0; step < 2; step++) {
    const p = 1 / (1 + Math.exp(-x.reduce((sum, xi, i) => sum + xi * w[i], 0)));
    // The global model is 0, so the pull of FedProx is µ·w.
    w = w.map((wi, i) => wi - 0.5 * ((p - 1) * x[i] + 0.25 * wi + 2 * wi));
  }
  w.forEach((wi, i) => {
    assert.ok(Math.abs(result.parameters[i] - wi) < 1e-6);
  });
});

test('momentum and Adam follow their published recursions', async () => {
  const data: Dataset = {
    rows: 1,
    width,
    features: Float32Array.of(1, 2, -1),
    labelWidth: 1,
    labels: Float32Array.of(1),
  };
  const x = [1, 2, -1, 1];
  const gradient = (w: number[]) => {
    const p = 1 / (1 + Math.exp(-x.reduce((sum, xi, i) => sum + xi * w[i], 0)));
    return x.map(xi => (p - 1) * xi);
  };
  const run = (optimizer: object) =>
    createTrainer(task({ training: { optimizer, amount: { unit: 'steps', count: 5 } } }), siteOf(data, 2)).train({
      parameters: new Float32Array(4),
      round: 1,
      seed,
    });
  const close = (actual: Float32Array, expected: number[]) => {
    expected.forEach((e, i) => {
      assert.ok(Math.abs(actual[i] - e) < 2e-6, `${actual[i]}, expected ${e}`);
    });
  };

  let w = [0, 0, 0, 0];
  let v = [0, 0, 0, 0];
  for (let t = 1; t <= 5; t++) {
    const g = gradient(w);
    v = v.map((vi, i) => 0.8 * vi + g[i]);
    w = w.map((wi, i) => wi - 0.1 * v[i]);
  }
  close((await run({ name: 'momentum', learningRate: 0.1, momentum: 0.8 })).parameters, w);

  w = [0, 0, 0, 0];
  v = [0, 0, 0, 0];
  let m = [0, 0, 0, 0];
  for (let t = 1; t <= 5; t++) {
    const g = gradient(w);
    m = m.map((mi, i) => 0.9 * mi + 0.1 * g[i]);
    v = v.map((vi, i) => 0.99 * vi + 0.01 * g[i] ** 2);
    w = w.map((wi, i) => wi - (0.05 * (m[i] / (1 - 0.9 ** t))) / (Math.sqrt(v[i] / (1 - 0.99 ** t)) + 1e-3));
  }
  const adam = { name: 'adam', learningRate: 0.05, beta1: 0.9, beta2: 0.99, epsilon: 1e-3 };
  close((await run(adam)).parameters, w);
});

test('the same seed gives the same bytes, another seed other ones, and the global parameters stay as they were', async () => {
  const of = task();
  const trainer = createTrainer(of, siteOf(dataset(30, 2), 2));
  const parameters = Float32Array.of(0.5, -0.5, 0, 0.25);
  const before = parameters.slice();
  const [first, second, other] = [
    await trainer.train({ parameters, round: 1, seed }),
    await trainer.train({ parameters, round: 1, seed }),
    await trainer.train({ parameters, round: 1, seed: new Uint8Array(32) }),
  ];
  assert.deepEqual(first, second);
  assert.notDeepEqual(first.parameters, other.parameters);
  assert.deepEqual(parameters, before);
});

test('trainings that take turns in one process do not disturb each other', async () => {
  const of = task({ model: { name: 'mlp', hidden: [64, 64] }, training: { amount: { unit: 'epochs', count: 20 } } });
  const yieldNow = () => new Promise<void>(resolve => setImmediate(resolve));
  let turns = 0;
  const trainer = createTrainer(of, siteOf(dataset(300, 2), 2), {
    // Under the twin's name a pause is due twenty times as often.
    kernels: { ...createSimdKernels(), name: 'twin' },
    yieldNow: () => {
      turns++;
      return yieldNow();
    },
  });
  const requests = [1, 2, 3].map(n => ({ parameters: start(of), round: 1, seed: new Uint8Array(32).fill(n) }));
  const together = await Promise.all(requests.map(request => trainer.train(request)));
  assert.ok(turns >= 6, `${turns} pauses`);
  for (const [i, request] of requests.entries()) {
    assert.deepEqual(await createTrainer(of, siteOf(dataset(300, 2), 2)).train(request), together[i]);
  }
});

test('an abort ends training at the next pause with the reason given', async () => {
  const of = task({ training: { amount: { unit: 'steps', count: 10_000_000 } } });
  const controller = new AbortController();
  const trainer = createTrainer(of, siteOf(dataset(30, 2), 2), {
    yieldNow: async () => controller.abort(new Error('stopped')),
  });
  const request = { parameters: start(of), round: 1, seed, signal: controller.signal };
  await assert.rejects(trainer.train(request), /stopped/);
  await assert.rejects(trainer.train(request), /stopped/);
});

test('epochs count passes over the rows, steps count optimiser steps, examples are the training rows', async () => {
  const site = siteOf(dataset(30, 2), 2);
  const epochs = await trainOnce(task({ training: { amount: { unit: 'epochs', count: 3 } } }), site);
  assert.deepEqual([epochs.steps, epochs.examples], [12, 30]);
  const steps = await trainOnce(task({ training: { amount: { unit: 'steps', count: 12 } } }), site);
  assert.deepEqual(steps, epochs);
  // Parameters that hardly move from 0: every step's loss is ln 2, and so is their mean.
  const still = await trainOnce(task({ training: { optimizer: { name: 'sgd', learningRate: 1e-9 } } }), site);
  assert.ok(Math.abs((still.loss ?? Number.NaN) - Math.LN2) < 1e-7);
});

test('a minibatch larger than one pass through the network is still one step on all its rows', async () => {
  const site = siteOf(dataset(700, 2), 2);
  const training = { batchSize: 1000, amount: { unit: 'steps', count: 1 } };
  const batches = () => Array.from({ length: 700 }, (_, i) => i);
  const { parameters, loss } = await trainOnce(task({ training }), site, { batches });
  const expected = [0, 0, 0, 0];
  site.train.labels.forEach((label, row) => {
    const x = [...(site.train.features as Float32Array).subarray(row * width, (row + 1) * width), 1];
    x.forEach((xi, i) => {
      expected[i] -= (0.1 * (0.5 - label) * xi) / 700;
    });
  });
  expected.forEach((e, i) => {
    assert.ok(Math.abs(parameters[i] - e) < 1e-7);
  });
  assert.ok(Math.abs((loss ?? Number.NaN) - Math.LN2) < 1e-12);
});

test('training learns what can be learned', async () => {
  const of = task({
    classes: 3,
    model: { name: 'mlp', hidden: [16] },
    training: { amount: { unit: 'epochs', count: 60 } },
  });
  const site = siteOf(dataset(300, 3), 3);
  const trainer = createTrainer(of, site);
  const { parameters } = await trainer.train({ parameters: start(of), round: 1, seed });
  const { correct, examples, classCounts } = ofClasses(await trainer.evaluate(parameters));
  assert.ok(correct / examples > 0.9, `${correct} of ${examples}`);
  assert.equal(
    classCounts.reduce((a, b) => a + b),
    examples,
  );
});

test('an evaluation agrees with the probabilities', async () => {
  for (const classes of [2, 3]) {
    const of = task({ classes, evaluation: classes === 2 ? { pooledAucBins: 8 } : undefined });
    const site = siteOf(dataset(300, classes), classes);
    const trainer = createTrainer(of, site);
    const { parameters } = await trainer.train({ parameters: start(of), round: 1, seed });
    const evaluation = ofClasses(await trainer.evaluate(parameters));
    const probabilities = await predictProbabilities(taskNetwork(of), parameters, site.test);
    assert.equal(probabilities.length, 300 * classes);
    let logLoss = 0;
    let correct = 0;
    site.test.labels.forEach((label, row) => {
      const p = probabilities.subarray(row * classes, (row + 1) * classes);
      assert.ok(Math.abs(p.reduce((a, b) => a + b) - 1) < 1e-6);
      logLoss -= Math.log(p[label]);
      correct += Number(p.indexOf(Math.max(...p)) === label);
    });
    assert.equal(evaluation.correct, correct);
    assert.ok(Math.abs(evaluation.logLoss - logLoss) < 1e-4);
    assert.equal(evaluation.auc === null, classes !== 2);
    assert.equal(evaluation.scores === null, classes !== 2);
    if (evaluation.scores !== null) {
      const { negative, positive } = evaluation.scores;
      assert.deepEqual(
        [negative, positive].map(counts => counts.reduce((a, b) => a + b)),
        evaluation.classCounts,
      );
    }
  }
});

test('a model whose output is not finite is refused as such', async () => {
  const trainer = createTrainer(task(), siteOf(dataset(30, 2), 2));
  await assert.rejects(
    trainer.evaluate(Float32Array.of(NaN, 0, 0, 0)),
    error => error instanceof Problem && error.code === 'non-finite',
  );
});

test('data and parameters that do not fit the task are refused', async () => {
  const of = task();
  const data = dataset(30, 2);
  const wrong = [
    { ...data, width: 2 },
    { ...data, labels: data.labels.map(() => 2) },
    { ...data, labels: data.labels.map(() => 0.5) },
    { ...data, rows: 29 },
  ];
  for (const train of wrong) assert.throws(() => createTrainer(of, siteOf(train, 2)), RangeError);
  const trainer = createTrainer(of, siteOf(data, 2));
  const parameters = new Float32Array(5);
  await assert.rejects(trainer.train({ parameters, round: 1, seed }), RangeError);
  await assert.rejects(trainer.evaluate(parameters), RangeError);
  const empty = { rows: 0, width, features: new Float32Array(0), labelWidth: 1, labels: new Float32Array(0) };
  await assert.rejects(trainOnce(of, siteOf(empty, 2)), RangeError);
  await assert.rejects(trainOnce(of, siteOf(data, 2), { batches: () => [0, 1, 2, 3, 4, 5, 6, 7, 8] }), RangeError);
  await assert.rejects(trainOnce(of, siteOf(data, 2), { batches: () => [30] }), RangeError);
});

test('tokens that are none of the vocabulary are refused', () => {
  const of = parseTask({
    parley: 1,
    name: 'text',
    seed: 1,
    data: { format: 'text', alphabet: 'abc', window: 2, split: { type: 'tail', trainFraction: 0.5 } },
    model: { name: 'gru', hidden: 2, embedding: 2 },
    training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 1, amount: { unit: 'steps', count: 1 } },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
  const siteWith = (token: number) =>
    siteOf({ rows: 1, width: 2, features: Float32Array.of(0, token), labelWidth: 2, labels: Float32Array.of(1, 2) }, 3);
  createTrainer(of, siteWith(2));
  for (const token of [3, -1, 0.5, NaN, 1e9]) assert.throws(() => createTrainer(of, siteWith(token)), /token/);
});

test('a gradient that overflows is not clipped into shape for the batch, and clipped as it is for an example', async () => {
  const data = { rows: 1, width, features: Float32Array.of(1e30, 0, 0), labelWidth: 1, labels: Float32Array.of(1) };
  const moved = async (per: string) => {
    const training = { clip: { norm: 0.5, per }, amount: { unit: 'steps', count: 1 } };
    const of = task({ model: { name: 'mlp', hidden: [1], activation: 'tanh' }, training });
    // The first layer is 0, so that outputs are; the second makes its gradient 5e39.
    const parameters = Float32Array.of(0, 0, 0, 0, 1e10, 0);
    const result = await createTrainer(of, siteOf(data, 2)).train({ parameters, round: 1, seed });
    assert.ok(Number.isFinite(result.loss));
    return result.parameters[0];
  };
  assert.equal(await moved('batch'), Infinity);
  // Its weight, 1e-40, is no normal float32: 5 digits.
  const length = (await moved('example')) / 0.1;
  assert.ok(length <= 0.5 && length > 0.5 * (1 - 3e-5), String(length));
});
