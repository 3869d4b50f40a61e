/** Parameter gradients of a convolution: that of a layer linear at each position, whose inputs are the columns. */
import type { Layout } from '../../math/kernels/kernels.ts';
import type { LayerGradient, Pass } from '../layer.ts';
import { planLinearGradient } from '../linear-gradient.ts';
import { planRowGradients } from '../row-gradients.ts';
import type { Columns } from './conv2d-columns.ts';

export interface ConvolutionPlace {
  /** Byte offset of the weight from the start of all parameters; the bias follows it. */
  readonly parameters: number;
  readonly filters: number;
  readonly channels: number;
  /** Byte offset of the gradient by the output before the activation, rows × [positions, filters]. */
  readonly error: number;
  /** As in `Place`. */
  readonly isPrivate?: boolean | undefined;
}

/**
 * Columns that stay in memory are the inputs of a linear layer, with its ghost norms where positions are few. Others are written
 * anew, chunk by chunk, and norms are those of gradients written out: images of that size have many positions.
 */
export function planConvolutionGradient(
  layout: Layout,
  rows: number,
  place: ConvolutionPlace,
  columns: Columns,
): LayerGradient {
  const { filters, channels, error, parameters, isPrivate } = place;
  const { positions, inner, kept } = columns;
  const linear = { parameters: 0, inputs: inner, outputs: filters, positions, input: kept, error, isPrivate };
  const gradient =
    kept === 0 ? planChunkedGradient(layout, rows, place, columns) : planLinearGradient(layout, rows, linear);
  const count = filters * (inner + 1);
  const channelsLast = layout.float32(count);
  const channelsFirst = layout.float32(count);
  return {
    add: pass => addTransposed(pass, target => gradient.add(target)),
    addSquaredNorms: (pass, norms) => gradient.addSquaredNorms(pass, norms),
    addWeighted: (pass, weights) => addTransposed(pass, target => gradient.addWeighted(target, weights)),
  };

  /** From weights [filters, kernel, kernel, channels] as the columns have them to [filters, channels, kernel, kernel]. */
  function addTransposed(pass: Pass, add: (target: Pass) => void): void {
    const { kernels } = pass;
    new Float32Array(kernels.buffer, channelsLast, count).fill(0);
    add({ ...pass, gradient: channelsLast });
    const bias = filters * inner;
    kernels.transpose(channelsLast, channelsFirst, filters, inner / channels, channels);
    kernels.addScaled(channelsFirst, pass.gradient + parameters, bias, 1);
    kernels.addScaled(channelsLast + 4 * bias, pass.gradient + parameters + 4 * bias, filters, 1);
  }
}

/** Of weights [filters, inner] and bias at the start of the parameters. */
function planChunkedGradient(
  layout: Layout,
  rows: number,
  { filters, error }: ConvolutionPlace,
  columns: Columns,
): LayerGradient {
  const { inner } = columns;
  const bias = 4 * filters * inner;
  const addRows = (pass: Pass, from: number, rowCount: number, target: number): void => {
    columns.write(pass, from, rowCount, (values, first, count) => {
      const e = error + 4 * first * filters;
      pass.kernels.addTransposedProduct(e, values, target, filters, count, inner);
      pass.kernels.addColumnSums(e, 4 * filters, target + bias, count, filters);
    });
  };
  return {
    add: pass => addRows(pass, 0, pass.rows, pass.gradient),
    ...planRowGradients(layout, rows, 0, filters * (inner + 1), (pass, row, target) => {
      new Float32Array(pass.kernels.buffer, target, filters * (inner + 1)).fill(0);
      addRows(pass, row, 1, target);
    }),
  };
}
