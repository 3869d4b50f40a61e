import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelLayers } from '../../../src/core/learning/model.ts';
import { backward, forward, planNetwork } from '../../../src/core/learning/network.ts';
import { bestKernels } from '../../../src/core/math/kernels/best.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import type { ModelSettings } from '../../../src/core/protocol/task.ts';

const rows = 6;
const inputWidth = 5;

interface Example {
  readonly model: ModelSettings;
  readonly classes: number;
  readonly features: readonly number[];
  readonly labels: readonly number[];
}

/** Mean loss in float64, written down anew: the oracle. */
function referenceLoss({ model, classes, features, labels }: Example, parameters: readonly number[]): number {
  const apply = {
    none: (x: number) => x,
    relu: (x: number) => Math.max(0, x),
    tanh: Math.tanh,
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  };
  let loss = 0;
  labels.forEach((label, row) => {
    let values = features.slice(row * inputWidth, (row + 1) * inputWidth);
    let at = 0;
    for (const { inputs, outputs, activation } of modelLayers(model, inputWidth, classes)) {
      const [weight, bias] = [at, at + inputs * outputs];
      values = Array.from({ length: outputs }, (_, o) =>
        apply[activation](
          values.reduce((sum, x, i) => sum + x * parameters[weight + o * inputs + i], parameters[bias + o]),
        ),
      );
      at = bias + outputs;
    }
    const logits = classes === 2 ? [0, values[0]] : values;
    loss += Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - logits[label];
  });
  return loss / labels.length;
}

const models: [string, ModelSettings, number][] = [
  ['logistic regression', { name: 'logistic' }, 2],
  ['softmax regression', { name: 'logistic' }, 4],
  ...(['relu', 'tanh', 'sigmoid'] as const).flatMap((activation): [string, ModelSettings, number][] => [
    [`an MLP with one ${activation} layer and one logit`, { name: 'mlp', hidden: [7], activation }, 2],
    [`an MLP with two ${activation} layers and softmax`, { name: 'mlp', hidden: [7, 6], activation }, 3],
  ]),
];

for (const [name, model, classes] of models) {
  test(`the gradient of ${name} is that of finite differences, whole or added up from parts of a batch`, () => {
    const stream = new RandomStream(new Uint8Array(32).fill(4));
    const layout = new Layout();
    const plan = planNetwork(layout, { model, inputWidth, classes }, rows, 'training');
    const draw = (count: number) => Array.from({ length: count }, () => Math.fround(stream.normal()));
    const features = draw(rows * inputWidth);
    const labels = Array.from({ length: rows }, (_, i) => i % classes);
    const parameters = draw(plan.count);
    const example = { model, classes, features, labels };

    const kernels = bestKernels().acquire(layout.bytes);
    const memory = new Float32Array(kernels.buffer);
    const gradientOf = (parts: [number, number][]) => {
      memory.set(parameters, plan.parameters / 4);
      memory.fill(0, plan.gradient / 4, plan.gradient / 4 + plan.count);
      let loss = 0;
      for (const [from, to] of parts) {
        memory.set(features.slice(from * inputWidth, to * inputWidth), plan.input / 4);
        memory.set(labels.slice(from, to), plan.labels / 4);
        forward(kernels, plan, to - from);
        loss += backward(kernels, plan, to - from, rows);
      }
      return { loss, gradient: memory.slice(plan.gradient / 4, plan.gradient / 4 + plan.count) };
    };
    const whole = gradientOf([[0, rows]]);
    const parts = gradientOf([
      [0, 4],
      [4, rows],
    ]);
    bestKernels().release(kernels);

    assert.ok(Math.abs(whole.loss / rows - referenceLoss(example, parameters)) < 1e-6);
    assert.deepEqual(parts.gradient, whole.gradient);
    const step = 1e-5;
    parameters.forEach((value, i) => {
      const at = (shift: number) => referenceLoss(example, parameters.with(i, value + shift));
      const expected = (at(step) - at(-step)) / (2 * step);
      const actual = whole.gradient[i];
      assert.ok(
        Math.abs(actual - expected) < 2e-6 + 1e-5 * Math.abs(expected),
        `${i}: ${actual}, expected ${expected}`,
      );
    });
  });
}
