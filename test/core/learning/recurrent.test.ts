import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LayerSettings, RecurrentSettings } from '../../../src/core/learning/layer-settings.ts';
import { layerKind } from '../../../src/core/learning/layers/table.ts';
import type { NetworkSettings } from '../../../src/core/learning/network.ts';
import { initialParameters } from '../../../src/core/learning/network-parameters.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { inputWidth, labelWidth } from '../../../src/core/learning/shape.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { all, distance, type Example, length, example as normalExample, run } from './layer-run.ts';

interface Sizes {
  readonly type: 'lstm' | 'gru';
  readonly layers: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly steps: number;
  readonly output: 'all' | 'last';
}

/** Recurrent layers under a dense one; a number per row (`last`) or one class of three per step (`all`). */
function recurrentNetwork({ type, layers, inputs, hidden, steps, output }: Sizes): NetworkSettings {
  const recurrent = Array.from({ length: layers }, (_, i): RecurrentSettings => {
    const given = i < layers - 1 ? 'all' : output;
    return { type, inputs: i === 0 ? inputs : hidden, hidden, steps, output: given };
  });
  const isText = output === 'all';
  const dense: LayerSettings = {
    type: 'dense',
    inputs: hidden,
    outputs: isText ? 3 : 1,
    positions: isText ? steps : 1,
    activation: 'none',
  };
  return {
    layers: [...recurrent, dense],
    shape: {
      input: { kind: 'sequence', steps, width: inputs },
      output: isText ? { kind: 'classes', classes: 3, steps } : { kind: 'numbers', count: 1 },
    },
    loss: { name: isText ? 'cross-entropy' : 'mse' },
  };
}

/** Parameters small enough that gates do not saturate. */
function example(network: NetworkSettings, rows: number, seed: number): Example {
  const of = normalExample(network, rows, seed);
  return { ...of, parameters: of.parameters.map(x => 0.7 * x) };
}

/** Few steps: Gram norms; many steps and a narrow state: written out. */
const sizes = fc.record({
  type: fc.constantFrom('lstm' as const, 'gru' as const),
  layers: fc.constantFrom(1, 2),
  inputs: fc.integer({ min: 1, max: 6 }),
  hidden: fc.integer({ min: 1, max: 9 }),
  steps: fc.constantFrom(1, 2, 5, 30),
  output: fc.constantFrom('all' as const, 'last' as const),
});
const examples = fc
  .record({ sizes, rows: fc.integer({ min: 1, max: 6 }), seed: fc.nat(255) })
  .map(({ sizes: of, rows, seed }) => example(recurrentNetwork(of), rows, seed));

test('outputs and loss are those of the equations in float64, and gradients those of finite differences', () => {
  fc.assert(
    fc.property(examples, of => {
      const { loss, outputs, gradient } = run(of, all(of.rows), 'sum');
      const expected = plainNetwork(of, of.parameters);
      assert.ok(distance(outputs, expected.outputs) <= 2e-5 * length(expected.outputs) + 1e-6);
      assert.ok(Math.abs(loss - expected.loss) <= 2e-5 * Math.abs(expected.loss) + 1e-6);
      const stream = new RandomStream(new Uint8Array(32).fill(of.rows));
      const direction = Float64Array.from(of.parameters, () => stream.normal());
      const moved = (by: number) =>
        plainNetwork(
          of,
          Float64Array.from(of.parameters, (w, i) => w + by * direction[i]),
        ).loss;
      const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      const along = gradient.reduce((sum, g, i) => sum + g * direction[i], 0);
      assert.ok(Math.abs(along - slope) <= 3e-5 * (length(gradient) * length(direction)) + 1e-6);
    }),
    { numRuns: 60 },
  );
});

test('every single derivative agrees with finite differences', () => {
  for (const type of ['lstm', 'gru'] as const) {
    for (const output of ['all', 'last'] as const) {
      const of = example(recurrentNetwork({ type, layers: 2, inputs: 3, hidden: 5, steps: 4, output }), 2, 4);
      const { gradient } = run(of, [0, 1], 'sum');
      const start = Float64Array.from(of.parameters);
      const expected = start.map((w, i) => {
        const at = (x: number) => plainNetwork(of, start.with(i, x)).loss;
        return (at(w + 1e-5) - at(w - 1e-5)) / 2e-5;
      });
      assert.ok(distance(gradient, expected) <= 1e-5 * length(expected), `${type}, ${output}`);
      gradient.forEach((g, i) => {
        assert.ok(Math.abs(g - expected[i]) <= 1e-5 * (1 + Math.abs(expected[i])));
      });
    }
  }
});

