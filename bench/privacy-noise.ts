/** Part of the suite `privacy`: how fast noise is made, random words from the CSPRNG included. */
import { randomFillSync } from 'node:crypto';
import {
  ditherWithDiscreteGaussian,
  drawDiscreteGaussian,
  type NoisePlace,
  planNoise,
} from '../src/core/learning/noise.ts';
import { bestKernels } from '../src/core/math/kernels/best.ts';
import { type KernelSource, Layout } from '../src/core/math/kernels/kernels.ts';
import { twinKernels } from '../src/core/math/kernels/twin.ts';
import { type BenchResult, measure } from './harness.ts';

const runs = 7;
/** About the parameters of an MLP of 784-128-10. */
const count = 100_000;

type Work = (place: NoisePlace, target: number) => void;
const drawing =
  (logScale: number): Work =>
  (place, target) =>
    drawDiscreteGaussian(place, target, count, logScale);
const dithering: Work = (place, target) => ditherWithDiscreteGaussian(place, target, count, 10, 2 ** -10);

/**
 * `discrete-gaussian.samples`: draws of N_Z(0, 1024²) per second, one thread; `.twin` the same without WebAssembly; `.wide` with a
 * deviation of 2^15 steps; `.dithered` on float32 sums that are rounded to the grid on the way, as a step of DP-SGD does it.
 */
export async function privacyNoise(): Promise<BenchResult[]> {
  return [
    await rate('discrete-gaussian.samples', bestKernels(), drawing(10), 40),
    await rate('discrete-gaussian.samples.wide', bestKernels(), drawing(15), 10),
    await rate('discrete-gaussian.dithered', bestKernels(), dithering, 40),
    await rate('discrete-gaussian.samples.twin', twinKernels, drawing(10), 4),
  ];
}

async function rate(name: string, source: KernelSource, work: Work, times: number): Promise<BenchResult> {
  const layout = new Layout();
  const [scratch, target] = [planNoise(layout), layout.float32(count)];
  const kernels = source.acquire(layout.bytes);
  const values = new Float32Array(kernels.buffer, target, count);
  const place = { kernels, scratch, randomBytes: randomFillSync };
  const run = () => {
    values.fill(0.3);
    const start = performance.now();
    for (let i = 0; i < times; i++) work(place, target);
    return (times * count * 1000) / (performance.now() - start);
  };
  run();
  const result = await measure(name, 'values/s', run, { runs });
  source.release(kernels);
  return result;
}
