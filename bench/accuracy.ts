/** Suite `accuracy`: what training reaches on real data, centrally and in simulated federations. Needs PARLEY_DATA_DIR. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../src/cli/package-root.ts';
import { createTrainer } from '../src/core/learning/local-trainer.ts';
import { taskParameters } from '../src/core/learning/model.ts';
import { UserError } from '../src/core/protocol/problem.ts';
import { parseTask } from '../src/core/protocol/task.ts';
import { loadSiteFrom } from '../src/node/data/site-files.ts';
import { type BenchResult, finished } from './harness.ts';

const run = promisify(execFile);
const limitMs = 3_600_000;
const seed = new Uint8Array(32).fill(1);

/**
 * `mnist.mlp`, `mnist.cnn`: test accuracy after central training. `mnist.writers`: of the federation of 100 writers, with
 * `.alone` the mean of writers that train alone. `mnist.2nn`: of FedAvg on 100 IID clients after the rounds of the example, with
 * `.round97` the first round whose model reaches 0.97 on the clients of its cohort. `shakespeare`: next characters of 105 roles that are
 * predicted right. Federations are the examples of this package, through the protocol of the simulation.
 */
export async function accuracy(): Promise<BenchResult[]> {
  const folder = process.env.PARLEY_DATA_DIR ?? '';
  if (folder === '') {
    throw new UserError(
      'bench accuracy',
      'needs real data',
      'Set PARLEY_DATA_DIR to the folder of mnist and shakespeare.',
    );
  }
  const mnist = join(folder, 'mnist');
  const results = [share('mnist.mlp', await centrally(mnist, mlp)), share('mnist.cnn', await centrally(mnist, cnn))];
  const writers = await federation('mnist-writers', mnist, 'writer', 100);
  results.push(share('mnist.writers', writers.pooled.accuracy));
  const alone = writers.clients.map(client => client.baselines.alone?.accuracy ?? Number.NaN);
  results.push(share('mnist.writers.alone', alone.reduce((sum, value) => sum + value, 0) / alone.length));
  const digits = await federation('mnist', mnist, 'iid', 100);
  results.push(share('mnist.2nn', digits.pooled.accuracy));
  const reached = digits.rounds.find(({ evaluation }) => evaluation !== null && accuracyOf(evaluation) >= 0.97);
  // A report holds the quality of the model its round started from.
  const value = reached === undefined ? Number.NaN : reached.round - 1;
  results.push(finished({ name: 'mnist.2nn.round97', value, unit: 'round', runs: 1 }));
  const play = await federation('shakespeare', join(folder, 'shakespeare'), 'role', 105);
  results.push(share('shakespeare', play.pooled.accuracy));
  return results;
}

interface Central {
  readonly model: object;
  readonly training: object;
  readonly rounds: number;
}

const mlp: Central = {
  model: { name: 'mlp', hidden: [128] },
  training: {
    optimizer: { name: 'momentum', learningRate: 0.1 },
    batchSize: 128,
    amount: { unit: 'epochs', count: 15 },
  },
  rounds: 1,
};

const cnn: Central = {
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

/** Trains on the 60,000 digits and returns the share of the 10,000 test digits that are right. */
async function centrally(folder: string, { model, training, rounds }: Central): Promise<number> {
  const task = parseTask({
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
  const trainer = createTrainer(task, await loadSiteFrom(task.data, folder));
  let parameters: Float32Array = taskParameters(task, seed);
  for (let round = 1; round <= rounds; round++) {
    const request = { parameters, round, seed: seed.map(byte => byte + round) };
    parameters = (await trainer.train(request)).parameters;
  }
  const evaluation = await trainer.evaluate(parameters);
  return evaluation.kind === 'classes' ? accuracyOf(evaluation) : Number.NaN;
}

interface Simulated {
  readonly pooled: { readonly accuracy: number };
  readonly clients: readonly { readonly baselines: { readonly alone: { readonly accuracy: number } | null } }[];
  readonly rounds: readonly {
    readonly round: number;
    readonly evaluation: { readonly correct: number; readonly examples: number } | null;
  }[];
}

/** Runs an example by `parley simulate` and returns its JSON. */
async function federation(example: string, data: string, partition: string, clients: number): Promise<Simulated> {
  const task = join(packageRoot, 'examples', `${example}.task.yaml`);
  const options = ['--data', data, '--partition', partition, '--clients', String(clients), '--no-pooled', '--json'];
  const program = [join(packageRoot, 'bin', 'parley.mjs'), 'simulate', task, ...options];
  const { stdout } = await run(process.execPath, program, { timeout: limitMs, maxBuffer: 2 ** 28 });
  return JSON.parse(stdout);
}

function accuracyOf({ correct, examples }: { readonly correct: number; readonly examples: number }): number {
  return correct / examples;
}

function share(name: string, value: number): BenchResult {
  return finished({ name, value, unit: 'accuracy', runs: 1 });
}
