/** DP-SGD as a textbook has it, slow and plain, for mutants: the same loop as the trainer's, with its steps laid open. */

import { taskNetwork, taskParameters } from '../../../src/core/learning/model.ts';
import { backward, forward, type NetworkSettings, passOver, planNetwork } from '../../../src/core/learning/network.ts';
import { networkManifest } from '../../../src/core/learning/network-parameters.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { drawBatch } from '../../../src/core/learning/private-batches.ts';
import { Layout } from '../../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../../src/core/math/kernels/twin.ts';
import { clipL2 } from '../../../src/core/privacy/clip.ts';
import { noisySum } from '../../../src/core/privacy/grid-noise.ts';
import type { NoiseGrid } from '../../../src/core/privacy/noise-grid.ts';
import { gridOf } from '../../../src/core/privacy/plan.ts';
import type { RandomBytes } from '../../../src/core/privacy/random-words.ts';
import type { Examples } from '../../../src/core/privacy-audit/examples.ts';
import type { TrainingRun } from '../../../src/core/privacy-audit/mechanisms.ts';

type Row = Examples['rows'][number];

/** What a mutant does in its own way. */
export interface TextbookSteps {
  readonly batch?: (rows: number, rate: number, randomBytes: RandomBytes) => ArrayLike<number>;
  /** Parts of one row's gradient: the tensors of the model. */
  readonly clip?: (gradient: Float64Array[], clipNorm: number) => Float64Array[];
  /** Rows whose mean gradient is clipped together; 1: every row by itself. */
  readonly rowsPerClip?: number;
  /** Null: nothing is released in this step. */
  readonly noise?: (
    sum: Float64Array,
    grid: NoiseGrid,
    randomBytes: RandomBytes,
    batch: ArrayLike<number>,
  ) => Float64Array | null;
}

export async function textbook(
  { audited, examples, randomBytes, onSum }: TrainingRun,
  steps: TextbookSteps = {},
): Promise<Float32Array> {
  const { task, plan } = audited;
  const { batch = drawBatch, clip = clipL2, noise = noisySum, rowsPerClip = 1 } = steps;
  if (plan.privacy.mechanism !== 'dp-sgd') throw new TypeError('the textbook is about dp-sgd');
  const { clipNorm, noiseMultiplier } = plan.privacy;
  const network = taskNetwork(task);
  const parameters = taskParameters(task, new Uint8Array(32));
  const sizes = networkManifest(network.layers).map(tensor => parameterCount([tensor]));
  const gradientOf = gradients(network, parameters);
  // Rows that are the same object have the same gradient: the model stands still.
  const known = new Map<Row, Float64Array[]>();
  for (let step = 1; step <= plan.stepsPerRound; step++) {
    const chosen = batch(examples.rows.length, plan.samplingRate, randomBytes);
    const sum = new Float64Array(plan.dimension);
    for (let first = 0; first < chosen.length; first += rowsPerClip) {
      const rows = Array.from(chosen)
        .slice(first, first + rowsPerClip)
        .map(index => examples.rows[index]);
      const clipped = known.get(rows[0]) ?? clip(split(meanOf(rows.map(gradientOf)), sizes), clipNorm);
      if (rowsPerClip === 1) known.set(rows[0], clipped);
      let at = 0;
      for (const part of clipped) for (const value of part) sum[at++] += value;
    }
    const released = noise(sum, gridOf(plan, noiseMultiplier, clipNorm), randomBytes, chosen);
    if (released !== null) onSum(released);
  }
  return parameters;
}

/** The gradient of one row, not clipped. */
function gradients(network: NetworkSettings, parameters: Float32Array): (row: Row) => Float64Array {
  const layout = new Layout();
  const plan = planNetwork(layout, network, 1, 'training');
  const kernels = twinKernels.acquire(layout.bytes);
  const memory = new Float32Array(kernels.buffer);
  memory.set(parameters, plan.parameters / 4);
  return ({ features, label }) => {
    memory.set(Float32Array.from(features), plan.input / 4);
    memory[plan.labels / 4] = label;
    const gradient = memory.subarray(plan.gradient / 4, plan.gradient / 4 + plan.count);
    gradient.fill(0);
    const pass = passOver(kernels, plan, 1, null);
    forward(plan, pass);
    backward(plan, pass, 1);
    return Float64Array.from(gradient);
  };
}

function meanOf(gradients: readonly Float64Array[]): Float64Array {
  return gradients[0].map((_, i) => gradients.reduce((sum, gradient) => sum + gradient[i], 0) / gradients.length);
}

function split(gradient: Float64Array, sizes: readonly number[]): Float64Array[] {
  let at = 0;
  return sizes.map(size => {
    at += size;
    return gradient.slice(at - size, at);
  });
}
