/** Pooling of images: the greatest or the mean value of each window. */
import type { LayerKind } from '../layer.ts';
import type { PoolSettings } from '../layer-settings.ts';

/** Where several values of a window are the greatest, the gradient goes to the first of them, row by row, as in PyTorch. */
export const pool2d: LayerKind<PoolSettings> = {
  tensors: () => [],
  outputSize: settings => settings.channels * outputPositions(settings),
  initialise: () => undefined,
  work: settings => pool2d.outputSize(settings) * settings.size ** 2,
  partRows: 64,
  plan(settings, place) {
    const { layout, rows, input, inputGradient, purpose } = place;
    const { kind, channels, height, width, size, stride } = settings;
    const positions = outputPositions(settings);
    const values = rows * channels * positions;
    const output = layout.float32(values);
    const isTraining = purpose === 'training';
    const outputGradient = isTraining ? layout.float32(values) : 0;
    // Numbers of the chosen pixels, int32.
    const places = isTraining && kind === 'max' ? layout.float32(values) : 0;
    return {
      output,
      outputGradient,
      forward({ kernels, rows: count }) {
        const planes = count * channels;
        if (kind === 'max') kernels.maxPool(input, output, places, planes, height, width, size, stride);
        else kernels.averagePool(input, output, planes, height, width, size, stride);
      },
      backward({ kernels, rows: count }) {
        if (inputGradient === 0) return;
        const planes = count * channels;
        if (kind === 'max') {
          kernels.maxPoolGradient(outputGradient, places, inputGradient, planes, positions, height * width);
        } else {
          kernels.averagePoolGradient(outputGradient, inputGradient, planes, height, width, size, stride);
        }
      },
      gradient: null,
    };
  },
};

function outputPositions({ height, width, size, stride }: PoolSettings): number {
  const side = (length: number) => Math.floor((length - size) / stride) + 1;
  return side(height) * side(width);
}
