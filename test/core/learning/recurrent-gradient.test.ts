import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LayerGradient } from '../../../src/core/learning/layer.ts';
import {
  type GateRun,
  planGramNorms,
  planRecurrentGradient,
  planWrittenNorms,
  type RecurrentPlace,
} from '../../../src/core/learning/recurrent-gradient.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { createSimdKernels } from '../../../src/core/math/kernels/simd.ts';
import { RandomStream } from '../../../src/core/math/random.ts';

const simd = createSimdKernels();
const ofLstm: readonly GateRun[] = [{ block: 0, blocks: 4, inputGate: 0, hiddenGate: 0 }];
const ofGru: readonly GateRun[] = [
  { block: 0, blocks: 2, inputGate: 0, hiddenGate: 0 },
  { block: 2, blocks: 1, inputGate: null, hiddenGate: 2 },
  { block: 3, blocks: 1, inputGate: 2, hiddenGate: null },
];

interface Sizes {
  readonly runs: readonly GateRun[];
  readonly rows: number;
  readonly steps: number;
  readonly inputs: number;
  readonly hidden: number;
}

type Values = Record<'input' | 'before' | 'errors', Float32Array>;

/** Squared norms and the sum with weights 0, ½, 1, … over given inputs, states and gradients of the gates, by time. */
function run(
  sizes: Sizes,
  values: Values,
  plan: (layout: Layout, place: RecurrentPlace) => Omit<LayerGradient, 'add'>,
) {
  const { runs, rows, steps, inputs, hidden } = sizes;
  const gates = runs === ofLstm ? 4 : 3;
  const layout = new Layout();
  const parameters = layout.float32(1);
  const weightHidden = 4 * gates * hidden * inputs;
  const biasInput = weightHidden + 4 * gates * hidden * hidden;
  const count = biasInput / 4 + 2 * gates * hidden;
  const place: RecurrentPlace = {
    parameters: 16,
    tensors: { weightInput: 0, weightHidden, biasInput, biasHidden: biasInput + 4 * gates * hidden, count },
    inputs,
    hidden,
    steps,
    runs,
    input: layout.float32(values.input.length),
    before: layout.float32(values.before.length),
    errors: layout.float32(values.errors.length),
  };
  const [gradient, weights, norms] = [layout.float32(4 + count), layout.float32(rows), layout.float64(rows)];
  const { addSquaredNorms, addWeighted } = plan(layout, place);
  const kernels = simd.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer).fill(0);
  memory.set(values.input, place.input / 4);
  memory.set(values.before, place.before / 4);
  memory.set(values.errors, place.errors / 4);
  memory.set(
    Array.from({ length: rows }, (_, row) => row / 2),
    weights / 4,
  );
  const pass = { kernels, rows, parameters, gradient, masks: null };
  addSquaredNorms(pass, norms);
  const squares = Array.from(new Float64Array(kernels.buffer, norms, rows));
  addWeighted(pass, weights);
  const sum = memory.slice(gradient / 4 + 4, gradient / 4 + 4 + count);
  simd.release(kernels);
  return { squares, sum };
}

/** The same in float64 from the definition: Σ e·xᵀ, Σ e·hᵀ, Σ e, Σ e. */
function plainRun({ runs, rows, steps, inputs, hidden }: Sizes, { input, before, errors }: Values) {
  const gates = runs === ofLstm ? 4 : 3;
  const biasInput = gates * hidden * (inputs + hidden);
  const sum = new Float64Array(biasInput + 2 * gates * hidden);
  const squares = Array.from({ length: rows }, (_, row) => {
    const own = new Float64Array(sum.length);
    for (let step = 0; step < steps; step++) {
      const at = step * rows + row;
      for (const { block, blocks, inputGate, hiddenGate } of runs) {
        for (let j = 0; j < blocks * hidden; j++) {
          const e = errors[at * 4 * hidden + block * hidden + j];
          if (inputGate !== null) {
            const unit = inputGate * hidden + j;
            for (let i = 0; i < inputs; i++) own[unit * inputs + i] += e * input[at * inputs + i];
            own[biasInput + unit] += e;
          }
          if (hiddenGate !== null) {
            const unit = hiddenGate * hidden + j;
            for (let i = 0; i < hidden; i++) {
              own[gates * hidden * inputs + unit * hidden + i] += e * before[at * hidden + i];
            }
            own[biasInput + gates * hidden + unit] += e;
          }
        }
      }
    }
    own.forEach((value, i) => {
      sum[i] += (row / 2) * value;
    });
    return own.reduce((total, value) => total + value * value, 0);
  });
  return { squares, sum };
}

