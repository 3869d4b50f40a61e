/** Every layer in every variant, each under a dense layer and a loss. */
import type { LayerSettings } from '../../src/core/learning/layer-settings.ts';
import type { LossSettings } from '../../src/core/learning/loss-settings.ts';
import { type InputShape, inputWidth } from '../../src/core/learning/shape.ts';
import { type Case, makeCase } from './case.ts';
import { inputSize, outputSize } from './model.ts';

type Kind<T extends LayerSettings['type']> = Extract<LayerSettings, { type: T }>;

export const layerCases: readonly Case[] = [
  ...(['none', 'relu', 'tanh', 'sigmoid'] as const).flatMap(activation => [
    onVector(`dense, ${activation}`, [dense(5, 4, activation)]),
    // Few positions and wide layers, many positions and narrow ones: the engine computes their norms in different ways.
    onSteps(`dense at 2 positions, ${activation}`, 2, 9, [dense(9, 8, activation, 2)]),
    onSteps(`dense at 12 positions, ${activation}`, 12, 2, [dense(2, 3, activation, 12)]),
  ]),
  onVector('dense, one input and one output', [dense(1, 1, 'tanh')]),

  onImage('conv2d 3×3, one channel', [convolution({ height: 6, width: 5 })]),
  onImage('conv2d 3×3, 3 channels, padding 1, relu', [convolution({ channels: 3, padding: 1, activation: 'relu' })]),
  onImage('conv2d 3×3 by 2, 2 channels', [convolution({ channels: 2, height: 7, width: 5, stride: 2 })]),
  onImage('conv2d 3×3 by 2, padding 1, rows and columns left over, tanh', [
    convolution({ channels: 2, height: 6, width: 8, stride: 2, padding: 1, activation: 'tanh' }),
  ]),
  onImage('conv2d 5×5, padding 2, sigmoid', [
    convolution({ channels: 2, height: 4, width: 5, kernel: 5, padding: 2, activation: 'sigmoid' }),
  ]),
  onImage('conv2d 3×3 by 2, padding 2', [convolution({ height: 5, width: 4, stride: 2, padding: 2 })]),
  onImage('conv2d 1×1, 3 channels', [convolution({ channels: 3, height: 3, width: 4, kernel: 1 })]),
  onImage('conv2d 2×2 by 3: pixels between the windows', [convolution({ height: 5, width: 8, kernel: 2, stride: 3 })]),
  onImage('conv2d as large as its image', [convolution({ channels: 2, height: 3, width: 3 })]),
  onImage('conv2d above conv2d', [
    convolution({ channels: 2, height: 7, width: 6, padding: 1, activation: 'relu' }),
    convolution({ channels: 4, height: 7, width: 6, stride: 2, padding: 1, activation: 'tanh' }),
  ]),
  onImage('conv2d 1×1 above conv2d', [
    convolution({ height: 5, width: 4, activation: 'tanh' }),
    convolution({ channels: 4, height: 3, width: 2, kernel: 1 }),
  ]),

  ...(['max', 'average'] as const).flatMap(kind => [
    pooled(`pool2d ${kind} 2×2`, { kind, height: 4, width: 6, size: 2, stride: 2 }),
    pooled(`pool2d ${kind} 2×2, rows and columns left over`, { kind, height: 5, width: 7, size: 2, stride: 2 }),
    pooled(`pool2d ${kind} 3×3 by 2, overlapping`, { kind, height: 5, width: 7, size: 3, stride: 2 }),
    pooled(`pool2d ${kind} 2×2 by 1, overlapping`, { kind, height: 3, width: 4, size: 2, stride: 1 }),
    pooled(`pool2d ${kind} 2×2 by 3`, { kind, height: 5, width: 8, size: 2, stride: 3 }),
    onImage(`pool2d ${kind} below conv2d`, [
      { type: 'pool2d', kind, channels: 2, height: 7, width: 6, size: 2, stride: 1 },
      convolution({ channels: 2, height: 6, width: 5 }),
    ]),
  ]),

  ...(['lstm', 'gru'] as const).flatMap(type => [
    ...(['all', 'last'] as const).flatMap(output => [
      onSteps(`${type}, ${output} of 1 step`, 1, 3, [{ type, inputs: 3, hidden: 4, steps: 1, output }]),
      onSteps(`${type}, ${output} of 7 steps`, 7, 3, [{ type, inputs: 3, hidden: 4, steps: 7, output }]),
    ]),
    onSteps(`${type}, wider than its input, 2 steps`, 2, 1, [{ type, inputs: 1, hidden: 9, steps: 2, output: 'last' }]),
    ...(['all', 'last'] as const).map(output =>
      onSteps(`${type} above ${type}, ${output}`, 5, 2, [
        { type, inputs: 2, hidden: 4, steps: 5, output: 'all' },
        { type, inputs: 4, hidden: 3, steps: 5, output },
      ]),
    ),
  ]),

  onTokens('embedding, 4 tokens in 9 steps', 4, 9, [{ type: 'embedding', vocabulary: 4, width: 3, steps: 9 }]),
  onTokens('embedding, one token again and again', 1, 5, [{ type: 'embedding', vocabulary: 1, width: 4, steps: 5 }]),
  onTokens('embedding, most tokens absent', 40, 3, [{ type: 'embedding', vocabulary: 40, width: 2, steps: 3 }]),
  onTokens('embedding, 1 step', 5, 1, [{ type: 'embedding', vocabulary: 5, width: 4, steps: 1 }]),

  ...(['none', 'relu', 'tanh'] as const).map(activation =>
    onVector(`layer-norm, ${activation}`, [
      dense(5, 6, 'none'),
      { type: 'layer-norm', positions: 1, width: 6, activation },
    ]),
  ),
  onVector('layer-norm as first layer', [{ type: 'layer-norm', positions: 1, width: 5, activation: 'sigmoid' }]),
  onSteps('layer-norm at 4 positions', 4, 3, [
    dense(3, 5, 'tanh', 4),
    { type: 'layer-norm', positions: 4, width: 5, activation: 'none' },
  ]),

  ...[1, 2, 4].flatMap(groups => [
    onImage(`group-norm, ${groups} of 4 channels`, [
      convolution({ height: 5, width: 4 }),
      { type: 'group-norm', channels: 4, positions: 6, groups, activation: 'none' },
    ]),
    onImage(`group-norm, ${groups} of 4 channels, relu, as first layer`, [
      { type: 'group-norm', channels: 4, positions: 12, groups, activation: 'relu' },
      convolution({ channels: 4, height: 3, width: 4 }),
    ]),
  ]),
  onVector('group-norm at 1 position, tanh', [
    dense(5, 6, 'none'),
    { type: 'group-norm', channels: 6, positions: 1, groups: 2, activation: 'tanh' },
  ]),

  // Wider than the blocks that kernels take at a time, with some left over.
  onVector('wide dense', [dense(37, 35, 'relu')]),
  onSteps('wide dense at 6 positions', 6, 21, [dense(21, 19, 'sigmoid', 6)]),
  onImage('wide conv2d', [
    convolution({ channels: 3, height: 9, width: 8, filters: 9, padding: 1, activation: 'relu' }),
    convolution({ channels: 9, height: 9, width: 8, filters: 5, kernel: 4, stride: 2, activation: 'tanh' }),
  ]),
  ...(['lstm', 'gru'] as const).map(type =>
    onSteps(`wide ${type}`, 3, 11, [{ type, inputs: 11, hidden: 19, steps: 3, output: 'all' }]),
  ),
  onTokens('wide embedding', 7, 12, [{ type: 'embedding', vocabulary: 7, width: 21, steps: 12 }]),
  onSteps('wide layer-norm', 3, 9, [
    dense(9, 37, 'none', 3),
    { type: 'layer-norm', positions: 3, width: 37, activation: 'relu' },
  ]),
  onImage('wide group-norm', [
    convolution({ height: 7, width: 6, filters: 6, padding: 1 }),
    { type: 'group-norm', channels: 6, positions: 42, groups: 3, activation: 'tanh' },
  ]),

  onVector('dropout', [dense(5, 12, 'tanh'), { type: 'dropout', width: 12, rate: 0.5 }]),
  onVector('dropout of inputs', [
    { type: 'dropout', width: 9, rate: 0.25 },
    { type: 'dropout', width: 9, rate: 0.25 },
  ]),
  onImage('dropout above conv2d', [
    convolution({ height: 5, width: 4, activation: 'relu' }),
    { type: 'dropout', width: 24, rate: 0.3 },
  ]),
  onSteps('dropout between lstm and gru', 4, 3, [
    { type: 'lstm', inputs: 3, hidden: 4, steps: 4, output: 'all' },
    { type: 'dropout', width: 16, rate: 0.4 },
    { type: 'gru', inputs: 4, hidden: 3, steps: 4, output: 'last' },
    { type: 'dropout', width: 3, rate: 0.4 },
  ]),
];

