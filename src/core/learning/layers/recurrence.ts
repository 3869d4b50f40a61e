/** A recurrent layer's passes through time: what LSTM and GRU have in common. */
import type { Kernels, Layout } from '../../math/kernels/kernels.ts';
import { packedCount } from '../../math/kernels/packed-product.ts';
import type { Layer, LayerKind, Pass, Place } from '../layer.ts';
import type { RecurrentSettings } from '../layer-settings.ts';
import type { Manifest } from '../parameters.ts';
import { type GateRun, planRecurrentGradient, type RecurrentTensors } from '../recurrent-gradient.ts';
import { fillWithin } from './uniform.ts';

/** A kind of cell. A row of its gates is four blocks of `hidden` values, those that the state reaches in front. */
export interface CellKind {
  /** Gates of weight_hh, and of weight_ih. */
  readonly gates: 3 | 4;
  readonly runs: readonly GateRun[];
  plan(layout: Layout, rows: number, settings: RecurrentSettings): Cell;
}

/** One step of all rows, steps from 0. Arguments are byte offsets as in `RecurrentKernels`. */
export interface Cell {
  /** Sets what the cell keeps beside its output to a zero state. */
  begin(pass: Pass): void;
  forward(pass: Pass, step: number, gates: number, before: number, output: number): void;
  /** The same for what flows back from behind the last step. */
  beginBackward(pass: Pass): void;
  /** Gates become their gradients; what reaches the state before past the gates is added to gradientBefore. */
  backward(pass: Pass, step: number, gates: number, before: number, gradient: number, gradientBefore: number): void;
}

/** PyTorch's tensors and first values (all uniform within ±1/√hidden), and the passes with a kind of cell. */
export function recurrentKind(cell: CellKind): LayerKind<RecurrentSettings> {
  return {
    tensors: settings => tensors(cell, settings),
    outputSize: ({ hidden, steps, output }) => (output === 'all' ? steps * hidden : hidden),
    initialise: ({ hidden }, stream, values) => fillWithin(values, stream, 1 / Math.sqrt(hidden)),
    work: ({ inputs, hidden, steps }) => steps * cell.gates * hidden * (inputs + hidden),
    partRows: 32,
    plan: (settings, place) => planRecurrence(cell, settings, place),
  };
}

function tensors({ gates }: CellKind, { inputs, hidden }: RecurrentSettings): Manifest {
  return [
    { name: 'weight_ih', shape: [gates * hidden, inputs] },
    { name: 'weight_hh', shape: [gates * hidden, hidden] },
    { name: 'bias_ih', shape: [gates * hidden] },
    { name: 'bias_hh', shape: [gates * hidden] },
  ];
}

function tensorPlaces({ gates }: CellKind, { inputs, hidden }: RecurrentSettings): RecurrentTensors {
  const weightHidden = 4 * gates * hidden * inputs;
  const biasInput = weightHidden + 4 * gates * hidden * hidden;
  const biasHidden = biasInput + 4 * gates * hidden;
  return { weightInput: 0, weightHidden, biasInput, biasHidden, count: biasHidden / 4 + gates * hidden };
}

/**
 * Everything lies by time, [steps, rows, width], so that a step is one block; states and their gradients have one block more,
 * the state before the first step. What needs no state, the product of all inputs and the gradient by them, is one product.
 */
