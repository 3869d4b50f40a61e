/** A small task and a site for tests of foreign trainers. */
import type { Dataset, SiteData } from '../../../src/core/data/dataset.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { parseTask, type Task } from '../../../src/core/protocol/task.ts';

const features = ['a', 'b', 'c', 'd', 'e'];

/** Rows whose class depends on their features; the same for the same seed. */
export function sampleSite(rows: { train: number; test: number }, classes = 2): SiteData {
  const stream = new RandomStream(new Uint8Array(32).fill(5));
  const dataset = (count: number): Dataset => {
    const values = Float32Array.from({ length: count * features.length }, () => stream.normal());
    const labels = Float32Array.from({ length: count }, (_, row) => {
      const score = values[row * features.length] - values[row * features.length + 1] + 0.3 * stream.normal();
      return Math.min(classes - 1, Math.max(0, Math.floor(score + classes / 2)));
    });
    return { rows: count, width: features.length, features: values, labelWidth: 1, labels };
  };
  const [train, test] = [dataset(rows.train), dataset(rows.test)];
  return { train, test, featureNames: features, classes, scaler: null, droppedRows: 0 };
}

/** A task on such rows. */
export function sampleTask(changes: { model?: object; training?: object; classes?: number } = {}): Task {
  const { model = { name: 'logistic' }, training, classes = 2 } = changes;
  return parseTask({
    parley: 1,
    name: 'sample',
    seed: 1,
    data: {
      format: 'csv',
      header: true,
      onMissing: 'refuse',
      columns: [...features.map(name => ({ name, type: 'number' })), { name: 'y', type: 'target' }],
      target: { type: 'classes', classes: Array.from({ length: classes }, (_, i) => `class ${i}`) },
      standardise: 'none',
      split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    },
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
