import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serialGradient } from '../../../src/core/learning/batch-gradient.ts';
import type { LayerSettings } from '../../../src/core/learning/layer-settings.ts';
import { forward, type NetworkSettings, passOver, planNetwork } from '../../../src/core/learning/network.ts';
import { addGaussianNoise, planNoise } from '../../../src/core/learning/noise.ts';
import { LocalOptimizer, planOptimizer } from '../../../src/core/learning/optimizer.ts';
import type { ClipSettings } from '../../../src/core/learning/part-learner.ts';
import { inputWidth, labelWidth } from '../../../src/core/learning/shape.ts';
import { Turns } from '../../../src/core/learning/turns.ts';
import { type KernelSource, Layout, reservedBytes } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import type { OptimizerSettings } from '../../../src/core/protocol/training-settings.ts';
import { simd } from '../math/same-kernels.ts';
import { type Example, example } from './layer-run.ts';

const guardWords = 8;
/** A NaN that nothing computes. */
const guard = 0x7fc0dead;
/** Where the constants of the SIMD kernels begin, behind all scratch. */
const constants = 143_360;

/** A layout with guard words behind everything that is laid out. Padding to a vector belongs to what it pads. */
class GuardedLayout extends Layout {
  readonly guards: number[] = [this.#guard()];

  override float32(count: number): number {
    const offset = super.float32(count);
    this.guards.push(this.#guard());
    return offset;
  }

  override float64(count: number): number {
    const offset = super.float64(count);
    this.guards.push(this.#guard());
    return offset;
  }

  #guard(): number {
    return super.float32(guardWords);
  }
}

const dense = (inputs: number, outputs: number, positions = 1): LayerSettings => ({
  type: 'dense',
  inputs,
  outputs,
  positions,
  activation: positions === 1 ? 'none' : 'tanh',
});
const vector = (width: number) => ({ kind: 'vector', width }) as const;
const image = { kind: 'image', channels: 3, height: 9, width: 7 } as const;
const sequence = (steps: number, width: number) => ({ kind: 'sequence', steps, width }) as const;
const classes = (count: number, steps = 1) => ({ kind: 'classes', classes: count, steps }) as const;

/** Sizes are odd, so that hardly anything fills whole vectors. */
const networks: Record<string, NetworkSettings> = {
  logistic: {
    layers: [dense(13, 1)],
    shape: { input: vector(13), output: classes(2) },
    loss: { name: 'binary' },
  },
  mlp: {
    layers: [
      { type: 'dense', inputs: 13, outputs: 11, positions: 1, activation: 'sigmoid' },
      { type: 'layer-norm', positions: 1, width: 11, activation: 'relu' },
      { type: 'dropout', width: 11, rate: 0.3 },
      dense(11, 3),
    ],
    shape: { input: vector(13), output: classes(3) },
    loss: { name: 'cross-entropy' },
  },
  quantiles: {
    layers: [dense(5, 6)],
    shape: { input: vector(5), output: { kind: 'numbers', count: 2 } },
    loss: { name: 'quantile', levels: [0.1, 0.5, 0.9] },
  },
  positions: {
    layers: [dense(5, 7, 3), dense(21, 1)],
    shape: { input: sequence(3, 5), output: { kind: 'numbers', count: 1 } },
    loss: { name: 'huber', delta: 1 },
  },
  cnn: {
    layers: [
      { type: 'conv2d', ...image, filters: 6, kernel: 3, stride: 1, padding: 1, activation: 'none' },
      { type: 'group-norm', channels: 6, positions: 63, groups: 3, activation: 'relu' },
      { ...image, channels: 6, type: 'pool2d', kind: 'max', size: 2, stride: 1 },
      {
        type: 'conv2d',
        channels: 6,
        height: 8,
        width: 6,
        filters: 5,
        kernel: 3,
        stride: 2,
        padding: 0,
        activation: 'tanh',
      },
      { type: 'pool2d', kind: 'average', channels: 5, height: 3, width: 2, size: 2, stride: 1 },
      dense(10, 3),
    ],
    shape: { input: image, output: classes(3) },
    loss: { name: 'cross-entropy' },
  },
  lstm: {
    layers: [
      { type: 'lstm', inputs: 3, hidden: 5, steps: 4, output: 'all' },
      { type: 'lstm', inputs: 5, hidden: 3, steps: 4, output: 'last' },
      dense(3, 1),
    ],
    shape: { input: sequence(4, 3), output: { kind: 'numbers', count: 1 } },
    loss: { name: 'mse' },
  },
  text: {
    layers: [
      { type: 'embedding', vocabulary: 7, width: 3, steps: 5 },
      { type: 'gru', inputs: 3, hidden: 5, steps: 5, output: 'all' },
      { type: 'dropout', width: 25, rate: 0.5 },
      { type: 'dense', inputs: 5, outputs: 7, positions: 5, activation: 'none' },
    ],
    shape: { input: { kind: 'tokens', steps: 5, vocabulary: 7 }, output: classes(7, 5) },
    loss: { name: 'cross-entropy' },
  },
};

const optimizers: OptimizerSettings[] = [
  { name: 'sgd', learningRate: 0.1, weightDecay: 0 },
  { name: 'momentum', learningRate: 0.1, weightDecay: 0.1, momentum: 0.9, nesterov: false },
  { name: 'momentum', learningRate: 0.1, weightDecay: 0, momentum: 0.9, nesterov: true },
  { name: 'adamw', learningRate: 0.1, weightDecay: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-6 },
];

/** Two steps on minibatches of two parts, the second smaller, in a memory of the given content. */
async function train(
  of: Example,
  clip: ClipSettings,
  settings: OptimizerSettings,
  source: KernelSource,
  soiled: boolean,
) {
  const layout = soiled ? new GuardedLayout() : new Layout();
  const { network } = of;
  const plan = planNetwork(layout, network, 5, 'training');
  const partGradient = layout.float32(plan.count);
  const optimizer = planOptimizer(layout, settings, 0.1, plan.count);
  const scratch = planNoise(layout);
  const kernels = source.acquire(layout.bytes);
  soil(layout, kernels.buffer, soiled);
  new Float32Array(kernels.buffer, plan.parameters, plan.count).set(of.parameters);
  const { shape } = network;
  const data = {
    ...{ rows: of.rows, width: inputWidth(shape.input), features: of.features },
    ...{ labelWidth: labelWidth(shape.output), labels: of.labels },
  };
  const place = { kernels, plan, partGradient, network, data, clip, maskKey: [1, 2], batchSize: of.rows } as const;
  const gradient = serialGradient(place, new Turns(source.name, {}));
  const local = new LocalOptimizer(kernels, plan, optimizer);
  let loss = 0;
  for (const step of [1, 2]) {
    loss += await gradient.compute({ rows: Array.from({ length: of.rows }, (_, row) => row), step });
    const randomBytes = (bytes: Uint8Array) => bytes.set(bytes.map((_, i) => (i * 37 * step) % 251));
    addGaussianNoise({ kernels, scratch, randomBytes }, plan.gradient, plan.count, 0.01);
    local.step();
  }
  const parameters = new Float32Array(kernels.buffer, plan.parameters, plan.count).slice();
  assertGuards(layout, kernels.buffer);
  source.release(kernels);
  return { loss, parameters };
}

function predict(
  { network, parameters, features, rows }: Example,
  source: KernelSource,
  soiled: boolean,
): Float32Array {
  const layout = soiled ? new GuardedLayout() : new Layout();
  const plan = planNetwork(layout, network, rows + 1, 'prediction');
  const kernels = source.acquire(layout.bytes);
  soil(layout, kernels.buffer, soiled);
  new Float32Array(kernels.buffer, plan.parameters, plan.count).set(parameters);
  new Float32Array(kernels.buffer, plan.input, features.length).set(features);
  forward(plan, passOver(kernels, plan, rows, null));
  const outputs = new Float32Array(kernels.buffer, plan.output, rows * plan.outputs).slice();
  assertGuards(layout, kernels.buffer);
  source.release(kernels);
  return outputs;
}

/** Zeros, or what makes everything that reads it no number: the scratch of the kernels too, but not their constants. */
function soil(layout: Layout, buffer: ArrayBuffer, soiled: boolean): void {
  const words = new Uint32Array(buffer);
  for (const [from, to] of [
    [0, constants / 4],
    [reservedBytes / 4, words.length],
  ]) {
    words.fill(soiled ? 0xffffffff : 0, from, to);
  }
  if (layout instanceof GuardedLayout) for (const at of layout.guards) words.fill(guard, at / 4, at / 4 + guardWords);
}

function assertGuards(layout: Layout, buffer: ArrayBuffer): void {
  if (!(layout instanceof GuardedLayout)) return;
  const words = new Uint32Array(buffer);
  for (const [i, at] of layout.guards.entries()) {
    const touched = words.subarray(at / 4, at / 4 + guardWords).findIndex(word => word !== guard);
    assert.equal(touched, -1, `word ${touched} behind tensor ${i}`);
  }
}

for (const [name, network] of Object.entries(networks)) {
  test(`${name}: what lay in memory before shows nowhere, and nothing beside its tensors is touched`, async () => {
    const of = example(network, 8, 3);
    for (const source of [simd, twinKernels]) {
      for (const clip of [null, { norm: 0.5, per: 'example' }] as const) {
        for (const optimizer of optimizers) {
          const clean = await train(of, clip, optimizer, simd, false);
          assert.ok(clean.parameters.every(Number.isFinite) && Number.isFinite(clean.loss));
          assert.deepEqual(await train(of, clip, optimizer, source, true), clean, `${source.name} ${optimizer.name}`);
        }
      }
      assert.deepEqual(predict(of, source, true), predict(of, simd, false));
    }
  });
}
