/** The layers of a convolutional model: convolutions, each with its norm, pool and dropout, then dense layers. */
import type { ModelSettings } from '../protocol/model-settings.ts';
import { denseLayer, dropoutLayers, hiddenLayers } from './dense-layers.ts';
import type { LayerSettings } from './layer-settings.ts';
import type { DataShape } from './shape.ts';

type Convolutional = Extract<ModelSettings, { name: 'cnn' }>;

interface Image {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** @param outputs values of the last layer. Throws RangeError for an input that is no image. */
export function convolutionalLayers(model: Convolutional, { input }: DataShape, outputs: number): LayerSettings[] {
  if (input.kind !== 'image') throw new RangeError(`model: cnn needs images, the input is a ${input.kind}`);
  const layers: LayerSettings[] = [];
  let image: Image = input;
  for (const convolution of model.convolutions) {
    const made = convolutionLayers(image, convolution, model);
    layers.push(...made.layers);
    image = made.image;
  }
  const width = image.channels * image.height * image.width;
  return [
    ...layers,
    ...hiddenLayers(width, { hidden: model.hidden, activation: model.activation, dropout: model.dropout }),
    denseLayer(model.hidden[model.hidden.length - 1] ?? width, outputs, 'none'),
  ];
}

function convolutionLayers(
  from: Image,
  { filters, kernel, stride, padding, pool }: Convolutional['convolutions'][number],
  { activation, norm, groups, dropout }: Convolutional,
): { layers: LayerSettings[]; image: Image } {
  const size = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  const { channels, height, width } = from;
  let image: Image = { channels: filters, height: size(height), width: size(width) };
  const layers: LayerSettings[] = [
    {
      type: 'conv2d',
      channels,
      height,
      width,
      filters,
      kernel,
      stride,
      padding,
      activation: norm === 'group' ? 'none' : activation,
    },
  ];
  if (norm === 'group') {
    const positions = image.height * image.width;
    layers.push({ type: 'group-norm', channels: filters, positions, groups, activation });
  }
  if (pool !== null) {
    const apart = pool.stride ?? pool.size;
    layers.push({ type: 'pool2d', ...image, kind: pool.kind, size: pool.size, stride: apart });
    const pooled = (length: number) => Math.floor((length - pool.size) / apart) + 1;
    image = { channels: filters, height: pooled(image.height), width: pooled(image.width) };
  }
  layers.push(...dropoutLayers(image.channels * image.height * image.width, dropout));
  return { layers, image };
}
