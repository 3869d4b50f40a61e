import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialParameters, modelLayers, modelManifest } from '../../../src/core/learning/model.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';

const seed = new Uint8Array(32).fill(1);
const logistic = { name: 'logistic' } as const;
const mlp = { name: 'mlp', hidden: [128, 20], activation: 'relu' } as const;
// Settings are parsed data: their arrays are mutable in type.
const model = { ...mlp, hidden: [...mlp.hidden] };

test('two classes make one logit, more make one per class', () => {
  assert.deepEqual(modelManifest(logistic, 13, 2), [
    { name: 'layers.0.weight', shape: [1, 13] },
    { name: 'layers.0.bias', shape: [1] },
  ]);
  assert.deepEqual(modelManifest(logistic, 13, 3), [
    { name: 'layers.0.weight', shape: [3, 13] },
    { name: 'layers.0.bias', shape: [3] },
  ]);
});

test('an MLP has a tensor pair per layer; only hidden layers have an activation', () => {
  const manifest = modelManifest(model, 784, 10);
  assert.deepEqual(
    manifest.map(t => t.shape),
    [[128, 784], [128], [20, 128], [20], [10, 20], [10]],
  );
  assert.equal(parameterCount(manifest), 784 * 128 + 128 + 128 * 20 + 20 + 20 * 10 + 10);
  assert.deepEqual(
    modelLayers(model, 784, 10).map(layer => layer.activation),
    ['relu', 'relu', 'none'],
  );
});

test('a model of impossible width or classes is refused', () => {
  assert.throws(() => modelManifest(logistic, 0, 2), RangeError);
  assert.throws(() => modelManifest(logistic, 3, 1), RangeError);
});

test('logistic regression starts at zero', () => {
  assert.deepEqual(initialParameters(logistic, 4, 2, seed), new Float32Array(5));
});

test('an MLP starts within the bounds of He and Glorot, biases at zero, the same for the same seed', () => {
  const parameters = initialParameters(model, 784, 10, seed);
  assert.deepEqual(initialParameters(model, 784, 10, seed), parameters);
  assert.notDeepEqual(initialParameters(model, 784, 10, new Uint8Array(32)), parameters);
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
  const glorot = initialParameters({ ...model, activation: 'tanh' }, 784, 10, seed).subarray(0, 784 * 128);
  assert.ok(glorot.every(w => Math.abs(w) <= Math.sqrt(6 / (784 + 128)) * 1.000001));
});
