/** Training that Node, a page and a Web Worker all do: what must come out the same everywhere. */
import type { SiteData } from '../../src/core/data/dataset.ts';
import { textSite } from '../../src/core/data/text-site.ts';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { taskParameters } from '../../src/core/learning/model.ts';
import { bestKernels } from '../../src/core/math/kernels/best.ts';
import type { KernelSource } from '../../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../../src/core/math/kernels/twin.ts';
import { RandomStream } from '../../src/core/math/random.ts';
import { parseTask, type Task } from '../../src/core/protocol/task.ts';

const seed = new Uint8Array(32).fill(5);
const rows = 40;

const table = (columns: number, steps: number | null) => ({
  format: 'csv',
  header: true,
  onMissing: 'refuse',
  columns: [
    ...Array.from({ length: columns }, (_, i) => ({ name: `x${i}`, type: 'number' })),
    { name: 'y', type: 'target' },
  ],
  target: { type: 'classes', classes: ['a', 'b', 'c'] },
  standardise: 'none',
  sequence: steps === null ? null : { steps },
  split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
});

const images = {
  format: 'images',
  channels: 1,
  height: 6,
  width: 6,
  target: { type: 'classes', classes: ['a', 'b', 'c'] },
  split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
};

const text = {
  format: 'text',
  alphabet: 'abc ',
  window: 12,
  split: { type: 'tail', trainFraction: 0.5 },
};

/** Models with the width of their rows; null where the rows are windows of text. */
const models = [
  { name: 'mlp', width: 12, data: table(12, null), model: { name: 'mlp', hidden: [9], norm: 'layer', dropout: 0.2 } },
  {
    name: 'cnn',
    width: 36,
    data: images,
    model: { name: 'cnn', convolutions: [{ filters: 4, kernel: 3, padding: 1, pool: { kind: 'max', size: 2 } }] },
  },
  { name: 'lstm', width: 12, data: table(12, 4), model: { name: 'lstm', hidden: 5 } },
  { name: 'gru', width: 12, data: table(12, 4), model: { name: 'gru', hidden: 5 } },
  { name: 'text', width: null, data: text, model: { name: 'gru', hidden: 5, embedding: 3 } },
];

export interface Trained {
  /** Kernels that did it. */
  readonly kernels: string;
  /** Model name to the bytes of its parameters after training, in hexadecimal. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Trains each model with clipping per example, by the kernels of this platform or by the twin. */
export async function train(kernels: 'best' | 'twin'): Promise<Trained> {
  const source: KernelSource = kernels === 'twin' ? twinKernels : bestKernels();
  const parameters: Record<string, string> = {};
  for (const { name, width, data, model } of models) {
    const task = parseTask({
      parley: 1,
      name,
      seed: 1,
      data,
      model,
      training: {
        optimizer: { name: 'adam', learningRate: 0.01 },
        batchSize: 20,
        amount: { unit: 'epochs', count: 2 },
        clip: { norm: 0.5, per: 'example' },
      },
      rounds: 1,
      cohort: { minimum: 1 },
      server: { optimizer: 'fedavg' },
      aggregation: { rule: 'mean' },
      protection: 'inspect',
      privacy: 'none',
    });
    const trainer = createTrainer(task, width === null ? writtenSite(task) : site(width), { kernels: source });
    const trained = await trainer.train({ parameters: taskParameters(task, seed), round: 1, seed });
    parameters[name] = hex(trained.parameters);
  }
  return { kernels: source.name, parameters };
}

function site(width: number): SiteData {
  const stream = new RandomStream(seed);
  const train = {
    rows,
    width,
    features: Float32Array.from({ length: rows * width }, () => stream.normal()),
    labelWidth: 1,
    labels: Float32Array.from({ length: rows }, () => stream.below(3)),
  };
  return { train, test: train, featureNames: [], classes: 3, scaler: null, droppedRows: 0 };
}

/** Random text of a site. */
function writtenSite({ data }: Task): SiteData {
  if (data.format !== 'text') throw new RangeError(`text is asked for, not ${data.format}`);
  const stream = new RandomStream(seed);
  const letters = Array.from({ length: 24 * rows }, () => data.alphabet[stream.below(data.alphabet.length)]);
  return textSite(data, letters.join(''), 'text');
}

function hex(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}
