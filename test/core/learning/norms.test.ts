import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LayerSettings } from '../../../src/core/learning/layer-settings.ts';
import { layerKind } from '../../../src/core/learning/layers/table.ts';
import type { NetworkSettings } from '../../../src/core/learning/network.ts';
import { initialParameters } from '../../../src/core/learning/network-parameters.ts';
import type { Activation } from '../../../src/core/math/kernels/kernels.ts';
import { assertPlain, assertRowGradients, distance, type Example, example, predict, run } from './layer-run.ts';

/** A dense layer, the norm over its outputs, and a dense layer over all values: one number per row. */
function normed(norm: LayerSettings, size: number): NetworkSettings {
  return {
    layers: [
      { type: 'dense', inputs: 3, outputs: size, positions: 1, activation: 'none' },
      norm,
      { type: 'dense', inputs: size, outputs: 1, positions: 1, activation: 'none' },
    ],
    shape: { input: { kind: 'vector', width: 3 }, output: { kind: 'numbers', count: 1 } },
    loss: { name: 'mse' },
  };
}

const activation = fc.constantFrom<Activation>('none', 'tanh', 'sigmoid');

const layerNorms = fc
  .record({ positions: fc.integer({ min: 1, max: 4 }), width: fc.integer({ min: 2, max: 11 }), activation })
  .map(settings => normed({ type: 'layer-norm', ...settings }, settings.positions * settings.width));

const groupNorms = fc
  .record({
    groups: fc.integer({ min: 1, max: 3 }),
    each: fc.integer({ min: 1, max: 3 }),
    positions: fc.integer({ min: 2, max: 9 }),
    activation,
  })
  .map(({ groups, each, ...settings }) => {
    const channels = groups * each;
    return normed({ type: 'group-norm', groups, channels, ...settings }, channels * settings.positions);
  });

const examples = fc
  .record({ network: fc.oneof(layerNorms, groupNorms), rows: fc.integer({ min: 1, max: 4 }), seed: fc.nat(255) })
  .map(({ network, rows, seed }) => example(network, rows, seed));

const activate = {
  none: (x: number) => x,
  relu: (x: number) => Math.max(x, 0),
  tanh: Math.tanh,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
};

/** Sizes of a norm: how many values are normalised together, and which channel a value of a row belongs to. */
function sizesOf(norm: LayerSettings) {
  if (norm.type === 'layer-norm')
    return { run: norm.width, channels: norm.width, channel: (i: number) => i % norm.width };
  if (norm.type !== 'group-norm') throw new TypeError(norm.type);
  const { channels, positions, groups } = norm;
  return { run: (channels / groups) * positions, channels, channel: (i: number) => Math.floor(i / positions) };
}

/** The same in plain float64. */
function plain({ network, features, labels, rows }: Example, parameters: Float64Array) {
  const [first, norm] = network.layers;
  if (first.type !== 'dense' || !('activation' in norm)) throw new TypeError(norm.type);
  const size = first.outputs;
  const { run: length, channels, channel } = sizesOf(norm);
  const weight = parameters.subarray(0, 3 * size);
  const bias = parameters.subarray(3 * size, 4 * size);
  const gamma = parameters.subarray(4 * size, 4 * size + channels);
  const beta = parameters.subarray(4 * size + channels, 4 * size + 2 * channels);
  const last = parameters.subarray(4 * size + 2 * channels);
  const outputs = Array.from({ length: rows }, (_, row) => {
    const values = Array.from(bias, (b, i) => {
      const x = features.subarray(3 * row, 3 * row + 3);
      return b + x[0] * weight[3 * i] + x[1] * weight[3 * i + 1] + x[2] * weight[3 * i + 2];
    });
    const hidden = values.map((value, i) => {
      const start = Math.floor(i / length) * length;
      const together = values.slice(start, start + length);
      const mean = together.reduce((sum, v) => sum + v, 0) / length;
      const variance = together.reduce((sum, v) => sum + (v - mean) ** 2, 0) / length;
      const x = (value - mean) / Math.sqrt(variance + 1e-5);
      return activate[norm.activation](gamma[channel(i)] * x + beta[channel(i)]);
    });
    return hidden.reduce((sum, value, i) => sum + last[i] * value, last[size]);
  });
  return { outputs, loss: outputs.reduce((sum, z, row) => sum + (z - labels[row]) ** 2, 0) };
}

test('layer and group norm are what their formula says in float64, and the gradient is that of finite differences', () => {
  fc.assert(
    fc.property(examples, of => assertPlain(of, parameters => plain(of, parameters))),
    { numRuns: 40 },
  );
});

test('norms of gradients and clipped gradients are exact', () => {
  fc.assert(
    fc.property(examples, of => assertRowGradients(of)),
    { numRuns: 50 },
  );
});

test('a row whose gradient is not finite is left out of a clipped gradient and spoils no other', () => {
  fc.assert(
    fc.property(examples, of => {
      const { features, labels } = of;
      const odd: Example = {
        ...of,
        features: Float32Array.of(...features, Infinity, 1, 1),
        labels: Float32Array.of(...labels, 0),
        rows: of.rows + 1,
      };
      const rows = Array.from({ length: odd.rows }, (_, row) => row);
      const clean = run(of, rows.slice(0, -1), { clip: 0.5 }, { batch: odd.rows });
      const { gradient, norms } = run(odd, rows, { clip: 0.5 }, { batch: odd.rows });
      assert.ok(!Number.isFinite(norms[of.rows]));
      assert.ok(distance(gradient, clean.gradient) <= 1e-6);
    }),
    { numRuns: 20 },
  );
});

test('prediction gives the outputs of training: statistics are those of the row itself', () => {
  fc.assert(
    fc.property(examples, of => {
      const rows = Array.from({ length: of.rows }, (_, row) => row);
      const outputs = rows.map(row => run(of, [row], 'sum').outputs[0]);
      assert.deepEqual([...predict(of)], outputs);
    }),
    { numRuns: 20 },
  );
});

test('a norm begins as none: γ is 1 and β is 0', () => {
  const settings = { type: 'layer-norm', positions: 2, width: 3, activation: 'none' } as const;
  assert.deepEqual([...initialParameters([settings], new Uint8Array(32))], [1, 1, 1, 0, 0, 0]);
});

test('a norm may be the first layer', () => {
  const { shape, loss, layers } = normed({ type: 'layer-norm', positions: 1, width: 3, activation: 'tanh' }, 3);
  assertRowGradients(example({ shape, loss, layers: layers.slice(1) }, 3, 4));
});

test('channels that do not make equal groups are refused', () => {
  const settings = { type: 'group-norm', channels: 6, groups: 4, positions: 2, activation: 'none' } as const;
  assert.throws(() => layerKind(settings).tensors(settings), /6 channels do not make 4 equal groups/);
});
