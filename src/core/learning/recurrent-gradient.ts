/** Parameter gradients of a recurrent layer, once the gradients of its gates at every step are known. */
import { gramCopyCount } from '../math/kernels/gram.ts';
import type { Kernels, Layout } from '../math/kernels/kernels.ts';
import { GramSum } from './gram-sum.ts';
import type { LayerGradient, Pass } from './layer.ts';
import { keepsRowGradients, planRowGradients } from './row-gradients.ts';

/** Neighbouring blocks of a row of gates that take the same of input and state. */
export interface GateRun {
  /** First of them, of the four blocks of `hidden` values, and how many. */
  readonly block: number;
  readonly blocks: number;
  /** Gate of weight_ih and of weight_hh that the first block belongs to; null where the input, or the state, does not reach it. */
  readonly inputGate: number | null;
  readonly hiddenGate: number | null;
}

/** A recurrent layer's numbers, [steps, rows of the pass, width] without gaps. */
export interface RecurrentPlace {
  /** Byte offset of the layer's tensors from the start of all parameters, and where each begins from there. */
  readonly parameters: number;
  readonly tensors: RecurrentTensors;
  readonly inputs: number;
  readonly hidden: number;
  readonly steps: number;
  readonly runs: readonly GateRun[];
  /** Byte offsets of the inputs, of the state before each step, and of the gradients of the gates (width 4·hidden). */
  readonly input: number;
  readonly before: number;
  readonly errors: number;
  /** As in `Place`. */
  readonly isPrivate?: boolean | undefined;
}

/** Byte offsets of PyTorch's four tensors. */
export interface RecurrentTensors {
  readonly weightInput: number;
  readonly weightHidden: number;
  readonly biasInput: number;
  readonly biasHidden: number;
  /** Values of all. */
  readonly count: number;
}

type Norms = Pick<LayerGradient, 'addSquaredNorms' | 'addWeighted'>;

/** Multiply–adds of a product in the time that one value of a written gradient takes to be squared and added once more. */
const costOfValue = 16;

/**
 * Gradients by what is cheaper. In multiply–adds per row beyond those of `add`, for T steps, I inputs, H hidden values and P
 * parameters: Gram norms cost T²·(5H + I) / 2 (each matrix is symmetric); written gradients cost `costOfValue`·P, and where they are
 * too many to keep T·P more. Private training has no choice: see `planLinearGradient`.
 */
export function planRecurrentGradient(layout: Layout, rows: number, place: RecurrentPlace): LayerGradient {
  const { steps, inputs, hidden, tensors, isPrivate = false } = place;
  const again = keepsRowGradients(rows, tensors.count) ? 0 : steps;
  const isGram = !isPrivate && (steps * steps * (5 * hidden + inputs)) / 2 < (costOfValue + again) * tensors.count;
  return {
    add: pass => addGradient(place, pass),
    ...(isGram ? planGramNorms(layout, place) : planWrittenNorms(layout, rows, place)),
  };
}

/** Each row's gradient is written out. */
export function planWrittenNorms(layout: Layout, rows: number, place: RecurrentPlace): Norms {
  return planRowGradients(layout, rows, place.parameters, place.tensors.count, (pass, row, target) =>
    writeRowGradient(place, pass, row, target),
  );
}

/**
 * Norms without gradients: for G = Σₜ eₜ·aₜᵀ, ‖G‖² = Σₜₛ (eₜ·eₛ)(aₜ·aₛ), with a = (x, 1) for what the input reaches and
 * (h, 1) for what the state reaches (Li et al. 2022, "Large language models can be strong differentially private learners", eq. 3).
 * Where such a sum cannot be believed the row's gradient is written out.
 */
