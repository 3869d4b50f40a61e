/** A network in kernel memory: where its tensors lie, the pass forward to logits and the pass back to the gradient. */
import { activations, type Kernels, type Layout } from '../math/kernels/kernels.ts';
import type { ModelSettings } from '../protocol/task.ts';
import { modelLayers } from './model.ts';

/** Byte offsets of one layer's tensors. */
interface LayerPlan {
  readonly inputs: number;
  readonly outputs: number;
  /** Code of the activation. */
  readonly activation: number;
  /** Offsets of weight and bias from the start of the parameters, and so of the gradient. */
  readonly weight: number;
  readonly bias: number;
  /** Outputs, and their gradient, of as many rows as the plan holds. */
  readonly values: number;
  readonly valuesGradient: number;
}

export interface NetworkPlan {
  readonly layers: readonly LayerPlan[];
  /** Rows of one pass at most. */
  readonly rows: number;
  readonly inputWidth: number;
  /** Number of parameters. */
  readonly count: number;
  /** Logits per row: 1 for two classes. */
  readonly outputs: number;
  readonly input: number;
  readonly labels: number;
  readonly logits: number;
  readonly parameters: number;
  /** 0 in a plan without gradients. */
  readonly gradient: number;
}

/** Lays out a network for prediction, with a gradient for training. */
export function planNetwork(
  layout: Layout,
  { model, inputWidth, classes }: { model: ModelSettings; inputWidth: number; classes: number },
  rows: number,
  purpose: 'training' | 'prediction',
): NetworkPlan {
  const training = purpose === 'training';
  let count = 0;
  const layers = modelLayers(model, inputWidth, classes).map(({ inputs, outputs, activation }): LayerPlan => {
    const weight = 4 * count;
    const bias = weight + 4 * inputs * outputs;
    count += (inputs + 1) * outputs;
    return {
      inputs,
      outputs,
      activation: activations[activation],
      weight,
      bias,
      values: layout.float32(rows * outputs),
      valuesGradient: training ? layout.float32(rows * outputs) : 0,
    };
  });
  const last = layers[layers.length - 1];
  return {
    layers,
    rows,
    inputWidth,
    count,
    outputs: last.outputs,
    input: layout.float32(rows * inputWidth),
    labels: training ? layout.float32(rows) : 0,
    logits: last.values,
    parameters: layout.float32(count),
    gradient: training ? layout.float32(count) : 0,
  };
}

/** Computes the logits of the first `rows` rows of the input. */
export function forward(kernels: Kernels, plan: NetworkPlan, rows: number): void {
  let input = plan.input;
  for (const { inputs, outputs, activation, weight, bias, values } of plan.layers) {
    const { parameters } = plan;
    kernels.productTransposed(input, parameters + weight, parameters + bias, values, rows, inputs, outputs, activation);
    input = values;
  }
}

/**
 * After `forward`: returns the summed loss of those rows and adds the gradient of (that sum / batch) to the gradient.
 *
 * @param batch rows of the whole minibatch, of which these may be a part.
 */
export function backward(kernels: Kernels, plan: NetworkPlan, rows: number, batch: number): number {
  const { layers, gradient, parameters, outputs, logits, labels } = plan;
  const top = layers[layers.length - 1].valuesGradient;
  const loss =
    outputs === 1
      ? kernels.logisticLoss(logits, labels, top, rows, batch)
      : kernels.softmaxLoss(logits, labels, top, rows, outputs, batch);
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i];
    const below = i === 0 ? null : layers[i - 1];
    const input = below === null ? plan.input : below.values;
    const { valuesGradient } = layer;
    kernels.addTransposedProduct(valuesGradient, input, gradient + layer.weight, layer.outputs, rows, layer.inputs);
    kernels.addColumnSums(valuesGradient, gradient + layer.bias, rows, layer.outputs);
    if (below === null) continue;
    const target = below.valuesGradient;
    kernels.product(valuesGradient, parameters + layer.weight, target, rows, layer.outputs, layer.inputs);
    kernels.activationGradient(below.values, target, rows * below.outputs, below.activation);
  }
  return loss;
}
