/** Convolution of images: outputs = activation(W·columns + b) at every output position. */
import { activations } from '../../math/kernels/kernels.ts';
import type { LayerKind, Pass } from '../layer.ts';
import type { ConvolutionSettings } from '../layer-settings.ts';
import { outputSides, planColumns } from './conv2d-columns.ts';
import { planConvolutionGradient } from './conv2d-gradient.ts';
import { fillUniform } from './uniform.ts';

/** Tensors as PyTorch's Conv2d: weight [filters, channels, kernel, kernel], bias [filters]. */
export const conv2d: LayerKind<ConvolutionSettings> = {
  tensors: ({ filters, channels, kernel }) => [
    { name: 'weight', shape: [filters, channels, kernel, kernel] },
    { name: 'bias', shape: [filters] },
  ],
  outputSize: settings => {
    const [height, width] = outputSides(settings);
    return settings.filters * height * width;
  },
  initialise({ filters, channels, kernel, activation }, stream, values) {
    const field = kernel * kernel;
    const fan = { inputs: channels * field, outputs: filters * field, activation };
    fillUniform(values.subarray(0, filters * channels * field), stream, fan);
  },
  work: settings => conv2d.outputSize(settings) * settings.channels * settings.kernel ** 2,
  partRows: 16,
  plan(settings, place) {
    const { layout, rows, inputGradient, purpose } = place;
    const { filters, channels, height, width, kernel, stride, padding } = settings;
    const code = activations[settings.activation];
    const columns = planColumns(settings, place);
    const { positions, inner, chunks } = columns;
    const size = filters * positions;
    const weight = place.parameters;
    const bias = weight + 4 * filters * inner;
    const output = layout.float32(rows * size);
    const isTraining = purpose === 'training';
    const outputGradient = isTraining ? layout.float32(rows * size) : 0;
    const gradientPlace = { parameters: weight, filters, error: outputGradient };
    return {
      output,
      outputGradient,
      forward(pass) {
        const { kernels, parameters, rows: count } = pass;
        const w = parameters + weight;
        for (let row = 0; row < count; row++) {
          const out = output + 4 * row * size;
          kernels.fillChannels(out, parameters + bias, filters, positions);
          for (const chunk of chunks) {
            const c = columns.write(pass, row, chunk);
            const at = out + 4 * chunk.first;
            const bytes = 4 * chunk.positions;
            kernels.addProduct(w, 4 * inner, 4, c, bytes, 4, at, 4 * positions, filters, inner, chunk.positions);
          }
        }
        kernels.activate(output, count * size, code);
      },
      backward(pass) {
        pass.kernels.activationGradient(output, outputGradient, pass.rows * size, code);
        if (inputGradient === 0) return;
        pass.kernels.fillChannels(inputGradient, 0, pass.rows, channels * height * width);
        for (let row = 0; row < pass.rows; row++) addInputGradient(pass, row);
      },
      gradient: isTraining ? planConvolutionGradient(layout, rows, gradientPlace, columns) : null,
    };

    function addInputGradient({ kernels, parameters }: Pass, row: number): void {
      const w = parameters + weight;
      const image = inputGradient + 4 * row * channels * height * width;
      const e = outputGradient + 4 * row * size;
      const c = columns.scratch;
      for (const { firstRow, rows: count, first, positions: many } of chunks) {
        kernels.fillChannels(c, 0, inner, many);
        kernels.addProduct(w, 4, 4 * inner, e + 4 * first, 4 * positions, 4, c, 4 * many, inner, filters, many);
        kernels.addCol2im(c, image, channels, height, width, kernel, stride, padding, firstRow, count);
      }
    }
  },
};