export function planGramNorms(layout: Layout, place: RecurrentPlace): Norms {
  const { tensors, inputs, hidden, steps, runs, input, before, errors } = place;
  const size = steps * steps;
  const [ofInput, ofState, ofErrors] = [layout.float32(size), layout.float32(size), layout.float32(size)];
  const copy = layout.float32(gramCopyCount(steps, Math.max(4 * hidden, inputs)));
  const written = layout.float32(tensors.count);
  return {
    addSquaredNorms(pass, norms) {
      const { kernels, rows: count } = pass;
      const sums = new Float64Array(kernels.buffer, norms, count);
      for (let row = 0; row < count; row++) {
        const square = gramNorm(pass, row);
        if (square !== null) {
          sums[row] += square;
          continue;
        }
        writeRowGradient(place, pass, row, written);
        kernels.addRowSquares(written, 0, norms + 8 * row, 1, tensors.count);
      }
    },
    addWeighted(pass, weights) {
      const { kernels, rows: count } = pass;
      for (let step = 0; step < steps; step++) {
        kernels.scaleRows(errors + 16 * step * count * hidden, count, 4 * hidden, weights);
      }
      const scale = new Float32Array(kernels.buffer, weights, count);
      // Where a row is left out its values need not be finite, and 0 × ∞ is none of its business either.
      for (let row = 0; row < count; row++) if (scale[row] === 0) clearRow(pass, row);
      addGradient(place, pass);
    },
  };

  /** The squared norm of a row's gradient; null where the sum may be wrong. */
  function gramNorm({ kernels, rows: count }: Pass, row: number): number | null {
    // The bias is a weight of a constant input 1: its Gram matrix is all ones.
    const x = gram(kernels, input + 4 * row * inputs, 4 * count * inputs, ofInput, inputs, 1);
    const h = gram(kernels, before + 4 * row * hidden, 4 * count * hidden, ofState, hidden, 1);
    const sum = new GramSum();
    for (const { block, blocks, inputGate, hiddenGate } of runs) {
      const at = errors + 4 * (4 * row + block) * hidden;
      const e = gram(kernels, at, 16 * count * hidden, ofErrors, blocks * hidden, 0);
      const sizes = { count: steps, width: blocks * hidden };
      if (inputGate !== null) {
        sum.add(kernels.dotProduct(ofErrors, ofInput, size), { errors: e, inputs: x, ...sizes });
      }
      if (hiddenGate !== null) {
        sum.add(kernels.dotProduct(ofErrors, ofState, size), { errors: e, inputs: h, ...sizes });
      }
    }
    return sum.square;
  }

  /** Gram matrix of the `steps` vectors that lie `stride` bytes apart, plus a constant. */
  function gram(kernels: Kernels, at: number, stride: number, target: number, width: number, start: number) {
    kernels.gram(at, stride, copy, target, steps, width, start);
    return new Float32Array(kernels.buffer, target, size);
  }

  function clearRow({ kernels, rows: count }: Pass, row: number): void {
    const memory = new Float32Array(kernels.buffer);
    for (let step = 0; step < steps; step++) {
      const at = step * count + row;
      memory.fill(0, input / 4 + at * inputs, input / 4 + (at + 1) * inputs);
      memory.fill(0, before / 4 + at * hidden, before / 4 + (at + 1) * hidden);
    }
  }
}

function addGradient(place: RecurrentPlace, { kernels, gradient, rows }: Pass): void {
  addProducts(kernels, place, gradient + place.parameters, { first: 0, apart: 1, count: place.steps * rows });
}

function writeRowGradient(place: RecurrentPlace, { kernels, rows }: Pass, row: number, target: number): void {
  new Float32Array(kernels.buffer, target, place.tensors.count).fill(0);
  addProducts(kernels, place, target, { first: row, apart: rows, count: place.steps });
}

/** Adds Σ e·xᵀ, Σ e·hᵀ and Σ e over some positions of [steps, rows] to the tensors at `target`. */
function addProducts(
  kernels: Kernels,
  { tensors, inputs, hidden, runs, input, before, errors }: RecurrentPlace,
  target: number,
  { first, apart, count }: { readonly first: number; readonly apart: number; readonly count: number },
): void {
  const { weightInput, weightHidden, biasInput, biasHidden } = tensors;
  for (const { block, blocks, inputGate, hiddenGate } of runs) {
    const outputs = blocks * hidden;
    const e = errors + 4 * (4 * first + block) * hidden;
    const eApart = 16 * apart * hidden;
    const add = (factors: number, width: number, weight: number, bias: number): void => {
      const a = factors + 4 * first * width;
      kernels.addProduct(e, 4, eApart, a, 4 * apart * width, 4, target + weight, 4 * width, outputs, count, width);
      kernels.addColumnSums(e, eApart, target + bias, count, outputs);
    };
    if (inputGate !== null) {
      add(input, inputs, weightInput + 4 * inputGate * hidden * inputs, biasInput + 4 * inputGate * hidden);
    }
    if (hiddenGate !== null) {
      add(before, hidden, weightHidden + 4 * hiddenGate * hidden * hidden, biasHidden + 4 * hiddenGate * hidden);
    }
  }
}
