/** Dense layer: outputs = activation(inputs·Wᵀ + b), at one or many positions of a row. */
import { activations } from '../../math/kernels/kernels.ts';
import type { LayerKind } from '../layer.ts';
import type { DenseSettings } from '../layer-settings.ts';
import { planLinearGradient } from '../linear-gradient.ts';
import { fillUniform } from './uniform.ts';

export const dense: LayerKind<DenseSettings> = {
  tensors: ({ inputs, outputs }) => [
    { name: 'weight', shape: [outputs, inputs] },
    { name: 'bias', shape: [outputs] },
  ],
  outputSize: ({ outputs, positions }) => outputs * positions,
  initialise({ inputs, outputs, activation }, stream, values) {
    fillUniform(values.subarray(0, inputs * outputs), stream, { inputs, outputs, activation });
  },
  work: ({ inputs, outputs, positions }) => inputs * outputs * positions,
  partRows: 64,
  plan({ inputs, outputs, positions, activation }, place) {
    const { layout, rows, input, inputGradient, purpose, isPrivate } = place;
    const code = activations[activation];
    const weight = place.parameters;
    const bias = weight + 4 * inputs * outputs;
    const output = layout.float32(rows * positions * outputs);
    const isTraining = purpose === 'training';
    const outputGradient = isTraining ? layout.float32(rows * positions * outputs) : 0;
    const linear = { parameters: weight, inputs, outputs, positions, input, error: outputGradient, isPrivate };
    return {
      output,
      outputGradient,
      forward({ kernels, parameters, rows: count }) {
        const places = count * positions;
        kernels.productTransposed(input, parameters + weight, parameters + bias, output, places, inputs, outputs, code);
      },
      backward({ kernels, parameters, rows: count }) {
        const places = count * positions;
        kernels.activationGradient(output, outputGradient, places * outputs, code);
        if (inputGradient !== 0) {
          kernels.product(outputGradient, parameters + weight, inputGradient, places, outputs, inputs);
        }
      },
      gradient: isTraining ? planLinearGradient(layout, rows, linear) : null,
    };
  },
};