test('the norm of each row is that of the gradient of this row alone, however it is computed', () => {
  fc.assert(
    fc.property(examples, of => {
      const { norms } = run(of, all(of.rows), 'norms');
      for (let row = 0; row < of.rows; row++) {
        const expected = length(run(of, [row], 'sum').gradient);
        assert.ok(Math.abs(Math.sqrt(norms[row]) - expected) <= 1e-5 * expected + 1e-9);
      }
    }),
    { numRuns: 60 },
  );
});

test('a clipped gradient is the mean of the rows’ gradients, each scaled to the bound where it is longer', () => {
  fc.assert(
    fc.property(examples, fc.constantFrom(0.05, 1, 1e6), (of, clip) => {
      const { rows } = of;
      const { gradient } = run(of, all(rows), { clip }, { batch: rows });
      const expected = new Float64Array(gradient.length);
      // Rounding is that of the terms: the rows may all but cancel.
      let terms = 0;
      for (let row = 0; row < rows; row++) {
        const own = run(of, [row], 'sum').gradient;
        const scale = Math.min(1, clip / length(own)) / rows;
        terms += scale * length(own);
        own.forEach((value, i) => {
          expected[i] += scale * value;
        });
      }
      assert.ok(distance(gradient, expected) <= 3e-6 * terms + 1e-9);
      assert.ok(length(gradient) <= clip * (1 + 1e-5));
    }),
    { numRuns: 60 },
  );
});

test('SIMD kernels and twin agree to the bit on outputs, gradients, norms and clipped gradients', () => {
  fc.assert(
    fc.property(examples, of => {
      for (const act of ['sum', 'norms', { clip: 0.3 }] as const) {
        assert.deepEqual(run(of, all(of.rows), act), run(of, all(of.rows), act, { source: twinKernels }));
      }
    }),
    { numRuns: 40 },
  );
});

test('a row has the same outputs and norm in whatever company', () => {
  fc.assert(
    fc.property(examples, of => {
      const together = run(of, all(of.rows), 'norms');
      const width = together.outputs.length / of.rows;
      for (let row = 0; row < of.rows; row++) {
        const alone = run(of, [row], 'norms');
        assert.deepEqual(together.outputs.slice(row * width, (row + 1) * width), alone.outputs);
        assert.equal(together.norms[row], alone.norms[0]);
      }
    }),
    { numRuns: 40 },
  );
});

test('a saturated gate leaves everything finite', () => {
  for (const type of ['lstm', 'gru'] as const) {
    for (const bias of [50, -50]) {
      const network = recurrentNetwork({ type, layers: 2, inputs: 3, hidden: 5, steps: 7, output: 'last' });
      const of = example(network, 3, 1);
      of.parameters.forEach((_, i, values) => {
        values[i] += bias;
      });
      const { loss, gradient, norms } = run(of, all(3), 'norms');
      for (const values of [[loss], gradient, norms, run(of, all(3), 'sum').gradient]) {
        assert.ok(Array.from(values).every(Number.isFinite), `${type}, ${bias}`);
      }
    }
  }
});

test('a row whose gradient is not finite is left out of a clipped gradient and spoils no other', () => {
  for (const type of ['lstm', 'gru'] as const) {
    for (const steps of [2, 30]) {
      const of = example(recurrentNetwork({ type, layers: 2, inputs: 4, hidden: 3, steps, output: 'last' }), 3, 8);
      const clean = run({ ...of, features: of.features.slice() }, [0, 2], { clip: 0.5 }, { batch: 3 }).gradient;
      of.features.fill(NaN, 4 * steps, 8 * steps);
      const { gradient, norms } = run(of, all(3), { clip: 0.5 }, { batch: 3 });
      assert.ok(!Number.isFinite(norms[1]));
      assert.ok(distance(gradient, clean) <= 1e-6 * length(clean), `${type}, ${steps} steps`);
    }
  }
});

