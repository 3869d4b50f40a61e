/** Tasks of a wanted size for measuring rounds: the training itself does nothing. */
import type { Task } from '../src/core/protocol/task.ts';
import { parseTask } from '../src/core/protocol/task.ts';

export const sizes = {
  /** Logistic regression on 999 features. */
  '1k': { parameters: 1000, inputs: 999, model: { name: 'logistic' } },
  /** 999 · 999 + 999 + 999 + 1 weights. */
  '1m': { parameters: 1_000_000, inputs: 999, model: { name: 'mlp', hidden: [999] } },
} as const;

/** A task of that size; `seed` makes it another run. */
export function sizedTask(size: keyof typeof sizes, settings: { rounds: number; clients: number; seed: number }): Task {
  const { inputs, model } = sizes[size];
  const columns = [
    ...Array.from({ length: inputs }, (_, i) => ({ name: `x${i}`, type: 'number' })),
    { name: 'y', type: 'target' },
  ];
  return parseTask({
    parley: 1,
    name: `bench-${size}`,
    seed: settings.seed,
    data: {
      format: 'csv',
      header: false,
      onMissing: 'refuse',
      columns,
      target: { type: 'above', value: 0 },
      standardise: 'none',
      split: { type: 'stratified', trainFraction: 0.5, seed: 1 },
    },
    model,
    training: { optimizer: { name: 'sgd', learningRate: 0.1 }, batchSize: 32, amount: { unit: 'steps', count: 1 } },
    rounds: settings.rounds,
    cohort: { minimum: settings.clients },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
    evaluation: { everyRounds: 1_000_000 },
  });
}
