/** Parameter gradients of a convolution: of one row G = E·columnsᵀ, with the gradient E [filters, positions] by its output. */
import type { Layout } from '../../math/kernels/kernels.ts';
import type { LayerGradient, Pass } from '../layer.ts';
import { planRowGradients } from '../row-gradients.ts';
import type { Columns } from './conv2d-columns.ts';

export interface ConvolutionPlace {
  /** Byte offset of the weight [filters, inner] from the start of all parameters; the bias [filters] follows it. */
  readonly parameters: number;
  readonly filters: number;
  /** Byte offset of rows × filters × positions. */
  readonly error: number;
}

/** Multiply–adds of a product that take as long as one element of a gradient cleared, squared, scaled and added. */
const workPerElement = 16;

/** A ghost norm below this share of what its terms could add up to has lost digits to cancellation: that row's gradient is written out. */
const leastShare = 1 / 256;

/**
 * Norms by whichever way costs less. Both need the product G; on top of it a ghost norm costs the Gram matrices of the
 * positions, positions²·(filters + inner) multiply–adds, and a gradient written out its filters·inner elements.
 */
export function planConvolutionGradient(
  layout: Layout,
  rows: number,
  place: ConvolutionPlace,
  columns: Columns,
): LayerGradient {
  const { positions, inner, chunks } = columns;
  const { filters } = place;
  const gram = positions * positions * (filters + inner);
  const isGhostCheaper = chunks.length === 1 && gram < workPerElement * filters * inner;
  return isGhostCheaper ? planGhostNorms(layout, place, columns) : planWrittenNorms(layout, rows, place, columns);
}

/** Norms of gradients that are written out row by row. */
export function planWrittenNorms(
  layout: Layout,
  rows: number,
  place: ConvolutionPlace,
  columns: Columns,
): LayerGradient {
  const add = (pass: Pass, row: number, target: number) => addRow(place, columns, pass, row, target);
  const count = place.filters * (columns.inner + 1);
  return {
    add(pass) {
      for (let row = 0; row < pass.rows; row++) add(pass, row, pass.gradient + place.parameters);
    },
    ...planRowGradients(layout, rows, place.parameters, count, (pass, row, target) => {
      pass.kernels.fillChannels(target, 0, 1, count);
      add(pass, row, target);
    }),
  };
}

/**
 * Norms from Gram matrices: ‖G‖² = Σₚᵩ (eₚ·eᵩ)(cₚ·cᵩ + 1) over pairs of positions, the 1 for the bias (Bu, Mao and Xu 2022, "Scalable
 * and efficient training of large convolutional neural networks with differential privacy"). Needs the columns in one chunk.
 */
export function planGhostNorms(layout: Layout, place: ConvolutionPlace, columns: Columns): LayerGradient {
  const { parameters, filters, error } = place;
  const { positions, inner } = columns;
  const count = filters * (inner + 1);
  const pairs = positions * positions;
  const ofErrors = layout.float32(pairs);
  const ofColumns = layout.float32(pairs);
  const written = layout.float32(count);
  return {
    add(pass) {
      for (let row = 0; row < pass.rows; row++) addRow(place, columns, pass, row, pass.gradient + parameters);
    },
    addSquaredNorms(pass, norms) {
      const sums = new Float64Array(pass.kernels.buffer, norms, pass.rows);
      for (let row = 0; row < pass.rows; row++) {
        const squared = ghostNorm(pass, row);
        if (squared !== null) sums[row] += squared;
        else addWrittenNorm(pass, row, norms);
      }
    },
    addWeighted(pass, weights) {
      pass.kernels.scaleRows(error, pass.rows, filters * positions, weights);
      const scale = new Float32Array(pass.kernels.buffer, weights, pass.rows);
      for (let row = 0; row < pass.rows; row++) {
        // What is left out need not be finite, nor its columns.
        if (scale[row] !== 0) addRow(place, columns, pass, row, pass.gradient + parameters);
      }
    },
  };

  /** Null where the sum is not sure to be right. */
  function ghostNorm(pass: Pass, row: number): number | null {
    const { kernels } = pass;
    const e = error + 4 * row * filters * positions;
    const c = columns.read(pass, row, columns.chunks[0]);
    const stride = 4 * positions;
    const errors = new Float32Array(kernels.buffer, ofErrors, pairs).fill(0);
    kernels.addProduct(e, 4, stride, e, stride, 4, ofErrors, stride, positions, filters, positions);
    const looks = new Float32Array(kernels.buffer, ofColumns, pairs).fill(1);
    kernels.addProduct(c, 4, stride, c, stride, 4, ofColumns, stride, positions, inner, positions);
    const squared = kernels.dotProduct(ofErrors, ofColumns, pairs);
    let most = 0;
    for (let i = 0; i < pairs; i += positions + 1) most += Math.sqrt(errors[i] * looks[i]);
    return squared >= leastShare * most * most ? squared : null;
  }

  function addWrittenNorm(pass: Pass, row: number, norms: number): void {
    pass.kernels.fillChannels(written, 0, 1, count);
    addRow(place, columns, pass, row, written);
    pass.kernels.addRowSquares(written, 4 * count, norms + 8 * row, 1, count);
  }
}

/** The matrix at `target` (weight and bias) += the gradient of one row; positions ascending, within a chunk as the kernel's product. */
function addRow({ filters, error }: ConvolutionPlace, columns: Columns, pass: Pass, row: number, target: number): void {
  const { kernels } = pass;
  const { positions, inner, chunks } = columns;
  const e = error + 4 * row * filters * positions;
  for (const chunk of chunks) {
    const c = columns.read(pass, row, chunk);
    const at = e + 4 * chunk.first;
    const stride = 4 * chunk.positions;
    kernels.addProduct(at, 4 * positions, 4, c, 4, stride, target, 4 * inner, filters, chunk.positions, inner);
  }
  kernels.addChannelSums(e, target + 4 * filters * inner, filters, positions);
}