function planRecurrence(kind: CellKind, settings: RecurrentSettings, place: Place): Layer {
  const { inputs, hidden, steps, output: given } = settings;
  const { layout, rows, parameters: first, purpose } = place;
  const { gates: count, runs } = kind;
  const isTraining = purpose === 'training';
  const where = tensorPlaces(kind, settings);
  const input = layout.float32(steps * rows * inputs);
  const gates = layout.float32(steps * rows * 4 * hidden);
  const states = layout.float32((steps + 1) * rows * hidden);
  const cell = kind.plan(layout, rows, settings);
  const packed = layout.float32(Math.max(packedCount(hidden, count * hidden), packedCount(count * hidden, hidden)));
  const outputs = rows * hidden * (given === 'all' ? steps : 1);
  const output = layout.float32(outputs);
  const outputGradient = isTraining ? layout.float32(outputs) : 0;
  const gradients = isTraining ? layout.float32((steps + 1) * rows * hidden) : 0;
  const byInput = place.inputGradient === 0 ? 0 : layout.float32(steps * rows * inputs);
  const gatesAt = ({ rows: r }: Pass, step: number): number => gates + 16 * step * r * hidden;
  const stateAt = ({ rows: r }: Pass, step: number): number => states + 4 * step * r * hidden;
  const gradientAt = ({ rows: r }: Pass, step: number): number => gradients + 4 * step * r * hidden;
  return {
    output,
    outputGradient,
    forward(pass) {
      const { kernels, rows: r } = pass;
      const weights = pass.parameters + first;
      kernels.swapOuter(place.input, input, r, steps, inputs);
      fillBiases(pass);
      for (const { block, blocks, inputGate } of runs) {
        if (inputGate === null) continue;
        const weight = weights + 4 * inputGate * hidden * inputs;
        const target = gates + 4 * block * hidden;
        kernels.addProduct(
          input,
          4 * inputs,
          4,
          weight,
          4,
          4 * inputs,
          target,
          16 * hidden,
          steps * r,
          inputs,
          blocks * hidden,
        );
      }
      kernels.packColumns(weights + where.weightHidden, 4, 4 * hidden, packed, hidden, count * hidden);
      clear(kernels, states, r * hidden);
      cell.begin(pass);
      for (let step = 0; step < steps; step++) {
        const [at, before] = [gatesAt(pass, step), stateAt(pass, step)];
        // The first state is zero.
        if (step > 0) kernels.addPackedProduct(before, 4 * hidden, packed, at, 16 * hidden, r, hidden, count * hidden);
        cell.forward(pass, step, at, before, stateAt(pass, step + 1));
      }
      if (given === 'all') kernels.swapOuter(stateAt(pass, 1), output, steps, r, hidden);
      else copy(kernels, stateAt(pass, steps), output, r * hidden);
    },
    backward(pass) {
      const { kernels, rows: r } = pass;
      const weights = pass.parameters + first;
      if (given === 'all') kernels.swapOuter(outputGradient, gradientAt(pass, 1), r, steps, hidden);
      else {
        clear(kernels, gradients, steps * r * hidden);
        copy(kernels, outputGradient, gradientAt(pass, steps), r * hidden);
      }
      kernels.packColumns(weights + where.weightHidden, 4 * hidden, 4, packed, count * hidden, hidden);
      cell.beginBackward(pass);
      for (let step = steps - 1; step >= 0; step--) {
        const [at, before, gradientBefore] = [gatesAt(pass, step), stateAt(pass, step), gradientAt(pass, step)];
        cell.backward(pass, step, at, before, gradientAt(pass, step + 1), gradientBefore);
        // Nobody wants the gradient by the first state.
        if (step === 0) break;
        kernels.addPackedProduct(at, 16 * hidden, packed, gradientBefore, 4 * hidden, r, count * hidden, hidden);
      }
      if (byInput === 0) return;
      clear(kernels, byInput, steps * r * inputs);
      for (const { block, blocks, inputGate } of runs) {
        if (inputGate === null) continue;
        const weight = weights + 4 * inputGate * hidden * inputs;
        const errors = gates + 4 * block * hidden;
        kernels.addProduct(
          errors,
          16 * hidden,
          4,
          weight,
          4 * inputs,
          4,
          byInput,
          4 * inputs,
          steps * r,
          blocks * hidden,
          inputs,
        );
      }
      kernels.swapOuter(byInput, place.inputGradient, steps, r, inputs);
    },
    gradient: isTraining
      ? planRecurrentGradient(layout, rows, {
          parameters: first,
          tensors: where,
          inputs,
          hidden,
          steps,
          runs,
          input,
          before: states,
          errors: gates,
          isPrivate: place.isPrivate,
        })
      : null,
  };

  /** Every row of gates begins as its biases. */
  function fillBiases({ kernels, parameters, rows: r }: Pass): void {
    const memory = new Float32Array(kernels.buffer);
    const total = gates / 4 + steps * r * 4 * hidden;
    const [ofInput, ofState] = [where.biasInput, where.biasHidden].map(bias => (parameters + first + bias) / 4);
    for (const { block, blocks, inputGate, hiddenGate } of runs) {
      for (let j = 0; j < blocks * hidden; j++) {
        const ih = inputGate === null ? 0 : memory[ofInput + inputGate * hidden + j];
        const hh = hiddenGate === null ? 0 : memory[ofState + hiddenGate * hidden + j];
        memory[gates / 4 + block * hidden + j] = ih + hh;
      }
    }
    for (let done = 4 * hidden; gates / 4 + done < total; done *= 2) {
      memory.copyWithin(gates / 4 + done, gates / 4, Math.min(gates / 4 + done, total - done));
    }
  }
}

function clear({ buffer }: Kernels, at: number, count: number): void {
  new Float32Array(buffer, at, count).fill(0);
}

function copy({ buffer }: Kernels, from: number, to: number, count: number): void {
  new Float32Array(buffer, to, count).set(new Float32Array(buffer, from, count));
}
