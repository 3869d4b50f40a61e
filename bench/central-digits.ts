/** Central training on MNIST, for the suite `accuracy` and for the tests. */
import type { SiteData } from '../src/core/data/dataset.ts';
import { createTrainer } from '../src/core/learning/local-trainer.ts';
import { taskParameters } from '../src/core/learning/model.ts';
import { parseTask, type Task } from '../src/core/protocol/task.ts';
import { loadSiteFrom } from '../src/node/data/site-files.ts';

const seed = new Uint8Array(32).fill(1);

export interface Central {
  readonly model: object;
  readonly training: object;
  readonly rounds: number;
}

export const softmax: Central = {
  model: { name: 'logistic' },
  training: { optimizer: { name: 'sgd', learningRate: 0.2 }, batchSize: 64, amount: { unit: 'epochs', count: 8 } },
  rounds: 1,
};

export const mlp: Central = {
  model: { name: 'mlp', hidden: [128] },
  training: {
    optimizer: { name: 'momentum', learningRate: 0.1 },
    batchSize: 128,
    amount: { unit: 'epochs', count: 15 },
  },
  rounds: 1,
};

export const cnn: Central = {
  model: {
    name: 'cnn',
    convolutions: [
      { filters: 16, kernel: 5, stride: 2, padding: 2 },
      { filters: 32, kernel: 3, stride: 2, padding: 1 },
    ],
    hidden: [128],
    dropout: 0.25,
  },
  training: {
    optimizer: { name: 'adam', learningRate: 0.002 },
    schedule: { name: 'cosine', final: 0.02 },
    batchSize: 64,
    amount: { unit: 'epochs', count: 1 },
  },
  rounds: 8,
};

/** The digits of a folder: 60,000 to train on, 10,000 to test. */
export function loadDigits(folder: string): Promise<SiteData> {
  return loadSiteFrom(digitTask(mlp).data, folder);
}

/** Trains and returns the share of the test digits that are right. */
export async function centrally(digits: SiteData, central: Central): Promise<number> {
  const task = digitTask(central);
  const trainer = createTrainer(task, digits);
  let parameters: Float32Array = taskParameters(task, seed);
  for (let round = 1; round <= central.rounds; round++) {
    const request = { parameters, round, seed: seed.map(byte => byte + round) };
    parameters = (await trainer.train(request)).parameters;
  }
  const evaluation = await trainer.evaluate(parameters);
  return evaluation.kind === 'classes' ? evaluation.correct / evaluation.examples : Number.NaN;
}

function digitTask({ model, training, rounds }: Central): Task {
  return parseTask({
    parley: 1,
    name: 'mnist-central',
    seed: 1,
    data: {
      format: 'images',
      height: 28,
      width: 28,
      target: { type: 'classes', classes: [...'0123456789'] },
      split: { type: 'files' },
    },
    model,
    training,
    rounds,
    cohort: { minimum: 1 },
    server: { optimizer: 'fedavg' },
    aggregation: { rule: 'mean' },
    protection: 'inspect',
    privacy: 'none',
  });
}
