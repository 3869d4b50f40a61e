import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultLoss } from '../../../src/core/learning/loss-settings.ts';
import { modelLayers } from '../../../src/core/learning/model-layers.ts';
import { initialParameters, networkManifest } from '../../../src/core/learning/network-parameters.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import type { InputShape, OutputShape } from '../../../src/core/learning/shape.ts';
import type { ModelSettings } from '../../../src/core/protocol/task.ts';

const seed = new Uint8Array(32).fill(1);
const logistic: ModelSettings = { name: 'logistic' };
const model: ModelSettings = { name: 'mlp', hidden: [128, 20], activation: 'relu', norm: 'none', dropout: 0 };

const vector = (width: number): InputShape => ({ kind: 'vector', width });
const classesOf = (classes: number): OutputShape => ({ kind: 'classes', classes, steps: 1 });

function layersOf(of: ModelSettings, input: InputShape, output: OutputShape) {
  return modelLayers(of, { input, output }, defaultLoss(output));
}

const shapesOf = (of: ModelSettings, input: InputShape, output: OutputShape) =>
  networkManifest(layersOf(of, input, output)).map(({ name, shape }) => `${name} ${shape.join('×')}`);

test('two classes make one logit, more make one per class; numbers make one output each', () => {
  assert.deepEqual(shapesOf(logistic, vector(13), classesOf(2)), ['layers.0.weight 1×13', 'layers.0.bias 1']);
  assert.deepEqual(shapesOf(logistic, vector(13), classesOf(3)), ['layers.0.weight 3×13', 'layers.0.bias 3']);
  assert.deepEqual(shapesOf({ name: 'linear' }, vector(4), { kind: 'numbers', count: 2 }), [
    'layers.0.weight 2×4',
    'layers.0.bias 2',
  ]);
});

test('quantile levels make one output each', () => {
  const output: OutputShape = { kind: 'numbers', count: 1 };
  const layers = modelLayers(
    { name: 'linear' },
    { input: vector(4), output },
    { name: 'quantile', levels: [0.1, 0.5, 0.9] },
  );
  assert.deepEqual(
    networkManifest(layers).map(t => t.shape),
    [[3, 4], [3]],
  );
});

test('an MLP has a tensor pair per layer; only hidden layers have an activation', () => {
  const layers = layersOf(model, vector(784), classesOf(10));
  assert.deepEqual(
    networkManifest(layers).map(t => t.shape),
    [[128, 784], [128], [20, 128], [20], [10, 20], [10]],
  );
  assert.equal(parameterCount(networkManifest(layers)), 784 * 128 + 128 + 128 * 20 + 20 + 20 * 10 + 10);
  assert.deepEqual(
    layers.map(layer => (layer.type === 'dense' ? layer.activation : null)),
    ['relu', 'relu', 'none'],
  );
});

test('norms take the activation from the layer before them, and dropout comes last', () => {
  const layers = layersOf({ ...model, hidden: [5], norm: 'layer', dropout: 0.25 }, vector(3), classesOf(4));
  assert.deepEqual(layers, [
    { type: 'dense', inputs: 3, outputs: 5, positions: 1, activation: 'none' },
    { type: 'layer-norm', positions: 1, width: 5, activation: 'relu' },
    { type: 'dropout', width: 5, rate: 0.25 },
    { type: 'dense', inputs: 5, outputs: 4, positions: 1, activation: 'none' },
  ]);
});

test('a convolutional model follows the image through convolutions and pools', () => {
  const cnn: ModelSettings = {
    name: 'cnn',
    convolutions: [
      { filters: 16, kernel: 5, stride: 2, padding: 0, pool: null },
      { filters: 32, kernel: 3, stride: 1, padding: 1, pool: { kind: 'max', size: 2, stride: 2 } },
    ],
    hidden: [],
    activation: 'relu',
    norm: 'none',
    groups: 8,
    dropout: 0,
  };
  const input: InputShape = { kind: 'image', channels: 1, height: 28, width: 28 };
  const layers = layersOf(cnn, input, classesOf(10));
  assert.deepEqual(
    layers.map(layer => layer.type),
    ['conv2d', 'conv2d', 'pool2d', 'dense'],
  );
  const last = layers[3];
  assert.equal(last.type === 'dense' && last.inputs, 32 * 6 * 6);
});

