/** Small networks with every kind of layer, for what must hold of all. */
import type { LayerSettings } from '../../../src/core/learning/layer-settings.ts';
import type { NetworkSettings } from '../../../src/core/learning/network.ts';

const dense = (inputs: number, outputs: number, positions = 1): LayerSettings => ({
  type: 'dense',
  inputs,
  outputs,
  positions,
  activation: positions === 1 ? 'none' : 'tanh',
});
const vector = (width: number) => ({ kind: 'vector', width }) as const;
const image = { kind: 'image', channels: 3, height: 9, width: 7 } as const;
const sequence = (steps: number, width: number) => ({ kind: 'sequence', steps, width }) as const;
const classes = (count: number, steps = 1) => ({ kind: 'classes', classes: count, steps }) as const;

/** Networks with every layer. Sizes are odd, so that hardly anything fills whole vectors. */
export const oddNetworks: Record<string, NetworkSettings> = {
  logistic: {
    layers: [dense(13, 1)],
    shape: { input: vector(13), output: classes(2) },
    loss: { name: 'binary' },
  },
  mlp: {
    layers: [
      { type: 'dense', inputs: 13, outputs: 11, positions: 1, activation: 'sigmoid' },
      { type: 'layer-norm', positions: 1, width: 11, activation: 'relu' },
      { type: 'dropout', width: 11, rate: 0.3 },
      dense(11, 3),
    ],
    shape: { input: vector(13), output: classes(3) },
    loss: { name: 'cross-entropy' },
  },
  quantiles: {
    layers: [dense(5, 6)],
    shape: { input: vector(5), output: { kind: 'numbers', count: 2 } },
    loss: { name: 'quantile', levels: [0.1, 0.5, 0.9] },
  },
  positions: {
    layers: [dense(5, 7, 3), dense(21, 1)],
    shape: { input: sequence(3, 5), output: { kind: 'numbers', count: 1 } },
    loss: { name: 'huber', delta: 1 },
  },
  cnn: {
    layers: [
      { type: 'conv2d', ...image, filters: 6, kernel: 3, stride: 1, padding: 1, activation: 'none' },
      { type: 'group-norm', channels: 6, positions: 63, groups: 3, activation: 'relu' },
      { ...image, channels: 6, type: 'pool2d', kind: 'max', size: 2, stride: 1 },
      {
        type: 'conv2d',
        channels: 6,
        height: 8,
        width: 6,
        filters: 5,
        kernel: 3,
        stride: 2,
        padding: 0,
        activation: 'tanh',
      },
      { type: 'pool2d', kind: 'average', channels: 5, height: 3, width: 2, size: 2, stride: 1 },
      dense(10, 3),
    ],
    shape: { input: image, output: classes(3) },
    loss: { name: 'cross-entropy' },
  },
  lstm: {
    layers: [
      { type: 'lstm', inputs: 3, hidden: 5, steps: 4, output: 'all' },
      { type: 'lstm', inputs: 5, hidden: 3, steps: 4, output: 'last' },
      dense(3, 1),
    ],
    shape: { input: sequence(4, 3), output: { kind: 'numbers', count: 1 } },
    loss: { name: 'mse' },
  },
  text: {
    layers: [
      { type: 'embedding', vocabulary: 7, width: 3, steps: 5 },
      { type: 'gru', inputs: 3, hidden: 5, steps: 5, output: 'all' },
      { type: 'dropout', width: 25, rate: 0.5 },
      { type: 'dense', inputs: 5, outputs: 7, positions: 5, activation: 'none' },
    ],
    shape: { input: { kind: 'tokens', steps: 5, vocabulary: 7 }, output: classes(7, 5) },
    loss: { name: 'cross-entropy' },
  },
};
