import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Masks } from '../../../src/core/learning/layer.ts';
import type { NetworkSettings } from '../../../src/core/learning/network.ts';
import { assertPlain, assertRowGradients, type Example, example, predict, run } from './layer-run.ts';

/** A dense layer, dropout on its outputs, a dense layer with so many outputs. */
function dropped(width: number, rate: number, outputs = 1): NetworkSettings {
  return {
    layers: [
      { type: 'dense', inputs: 2, outputs: width, positions: 1, activation: 'tanh' },
      { type: 'dropout', width, rate },
      { type: 'dense', inputs: width, outputs, positions: 1, activation: 'none' },
    ],
    shape: { input: { kind: 'vector', width: 2 }, output: { kind: 'numbers', count: outputs } },
    loss: { name: 'mse' },
  };
}

/** Dropout alone on ones: the outputs are the mask. */
function maskOf(width: number, rate: number, rows: number, masks: Masks | null): Float32Array {
  const network: NetworkSettings = {
    layers: [{ type: 'dropout', width, rate }],
    shape: { input: { kind: 'vector', width }, output: { kind: 'numbers', count: width } },
    loss: { name: 'mse' },
  };
  const of = example(network, rows, 0);
  of.features.fill(1);
  const places = Array.from({ length: rows }, (_, row) => row);
  return run(of, places, 'sum', { masks }).outputs;
}

const masks: fc.Arbitrary<Masks> = fc.record({
  key: fc.tuple(fc.nat(), fc.nat()),
  step: fc.integer({ min: 1, max: 1_000_000 }),
  firstRow: fc.nat(1000),
});
const rates = fc.constantFrom(0, 0.1, 0.5, 0.9);
const examples = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    rate: rates,
    rows: fc.integer({ min: 1, max: 5 }),
    seed: fc.nat(255),
  })
  .map(({ width, rate, rows, seed }) => example(dropped(width, rate), rows, seed));

test('a value is kept with probability 1 − rate and scaled by 1 / (1 − rate)', () => {
  for (const rate of [0, 0.1, 0.5, 0.9]) {
    const count = 64 * 1000;
    const values = maskOf(1000, rate, 64, { key: [1, 2], step: 3, firstRow: 4 });
    const kept = values.filter(value => value !== 0);
    assert.ok(kept.every(value => value === Math.fround(1 / (1 - rate))));
    const deviation = Math.sqrt(count * rate * (1 - rate));
    assert.ok(Math.abs(kept.length - count * (1 - rate)) <= 4 * deviation, `${rate}: ${kept.length} of ${count}`);
  }
});

test('the mask of a row is the same whatever part of the minibatch it goes in, and another in the next row and step', () => {
  fc.assert(
    fc.property(masks, fc.integer({ min: 32, max: 70 }), fc.nat(5), (of, width, row) => {
      const together = maskOf(width, 0.5, 6, of);
      const alone = maskOf(width, 0.5, 1, { ...of, firstRow: of.firstRow + row });
      const own = together.subarray(row * width, (row + 1) * width);
      assert.deepEqual(own, alone);
      assert.notDeepEqual(own, maskOf(width, 0.5, 1, { ...of, firstRow: of.firstRow + row + 1 }));
      assert.notDeepEqual(own, maskOf(width, 0.5, 1, { ...of, firstRow: of.firstRow + row, step: of.step + 1 }));
    }),
    { numRuns: 20 },
  );
});

test('two layers of one network drop different values', () => {
  const layer = { type: 'dropout', width: 64, rate: 0.5 } as const;
  const network: NetworkSettings = {
    layers: [layer, layer],
    shape: { input: { kind: 'vector', width: 64 }, output: { kind: 'numbers', count: 64 } },
    loss: { name: 'mse' },
  };
  const of = example(network, 1, 0);
  of.features.fill(1);
  const { outputs } = run(of, [0], 'sum', { masks: { key: [5, 6], step: 1, firstRow: 0 } });
  const kept = outputs.filter(value => value !== 0).length;
  assert.ok(kept > 4 && kept < 28, `${kept} of 64 pass both`);
});

test('the gradient is that of finite differences behind the same mask', () => {
  fc.assert(
    fc.property(examples, masks, (of, own) => {
      const width = (of.parameters.length - 1) / 4;
      const below = beforeLast(of);
      const mask = run(below, rowsOf(of), 'sum', { masks: own }).outputs;
      const open = run(below, rowsOf(of), 'sum').outputs;
      const factors = mask.map((value, i) => (value === 0 ? 0 : value / open[i]));
      assertPlain(of, parameters => plain(of, parameters, width, factors), own);
    }),
    { numRuns: 20 },
  );
});

test('norms and clipped gradients are exact behind a mask', () => {
  fc.assert(
    fc.property(examples, masks, (of, own) => assertRowGradients(of, own)),
    { numRuns: 30 },
  );
});

test('prediction drops nothing, nor does a pass without masks', () => {
  fc.assert(
    fc.property(examples, of => {
      const none = {
        ...of,
        network: { ...of.network, layers: of.network.layers.filter(({ type }) => type !== 'dropout') },
      };
      assert.deepEqual(predict(of), predict(none));
      assert.deepEqual(run(of, rowsOf(of), 'sum'), run(none, rowsOf(of), 'sum'));
    }),
    { numRuns: 20 },
  );
});

const rowsOf = ({ rows }: Example) => Array.from({ length: rows }, (_, row) => row);

/** The example up to its dropout. */
function beforeLast({ network, parameters, features, rows }: Example): Example {
  const layers = network.layers.slice(0, 2);
  const [, dropout] = layers;
  if (dropout.type !== 'dropout') throw new TypeError(dropout.type);
  const { width } = dropout;
  return {
    network: { ...network, layers, shape: { ...network.shape, output: { kind: 'numbers', count: width } } },
    parameters: parameters.subarray(0, 3 * width),
    features,
    labels: new Float32Array(rows * width),
    rows,
  };
}

/** The same in plain float64, with the mask's factors given. */
function plain({ features, labels, rows }: Example, p: Float64Array, width: number, factors: Float32Array) {
  const outputs = Array.from({ length: rows }, (_, row) => {
    let sum = p[4 * width];
    for (let i = 0; i < width; i++) {
      const x = features[2 * row] * p[2 * i] + features[2 * row + 1] * p[2 * i + 1] + p[2 * width + i];
      sum += p[3 * width + i] * factors[row * width + i] * Math.tanh(x);
    }
    return sum;
  });
  return { outputs, loss: outputs.reduce((sum, z, row) => sum + (z - labels[row]) ** 2, 0) };
}
