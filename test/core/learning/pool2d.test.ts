import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DenseSettings, PoolSettings } from '../../../src/core/learning/layer-settings.ts';
import type { NetworkSettings } from '../../../src/core/learning/network.ts';
import { all, assertPlain, assertRowGradients, type Example, example, predict, run } from './layer-run.ts';

const side = ({ size, stride }: PoolSettings, length: number) => Math.floor((length - size) / stride) + 1;

const pools: fc.Arbitrary<PoolSettings> = fc
  .record({
    type: fc.constant('pool2d' as const),
    kind: fc.constantFrom('max' as const, 'average' as const),
    channels: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 7 }),
    width: fc.integer({ min: 1, max: 12 }),
    size: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
  })
  .filter(({ height, width, size }) => Math.min(height, width) >= size);

/** A dense layer makes the images, another one number of what the pool leaves. */
function between(pool: PoolSettings): NetworkSettings {
  const outputs = pool.channels * pool.height * pool.width;
  const inputs = pool.channels * side(pool, pool.height) * side(pool, pool.width);
  return {
    layers: [
      { type: 'dense', inputs: 2, outputs, positions: 1, activation: 'tanh' },
      pool,
      { type: 'dense', inputs, outputs: 1, positions: 1, activation: 'none' },
    ],
    shape: { input: { kind: 'vector', width: 2 }, output: { kind: 'numbers', count: 1 } },
    loss: { name: 'mse' },
  };
}

/** One row through the pool in float64, window by window. */
function pooled(pool: PoolSettings, x: readonly number[]): number[] {
  const { kind, channels, height, width, size, stride } = pool;
  const output: number[] = [];
  for (let c = 0; c < channels; c++) {
    for (let top = 0; top + size <= height; top += stride) {
      for (let left = 0; left + size <= width; left += stride) {
        const rows = all(size).map(y => (c * height + top + y) * width + left);
        const values = rows.flatMap(start => x.slice(start, start + size));
        const sum = values.reduce((a, b) => a + b, 0);
        output.push(kind === 'max' ? Math.max(...values) : sum / size ** 2);
      }
    }
  }
  return output;
}

function plain({ network, features, labels, rows }: Example, parameters: Float64Array) {
  const [, pool] = network.layers;
  if (pool.type !== 'pool2d') throw new TypeError(pool.type);
  const pixels = pool.channels * pool.height * pool.width;
  const last = parameters.subarray(3 * pixels);
  const outputs = all(rows).map(row => {
    const [a, b] = features.subarray(2 * row);
    const image = all(pixels).map(i => {
      return Math.tanh(a * parameters[2 * i] + b * parameters[2 * i + 1] + parameters[2 * pixels + i]);
    });
    return pooled(pool, image).reduce((sum, value, i) => sum + last[i] * value, last[last.length - 1]);
  });
  return { outputs, loss: outputs.reduce((sum, z, row) => sum + (z - labels[row]) ** 2, 0) };
}

const examples = fc
  .record({ pool: pools, rows: fc.integer({ min: 1, max: 4 }), seed: fc.nat(255) })
  .map(({ pool, rows, seed }) => example(between(pool), rows, seed));

test('pools are what their windows say in float64, and the gradient is that of finite differences', () => {
  fc.assert(
    fc.property(examples, of => assertPlain(of, parameters => plain(of, parameters))),
    { numRuns: 40 },
  );
});

test('norms of gradients below a pool and clipped gradients are exact', () => {
  fc.assert(
    fc.property(examples, of => assertRowGradients(of)),
    { numRuns: 40 },
  );
});

test('prediction gives the outputs of training, to the bit', () => {
  fc.assert(
    fc.property(examples, of => assert.deepEqual(predict(of), run(of, all(of.rows), 'sum').outputs)),
    { numRuns: 30 },
  );
});

test('of equal values the first gets the gradient of the greatest; of a mean all get the same share', () => {
  const gradientOf = (kind: PoolSettings['kind']) => {
    const pool: PoolSettings = { type: 'pool2d', kind, channels: 1, height: 2, width: 2, size: 2, stride: 2 };
    const { layers, ...rest } = between(pool);
    const network = { ...rest, layers: [{ ...layers[0], activation: 'none' } as DenseSettings, ...layers.slice(1)] };
    // The image is the bias of what makes it; the output is 3 times what is pooled, the loss its square.
    const parameters = Float32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 3, 0);
    const zeros = new Float32Array(2);
    const { gradient } = run({ network, parameters, features: zeros, labels: zeros, rows: 1 }, [0], 'sum');
    return [...gradient.subarray(8, 12)];
  };
  assert.deepEqual(gradientOf('max'), [0, 18, 0, 0]);
  assert.deepEqual(gradientOf('average'), [3.375, 3.375, 3.375, 3.375]);
});

test('a pool may be the first layer', () => {
  const pool: PoolSettings = { type: 'pool2d', kind: 'max', channels: 2, height: 4, width: 5, size: 2, stride: 2 };
  const { layers, loss } = between(pool);
  const input = { kind: 'image', channels: 2, height: 4, width: 5 } as const;
  const shape = { input, output: { kind: 'numbers', count: 1 } } as const;
  assertRowGradients(example({ layers: layers.slice(1), shape, loss }, 3, 9));
});
