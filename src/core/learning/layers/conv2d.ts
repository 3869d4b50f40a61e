/** Convolution of images: outputs = activation(W·columns + b) at every output position. */
import { activations } from '../../math/kernels/kernels.ts';
import type { LayerKind } from '../layer.ts';
import type { ConvolutionSettings } from '../layer-settings.ts';
import { outputSides, planColumns } from './conv2d-columns.ts';
import { planConvolutionGradient } from './conv2d-gradient.ts';
import { fillUniform } from './uniform.ts';

/**
 * Tensors as PyTorch's Conv2d: weight [filters, channels, kernel, kernel], bias [filters]. Inside, channels come last: what a
 * position looks at is then a few runs of memory, and the positions of all rows are the rows of one product.
 */
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
    const { layout, rows, input, inputGradient, purpose, isPrivate } = place;
    const { filters, channels, height, width, kernel } = settings;
    const code = activations[settings.activation];
    const isTraining = purpose === 'training';
    const area = height * width;
    const images = channels === 1 ? input : layout.float32(rows * area * channels);
    const imageGradients =
      channels === 1 || inputGradient === 0 ? inputGradient : layout.float32(rows * area * channels);
    const columns = planColumns(layout, rows, settings, images, isTraining);
    const { positions, inner } = columns;
    const size = filters * positions;
    const weight = place.parameters;
    const bias = weight + 4 * filters * inner;
    // The weight as the columns have it: [filters, kernel, kernel, channels].
    const channelsLast = layout.float32(filters * inner);
    const output = layout.float32(rows * size);
    const outputGradient = isTraining ? layout.float32(rows * size) : 0;
    // Outputs, then their gradients, as [positions, filters].
    const places = layout.float32(rows * size);
    const gradientPlace = { parameters: weight, filters, channels, error: places, isPrivate };
    return {
      output,
      outputGradient,
      forward(pass) {
        const { kernels, parameters, rows: count } = pass;
        const b = parameters + bias;
        if (images !== input) kernels.transpose(input, images, count, channels, area);
        kernels.transpose(parameters + weight, channelsLast, filters, channels, kernel * kernel);
        columns.write(pass, 0, count, (values, first, many) => {
          const to = places + 4 * first * filters;
          kernels.productTransposed(values, channelsLast, b, to, many, inner, filters, code);
        });
        kernels.transpose(places, output, count, positions, filters);
      },
      backward(pass) {
        const { kernels, rows: count } = pass;
        kernels.activationGradient(output, outputGradient, count * size, code);
        kernels.transpose(outputGradient, places, count, filters, positions);
        if (inputGradient === 0) return;
        new Float32Array(kernels.buffer, imageGradients, count * area * channels).fill(0);
        columns.addBack(pass, imageGradients, (values, first, many) => {
          kernels.product(places + 4 * first * filters, channelsLast, values, many, filters, inner);
        });
        if (channels > 1) kernels.transpose(imageGradients, inputGradient, count, area, channels);
      },
      gradient: isTraining ? planConvolutionGradient(layout, rows, gradientPlace, columns) : null,
    };
  },
};
