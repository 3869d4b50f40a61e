/** Suite `accuracy`: what training reaches on real data, centrally and in simulated federations. Needs PARLEY_DATA_DIR. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../src/cli/package-root.ts';
import { UserError } from '../src/core/protocol/problem.ts';
import { centrally, cnn, loadDigits, mlp } from './central-digits.ts';
import { type BenchResult, finished } from './harness.ts';

const run = promisify(execFile);
const limitMs = 3_600_000;

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
  const digits = await loadDigits(mnist);
  const results = [share('mnist.mlp', await centrally(digits, mlp)), share('mnist.cnn', await centrally(digits, cnn))];
  const writers = await federation('mnist-writers', mnist, 'writer', 100);
  results.push(share('mnist.writers', writers.pooled.accuracy));
  const alone = writers.clients.map(client => client.baselines.alone?.accuracy ?? Number.NaN);
  results.push(share('mnist.writers.alone', alone.reduce((sum, value) => sum + value, 0) / alone.length));
  const iid = await federation('mnist', mnist, 'iid', 100);
  results.push(share('mnist.2nn', iid.pooled.accuracy));
  const reached = iid.rounds.find(({ evaluation }) => evaluation !== null && accuracyOf(evaluation) >= 0.97);
  // A report holds the quality of the model its round started from.
  const value = reached === undefined ? Number.NaN : reached.round - 1;
  results.push(finished({ name: 'mnist.2nn.round97', value, unit: 'round', runs: 1 }));
  const play = await federation('shakespeare', join(folder, 'shakespeare'), 'role', 105);
  results.push(share('shakespeare', play.pooled.accuracy));
  return results;
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
