/** Prediction: logits and probabilities of a model on rows. */
import type { Dataset } from '../data/dataset.ts';
import { expNegative, logistic } from '../math/elementary.ts';
import { bestKernels } from '../math/kernels/best.ts';
import { type KernelSource, Layout } from '../math/kernels/kernels.ts';
import type { ModelSettings } from '../protocol/task.ts';
import { forward, planNetwork } from './network.ts';
import { type TurnOptions, Turns } from './turns.ts';

/** Rows of one pass. */
const passRows = 256;

export interface PredictOptions extends TurnOptions {
  readonly kernels?: KernelSource;
}

/** Rows without labels do for prediction. */
export type Rows = Pick<Dataset, 'rows' | 'width' | 'features'>;

/**
 * Probabilities, rows × classes, row-major: for two classes 1 − p and p.
 * Throws RangeError when the parameters or the features are not of this model's size.
 */
export async function predictProbabilities(
  model: ModelSettings,
  classes: number,
  parameters: Float32Array,
  rows: Rows,
  options: PredictOptions = {},
): Promise<Float32Array<ArrayBuffer>> {
  const logits = await predictLogits(model, classes, parameters, rows, options);
  const probabilities = new Float32Array(rows.rows * classes);
  for (let row = 0; row < rows.rows; row++) {
    const target = probabilities.subarray(row * classes, (row + 1) * classes);
    if (classes === 2) target.set([logistic(-logits[row]), logistic(logits[row])]);
    else target.set(softmax(logits.subarray(row * classes, (row + 1) * classes)));
  }
  return probabilities;
}

/** Logits, row-major: one per row for two classes (that of class 1), else one per class. */
export async function predictLogits(
  model: ModelSettings,
  classes: number,
  parameters: Float32Array,
  { rows, width, features }: Rows,
  options: PredictOptions = {},
): Promise<Float32Array<ArrayBuffer>> {
  const source = options.kernels ?? bestKernels();
  const layout = new Layout();
  const plan = planNetwork(layout, { model, inputWidth: width, classes }, Math.min(passRows, rows), 'prediction');
  if (parameters.length !== plan.count) {
    throw new RangeError(`predict: ${parameters.length} parameters, the model has ${plan.count}`);
  }
  if (features.length !== rows * width) {
    throw new RangeError(`predict: ${features.length} features, expected ${rows} rows of ${width}`);
  }
  const logits = new Float32Array(rows * plan.outputs);
  const turns = new Turns(source.name, options);
  const kernels = source.acquire(layout.bytes);
  try {
    const memory = new Float32Array(kernels.buffer);
    memory.set(parameters, plan.parameters / 4);
    for (let row = 0; row < rows; row += passRows) {
      const count = Math.min(passRows, rows - row);
      memory.set(features.subarray(row * width, (row + count) * width), plan.input / 4);
      forward(kernels, plan, count);
      const from = plan.logits / 4;
      logits.set(memory.subarray(from, from + count * plan.outputs), row * plan.outputs);
      if (turns.due(count * plan.count)) await turns.pause();
    }
  } finally {
    source.release(kernels);
  }
  return logits;
}

function softmax(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const powers = Float64Array.from(logits, z => expNegative(z - top));
  const total = powers.reduce((a, b) => a + b);
  return powers.map(power => power / total);
}