test('a text model embeds tokens, stacks recurrent layers and predicts at each step', () => {
  const gru: ModelSettings = { name: 'gru', hidden: 12, layers: 2, embedding: 5, dropout: 0 };
  const input: InputShape = { kind: 'tokens', steps: 7, vocabulary: 30 };
  assert.deepEqual(layersOf(gru, input, { kind: 'classes', classes: 30, steps: 7 }), [
    { type: 'embedding', vocabulary: 30, width: 5, steps: 7 },
    { type: 'gru', inputs: 5, hidden: 12, steps: 7, output: 'all' },
    { type: 'gru', inputs: 12, hidden: 12, steps: 7, output: 'all' },
    { type: 'dense', inputs: 12, outputs: 30, positions: 7, activation: 'none' },
  ]);
});

test('a recurrent model of numbers predicts from the last step', () => {
  const lstm: ModelSettings = { name: 'lstm', hidden: 8, layers: 2, embedding: null, dropout: 0 };
  const input: InputShape = { kind: 'sequence', steps: 24, width: 5 };
  assert.deepEqual(layersOf(lstm, input, { kind: 'numbers', count: 1 }), [
    { type: 'lstm', inputs: 5, hidden: 8, steps: 24, output: 'all' },
    { type: 'lstm', inputs: 8, hidden: 8, steps: 24, output: 'last' },
    { type: 'dense', inputs: 8, outputs: 1, positions: 1, activation: 'none' },
  ]);
});

test('a model on data that it cannot take is refused', () => {
  assert.throws(() => layersOf(logistic, vector(0), classesOf(2)), RangeError);
  const lstm: ModelSettings = { name: 'lstm', hidden: 8, layers: 1, embedding: null, dropout: 0 };
  assert.throws(() => layersOf(lstm, vector(3), classesOf(2)), /steps in time/);
});

test('a model of one dense layer starts at zero', () => {
  const layers = layersOf(logistic, vector(4), classesOf(2));
  assert.deepEqual(initialParameters(layers, seed), new Float32Array(5));
});

test('an MLP starts within the bounds of He and Glorot, biases at zero, the same for the same seed', () => {
  const layers = layersOf(model, vector(784), classesOf(10));
  const parameters = initialParameters(layers, seed);
  assert.deepEqual(initialParameters(layers, seed), parameters);
  assert.notDeepEqual(initialParameters(layers, new Uint8Array(32)), parameters);
  const bounds = [Math.sqrt(6 / 784), Math.sqrt(6 / 128), Math.sqrt(6 / 30)];
  let at = 0;
  [784 * 128, 128 * 20, 20 * 10].forEach((count, i) => {
    const weights = parameters.subarray(at, at + count);
    const largest = weights.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    assert.ok(largest <= bounds[i] * 1.000001 && largest > 0.9 * bounds[i], `layer ${i}: ${largest}`);
    const mean = weights.reduce((a, b) => a + b, 0) / count;
    assert.ok(Math.abs(mean) < (4 * bounds[i]) / Math.sqrt(3 * count), `layer ${i}: mean ${mean}`);
    const biases = [128, 20, 10][i];
    assert.ok(parameters.subarray(at + count, at + count + biases).every(b => b === 0));
    at += count + biases;
  });
  const tanh = layersOf({ ...model, activation: 'tanh' }, vector(784), classesOf(10));
  const glorot = initialParameters(tanh, seed).subarray(0, 784 * 128);
  assert.ok(glorot.every(w => Math.abs(w) <= Math.sqrt(6 / (784 + 128)) * 1.000001));
});
