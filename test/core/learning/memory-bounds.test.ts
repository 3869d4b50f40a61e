import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serialGradient } from '../../../src/core/learning/batch-gradient.ts';
import { forward, passOver, planNetwork } from '../../../src/core/learning/network.ts';
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
import { oddNetworks } from './odd-networks.ts';

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
  const rule = { clip, maskKey: [1, 2], unitNorm: null } as const;
  const place = { kernels, plan, partGradient, sums: 0, network, data, ...rule, batchSize: of.rows };
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

for (const [name, network] of Object.entries(oddNetworks)) {
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