test('tensors are PyTorch’s, and first values lie evenly within ±1/√hidden', () => {
  for (const [type, gates] of [
    ['lstm', 4],
    ['gru', 3],
  ] as const) {
    const settings: RecurrentSettings = { type, inputs: 5, hidden: 64, steps: 24, output: 'last' };
    assert.deepEqual(layerKind(settings).tensors(settings), [
      { name: 'weight_ih', shape: [gates * 64, 5] },
      { name: 'weight_hh', shape: [gates * 64, 64] },
      { name: 'bias_ih', shape: [gates * 64] },
      { name: 'bias_hh', shape: [gates * 64] },
    ]);
    const values = initialParameters([settings], new Uint8Array(32));
    assert.ok(values.every(x => x !== 0 && Math.abs(x) <= 1 / 8));
    assert.ok(Math.abs(length(values) ** 2 / values.length - 1 / 192) < 1e-4);
  }
});

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Outputs and summed loss of all rows in float64, from the equations of PyTorch's documentation. */
function plainNetwork({ network, features, labels, rows }: Example, parameters: ArrayLike<number>) {
  const { layers, shape } = network;
  const width = inputWidth(shape.input);
  const known = labelWidth(shape.output);
  const outputs: number[] = [];
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    let values = Array.from(features.subarray(row * width, (row + 1) * width));
    let at = 0;
    for (const layer of layers) {
      const count = parameterCount(layerKind(layer).tensors(layer));
      const own = Array.from({ length: count }, (_, i) => parameters[at + i]);
      values = layer.type === 'dense' ? plainDense(layer, own, values) : plainRecurrent(layer, own, values);
      at += count;
    }
    outputs.push(...values);
    const answers = labels.subarray(row * known, (row + 1) * known);
    if (shape.output.kind === 'numbers') loss += (values[0] - answers[0]) ** 2;
    else {
      answers.forEach((label, i) => {
        const logits = values.slice(3 * i, 3 * i + 3);
        loss += (Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[label]) / known;
      });
    }
  }
  return { outputs, loss };
}

function plainDense(layer: LayerSettings, weights: number[], values: number[]): number[] {
  assert.ok(layer.type === 'dense');
  const { inputs, outputs, positions } = layer;
  return Array.from({ length: positions * outputs }, (_, at) => {
    const [position, j] = [Math.floor(at / outputs), at % outputs];
    let sum = weights[inputs * outputs + j];
    for (let i = 0; i < inputs; i++) sum += weights[j * inputs + i] * values[position * inputs + i];
    return sum;
  });
}

function plainRecurrent(layer: LayerSettings, weights: number[], values: number[]): number[] {
  assert.ok(layer.type === 'lstm' || layer.type === 'gru');
  const { type, inputs, hidden, steps, output } = layer;
  const total = (type === 'lstm' ? 4 : 3) * hidden;
  const [ofState, biasInput] = [total * inputs, total * (inputs + hidden)];
  let h = new Array<number>(hidden).fill(0);
  let c = h;
  const seen: number[] = [];
  for (let step = 0; step < steps; step++) {
    const x = values.slice(step * inputs, (step + 1) * inputs);
    const byInput = (j: number) =>
      x.reduce((sum, value, i) => sum + weights[j * inputs + i] * value, weights[biasInput + j]);
    const before = h;
    const byState = (j: number) =>
      before.reduce((sum, value, i) => sum + weights[ofState + j * hidden + i] * value, weights[biasInput + total + j]);
    const gate = (block: number, j: number) => byInput(block * hidden + j) + byState(block * hidden + j);
    if (type === 'lstm') {
      c = c.map((value, j) => sigmoid(gate(1, j)) * value + sigmoid(gate(0, j)) * Math.tanh(gate(2, j)));
      h = c.map((value, j) => sigmoid(gate(3, j)) * Math.tanh(value));
    } else {
      h = before.map((value, j) => {
        const n = Math.tanh(byInput(2 * hidden + j) + sigmoid(gate(0, j)) * byState(2 * hidden + j));
        const z = sigmoid(gate(1, j));
        return (1 - z) * n + z * value;
      });
    }
    seen.push(...h);
  }
  return output === 'all' ? seen : h;
}
