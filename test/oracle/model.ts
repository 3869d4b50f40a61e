/** What the oracles compute on: layers and loss as the engine's settings, values of their own; sizes derived here a second time. */
import type { LayerSettings } from '../../src/core/learning/layer-settings.ts';
import type { LossSettings } from '../../src/core/learning/loss-settings.ts';
import type { OutputShape } from '../../src/core/learning/shape.ts';

export interface Model {
  readonly layers: readonly LayerSettings[];
  readonly loss: LossSettings;
  readonly output: OutputShape;
}

/** Row-major rows; parameters tensor after tensor. Numbers are read as float64. */
export interface Values {
  readonly parameters: ArrayLike<number>;
  readonly inputs: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly rows: number;
  /** For each layer of dropout in order: rows × width factors. Without them dropout passes all. */
  readonly masks: readonly ArrayLike<number>[];
}

/** Shapes of a layer's tensors in order, as PyTorch's module of the same name. */
export function tensorShapes(layer: LayerSettings): readonly (readonly number[])[] {
  switch (layer.type) {
    case 'dense':
      return [[layer.outputs, layer.inputs], [layer.outputs]];
    case 'conv2d':
      return [[layer.filters, layer.channels, layer.kernel, layer.kernel], [layer.filters]];
    case 'lstm':
    case 'gru': {
      const gates = (layer.type === 'lstm' ? 4 : 3) * layer.hidden;
      return [[gates, layer.inputs], [gates, layer.hidden], [gates], [gates]];
    }
    case 'embedding':
      return [[layer.vocabulary, layer.width]];
    case 'layer-norm':
      return [[layer.width], [layer.width]];
    case 'group-norm':
      return [[layer.channels], [layer.channels]];
    case 'pool2d':
    case 'dropout':
      return [];
  }
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Values per row that go into a layer. */
export function inputSize(layer: LayerSettings): number {
  switch (layer.type) {
    case 'dense':
      return layer.positions * layer.inputs;
    case 'conv2d':
    case 'pool2d':
      return layer.channels * layer.height * layer.width;
    case 'lstm':
    case 'gru':
      return layer.steps * layer.inputs;
    case 'embedding':
      return layer.steps;
    case 'layer-norm':
      return layer.positions * layer.width;
    case 'group-norm':
      return layer.channels * layer.positions;
    case 'dropout':
      return layer.width;
  }
}

/** Values per row that come out of a layer. */
export function outputSize(layer: LayerSettings): number {
  switch (layer.type) {
    case 'dense':
      return layer.positions * layer.outputs;
    case 'conv2d':
      return layer.filters * windows(layer.height, layer) * windows(layer.width, layer);
    case 'pool2d': {
      const window = { kernel: layer.size, stride: layer.stride, padding: 0 };
      return layer.channels * windows(layer.height, window) * windows(layer.width, window);
    }
    case 'lstm':
    case 'gru':
      return (layer.output === 'all' ? layer.steps : 1) * layer.hidden;
    case 'embedding':
      return layer.steps * layer.width;
    case 'layer-norm':
    case 'group-norm':
    case 'dropout':
      return inputSize(layer);
  }
}

/** Windows of `kernel` values, `stride` apart, on a padded line. */
export function windows(
  length: number,
  { kernel, stride, padding }: { kernel: number; stride: number; padding: number },
): number {
  return Math.floor((length + 2 * padding - kernel) / stride) + 1;
}

/** Labels per row. */
export function labelsPerRow({ output }: Model): number {
  return output.kind === 'classes' ? output.steps : output.count;
}

/** The mask of each layer for one row, undefined for layers without. */
export function masksOfRow({ layers }: Model, { masks }: Values, row: number): (ArrayLike<number> | undefined)[] {
  let used = 0;
  return layers.map(layer => {
    if (layer.type !== 'dropout' || used >= masks.length) return undefined;
    const mask = masks[used++];
    return Array.from({ length: layer.width }, (_, i) => mask[row * layer.width + i]);
  });
}
