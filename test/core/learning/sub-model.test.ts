import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { taskManifest, taskNetwork } from '../../../src/core/learning/model.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { predictOutputs } from '../../../src/core/learning/predict.ts';
import { keptCount, scatter } from '../../../src/core/learning/random-mask.ts';
import { inputWidth } from '../../../src/core/learning/shape.ts';
import { subModel } from '../../../src/core/learning/sub-model.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';

const seed = new Uint8Array(32).fill(3);

const classes = { type: 'classes', classes: ['one', 'two', 'three'] };
const split = { type: 'stratified', trainFraction: 0.5, seed: 1 };
const table = {
  format: 'csv',
  header: true,
  onMissing: 'refuse',
  columns: [...['a', 'b', 'c', 'd', 'e', 'f'].map(name => ({ name, type: 'number' })), { name: 'y', type: 'target' }],
  target: classes,
  standardise: 'none',
  split,
};
const images = { format: 'images', channels: 2, height: 9, width: 8, target: classes, split };
const text = { format: 'text', alphabet: 'abcdefg', window: 6, split: { type: 'tail', trainFraction: 0.5 } };
const convolutions = [
  { filters: 6, kernel: 3, padding: 1, pool: { kind: 'max', size: 2 } },
  { filters: 4, kernel: 3, stride: 2, padding: 1 },
];

function task(model: object, data: object = table): Task {
  return parseTask({
    parley: 1,
    name: 'test',
    seed: 1,
    data,
    model,
    training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 8, amount: { unit: 'steps', count: 2 } },
    rounds: 1,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
}

const tasks: Readonly<Record<string, Task>> = {
  'mlp of three layers': task({ name: 'mlp', hidden: [9, 7, 5], activation: 'sigmoid', dropout: 0.1 }),
  'mlp on images': task({ name: 'mlp', hidden: [11] }, images),
  'cnn with dense layers': task({ name: 'cnn', convolutions, hidden: [8, 6] }, images),
  'cnn without': task({ name: 'cnn', convolutions, activation: 'tanh' }, images),
  'cnn with group norm': task({ name: 'cnn', convolutions, norm: 'group', groups: 2, hidden: [8] }, images),
  'lstm of two layers': task(
    { name: 'lstm', hidden: 7, layers: 2, dropout: 0.1 },
    { ...table, sequence: { steps: 3 } },
  ),
  'gru on text': task({ name: 'gru', hidden: 9, layers: 2, embedding: 4 }, text),
};

function countOf(of: Task): number {
  return parameterCount(taskManifest(of));
}

async function outputs(of: Task, parameters: Float32Array): Promise<Float32Array> {
  const network = taskNetwork(of);
  const { input } = network.shape;
  const [rows, width] = [5, inputWidth(input)];
  const stream = new RandomStream(seed);
  const next = input.kind === 'tokens' ? () => stream.below(input.vocabulary) : () => stream.normal();
  return predictOutputs(network, parameters, {
    rows,
    width,
    features: Float32Array.from({ length: rows * width }, next),
  });
}

describe('the smaller model of', () => {
  for (const [name, full] of Object.entries(tasks)) {
    test(`${name} is the full one with the other hidden units silenced`, async () => {
      const stream = new RandomStream(seed);
      const parameters = Float32Array.from({ length: countOf(full) }, () => stream.normal());
      for (const [i, keep] of [0.2, 0.5, 0.7, 1].entries()) {
        const sub = subModel(full, new Uint8Array(32).fill(i), keep);
        const scaled = Float32Array.from(sub.indices, (place, at) => parameters[place] * sub.factors[at]);
        assert.equal(scaled.length, countOf(sub.task));
        assert.ok(keep === 1 || scaled.length < parameters.length);
        // Whatever a unit that is left out would give, nobody reads it: the weights that do are zero.
        const silenced = await outputs(full, scatter(scaled, sub.indices, parameters.length));
        const own = await outputs(sub.task, scaled);
        assert.ok(own.some(value => Math.abs(value) > 0.1));
        assert.ok(own.every((value, at) => Math.abs(value - silenced[at]) < 1e-4 * (1 + Math.abs(value))));
      }
    });
  }
});

test('every parameter of the smaller model has a place of its own, and all of them are the full model', () => {
  const any = fc.constantFrom(...Object.values(tasks));
  const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(any, seeds, fc.double({ min: 0.05, max: 1, noNaN: true }), (full, bytes, keep) => {
      const { task: sub, indices, factors } = subModel(full, bytes, keep);
      assert.deepEqual([indices.length, factors.length], [countOf(sub), countOf(sub)]);
      assert.equal(new Set(indices).size, indices.length);
      assert.ok(indices.every(place => place >= 0 && place < countOf(full)));
      assert.ok(factors.every(factor => factor >= 1));
      assert.deepEqual(subModel(full, bytes, keep).indices, indices);
    }),
  );
  for (const full of Object.values(tasks)) {
    const { task: sub, indices, factors } = subModel(full, seed, 1);
    assert.deepEqual(sub, full);
    assert.deepEqual([...indices], [...indices.keys()]);
    assert.ok(factors.every(factor => factor === 1));
  }
});

test('a hidden layer of four keeps two: their rows, their biases, and the columns that read them', () => {
  const full = task({ name: 'mlp', hidden: [4] });
  const { task: sub, indices, factors } = subModel(full, seed, 0.5);
  assert.deepEqual(sub.model, { ...full.model, hidden: [2] });
  // 4×6 weights, 4 biases, 3×4 weights, 3 biases.
  const [a, b] = [0, 1, 2, 3].filter(unit => indices.includes(24 + unit));
  const row = (unit: number) => [0, 1, 2, 3, 4, 5].map(i => 6 * unit + i);
  const read = [0, 1, 2].flatMap(output => [28 + 4 * output + a, 28 + 4 * output + b]);
  assert.deepEqual([...indices], [...row(a), ...row(b), 24 + a, 24 + b, ...read, 40, 41, 42]);
  assert.deepEqual([...factors], [...new Array(14).fill(1), ...new Array(6).fill(2), 1, 1, 1]);
});

test('a layer keeps every unit as often as every other', () => {
  const full = task({ name: 'mlp', hidden: [8] });
  const kept = new Float64Array(8);
  const draws = 800;
  for (let i = 0; i < draws; i++) {
    const { indices } = subModel(full, new Uint8Array(32).fill(i).fill(i >> 8, 0, 1), 0.5);
    for (const place of indices) if (place >= 48 && place < 56) kept[place - 48]++;
  }
  assert.equal(
    kept.reduce((a, b) => a + b),
    draws * keptCount(8, 0.5),
  );
  // Five standard deviations of a binomial count.
  for (const count of kept) assert.ok(Math.abs(count - draws / 2) < 5 * Math.sqrt(draws / 4));
});

test('a model without hidden units, or with normalised ones only, is refused with a way out', () => {
  for (const model of [
    { name: 'logistic' },
    { name: 'mlp', hidden: [4], norm: 'layer' },
    { name: 'cnn', convolutions, norm: 'group', groups: 2 },
  ]) {
    const full = task(model, model.name === 'cnn' ? images : table);
    assert.throws(() => subModel(full, seed, 0.5), /^RangeError: federated dropout: .*use a random mask/);
  }
  for (const keep of [0, 1.5, Number.NaN])
    assert.throws(() => subModel(task({ name: 'mlp', hidden: [4] }), seed, keep), RangeError);
});