function dense(inputs: number, outputs: number, activation: Kind<'dense'>['activation'], positions = 1): Kind<'dense'> {
  return { type: 'dense', inputs, outputs, positions, activation };
}

function convolution(settings: Partial<Kind<'conv2d'>>): Kind<'conv2d'> {
  const small = { channels: 1, height: 4, width: 5, filters: 4, kernel: 3, stride: 1, padding: 0 } as const;
  return { type: 'conv2d', ...small, activation: 'none', ...settings };
}

/** A pool between a convolution, which has parameters, and the dense layer. */
function pooled(name: string, pool: Omit<Kind<'pool2d'>, 'type' | 'channels'>): Case {
  const { height, width } = pool;
  return onImage(name, [
    convolution({ height, width, filters: 3, padding: 1, activation: 'relu' }),
    { type: 'pool2d', channels: 3, ...pool },
  ]);
}

function onVector(name: string, layers: readonly LayerSettings[]): Case {
  return under(name, { kind: 'vector', width: inputSize(layers[0]) }, layers, { name: 'mse' });
}

function onImage(name: string, layers: readonly LayerSettings[]): Case {
  const first = layers[0];
  const image =
    first.type === 'group-norm'
      ? { channels: first.channels, height: 3, width: first.positions / 3 }
      : (first as Kind<'conv2d' | 'pool2d'>);
  const { channels, height, width } = image;
  return under(name, { kind: 'image', channels, height, width }, layers, { name: 'cross-entropy' });
}

function onSteps(name: string, steps: number, width: number, layers: readonly LayerSettings[]): Case {
  return under(name, { kind: 'sequence', steps, width }, layers, { name: 'mse' });
}

function onTokens(name: string, vocabulary: number, steps: number, layers: readonly LayerSettings[]): Case {
  return under(name, { kind: 'tokens', steps, vocabulary }, layers, { name: 'cross-entropy' });
}

/** The layers and, above all their outputs together, a dense layer of 3. */
function under(name: string, input: InputShape, layers: readonly LayerSettings[], loss: LossSettings): Case {
  if (inputSize(layers[0]) !== inputWidth(input)) throw new RangeError(`${name}: the input does not fit`);
  const output =
    loss.name === 'cross-entropy'
      ? ({ kind: 'classes', classes: 3, steps: 1 } as const)
      : ({ kind: 'numbers', count: 3 } as const);
  const top = dense(outputSize(layers[layers.length - 1]), 3, 'none');
  return makeCase(name, { input, output, loss, layers: [...layers, top] });
}
