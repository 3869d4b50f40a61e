/** Small tasks of every form of data, and sites for them: random rows, the same for the same seed. */
import { dataShape } from '../../../src/core/data/data-shape.ts';
import type { Dataset, SiteData } from '../../../src/core/data/dataset.ts';
import { inputWidth, labelWidth } from '../../../src/core/learning/shape.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';

const classNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);

/** A table of so many number columns with a class or, without classes, a number to predict. */
export function tableData(columns: number, classes: number, changes: object = {}): object {
  const names = Array.from({ length: columns }, (_, i) => `x${i}`);
  return {
    format: 'csv',
    header: true,
    onMissing: 'refuse',
    columns: [...names.map(name => ({ name, type: 'number' })), { name: 'y', type: 'target' }],
    target: classes > 0 ? { type: 'classes', classes: classNames(classes) } : { type: 'number' },
    standardise: 'none',
    split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    ...changes,
  };
}

export function imageData(channels: number, side: number, classes: number): object {
  const target = { type: 'classes', classes: classNames(classes) };
  return { format: 'images', channels, height: side, width: side, target, split: { type: 'files' } };
}

export function textData(alphabet: string, window: number): object {
  return { format: 'text', alphabet, window, split: { type: 'tail', trainFraction: 0.5 } };
}

/** A task; binary logistic regression on five columns where nothing else is said. */
export function sampleTask(changes: { data?: object; model?: object; training?: object } = {}): Task {
  const { data = tableData(5, 2), model = { name: 'logistic' }, training } = changes;
  return parseTask({
    parley: 1,
    name: 'sample',
    seed: 1,
    data,
    model,
    training: {
      optimizer: { name: 'sgd', learningRate: 0.1 },
      batchSize: 8,
      amount: { unit: 'epochs', count: 2 },
      ...training,
    },
    rounds: 3,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
}

/** Rows of the task's shape. */
export function sampleSite(task: Task, rows: { train: number; test: number }): SiteData<Float32Array> {
  const { input, output } = dataShape(task.data);
  const stream = new RandomStream(new Uint8Array(32).fill(5));
  const width = inputWidth(input);
  const labels = labelWidth(output);
  const dataset = (count: number): Dataset<Float32Array> => ({
    rows: count,
    width,
    features: Float32Array.from({ length: count * width }, () =>
      input.kind === 'tokens' ? stream.below(input.vocabulary) : stream.normal(),
    ),
    labelWidth: labels,
    labels: Float32Array.from({ length: count * labels }, () =>
      output.kind === 'classes' ? stream.below(output.classes) : stream.normal(),
    ),
  });
  return {
    train: dataset(rows.train),
    test: dataset(rows.test),
    featureNames: Array.from({ length: width }, (_, i) => `x${i}`),
    classes: output.kind === 'classes' ? output.classes : 0,
    scaler: null,
    droppedRows: 0,
  };
}
