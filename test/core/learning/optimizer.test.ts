import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planNetwork } from '../../../src/core/learning/network.ts';
import { LocalOptimizer, planOptimizer } from '../../../src/core/learning/optimizer.ts';
import { type KernelSource, Layout, reservedBytes } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import type { OptimizerSettings } from '../../../src/core/protocol/task.ts';
import { simd } from '../math/same-kernels.ts';
import { distance, length } from './layer-run.ts';

interface Run {
  readonly settings: OptimizerSettings;
  readonly proximal: number;
  /** The schedule's factor of each step. */
  readonly factors: readonly number[];
  readonly seed: number;
}

/** A logistic regression of 6 features: 7 parameters. */
const network = {
  layers: [{ type: 'dense', inputs: 6, outputs: 1, positions: 1, activation: 'none' }],
  shape: { input: { kind: 'vector', width: 6 }, output: { kind: 'classes', classes: 2, steps: 1 } },
  loss: { name: 'binary' },
} as const;
const count = 7;

/** Start and gradients: the slope of a bowl plus noise that the seed fixes. */
function bowl(seed: number) {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  const start = Float32Array.from({ length: count }, () => stream.normal());
  const noise = Array.from({ length: 30 }, () => Float32Array.from({ length: count }, () => stream.normal()));
  return { start, gradient: (w: ArrayLike<number>, step: number) => Array.from(w, (x, i) => 0.5 * x + noise[step][i]) };
}

function run({ settings, proximal, factors, seed }: Run, source: KernelSource = simd): Float32Array {
  const layout = new Layout();
  const plan = planNetwork(layout, network, 1, 'training');
  const optimizerPlan = planOptimizer(layout, settings, proximal, plan.count);
  const kernels = source.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer).fill(Number.NaN, reservedBytes / 4);
  const w = memory.subarray(plan.parameters / 4, plan.parameters / 4 + count);
  const { start, gradient } = bowl(seed);
  w.set(start);
  const optimizer = new LocalOptimizer(kernels, plan, optimizerPlan);
  factors.forEach((factor, step) => {
    memory.set(gradient(w, step), plan.gradient / 4);
    optimizer.step(factor);
  });
  const result = w.slice();
  source.release(kernels);
  return result;
}

/** The same in float64, as the algorithms are published (for momentum, Nesterov and AdamW: in PyTorch's documentation). */
function plain({ settings, proximal, factors, seed }: Run): number[] {
  const { start, gradient } = bowl(seed);
  let w = Array.from(start);
  let first = w.map(() => 0);
  let second = w.map(() => 0);
  factors.forEach((factor, step) => {
    const rate = settings.learningRate * factor;
    const decay = settings.name === 'adamw' ? 0 : settings.weightDecay;
    const g = gradient(w, step).map((x, i) => x + decay * w[i] + proximal * (w[i] - start[i]));
    if (settings.name === 'sgd') {
      w = w.map((x, i) => x - rate * g[i]);
      return;
    }
    if (settings.name === 'momentum') {
      const { momentum, nesterov } = settings;
      first = first.map((v, i) => momentum * v + g[i]);
      w = w.map((x, i) => x - rate * (nesterov ? g[i] + momentum * first[i] : first[i]));
      return;
    }
    const { beta1, beta2, epsilon } = settings;
    first = first.map((m, i) => beta1 * m + (1 - beta1) * g[i]);
    second = second.map((v, i) => beta2 * v + (1 - beta2) * g[i] ** 2);
    if (settings.name === 'adamw') w = w.map(x => x - rate * settings.weightDecay * x);
    const t = step + 1;
    w = w.map((x, i) => {
      const corrected = second[i] / (1 - beta2 ** t);
      return x - (rate * first[i]) / (1 - beta1 ** t) / (Math.sqrt(corrected) + epsilon);
    });
  });
  return w;
}

const learningRate = fc.constantFrom(0.001, 0.05, 0.3);
const weightDecay = fc.constantFrom(0, 0.01, 0.2);
const beta1 = fc.constantFrom(0, 0.9);
const beta2 = fc.constantFrom(0.9, 0.999);
const epsilon = fc.constantFrom(1e-8, 1e-3);
const settings: fc.Arbitrary<OptimizerSettings> = fc.oneof(
  fc.record({ name: fc.constant('sgd' as const), learningRate, weightDecay }),
  fc.record({
    name: fc.constant('momentum' as const),
    learningRate,
    weightDecay,
    momentum: fc.constantFrom(0, 0.5, 0.9),
    nesterov: fc.boolean(),
  }),
  fc.record({ name: fc.constant('adam' as const), learningRate, weightDecay, beta1, beta2, epsilon }),
  fc.record({ name: fc.constant('adamw' as const), learningRate, weightDecay, beta1, beta2, epsilon }),
);
const runs: fc.Arbitrary<Run> = fc.record({
  settings,
  proximal: fc.constantFrom(0, 0.4),
  factors: fc.array(fc.constantFrom(0, 0.1, 0.5, 1), { minLength: 1, maxLength: 30 }),
  seed: fc.nat(255),
});

test('every optimiser follows its published recursion, with decay, FedProx and a schedule', () => {
  fc.assert(
    fc.property(runs, of => {
      const expected = plain(of);
      const apart = distance(run(of), expected);
      assert.ok(apart <= 1e-5 * (1 + length(expected)), `${apart} of ${length(expected)}`);
    }),
    { numRuns: 300 },
  );
});

test('both kernels take the same steps to the bit', () => {
  fc.assert(fc.property(runs, of => assert.deepEqual(run(of), run(of, twinKernels))));
});

test('the decay of AdamW is no part of the gradient, that of Adam is: they differ where there is decay, and only there', () => {
  const common = { learningRate: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
  const after = (name: 'adam' | 'adamw', decay: number) =>
    run({ settings: { name, ...common, weightDecay: decay }, proximal: 0, factors: Array(10).fill(1), seed: 1 });
  assert.deepEqual(after('adam', 0), after('adamw', 0));
  assert.ok(distance(after('adam', 0.2), after('adamw', 0.2)) > 0.01);
});

test('a step with the factor 0 changes nothing but the moments', () => {
  fc.assert(fc.property(runs, of => assert.deepEqual(run({ ...of, factors: [0] }), bowl(of.seed).start)));
});
