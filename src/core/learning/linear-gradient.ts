/** Parameter gradients of what is linear at each position of a row: G = Σ e·aᵀ, with inputs a and output gradients e. */
import type { Layout } from '../math/kernels/kernels.ts';
import { GramSum } from './gram-sum.ts';
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
  /** As in `Place`. */
  readonly isPrivate?: boolean | undefined;
}

type Norms = Pick<LayerGradient, 'addSquaredNorms' | 'addWeighted'>;

/** Multiply–adds that one value of a written gradient costs: it is cleared, squared and added again. */
const costOfValue = 8;

/**
 * Gradients by what is cheaper. In multiply–adds per row, for P positions, I inputs and O outputs: both ways need one product
 * P·I·O; Gram norms cost P²·(I + O) besides, written gradients `costOfValue`·I·O. Private training has no choice: with many positions
 * gradients are written, for what positions add up to is shorter than they are, and a sum of all of them rounds as they do.
 */
export function planLinearGradient(layout: Layout, rows: number, place: LinearPlace): LayerGradient {
  const { inputs, outputs, positions, isPrivate = false } = place;
  const isGram = !isPrivate && positions ** 2 * (inputs + outputs) < costOfValue * inputs * outputs;
  const norms = positions === 1 ? planProductNorms : isGram ? planGramNorms : planWrittenNorms;
  return { add: pass => addGradient(place, pass), ...norms(layout, rows, place) };
}

/** Each row's gradient is written out. */
export function planWrittenNorms(layout: Layout, rows: number, place: LinearPlace): Norms {
  const count = (place.inputs + 1) * place.outputs;
  return planRowGradients(layout, rows, place.parameters, count, (pass, row, target) =>
    writeRowGradient(place, pass, row, target),
  );
}

/** One position: ‖e·aᵀ‖² + ‖e‖² = ‖e‖²(‖a‖² + 1) (Goodfellow 2015, "Efficient per-example gradient computations"). */
function planProductNorms(layout: Layout, rows: number, place: LinearPlace): Norms {
  const { inputs, outputs, input, error } = place;
  const squares = layout.float64(rows);
  return {
    addSquaredNorms({ kernels, rows: count }, norms) {
      const sums = new Float64Array(kernels.buffer, norms, count);
      const work = new Float64Array(kernels.buffer, squares, count);
      work.fill(0);
      kernels.addRowSquares(input, 4 * inputs, squares, count, inputs);
      const ofInput = work.slice();
      work.fill(0);
      kernels.addRowSquares(error, 4 * outputs, squares, count, outputs);
      for (let row = 0; row < count; row++) sums[row] += work[row] * (ofInput[row] + 1);
    },
    addWeighted: (pass, weights) => addScaledRows(place, pass, weights),
  };
}

/**
 * Norms without gradients: ‖G‖² = Σₜₛ (eₜ·eₛ)(aₜ·aₛ + 1) over pairs of positions, the 1 for the bias (Li et al. 2022, "Large
 * language models can be strong differentially private learners", eq. 3). Where the sum cannot be believed the row's gradient
 * is written out.
 */
export function planGramNorms(layout: Layout, _rows: number, place: LinearPlace): Norms {
  const { inputs, outputs, positions, input, error } = place;
  const pairs = positions * positions;
  const ofErrors = layout.float32(pairs);
  const ofInputs = layout.float32(pairs);
  const count = (inputs + 1) * outputs;
  const written = layout.float32(count);
  return {
    addSquaredNorms(pass, norms) {
      const sums = new Float64Array(pass.kernels.buffer, norms, pass.rows);
      for (let row = 0; row < pass.rows; row++) {
        const squared = gramNorm(pass, row);
        if (squared !== null) {
          sums[row] += squared;
          continue;
        }
        writeRowGradient(place, pass, row, written);
        pass.kernels.addRowSquares(written, 4 * count, norms + 8 * row, 1, count);
      }
    },
    addWeighted: (pass, weights) => addScaledRows(place, pass, weights),
  };

  /** Null where the sum may be wrong. */
  function gramNorm({ kernels }: Pass, row: number): number | null {
    const e = error + 4 * row * positions * outputs;
    const a = input + 4 * row * positions * inputs;
    kernels.productTransposed(e, e, 0, ofErrors, positions, outputs, positions, 0);
    kernels.productTransposed(a, a, 0, ofInputs, positions, inputs, positions, 0);
    const errors = new Float32Array(kernels.buffer, ofErrors, pairs);
    const values = new Float32Array(kernels.buffer, ofInputs, pairs);
    for (let i = 0; i < pairs; i++) values[i] += 1;
    const sum = new GramSum();
    const product = kernels.dotProduct(ofErrors, ofInputs, pairs);
    sum.add(product, { errors, inputs: values, count: positions, width: outputs });
    return sum.square;
  }
}

function addGradient({ parameters, inputs, outputs, positions, input, error }: LinearPlace, pass: Pass): void {
  const { kernels, gradient, rows } = pass;
  const target = gradient + parameters;
  kernels.addTransposedProduct(error, input, target, outputs, rows * positions, inputs);
  kernels.addColumnSums(error, 4 * outputs, target + 4 * inputs * outputs, rows * positions, outputs);
}

/** The gradient of all rows at once, after each row of the errors was scaled. */
function addScaledRows(place: LinearPlace, pass: Pass, weights: number): void {
  const { inputs, outputs, positions, input, error } = place;
  const { kernels, rows } = pass;
  kernels.scaleRows(error, rows, positions * outputs, weights);
  const scale = new Float32Array(kernels.buffer, weights, rows);
  // Where a row is left out its inputs need not be finite, and 0 × ∞ is none of its business either.
  for (let row = 0; row < rows; row++) {
    if (scale[row] !== 0) continue;
    new Float32Array(kernels.buffer, input + 4 * row * positions * inputs, positions * inputs).fill(0);
  }
  addGradient(place, pass);
}

/** Overwrites `target` with the gradient of one row. */
function writeRowGradient(place: LinearPlace, { kernels }: Pass, row: number, target: number): void {
  const { inputs, outputs, positions, input, error } = place;
  const e = error + 4 * row * positions * outputs;
  const a = input + 4 * row * positions * inputs;
  new Float32Array(kernels.buffer, target, (inputs + 1) * outputs).fill(0);
  kernels.addTransposedProduct(e, a, target, outputs, positions, inputs);
  kernels.addColumnSums(e, 4 * outputs, target + 4 * inputs * outputs, positions, outputs);
}