function draw({ rows, steps, inputs, hidden }: Sizes, seed: number): Values {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  const normal = (count: number) => Float32Array.from({ length: count }, () => stream.normal());
  const positions = rows * steps;
  return {
    input: normal(positions * inputs),
    before: normal(positions * hidden),
    errors: normal(positions * 4 * hidden),
  };
}

const sizes: fc.Arbitrary<Sizes> = fc.record({
  runs: fc.constantFrom(ofLstm, ofGru),
  rows: fc.integer({ min: 1, max: 4 }),
  steps: fc.integer({ min: 1, max: 9 }),
  inputs: fc.integer({ min: 1, max: 7 }),
  hidden: fc.integer({ min: 1, max: 7 }),
});

test('Gram norms, written gradients and the definition agree', () => {
  fc.assert(
    fc.property(sizes, fc.nat(255), (of, seed) => {
      const values = draw(of, seed);
      const expected = plainRun(of, values);
      for (const actual of [
        run(of, values, planGramNorms),
        run(of, values, (layout, place) => planWrittenNorms(layout, of.rows, place)),
        run(of, values, (layout, place) => planRecurrentGradient(layout, of.rows, place)),
      ]) {
        actual.squares.forEach((square, row) => {
          assert.ok(Math.abs(square - expected.squares[row]) <= 1e-5 * expected.squares[row]);
        });
        actual.sum.forEach((value, i) => {
          assert.ok(Math.abs(value - expected.sum[i]) <= 3e-5);
        });
      }
    }),
  );
});

test('the norm of a gradient whose steps all but cancel is right too', () => {
  for (const runs of [ofLstm, ofGru]) {
    const of: Sizes = { runs, rows: 3, steps: 8, inputs: 5, hidden: 6 };
    const values = draw(of, 3);
    const { input, before, errors } = values;
    const step = (tensor: Float32Array, t: number) =>
      tensor.subarray((t * tensor.length) / 8, ((t + 1) * tensor.length) / 8);
    for (let t = 1; t < 8; t++) {
      step(input, t).set(step(input, 0));
      step(before, t).set(step(before, 0));
      step(errors, t).set(step(errors, 0).map(e => (t % 2 === 0 ? e : -e)));
    }
    errors.forEach((e, i) => {
      if (i < errors.length / 8) errors[i] = 1.0001 * e;
    });
    const expected = plainRun(of, values).squares;
    run(of, values, planGramNorms).squares.forEach((square, row) => {
      assert.ok(Math.abs(square - expected[row]) <= 0.05 * expected[row], `${square}, expected ${expected[row]}`);
    });
  }
});

test('norms are right where the matrices overflow, and where the products in them underflow', () => {
  for (const runs of [ofLstm, ofGru]) {
    for (const [ofInputs, ofErrors] of [
      [1e20, 1e-10],
      [1, 1e20],
      [1e18, 1e-24],
      [1, 1e-22],
    ]) {
      const of: Sizes = { runs, rows: 2, steps: 4, inputs: 3, hidden: 2 };
      const { input, before, errors } = draw(of, 9);
      const scaled = (values: Float32Array, scale: number) => values.map(value => Math.abs(value) * scale);
      const values = { input: scaled(input, ofInputs), before, errors: scaled(errors, ofErrors) };
      const expected = plainRun(of, values).squares;
      run(of, values, planGramNorms).squares.forEach((square, row) => {
        assert.ok(Math.abs(square / expected[row] - 1) < 1e-5, `${square}, expected ${expected[row]}`);
      });
    }
  }
});
