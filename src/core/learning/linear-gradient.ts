/** Parameter gradients of what is linear at each position of a row: G = Σ e·aᵀ, with inputs a and output gradients e. */
import type { Layout } from '../math/kernels/kernels.ts';
import type { LayerGradient, Pass } from './layer.ts';
import { planRowGradients } from './row-gradients.ts';

/** A dense layer's numbers: rows × positions × width, row-major, without gaps. */
export interface LinearPlace {
  /** Byte offset of the weight [outputs, inputs] from the start of all parameters; the bias [outputs] follows it. */
  readonly parameters: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly positions: number;
  /** Byte offsets of rows × positions × inputs and × outputs. */
  readonly input: number;
  readonly error: number;
}

/**
 * Norms without gradients ("ghost norms"): for one position ‖e‖²(‖a‖² + 1); for more
 * Σₜₛ (eₜ·eₛ)(aₜ·aₛ) + ‖Σₜ eₜ‖² (Goodfellow 2015; Li et al. 2022, "Large language models can be strong differentially
 * private learners", eq. 3). Written out instead where positions are so many that this costs less.
 */
export function planLinearGradient(layout: Layout, rows: number, place: LinearPlace): LayerGradient {
  const { parameters, inputs, outputs, positions, input, error } = place;
  const bias = 4 * inputs * outputs;
  const add = ({ kernels, gradient, rows: count }: Pass): void => {
    const target = gradient + parameters;
    kernels.addTransposedProduct(error, input, target, outputs, count * positions, inputs);
    kernels.addColumnSums(error, 4 * outputs, target + bias, count * positions, outputs);
  };
  if (positions > 1 && positions * (inputs + outputs) > inputs * outputs) {
    return { add, ...planRowGradients(layout, rows, parameters, (inputs + 1) * outputs, writeRow) };
  }
  const squares = layout.float64(rows);
  const gram = layout.float32(2 * positions * positions);
  return {
    add,
    addSquaredNorms(pass, norms) {
      if (positions === 1) addProductNorms(pass, norms);
      else for (let row = 0; row < pass.rows; row++) addGhostNorm(pass, row, norms);
    },
    addWeighted(pass, weights) {
      const { kernels, rows: count } = pass;
      kernels.scaleRows(error, count, positions * outputs, weights);
      const scale = new Float32Array(kernels.buffer, weights, count);
      // Where a row is left out its inputs need not be finite, and 0 × ∞ is none of its business either.
      for (let row = 0; row < count; row++) {
        if (scale[row] !== 0) continue;
        new Float32Array(kernels.buffer, input + 4 * row * positions * inputs, positions * inputs).fill(0);
      }
      add(pass);
    },
  };

  function writeRow({ kernels }: Pass, row: number, target: number): void {
    const e = error + 4 * row * positions * outputs;
    const a = input + 4 * row * positions * inputs;
    new Float32Array(kernels.buffer, target, (inputs + 1) * outputs).fill(0);
    kernels.addTransposedProduct(e, a, target, outputs, positions, inputs);
    kernels.addColumnSums(e, 4 * outputs, target + bias, positions, outputs);
  }

  function addProductNorms({ kernels, rows: count }: Pass, norms: number): void {
    const sums = new Float64Array(kernels.buffer, norms, count);
    const work = new Float64Array(kernels.buffer, squares, count);
    work.fill(0);
    kernels.addRowSquares(input, 4 * inputs, squares, count, inputs);
    const ofInput = work.slice();
    work.fill(0);
    kernels.addRowSquares(error, 4 * outputs, squares, count, outputs);
    for (let row = 0; row < count; row++) sums[row] += work[row] * (ofInput[row] + 1);
  }

  function addGhostNorm({ kernels }: Pass, row: number, norms: number): void {
    const e = error + 4 * row * positions * outputs;
    const a = input + 4 * row * positions * inputs;
    const second = gram + 4 * positions * positions;
    kernels.productTransposed(e, e, 0, gram, positions, outputs, positions, 0);
    kernels.productTransposed(a, a, 0, second, positions, inputs, positions, 0);
    // The bias is a weight of a constant input 1: its Gram matrix is all ones.
    const values = new Float32Array(kernels.buffer, second, positions * positions);
    for (let i = 0; i < values.length; i++) values[i] += 1;
    const sums = new Float64Array(kernels.buffer, norms, row + 1);
    sums[row] += kernels.dotProduct(gram, second, positions * positions);
  }
}
