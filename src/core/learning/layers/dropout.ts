/** Dropout: each value is zeroed with probability `rate` in training, the others are scaled by 1 / (1 − rate). */
import type { LayerKind, Pass } from '../layer.ts';
import type { DropoutSettings } from '../layer-settings.ts';

/**
 * Srivastava et al. 2014, with the scaling in training as PyTorch. The mask of a value is fixed by the key of the pass and the counter
 * (value of the row, row of the minibatch, step, layer): it is the same whatever part of the minibatch goes through together.
 */
export const dropout: LayerKind<DropoutSettings> = {
  tensors: () => [],
  outputSize: ({ width }) => width,
  initialise: () => {},
  work: ({ width }) => width,
  partRows: 64,
  plan({ width, rate }, { layout, rows, input, inputGradient, purpose, index }) {
    if (purpose === 'prediction') {
      return { output: input, outputGradient: 0, forward: () => {}, backward: () => {}, gradient: null };
    }
    const output = layout.float32(rows * width);
    const outputGradient = layout.float32(rows * width);
    const words = layout.float32(Math.ceil(width / 16) * 16);
    const threshold = Math.floor(rate * 2 ** 32);
    const scale = 1 / (1 - rate);
    const apply = ({ kernels, rows: count, masks }: Pass, from: number, to: number): void => {
      if (masks === null) {
        new Uint8Array(kernels.buffer).copyWithin(to, from, from + 4 * count * width);
        return;
      }
      const { key, step, firstRow, numbers } = masks;
      for (let row = 0; row < count; row++) {
        const at = 4 * row * width;
        const number = numbers?.[firstRow + row] ?? firstRow + row;
        kernels.philox(words, Math.ceil(width / 16) * 16, ...key, 0, number, step, index);
        kernels.drop(from + at, words, to + at, width, threshold, scale);
      }
    };
    return {
      output,
      outputGradient,
      forward: pass => apply(pass, input, output),
      backward(pass) {
        if (inputGradient !== 0) apply(pass, outputGradient, inputGradient);
      },
      gradient: null,
    };
  },
};
