/** Prediction: the outputs of a model on rows, and what they say. */
import type { Dataset } from '../data/dataset.ts';
import { copyRows, valueCount } from '../data/rows.ts';
import { expNegative, logistic } from '../math/elementary.ts';
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, Layout } from '../math/kernels/kernels.ts';
import { forward, type NetworkSettings, partRows, passOver, planNetwork } from './network.ts';
import { type TurnOptions, Turns } from './turns.ts';

export interface PredictOptions extends TurnOptions {
  readonly kernels?: KernelSource;
}

/** Rows without labels do for prediction. */
export type Rows = Pick<Dataset, 'rows' | 'width' | 'features'>;

/**
 * Probabilities of a classifier, rows × steps × classes, row-major: for two classes 1 − p and p.
 * Throws RangeError when the model gives numbers, or when the parameters or the features are not of this model's size.
 */
export async function predictProbabilities(
  network: NetworkSettings,
  parameters: Float32Array,
  rows: Rows,
  options: PredictOptions = {},
): Promise<Float32Array<ArrayBuffer>> {
  const { output } = network.shape;
  if (output.kind !== 'classes') throw new RangeError('predict: a model of numbers has no probabilities');
  const { classes } = output;
  const logits = await predictOutputs(network, parameters, rows, options);
  const isBinary = network.loss.name === 'binary';
  const places = rows.rows * output.steps;
  const probabilities = new Float32Array(places * classes);
  for (let at = 0; at < places; at++) {
    const target = probabilities.subarray(at * classes, (at + 1) * classes);
    if (isBinary) target.set([logistic(-logits[at]), logistic(logits[at])]);
    else target.set(softmax(logits.subarray(at * classes, (at + 1) * classes)));
  }
  return probabilities;
}

/** Outputs of the network, row-major: logits of a classifier (one per row for two classes), or numbers. */
export async function predictOutputs(
  network: NetworkSettings,
  parameters: Float32Array,
  { rows, width, features }: Rows,
  options: PredictOptions = {},
): Promise<Float32Array<ArrayBuffer>> {
  const source = options.kernels ?? bestKernels();
  const layout = new Layout();
  const most = Math.max(1, Math.min(partRows(network.layers), rows));
  const plan = planNetwork(layout, network, most, 'prediction');
  if (parameters.length !== plan.count) {
    throw new RangeError(`predict: ${parameters.length} parameters, the model has ${plan.count}`);
  }
  if (width !== plan.inputWidth || valueCount(features) !== rows * width) {
    throw new RangeError(`predict: ${valueCount(features)} features, expected ${rows} rows of ${plan.inputWidth}`);
  }
  const outputs = new Float32Array(rows * plan.outputs);
  const turns = new Turns(source.name, options);
  const kernels = source.acquire(layout.bytes);
  try {
    const memory = new Float32Array(kernels.buffer);
    memory.set(parameters, plan.parameters / 4);
    for (let row = 0; row < rows; row += most) {
      const count = Math.min(most, rows - row);
      copyRows({ width, features }, row, count, memory, plan.input / 4);
      forward(plan, passOver(kernels, plan, count, null));
      const from = plan.output / 4;
      outputs.set(memory.subarray(from, from + count * plan.outputs), row * plan.outputs);
      if (turns.due(count * plan.work)) await turns.pause();
    }
  } finally {
    source.release(kernels);
  }
  return outputs;
}

function softmax(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const powers = Float64Array.from(logits, z => expNegative(z - top));
  const total = powers.reduce((a, b) => a + b);
  return powers.map(power => power / total);
}
