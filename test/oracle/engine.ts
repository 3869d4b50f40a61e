/** The engine on a case: loss, gradient, norms and clipped gradient of its rows as one minibatch. */
import type { Masks } from '../../src/core/learning/layer.ts';
import { layerKind } from '../../src/core/learning/layers/table.ts';
import {
  backward,
  backwardClipped,
  forward,
  passOver,
  planNetwork,
  rowGradients,
} from '../../src/core/learning/network.ts';
import { Layout } from '../../src/core/math/kernels/kernels.ts';
import { createSimdKernels } from '../../src/core/math/kernels/simd.ts';
import type { Case } from './case.ts';

const source = createSimdKernels();
const masks: Masks = { key: [0x9e3779b9, 0x7f4a7c15], step: 3, firstRow: 0 };

export type EngineAct = 'sum' | 'norms' | { readonly clipNorm: number };

export interface EngineResult {
  /** Sum of the rows' losses. */
  readonly loss: number;
  /** Of the mean over rows; left at 0 by 'norms'. */
  readonly gradient: Float32Array;
  /** Squared norms of the rows' gradients; left at 0 by 'sum'. */
  readonly norms: Float64Array;
}

export function runEngine({ model, shape, values }: Case, act: EngineAct): EngineResult {
  const { rows } = values;
  const layout = new Layout();
  const plan = planNetwork(layout, { layers: model.layers, shape, loss: model.loss }, rows, 'training');
  const kernels = source.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer);
  memory.fill(0, plan.gradient / 4, plan.gradient / 4 + plan.count);
  new Float64Array(kernels.buffer, plan.norms, rows).fill(0);
  memory.set(values.parameters, plan.parameters / 4);
  memory.set(values.inputs, plan.input / 4);
  memory.set(values.labels, plan.labels / 4);
  const pass = passOver(kernels, plan, rows, masks);
  forward(plan, pass);
  const loss =
    act === 'sum'
      ? backward(plan, pass, rows)
      : act === 'norms'
        ? rowGradients(plan, pass)
        : backwardClipped(plan, pass, rows, act.clipNorm);
  const gradient = memory.slice(plan.gradient / 4, plan.gradient / 4 + plan.count);
  const norms = new Float64Array(kernels.buffer, plan.norms, rows).slice();
  source.release(kernels);
  return { loss, gradient, norms };
}

/** The factors of each layer of dropout in the run above, rows × width: what the layer makes of ones. */
export function engineMasks({ model, values }: Case): Float32Array[] {
  return model.layers.flatMap((layer, index) => {
    if (layer.type !== 'dropout') return [];
    const count = values.rows * layer.width;
    const layout = new Layout();
    const input = layout.float32(count);
    const place = {
      layout,
      rows: values.rows,
      input,
      inputGradient: 0,
      parameters: 0,
      purpose: 'training',
      index,
    } as const;
    const planned = layerKind(layer).plan(layer, place);
    const kernels = source.acquire(layout.bytes);
    const memory = new Float32Array(kernels.buffer);
    memory.fill(1, input / 4, input / 4 + count);
    planned.forward({ kernels, rows: values.rows, parameters: 0, gradient: 0, masks });
    const made = memory.slice(planned.output / 4, planned.output / 4 + count);
    source.release(kernels);
    return [made];
  });
}
