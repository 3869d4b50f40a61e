/** Suite `learning`: local training, with and without clipping per example, against the floor of the machine and other engines. */
import { randomFillSync } from 'node:crypto';
import { createTrainer, type TrainerOptions } from '../src/core/learning/local-trainer.ts';
import { taskParameters } from '../src/core/learning/model.ts';
import { bestKernels } from '../src/core/math/kernels/best.ts';
import { Layout } from '../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../src/core/math/kernels/twin.ts';
import { type BenchResult, finished, measure, measureInTurns } from './harness.ts';
import { cnn, gru, lstm, mlp, stepWork, type Workload, workloadSite, workloadTask } from './learning-tasks.ts';
import { peerRatios } from './peers.ts';
import { updates } from './updates.ts';

const seed = new Uint8Array(32).fill(7);
const runs = 7;

/**
 * `<model>.sgd`: steps/s of SGD, gathering of the batch included, one thread; `.clipped` the same with every example's
 * gradient clipped; `mlp.dp` with noise on top, random words from the CSPRNG; `mlp.sgd.twin` without WebAssembly.
 * `kernel.rate`: multiply–adds/s of a matrix product in cache; `<model>.floor`: steps/s if a step were nothing but its
 * multiply–adds at that rate, and `.share` how much of it is reached. `rss`: the peak of this process after training.
 */
export async function learning(): Promise<BenchResult[]> {
  const rate = await measure('kernel.rate', 'GMAC/s', productRate, { runs });
  const results: BenchResult[] = [rate];
  for (const workload of [mlp, lstm, gru, cnn]) {
    const variants: Record<string, () => Promise<number>> = {
      sgd: trainingRate(workload, false),
      clipped: trainingRate(workload, true),
    };
    if (workload === mlp)
      variants.dp = trainingRate(workload, true, { noise: { multiplier: 1, randomBytes: randomFillSync } });
    const measured = await measureInTurns(
      Object.entries(variants).map(([variant, run]) => ({ name: `${workload.name}.${variant}`, run })),
      'steps/s',
      { runs },
    );
    const floor = (rate.value * 1e9) / stepWork(workloadTask(workload, false));
    const share = measured[0].value / floor;
    results.push(...measured);
    results.push(finished({ name: `${workload.name}.floor`, value: floor, unit: 'steps/s', runs }));
    results.push(finished({ name: `${workload.name}.share`, value: share, unit: 'of the floor', runs }));
    for (const clipped of measured.slice(1)) {
      const value = clipped.value / measured[0].value;
      results.push(finished({ name: `ratio.${clipped.name}`, value, unit: `of ${workload.name}.sgd`, runs }));
    }
  }
  const { maxRSS } = process.resourceUsage();
  results.push(finished({ name: 'rss', value: maxRSS / 1024, unit: 'MiB', runs: 1 }));
  results.push(
    await measure('mlp.sgd.twin', 'steps/s', trainingRate({ ...mlp, steps: 10 }, false, { kernels: twinKernels }), {
      runs: 3,
    }),
  );
  results.push(...(await updates()));
  results.push(...(await peerRatios(results)));
  return results;
}

/** A run: one untimed round, then one timed round. */
function trainingRate(workload: Workload, clip: boolean, options: TrainerOptions = {}): () => Promise<number> {
  const task = workloadTask(workload, clip);
  const trainer = createTrainer(task, workloadSite(workload, task, seed), options);
  const parameters = taskParameters(task, seed);
  const round = () => trainer.train({ parameters, round: 1, seed });
  return async () => {
    await round();
    const start = performance.now();
    await round();
    return (1000 * workload.steps) / (performance.now() - start);
  };
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
