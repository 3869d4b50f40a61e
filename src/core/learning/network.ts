/** A network in kernel memory: its layers one above the other, the pass forward to the outputs and the pass back to the gradient. */
import type { Kernels, Layout } from '../math/kernels/kernels.ts';
import type { Layer, Masks, Pass } from './layer.ts';
import type { LayerSettings } from './layer-settings.ts';
import { layerKind } from './layers/table.ts';
import { type LossPlan, lossGradient, planLoss } from './loss.ts';
import type { LossSettings } from './loss-settings.ts';
import { parameterCount } from './parameters.ts';
import { type DataShape, inputWidth, labelWidth } from './shape.ts';

/** What a network is planned from. */
export interface NetworkSettings {
  readonly layers: readonly LayerSettings[];
  readonly shape: DataShape;
  readonly loss: LossSettings;
}

/** All offsets in bytes. */
export interface NetworkPlan {
  readonly layers: readonly Layer[];
  /** Rows of one pass at most. */
  readonly rows: number;
  readonly inputWidth: number;
  readonly labelWidth: number;
  /** Outputs per row. */
  readonly outputs: number;
  /** Number of parameters. */
  readonly count: number;
  /** Multiply–adds of a forward pass per row. */
  readonly work: number;
  readonly input: number;
  readonly labels: number;
  readonly output: number;
  readonly parameters: number;
  /** The rest is 0 in a plan for prediction. */
  readonly gradient: number;
  /** Squared norms (float64) and weights (float32) per row. */
  readonly norms: number;
  readonly weights: number;
  readonly loss: LossPlan | null;
}

/** `private-training`: as training with clipping per example, and the sum of the gradients rounds within known bounds. */
export type NetworkPurpose = 'training' | 'private-training' | 'prediction';

/** Lays out a network for prediction, or with gradients for training. */
export function planNetwork(
  layout: Layout,
  { layers, shape, loss }: NetworkSettings,
  rows: number,
  purpose: NetworkPurpose,
): NetworkPlan {
  const width = inputWidth(shape.input);
  const isTraining = purpose !== 'prediction';
  const input = layout.float32(rows * width);
  let count = 0;
  let work = 0;
  let below: { values: number; gradient: number } = { values: input, gradient: 0 };
  const planned = layers.map((settings, index): Layer => {
    const kind = layerKind(settings);
    const layer = kind.plan(settings, {
      layout,
      rows,
      input: below.values,
      inputGradient: below.gradient,
      parameters: 4 * count,
      purpose: isTraining ? 'training' : 'prediction',
      isPrivate: purpose === 'private-training',
      index,
    });
    count += parameterCount(kind.tensors(settings));
    work += kind.work(settings);
    below = { values: layer.output, gradient: layer.outputGradient };
    return layer;
  });
  const last = layers[layers.length - 1];
  const labels = isTraining ? layout.float32(rows * labelWidth(shape.output)) : 0;
  return {
    layers: planned,
    rows,
    inputWidth: width,
    labelWidth: labelWidth(shape.output),
    outputs: layerKind(last).outputSize(last),
    count,
    work,
    input,
    labels,
    output: below.values,
    parameters: layout.float32(count),
    gradient: isTraining ? layout.float32(count) : 0,
    norms: isTraining ? layout.float64(rows) : 0,
    weights: isTraining ? layout.float32(rows) : 0,
    loss: isTraining ? planLoss(shape.output, loss, { outputs: below.values, labels, gradient: below.gradient }) : null,
  };
}

/** Rows of one part of a minibatch: the least of what the layers ask for. */
export function partRows(layers: readonly LayerSettings[]): number {
  return Math.min(...layers.map(layer => layerKind(layer).partRows));
}

/** The pass over the first `rows` rows of the input. `gradient`: where gradients are added; the plan's own by default. */
export function passOver(
  kernels: Kernels,
  plan: NetworkPlan,
  rows: number,
  masks: Masks | null,
  gradient: number = plan.gradient,
): Pass {
  return { kernels, rows, parameters: plan.parameters, gradient, masks };
}

/** Computes the outputs. */
export function forward(plan: NetworkPlan, pass: Pass): void {
  for (const layer of plan.layers) layer.forward(pass);
}

/**
 * After `forward`: returns the summed loss of the rows, and adds the gradient of (that sum / batch) to the gradient.
 *
 * @param batch rows of the whole minibatch, of which these may be a part.
 */
export function backward(plan: NetworkPlan, pass: Pass, batch: number): number {
  const loss = lossGradient(trainingLoss(plan), pass, batch);
  for (let i = plan.layers.length - 1; i >= 0; i--) {
    plan.layers[i].backward(pass);
    plan.layers[i].gradient?.add(pass);
  }
  return loss;
}

/**
 * The same with every row's own gradient clipped: adds Σ min(1, clipNorm / ‖g‖)·g / batch. A row whose gradient is not
 * finite counts as 0; its loss counts as it is. The norms are over all parameters together, in float64 (Abadi et al. 2016;
 * computed as in Bu et al. 2023, "Differentially private optimization on large model at small cost": one pass back).
 *
 * What holds of one row: its weight times its norm as computed is at most clipNorm / batch, for weights are rounded towards 0. In a plan
 * for private training that norm is exact (within 1e-12 of it) for the very float32 vector that is added, and how far the sum rounds is known:
 * see `private-sum.ts`. In another plan it is that of the gradient within float32 rounding only (1e-5 of it, 5e-5 at worst seen, see
 * `GramSum`; more where the gradient is itself the small rest of terms that cancel).
 *
 * @param batch what the sum is divided by.
 */
export function backwardClipped(plan: NetworkPlan, pass: Pass, batch: number, clipNorm: number): number {
  const { kernels, rows } = pass;
  const loss = rowGradients(plan, pass);
  const norms = new Float64Array(kernels.buffer, plan.norms, rows);
  const weights = new Float32Array(kernels.buffer, plan.weights, rows);
  for (let row = 0; row < rows; row++) {
    const norm = Math.sqrt(norms[row]);
    weights[row] = Number.isFinite(norm) ? roundDown(Math.min(1, clipNorm / norm) / batch) : 0;
  }
  for (const { gradient } of plan.layers) gradient?.addWeighted(pass, plan.weights);
  return loss;
}

/** After `forward`: writes the squared norm of every row's own gradient to `plan.norms`; returns the summed loss. */
export function rowGradients(plan: NetworkPlan, pass: Pass): number {
  const loss = lossGradient(trainingLoss(plan), pass, 1);
  for (let i = plan.layers.length - 1; i >= 0; i--) plan.layers[i].backward(pass);
  new Float64Array(pass.kernels.buffer, plan.norms, pass.rows).fill(0);
  for (const { gradient } of plan.layers) gradient?.addSquaredNorms(pass, plan.norms);
  return loss;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The greatest float32 that is not above x, for x ≥ 0. */
function roundDown(x: number): number {
  float[0] = x;
  if (float[0] > x) bits[0]--;
  return float[0];
}

function trainingLoss({ loss }: NetworkPlan): LossPlan {
  if (loss === null) throw new TypeError('network: a plan for prediction has no gradient');
  return loss;
}
