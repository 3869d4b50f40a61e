import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ConvolutionSettings } from '../../../src/core/learning/layer-settings.ts';
import { layerKind } from '../../../src/core/learning/layers/table.ts';
import type { NetworkSettings } from '../../../src/core/learning/network.ts';
import { initialParameters } from '../../../src/core/learning/network-parameters.ts';
import type { Activation } from '../../../src/core/math/kernels/kernels.ts';
import {
  all,
  assertPlain,
  assertRowGradients,
  distance,
  type Example,
  example,
  length,
  predict,
  run,
} from './layer-run.ts';

const side = ({ kernel, stride, padding }: ConvolutionSettings, size: number) =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

const small: ConvolutionSettings = {
  type: 'conv2d',
  channels: 3,
  height: 8,
  width: 7,
  filters: 4,
  kernel: 3,
  stride: 1,
  padding: 1,
  activation: 'relu',
};

/** Settings that leave at least one position. */
function convolutions(activations: readonly Activation[]): fc.Arbitrary<ConvolutionSettings> {
  return fc
    .record({
      type: fc.constant('conv2d' as const),
      channels: fc.integer({ min: 1, max: 5 }),
      height: fc.integer({ min: 1, max: 8 }),
      width: fc.integer({ min: 1, max: 8 }),
      filters: fc.integer({ min: 1, max: 5 }),
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      padding: fc.nat(2),
      activation: fc.constantFrom(...activations),
    })
    .filter(({ height, width, kernel, padding }) => Math.min(height, width) + 2 * padding >= kernel);
}

/** A second convolution above, so that the first must get its gradient, and a dense layer to one number. */
function stacked(first: ConvolutionSettings): NetworkSettings {
  const [height, width] = [side(first, first.height), side(first, first.width)];
  const kernel = Math.min(2, height, width);
  const second = { ...first, channels: first.filters, height, width, filters: 3, kernel, stride: 1, padding: 1 };
  const inputs = 3 * side(second, height) * side(second, width);
  return {
    layers: [first, second, { type: 'dense', inputs, outputs: 1, positions: 1, activation: 'none' }],
    shape: {
      input: { kind: 'image', channels: first.channels, height: first.height, width: first.width },
      output: { kind: 'numbers', count: 1 },
    },
    loss: { name: 'mse' },
  };
}

const activate = {
  none: (x: number) => x,
  relu: (x: number) => Math.max(x, 0),
  tanh: Math.tanh,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
};

/** One image through a convolution in float64, index by index. */
function convolve(settings: ConvolutionSettings, weight: Float64Array, x: ArrayLike<number>): Float64Array {
  const { channels, height, width, filters, kernel, stride, padding, activation } = settings;
  const [rows, columns] = [side(settings, height), side(settings, width)];
  const output = new Float64Array(filters * rows * columns);
  const bias = filters * channels * kernel * kernel;
  for (let at = 0; at < output.length; at++) {
    const filter = Math.floor(at / (rows * columns));
    const top = (Math.floor(at / columns) % rows) * stride - padding;
    const left = (at % columns) * stride - padding;
    let sum = weight[bias + filter];
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let z = 0; z < width; z++) {
          const [ky, kx] = [y - top, z - left];
          if (ky < 0 || ky >= kernel || kx < 0 || kx >= kernel) continue;
          sum += weight[((filter * channels + c) * kernel + ky) * kernel + kx] * x[(c * height + y) * width + z];
        }
      }
    }
    output[at] = activate[activation](sum);
  }
  return output;
}

function plain({ network, features, labels, rows }: Example, parameters: Float64Array) {
  const [first, second] = network.layers as ConvolutionSettings[];
  const above = first.filters * (first.channels * first.kernel ** 2 + 1);
  const top = above + second.filters * (second.channels * second.kernel ** 2 + 1);
  const last = parameters.subarray(top);
  const size = features.length / rows;
  const outputs = all(rows).map(row => {
    const hidden = convolve(first, parameters, features.subarray(row * size, (row + 1) * size));
    const values = convolve(second, parameters.subarray(above), hidden);
    return values.reduce((sum, value, i) => sum + last[i] * value, last[values.length]);
  });
  return { outputs, loss: outputs.reduce((sum, z, row) => sum + (z - labels[row]) ** 2, 0) };
}

