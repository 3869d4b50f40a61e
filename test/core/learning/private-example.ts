/** Private sums of small networks with randomness that is known, and random bytes that can be repeated. */
import type { Dataset } from '../../../src/core/data/dataset.ts';
import { serialGradient, sharedGradient } from '../../../src/core/learning/batch-gradient.ts';
import type { GradientWorkers } from '../../../src/core/learning/gradient-workers.ts';
import { type NetworkSettings, partRows, planNetwork } from '../../../src/core/learning/network.ts';
import { networkManifest } from '../../../src/core/learning/network-parameters.ts';
import { planNoise } from '../../../src/core/learning/noise.ts';
import { parameterCount } from '../../../src/core/learning/parameters.ts';
import { planRelease, sumScale } from '../../../src/core/learning/private-sum.ts';
import { Turns } from '../../../src/core/learning/turns.ts';
import { type KernelSource, Layout } from '../../../src/core/math/kernels/kernels.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { makePlan } from '../../../src/core/privacy/plan.ts';
import type { RandomBytes } from '../../../src/core/privacy/random-words.ts';
import { type DpSgdSettings, privacySchema } from '../../../src/core/protocol/privacy-settings.ts';
import { simd } from '../math/same-kernels.ts';

/** The same bytes for the same seed. */
export function seededBytes(seed: number): RandomBytes {
  const stream = new RandomStream(Uint8Array.from({ length: 32 }, (_, i) => seed >>> (8 * (i % 4))));
  return bytes => {
    const words = new Uint32Array(Math.ceil(bytes.length / 4));
    for (let i = 0; i < words.length; i++) words[i] = stream.uint32();
    bytes.set(new Uint8Array(words.buffer).subarray(0, bytes.length));
  };
}

/** These words of 32 bits, then ones. */
export function wordsOf(words: readonly number[]): RandomBytes {
  let at = 0;
  return bytes => {
    const filled = Uint32Array.from({ length: bytes.length / 4 }, () => words[at++] ?? 0xffffffff);
    bytes.set(new Uint8Array(filled.buffer));
  };
}

export function privacyOf(changes: object = {}): DpSgdSettings {
  const settings = privacySchema.parse({
    mechanism: 'dp-sgd',
    unit: 'record',
    relation: 'add-remove',
    noiseAt: 'client',
    clipNorm: 1,
    sampling: 'all',
    noiseMultiplier: 1,
    delta: 1e-3,
    budget: { epsilon: 1000 },
    ...changes,
  });
  if (settings === 'none' || settings.mechanism !== 'dp-sgd') throw new TypeError('expected dp-sgd');
  return settings;
}

/** One private step on the named rows. */
export async function privateSum(
  network: NetworkSettings,
  data: Dataset,
  rows: readonly number[],
  parameters: Float32Array,
  { clipNorm = 1, seed = 1, batchSize = 32, source = simd, workers }: SumOptions = {},
) {
  const layout = new Layout();
  const block = partRows(network.layers);
  const plan = planNetwork(layout, network, block, 'private-training');
  const partGradient = layout.float32(plan.count);
  const sums = layout.float64(plan.count);
  const settings = privacyOf({ clipNorm });
  const scratch = planNoise(layout);
  const kernels = source.acquire(layout.bytes);
  try {
    new Float32Array(kernels.buffer, plan.parameters, plan.count).set(parameters);
    const noisePlan = planOf(network, settings, batchSize);
    const scale = sumScale(noisePlan, 1);
    const { grid, unitNorm } = scale;
    const rule = { clip: { norm: clipNorm, per: 'example' }, maskKey: [3, 4], unitNorm } as const;
    const place = { kernels, plan, partGradient, sums, network, data, batchSize, ...rule };
    const turns = new Turns(kernels.name, {});
    const gradient = workers === undefined ? serialGradient(place, turns) : await sharedGradient(place, turns, workers);
    await gradient.compute({ rows, step: 1 });
    await gradient.close();
    const vector = () => new Float32Array(kernels.buffer, plan.gradient, plan.count).slice();
    const sum = vector();
    const privacy = { plan: noisePlan, settings, randomBytes: seededBytes(seed) };
    planRelease(privacy, scale, { kernels, plan, scratch })();
    // The sum on the grid before its noise, with dither that is the same for every sum of this seed. (How many words the noise takes
    // depends on what it is added to: with the same words the noise itself would not be the same.)
    const dither = new RandomStream(new Uint8Array(32).fill(seed % 256));
    const steps = Array.from(sum, value => Math.floor(value / grid.step + dither.float64()));
    return { sum, steps, grid, unitNorm, released: vector() };
  } finally {
    source.release(kernels);
  }
}

export interface SumOptions {
  readonly clipNorm?: number;
  readonly seed?: number;
  readonly batchSize?: number;
  readonly source?: KernelSource;
  readonly workers?: GradientWorkers;
}

export function planOf(network: NetworkSettings, privacy: DpSgdSettings, batchSize: number) {
  const dimension = parameterCount(networkManifest(network.layers));
  const block = partRows(network.layers);
  return makePlan({ privacy, rounds: 1, dimension, stepsPerRound: 1, batchSize, partRows: block, shared: null });
}
