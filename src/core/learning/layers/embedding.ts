/** Embedding: a vector per token, learnt. */
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
  plan({ vocabulary, width, steps }, { layout, rows, input, inputGradient, parameters: weight, purpose }) {
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
