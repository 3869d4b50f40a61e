import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planNetwork } from '../../../src/core/learning/network.ts';
import { PartLearner } from '../../../src/core/learning/part-learner.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { simd } from '../math/same-kernels.ts';
import { distance, example, length } from './layer-run.ts';

const rows = 9;
const width = 20;
const of = example(
  {
    layers: [
      { type: 'dropout', width, rate: 0.5 },
      { type: 'dense', inputs: width, outputs: 1, positions: 1, activation: 'none' },
    ],
    shape: { input: { kind: 'vector', width }, output: { kind: 'numbers', count: 1 } },
    loss: { name: 'mse' },
  },
  rows,
  1,
);
const data = { rows, width, features: of.features, labelWidth: 1, labels: of.labels };
const order = [8, 0, 7, 1, 6, 2, 5, 3, 4];

/** Loss and gradient of the minibatch, in parts of so many rows. */
function learn(partRows: number, clip: { norm: number; per: 'example' } | null, step: number) {
  const layout = new Layout();
  const plan = planNetwork(layout, of.network, partRows, 'training');
  const kernels = simd.acquire(layout.bytes);
  new Float32Array(kernels.buffer, plan.parameters, plan.count).set(of.parameters);
  const gradient = new Float32Array(kernels.buffer, plan.gradient, plan.count).fill(0);
  const learner = new PartLearner(kernels, plan, data, { clip, maskKey: [1, 2], unitNorm: null });
  let loss = 0;
  for (let first = 0; first < rows; first += partRows)
    loss += learner.learn({ rows: order, step }, first, plan.gradient);
  const result = { loss, gradient: gradient.slice() };
  simd.release(kernels);
  return result;
}

test('a minibatch has the same loss and gradient in parts of any size, the masks of its rows included', () => {
  for (const clip of [null, { norm: 0.5, per: 'example' }] as const) {
    const whole = learn(rows, clip, 1);
    for (const partRows of [1, 2, 4, 5, 8]) {
      const { loss, gradient } = learn(partRows, clip, 1);
      assert.ok(Math.abs(loss - whole.loss) <= 1e-12 * whole.loss, `parts of ${partRows}: ${loss}, ${whole.loss}`);
      assert.ok(distance(gradient, whole.gradient) <= 1e-6 * length(whole.gradient));
    }
    assert.notEqual(learn(rows, clip, 2).loss, whole.loss);
  }
});
