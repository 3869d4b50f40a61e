/** Suite `learning`: local training, with and without clipping per example, against the floor of the machine and other engines. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createTrainer } from '../src/core/learning/local-trainer.ts';
import { taskParameters } from '../src/core/learning/model.ts';
import { bestKernels } from '../src/core/math/kernels/best.ts';
import { Layout } from '../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../src/core/math/kernels/twin.ts';
import { type BenchResult, finished, measure } from './harness.ts';
import { cnn, gru, lstm, mlp, stepWork, workloadSite, workloadTask } from './learning-tasks.ts';
import { peerRatios } from './peers.ts';
import { updates } from './updates.ts';

const runs = 7;

/**
 * `<model>.sgd`: steps/s of SGD, gathering of the batch included, one thread; `.clipped` the same with every example's
 * gradient clipped; `mlp.dp` with noise on top, random words from the CSPRNG; `ratio.<model>.…` these over SGD. `rss`: the peak
 * memory of the process that trains them all. `mlp.sgd.twin`: without WebAssembly. `kernel.rate`: multiply–adds/s of a matrix
 * product in cache; `<model>.floor`: steps/s if a step were nothing but its multiply–adds at that rate, and `.share` how much of
 * it is reached.
 */
export async function learning(): Promise<BenchResult[]> {
  const results = await trainingRates();
  const rate = await measure('kernel.rate', 'GMAC/s', productRate, { runs });
  results.push(rate);
  for (const workload of [mlp, lstm, gru, cnn]) {
    const measured = results.filter(({ name }) => name.startsWith(`${workload.name}.`));
    const floor = (rate.value * 1e9) / stepWork(workloadTask(workload, false));
    const share = measured[0].value / floor;
    results.push(finished({ name: `${workload.name}.floor`, value: floor, unit: 'steps/s', runs }));
    results.push(finished({ name: `${workload.name}.share`, value: share, unit: 'of the floor', runs }));
    for (const clipped of measured.slice(1)) {
      const value = clipped.value / measured[0].value;
      results.push(finished({ name: `ratio.${clipped.name}`, value, unit: `of ${workload.name}.sgd`, runs }));
    }
  }
  results.push(await measure('mlp.sgd.twin', 'steps/s', twinRate, { runs: 3 }));
  results.push(...(await updates()));
  results.push(...(await peerRatios(results)));
  return results;
}

/** The results of training-rates.ts, told as they come. */
async function trainingRates(): Promise<BenchResult[]> {
  const file = import.meta.url.endsWith('.ts') ? 'training-rates.ts' : 'training-rates.js';
  // A small young generation: what lives long here are rows and tensors, which lie outside it.
  const program = ['--max-semi-space-size=2', join(import.meta.dirname, file)];
  // The first start of a checkout strips the types of its sources, in 20 MB that training does not need: start once for that.
  await once(spawn(process.execPath, [...program, '--no-runs'], { stdio: 'ignore' }), 'exit');
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const results: BenchResult[] = [];
  for await (const line of createInterface({ input: child.stdout })) results.push(finished(JSON.parse(line)));
  const [code] = await ended;
  if (code !== 0) throw new Error(`training-rates ended with ${code}`);
  return results;
}

async function twinRate(): Promise<number> {
  const task = workloadTask({ ...mlp, steps: 10 }, false);
  const seed = new Uint8Array(32).fill(7);
  const trainer = createTrainer(task, workloadSite(mlp, task, seed), { kernels: twinKernels });
  const start = performance.now();
  await trainer.train({ parameters: taskParameters(task, seed), round: 1, seed });
  return (1000 * 10) / (performance.now() - start);
}

/** Multiply–adds/s of C = A·Bᵀ, 128 × 256 by 256 × 128: everything stays in the second-level cache. */
function productRate(): number {
  const [rows, inner, columns] = [128, 256, 128];
  const layout = new Layout();
  const [a, b, c] = [rows * inner, columns * inner, rows * columns].map(count => layout.float32(count));
  const source = bestKernels();
  const kernels = source.acquire(layout.bytes);
  new Float32Array(kernels.buffer, a, (c - a) / 4).fill(0.5);
  const times = 200;
  const run = () => {
    for (let i = 0; i < times; i++) kernels.productTransposed(a, b, 0, c, rows, inner, columns, 0);
  };
  run();
  const start = performance.now();
  run();
  const seconds = (performance.now() - start) / 1000;
  source.release(kernels);
  return (times * rows * inner * columns) / seconds / 1e9;
}
