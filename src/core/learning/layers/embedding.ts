/** Embedding: a vector per token, learnt. */
import type { Kernels } from '../../math/kernels/kernels.ts';
import type { LayerKind } from '../layer.ts';
import type { EmbeddingSettings } from '../layer-settings.ts';

/** First values are standard normal, as PyTorch's Embedding. Tokens are whole numbers from 0 to vocabulary − 1: the data is checked. */
export const embedding: LayerKind<EmbeddingSettings> = {
  tensors: ({ vocabulary, width }) => [{ name: 'weight', shape: [vocabulary, width] }],
  outputSize: ({ width, steps }) => width * steps,
  initialise(_settings, stream, values) {
    for (let i = 0; i < values.length; i++) values[i] = stream.normal();
  },
  work: ({ width, steps }) => width * steps,
  partRows: 64,
  plan({ vocabulary, width, steps }, { layout, rows, input, inputGradient, parameters: weight, purpose, isPrivate }) {
    if (inputGradient !== 0) throw new RangeError('embedding: tokens have no gradient, so this is the first layer');
    const isTraining = purpose === 'training';
    const size = steps * width;
    const output = layout.float32(rows * size);
    const outputGradient = isTraining ? layout.float32(rows * size) : 0;
    const slots = isTraining ? layout.float32(vocabulary) : 0;
    const sums = isTraining ? layout.float32(size) : 0;
    return {
      output,
      outputGradient,
      forward({ kernels, parameters, rows: count }) {
        kernels.gatherTokens(input, parameters + weight, output, count * steps, width);
      },
      backward() {},
      gradient: isTraining
        ? {
            add({ kernels, gradient, rows: count }) {
              kernels.scatterTokens(input, outputGradient, gradient + weight, count * steps, width);
            },
            addSquaredNorms({ kernels, rows: count }, norms) {
              if (isPrivate === true) {
                mergeTokens(kernels, input, outputGradient, { rows: count, steps, width });
                kernels.addRowSquares(outputGradient, 4 * size, norms, count, size);
                return;
              }
              new Uint32Array(kernels.buffer, slots, vocabulary).fill(0);
              kernels.addTokenSquares(input, outputGradient, norms, slots, sums, count, steps, width);
            },
            addWeighted({ kernels, gradient, rows: count }, weights) {
              kernels.scaleRows(outputGradient, count, size, weights);
              kernels.scatterTokens(input, outputGradient, gradient + weight, count * steps, width);
            },
          }
        : null,
    };
  },
};

/** Adds the values of every step to those of the row's first step with the same token, and clears them: a row's gradient is then what is left. */
function mergeTokens(
  { buffer }: Pick<Kernels, 'buffer'>,
  tokens: number,
  values: number,
  { rows, steps, width }: { readonly rows: number; readonly steps: number; readonly width: number },
): void {
  const token = new Float32Array(buffer, tokens, rows * steps);
  const value = new Float32Array(buffer, values, rows * steps * width);
  for (let row = 0; row < rows; row++) {
    const first = new Map<number, number>();
    for (let at = row * steps; at < (row + 1) * steps; at++) {
      const to = first.get(token[at]);
      if (to === undefined) {
        first.set(token[at], at);
        continue;
      }
      for (let i = 0; i < width; i++) value[to * width + i] += value[at * width + i];
      value.fill(0, at * width, (at + 1) * width);
    }
  }
}