const examples = (activations: readonly Activation[]) =>
  fc
    .record({ first: convolutions(activations), rows: fc.integer({ min: 1, max: 4 }), seed: fc.nat(255) })
    .map(({ first, rows, seed }) => example(stacked(first), rows, seed));

test('a convolution is what its sum says in float64, and the gradient is that of finite differences', () => {
  fc.assert(
    fc.property(examples(['none', 'tanh', 'sigmoid']), of => assertPlain(of, parameters => plain(of, parameters))),
    { numRuns: 40 },
  );
});

test('norms of gradients and clipped gradients are exact, and the twin gives the same bits', () => {
  fc.assert(
    fc.property(examples(['none', 'relu', 'tanh', 'sigmoid']), of => assertRowGradients(of)),
    { numRuns: 60 },
  );
});

test('prediction gives the outputs of training, to the bit', () => {
  fc.assert(
    fc.property(examples(['relu']), of => assert.deepEqual(predict(of), run(of, all(of.rows), 'sum').outputs)),
    { numRuns: 30 },
  );
});

test('the kernel is not flipped, and the bias is added', () => {
  const settings = { type: 'conv2d', channels: 1, height: 2, width: 3, filters: 1, kernel: 2, stride: 1 } as const;
  const network: NetworkSettings = {
    layers: [{ ...settings, padding: 0, activation: 'none' }],
    shape: { input: { kind: 'image', channels: 1, height: 2, width: 3 }, output: { kind: 'numbers', count: 2 } },
    loss: { name: 'mse' },
  };
  const of: Example = {
    network,
    parameters: Float32Array.of(1, 2, 3, 4, 100),
    features: Float32Array.of(1, 10, 100, 1000, 10_000, 100_000),
    labels: Float32Array.of(0, 0),
    rows: 1,
  };
  assert.deepEqual([...predict(of)], [43_121, 430_310]);
});

/** Columns of 3 MiB per row in several chunks: in memory for a row alone, written anew for three. */
const large = example(stacked({ ...small, height: 170, width: 171 }), 3, 5);

test('columns that do not stay in memory give the same bits as those that do', () => {
  const together = run(large, [0, 1, 2], 'norms');
  const alone = [0, 1, 2].map(row => run(large, [row], 'norms'));
  assert.deepEqual(
    [...together.outputs],
    alone.map(({ outputs }) => outputs[0]),
  );
  assert.deepEqual(
    [...together.norms],
    alone.map(({ norms }) => norms[0]),
  );
  for (const act of ['sum', { clip: 1e9 }] as const) {
    const rows = [0, 1, 2].map(row => run(large, [row], act).gradient);
    const expected = rows[0].map((value, i) => value + rows[1][i] + rows[2][i]);
    assert.ok(distance(run(large, [0, 1, 2], act).gradient, expected) <= 1e-5 * length(expected));
  }
});

/** Four positions with many filters: norms come from Gram matrices. */
const few = example(stacked({ ...small, height: 4, width: 4, filters: 16, padding: 0 }), 3, 7);
/** Many positions with few filters: gradients are written out. */
const many = example(stacked(small), 3, 7);

test('norms are exact whichever way they are computed', () => {
  assertRowGradients(few);
  assertRowGradients(many);
});

test('a row whose gradient is not finite leaves no trace in the clipped gradient', () => {
  for (const whole of [few, many, large]) {
    const { rows } = whole;
    const width = whole.features.length / rows;
    const broken = { ...whole, features: whole.features.slice().fill(Number.NaN, 2 * width, 3 * width) };
    const { gradient } = run(broken, [0, 2, 1], { clip: 0.5 });
    assert.deepEqual(gradient, run(broken, [0, 1], { clip: 0.5 }).gradient);
    assert.ok(gradient.every(Number.isFinite));
  }
});

test('first weights are drawn for the values that an output sums over, and biases are 0', () => {
  const settings: ConvolutionSettings = { ...small, channels: 6, filters: 50, kernel: 5, height: 5, width: 5 };
  assert.deepEqual(layerKind(settings).tensors(settings), [
    { name: 'weight', shape: [50, 6, 5, 5] },
    { name: 'bias', shape: [50] },
  ]);
  const values = initialParameters([settings], new Uint8Array(32));
  const bound = Math.sqrt(6 / 150);
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  assert.ok(most <= bound && most > 0.99 * bound, `${most} of ${bound}`);
  assert.ok(values.subarray(50 * 150).every(value => value === 0));
});
