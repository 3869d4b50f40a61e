/** Part of suite `privacy`: a step of DP-SGD over a step of SGD, clipping and noise included. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTrainer } from '../src/core/learning/local-trainer.ts';
import { taskParameters } from '../src/core/learning/model.ts';
import { privateTraining } from '../src/node/private-training.ts';
import { type BenchResult, finished, summarise, valuesInTurns } from './harness.ts';
import {
  cnn,
  gru,
  lstm,
  mlp,
  privateWorkloadTask,
  type Workload,
  workloadSite,
  workloadTask,
} from './learning-tasks.ts';

const seed = new Uint8Array(32).fill(7);
const runs = 15;

/** MLP 784-128-10 in batches of 256, and of 64 for comparison; the others in the batches of suite `learning`. */
const workloads: readonly Workload[] = [
  { ...mlp, name: 'mlp', batchSize: 256, rows: 2048, steps: 40 },
  { ...mlp, name: 'mlp-64', rows: 2048, steps: 24 },
  { ...cnn, steps: 20 },
  { ...gru, steps: 20 },
  { ...lstm, steps: 20 },
];

/**
 * `dpsgd.<model>.overhead`: processor time of a private step over that of a step of SGD with minibatches of the same size, both on one thread of
 * one process, turn by turn; `.sgd` and `.private`: steps/s. A private step draws a Poisson batch of that expected size, clips every
 * row's gradient, rounds the sum to the grid and adds discrete Gaussian noise from the generator of the platform.
 * `opacus.mlp.…`: the same MLP by Opacus, and `ratio.opacus.mlp.private` ours over theirs, where a Python with both is found.
 */
export async function dpSgdOverheads(): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  for (const workload of workloads) {
    const site = workloadSite(workload, workloadTask(workload, false), seed);
    const plain = stepTime(workload, createTrainer(workloadTask(workload, false), site));
    const task = privateWorkloadTask(workload);
    const privately = stepTime(workload, createTrainer(task, site, { privacy: privateTraining(task) }));
    const times = await valuesInTurns([plain, privately], runs);
    const ratios = times[0].map((ms, i) => times[1][i] / ms);
    const rates = times.map(values => values.map(ms => 1000 / ms));
    results.push(summarise(`dpsgd.${workload.name}.overhead`, 'of a step of SGD', ratios));
    results.push(summarise(`dpsgd.${workload.name}.sgd`, 'steps/s', rates[0]));
    results.push(summarise(`dpsgd.${workload.name}.private`, 'steps/s', rates[1]));
  }
  results.push(...(await opacusRatio(results)));
  return results;

  /** A run: milliseconds of processor time of a step, over a whole round. Other programs take none of it away. */
  function stepTime(workload: Workload, trainer: ReturnType<typeof createTrainer>): () => Promise<number> {
    const parameters = taskParameters(workloadTask(workload, false), seed);
    return async () => {
      const start = process.cpuUsage();
      await trainer.train({ parameters, round: 1, seed, noiseMultiplier: 1 });
      const { user, system } = process.cpuUsage(start);
      return (user + system) / 1000 / workload.steps;
    };
  }
}

const run = promisify(execFile);
const limitMs = 180_000;

/** None, and a line that says so, where no Python can import torch and opacus: PARLEY_PYTHON, python3 of the PATH. */
async function opacusRatio(ours: readonly BenchResult[]): Promise<BenchResult[]> {
  const program = join(import.meta.dirname, '..', 'bench', 'opacus-rates.py');
  const own = ours.find(({ name }) => name === 'dpsgd.mlp.private');
  for (const python of [process.env.PARLEY_PYTHON ?? '', 'python3']) {
    if (python === '' || own === undefined) continue;
    try {
      const env = { ...process.env, OMP_NUM_THREADS: '1' };
      const { stdout } = await run(python, [program], { timeout: limitMs, env });
      const theirs: { readonly sgd: number; readonly private: number } = JSON.parse(stdout);
      return [
        finished({ name: 'opacus.mlp.sgd', value: theirs.sgd, unit: 'steps/s', runs: 7 }),
        finished({ name: 'opacus.mlp.private', value: theirs.private, unit: 'steps/s', runs: 7 }),
        finished({ name: 'ratio.opacus.mlp.private', value: own.value / theirs.private, unit: 'times', runs: 1 }),
      ];
    } catch {
      // Not there: the next, or none.
    }
  }
  process.stderr.write(
    'dpsgd: no ratio to Opacus: no Python here imports torch and opacus (PARLEY_PYTHON names one)\n',
  );
  return [];
}
