/**
 * A process of its own, so that its memory can be told: trains every workload. Prints one JSON line per result, then its peak
 * memory. --no-runs: only starts.
 */
import type { SiteData } from '../src/core/data/dataset.ts';
import { createTrainer } from '../src/core/learning/local-trainer.ts';
import { taskParameters } from '../src/core/learning/model.ts';
import type { Task } from '../src/core/protocol/task.ts';
import { privateTraining } from '../src/node/private-training.ts';
import { type BenchResult, measureInTurns, onResult } from './harness.ts';
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
const runs = 7;
const print = (result: BenchResult): void => void process.stdout.write(`${JSON.stringify(result)}\n`);

onResult(print);
const workloads = process.argv.includes('--no-runs') ? [] : [mlp, lstm, gru, cnn];
for (const workload of workloads) {
  const site = workloadSite(workload, workloadTask(workload, false), seed);
  const figures = [
    { name: `${workload.name}.sgd`, run: trainingRate(workload, workloadTask(workload, false), site) },
    { name: `${workload.name}.clipped`, run: trainingRate(workload, workloadTask(workload, true), site) },
  ];
  if (workload === mlp) {
    figures.push({ name: 'mlp.dp', run: trainingRate(workload, privateWorkloadTask(workload), site) });
  }
  await measureInTurns(figures, 'steps/s', { runs });
}
print({ name: 'rss', value: (process.resourceUsage().maxRSS * 1024) / 1e6, unit: 'MB', runs: 1 });

/** A run: one untimed round, then one timed round. */
function trainingRate(workload: Workload, task: Task, site: SiteData): () => Promise<number> {
  const trainer = createTrainer(task, site, { privacy: privateTraining(task) });
  const parameters = taskParameters(task, seed);
  const round = () => trainer.train({ parameters, round: 1, seed, noiseMultiplier: 1 });
  return async () => {
    await round();
    const start = performance.now();
    await round();
    return (1000 * workload.steps) / (performance.now() - start);
  };
}
