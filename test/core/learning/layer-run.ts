/** Networks of single layers on drawn rows: passes, and what must hold of every layer. */
import assert from 'node:assert/strict';
import type { Masks } from '../../../src/core/learning/layer.ts';
import {
  backward,
  backwardClipped,
  forward,
  type NetworkSettings,
  passOver,
  planNetwork,
  rowGradients,
} from '../../../src/core/learning/network.ts';
import { networkManifest } from '../../../src/core/learning/network-parameters.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { inputWidth, labelWidth } from '../../../src/core/learning/shape.ts';
import { type KernelSource, Layout, reservedBytes } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { simd } from '../math/same-kernels.ts';

export interface Example {
  readonly network: NetworkSettings;
  readonly parameters: Float32Array;
  readonly features: Float32Array;
  readonly labels: Float32Array;
  readonly rows: number;
}

/** Normal parameters, features and numbers; uniform tokens and classes. */
export function example(network: NetworkSettings, rows: number, seed: number): Example {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  const { input, output } = network.shape;
  const draw = (count: number, next: () => number) => Float32Array.from({ length: count }, next);
  const normal = () => stream.normal();
  return {
    network,
    parameters: draw(parameterCount(networkManifest(network.layers)), normal),
    features: draw(rows * inputWidth(input), input.kind === 'tokens' ? () => stream.below(input.vocabulary) : normal),
    labels: draw(rows * labelWidth(output), output.kind === 'classes' ? () => stream.below(output.classes) : normal),
    rows,
  };
}

export interface RunOptions {
  readonly source?: KernelSource;
  readonly batch?: number;
  readonly masks?: Masks | null;
}

/** Runs over the named rows of the example in a memory of their own, full of NaN where nothing was written. */
export function run(
  { network, parameters, features, labels }: Example,
  rows: readonly number[],
  act: 'sum' | 'norms' | { readonly clip: number },
  { source = simd, batch = 1, masks = null }: RunOptions = {},
) {
  const layout = new Layout();
  const plan = planNetwork(layout, network, rows.length + 1, 'training');
  const kernels = source.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer).fill(Number.NaN, reservedBytes / 4);
  memory.fill(0, plan.gradient / 4, plan.gradient / 4 + plan.count);
  memory.set(parameters, plan.parameters / 4);
  const { inputWidth: width, labelWidth: known } = plan;
  rows.forEach((row, i) => {
    memory.set(features.subarray(row * width, (row + 1) * width), plan.input / 4 + i * width);
    memory.set(labels.subarray(row * known, (row + 1) * known), plan.labels / 4 + i * known);
  });
  const pass = passOver(kernels, plan, rows.length, masks);
  forward(plan, pass);
  const outputs = memory.slice(plan.output / 4, plan.output / 4 + rows.length * plan.outputs);
  const loss =
    act === 'sum'
      ? backward(plan, pass, batch)
      : act === 'norms'
        ? rowGradients(plan, pass)
        : backwardClipped(plan, pass, batch, act.clip);
  const gradient = memory.slice(plan.gradient / 4, plan.gradient / 4 + plan.count);
  const norms = act === 'sum' ? new Float64Array() : new Float64Array(kernels.buffer, plan.norms, rows.length).slice();
  const weights = new Float32Array(kernels.buffer, plan.weights, typeof act === 'string' ? 0 : rows.length).slice();
  source.release(kernels);
  return { loss, outputs, gradient, norms, weights };
}

/** The outputs of a plan for prediction. */
export function predict({ network, parameters, features, rows }: Example, source: KernelSource = simd): Float32Array {
  const layout = new Layout();
  const plan = planNetwork(layout, network, rows, 'prediction');
  const kernels = source.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer);
  memory.set(parameters, plan.parameters / 4);
  memory.set(features, plan.input / 4);
  forward(plan, passOver(kernels, plan, rows, null));
  const outputs = memory.slice(plan.output / 4, plan.output / 4 + rows * plan.outputs);
  source.release(kernels);
  return outputs;
}

export const all = (rows: number) => Array.from({ length: rows }, (_, i) => i);
export const length = (vector: ArrayLike<number>) => Math.hypot(...Array.from(vector));
export const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  length(Array.from(a, (value, i) => value - b[i]));

/**
 * What holds of every network: norms are those of the rows alone, a clipped gradient is the mean of the clipped rows'
 * gradients, both kernels give the same bits.
 */
export function assertRowGradients(of: Example, masks: Masks | null = null): void {
  const rows = all(of.rows);
  const alone = rows.map(row => {
    const own = masks === null ? null : { ...masks, firstRow: masks.firstRow + row };
    return run(of, [row], 'sum', { masks: own }).gradient;
  });
  const lengths = alone.map(length);
  const { norms } = run(of, rows, 'norms', { masks });
  rows.forEach(row => {
    const norm = Math.sqrt(norms[row]);
    assert.ok(
      Math.abs(norm - lengths[row]) <= 1e-5 * lengths[row] + 1e-9,
      `row ${row}: ${norm}, alone ${lengths[row]}`,
    );
  });
  const clip = 0.7 * Math.max(...lengths, 1e-3);
  for (const [act, weight] of [
    ['sum', () => 1],
    [{ clip }, (row: number) => Math.min(1, clip / lengths[row])],
  ] as const) {
    const { gradient } = run(of, rows, act, { batch: of.rows, masks });
    const expected = new Float64Array(gradient.length);
    alone.forEach((own, row) => {
      own.forEach((value, i) => {
        expected[i] += (weight(row) / of.rows) * value;
      });
    });
    const size = Math.max(length(expected), ...lengths.map(norm => norm / of.rows));
    assert.ok(distance(gradient, expected) <= 3e-6 * size + 1e-9, `${distance(gradient, expected)} of ${size}`);
    assert.deepEqual(run(of, rows, act, { masks, source: twinKernels }), run(of, rows, act, { masks }));
  }
  assert.deepEqual(run(of, rows, 'norms', { masks, source: twinKernels }), run(of, rows, 'norms', { masks }));
}

/** The outputs and the mean loss are those of `plain`, the gradient that of its central differences in every parameter. */
export function assertPlain(
  of: Example,
  plain: (parameters: Float64Array) => { outputs: number[]; loss: number },
  masks: Masks | null = null,
): void {
  const { outputs, loss, gradient } = run(of, all(of.rows), 'sum', { masks });
  const point = Float64Array.from(of.parameters);
  const expected = plain(point);
  assert.ok(distance(outputs, expected.outputs) <= 2e-5 * length(expected.outputs) + 1e-6);
  assert.ok(Math.abs(loss - expected.loss) <= 2e-5 * Math.abs(expected.loss) + 1e-6);
  const differences = Float64Array.from(point, (value, i) => {
    const step = 1e-5 * (1 + Math.abs(value));
    const at = (shift: number) => plain(point.with(i, value + shift)).loss;
    return (at(step) - at(-step)) / (2 * step);
  });
  const apart = distance(gradient, differences);
  assert.ok(apart <= 2e-5 * length(differences) + 1e-6, `${apart} of ${length(differences)}`);
}
