import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { layerKind } from '../../../src/core/learning/layers/table.ts';
import { type NetworkSettings, planNetwork } from '../../../src/core/learning/network.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { assertPlain, assertRowGradients, type Example, example } from './layer-run.ts';

/** An embedding under a dense layer over all its values: one number per row. */
function embedded(vocabulary: number, width: number, steps: number): NetworkSettings {
  return {
    layers: [
      { type: 'embedding', vocabulary, width, steps },
      { type: 'dense', inputs: steps * width, outputs: 1, positions: 1, activation: 'none' },
    ],
    shape: { input: { kind: 'tokens', steps, vocabulary }, output: { kind: 'numbers', count: 1 } },
    loss: { name: 'mse' },
  };
}

const examples = fc
  .record({
    vocabulary: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 7 }),
    steps: fc.integer({ min: 1, max: 12 }),
    rows: fc.integer({ min: 1, max: 5 }),
    seed: fc.nat(255),
  })
  .map(({ vocabulary, width, steps, rows, seed }) => example(embedded(vocabulary, width, steps), rows, seed));

/** The same in plain float64. */
function plain({ network, features, labels, rows }: Example, parameters: Float64Array) {
  const [embedding] = network.layers;
  if (embedding.type !== 'embedding') throw new TypeError(embedding.type);
  const { vocabulary, width, steps } = embedding;
  const dense = parameters.subarray(vocabulary * width);
  const outputs = Array.from({ length: rows }, (_, row) => {
    let sum = dense[steps * width];
    for (let i = 0; i < steps * width; i++) {
      const token = features[row * steps + Math.floor(i / width)];
      sum += dense[i] * parameters[token * width + (i % width)];
    }
    return sum;
  });
  return { outputs, loss: outputs.reduce((sum, z, row) => sum + (z - labels[row]) ** 2, 0) };
}

test('a token stands for its row of the table, and the gradient is that of finite differences', () => {
  fc.assert(
    fc.property(examples, of => assertPlain(of, parameters => plain(of, parameters))),
    { numRuns: 30 },
  );
});

test('norms and clipped gradients are exact, tokens that repeat included', () => {
  fc.assert(
    fc.property(examples, of => assertRowGradients(of)),
    { numRuns: 50 },
  );
});

test('a row of one token alone has the norm of the summed gradient, not of its parts', () => {
  const of = example(embedded(3, 2, 6), 2, 5);
  of.features.fill(1);
  assertRowGradients(of);
});

test('first values are standard normal, and the table is as large as vocabulary and width say', () => {
  const settings = { type: 'embedding', vocabulary: 500, width: 20, steps: 3 } as const;
  const kind = layerKind(settings);
  assert.deepEqual(kind.tensors(settings), [{ name: 'weight', shape: [500, 20] }]);
  const values = new Float32Array(10_000);
  kind.initialise(settings, new RandomStream(new Uint8Array(32)), values);
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
  assert.ok(Math.abs(mean) < 0.04 && Math.abs(square - 1) < 0.06, `${mean}, ${square}`);
});

test('an embedding above another layer is refused', () => {
  const { layers, ...rest } = embedded(3, 2, 4);
  const dense = { type: 'dense', inputs: 4, outputs: 4, positions: 1, activation: 'none' } as const;
  assert.throws(() => planNetwork(new Layout(), { ...rest, layers: [dense, ...layers] }, 1, 'training'), RangeError);
});
