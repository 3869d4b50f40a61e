/** Part of suite `utility`: ten organisations learn gmix together, each record hidden by noise that they share or add each. */
import { randomFillSync } from 'node:crypto';
import { drawBatch } from '../src/core/learning/private-batches.ts';
import type { PrivacyEvent } from '../src/core/privacy/event.ts';
import { eventEpsilon } from '../src/core/privacy/event-rdp.ts';
import { type NoiseGrid, noiseGrid } from '../src/core/privacy/noise-grid.ts';
import { pldEpsilon } from '../src/core/privacy/pld.ts';
import { pldNoiseMultiplier } from '../src/core/privacy/pld-calibration.ts';
import { type GmixSet, gmix } from './gmix.ts';
import { type BenchResult, finished } from './harness.ts';
import type { PrivateResult } from './private-accuracy.ts';
import { openedSum } from './shared-sum.ts';
import { addGradient, outputs, softmaxAccuracy } from './softmax-gradient.ts';

const [organisations, rowsOfEach, samplingRate, steps, epsilon, delta] = [10, 2000, 0.05, 200, 1, 1e-5];
const [clipNorm, runs] = [1, 5];
const slip = delta / (100 * steps);

interface Anchor {
  readonly noiseAt: 'shared' | 'client';
  readonly target: number;
  /** Found on sets 3 and 4. */
  readonly learningRate: number;
}

const anchors: readonly Anchor[] = [
  { noiseAt: 'shared', target: 0.962, learningRate: 4 },
  { noiseAt: 'client', target: 0.958, learningRate: 1 },
];

/**
 * `organisations.<shared|client>.eps1`: mean test accuracy of DP-SGD over ten times 2000 records: each organisation draws its own Poisson batch
 * and sums its clipped gradients; the sums are integers modulo 2³². With `shared` each has a tenth of the variance of the noise.
 */
export async function organisationsUtility(): Promise<BenchResult[]> {
  const [train, test] = [gmix(1, organisations * rowsOfEach), gmix(2, 5000)];
  return anchors.map(anchor => organisationsAt(anchor, train, test));
}

/** The mean of runs. */
export function organisationsAt(
  { noiseAt, target, learningRate }: Anchor,
  train: GmixSet,
  test: GmixSet,
): PrivateResult {
  const begin = performance.now();
  const clients = noiseAt === 'shared' ? organisations : 1;
  let noise = pldNoiseMultiplier({ epsilon, delta, samplingRate, steps });
  for (;;) {
    const grid = noiseGrid({
      noiseMultiplier: noise / Math.sqrt(clients),
      clipNorm,
      relation: 'add-remove',
      dimension: outputs,
      // Sums of some hundred rows in float64.
      sumSlack: 2 ** -40,
      roundingSlip: slip,
    });
    const spent = spentWith(grid, clients);
    if (spent.epsilon > epsilon) {
      noise *= Math.max(1.0001, Math.sqrt(spent.epsilon / epsilon));
      continue;
    }
    const accuracies = Array.from({ length: runs }, () => softmaxAccuracy(trained(train, grid, learningRate), test));
    const result: PrivateResult = {
      name: `organisations.${noiseAt}.eps${epsilon}`,
      value: accuracies.reduce((sum, value) => sum + value, 0) / runs,
      unit: 'accuracy',
      spread: [Math.min(...accuracies), Math.max(...accuracies)],
      runs,
      ...spent,
      delta,
      z: (Math.sqrt(clients) * 2 ** grid.logScale) / grid.sensitivitySteps,
      q: samplingRate,
      T: steps,
      seeds: runs,
      target,
      seconds: (performance.now() - begin) / 1000,
    };
    finished(result);
    return result;
  }
}

function spentWith({ logScale, sensitivitySteps }: NoiseGrid, clients: number) {
  const noiseSteps = 2 ** logScale;
  const whole: PrivacyEvent = {
    kind: 'sampled',
    q: samplingRate,
    of: { kind: 'discrete-gaussian', noiseSteps: Math.sqrt(clients) * noiseSteps, sensitivitySteps, slip },
    count: steps,
  };
  const epsilon = pldEpsilon(whole, delta).upper;
  if (clients === 1) return { epsilon, epsilonRdp: eventEpsilon(whole, delta).epsilon };
  const [q, dimension, count] = [samplingRate, outputs, steps];
  const shares: PrivacyEvent = { kind: 'shared', clients, noiseSteps, sensitivitySteps, dimension, q, count };
  return { epsilon, epsilonRdp: eventEpsilon(shares, delta - steps * slip).epsilon };
}

function trained(train: GmixSet, grid: NoiseGrid, learningRate: number): Float64Array {
  const randomBytes = (bytes: Uint8Array<ArrayBuffer>): void => void randomFillSync(bytes);
  const model = new Float64Array(outputs);
  const batchSize = organisations * rowsOfEach * samplingRate;
  for (let step = 0; step < steps; step++) {
    const sums = Array.from({ length: organisations }, (_, organisation) => {
      const sum = new Float64Array(outputs);
      for (const row of drawBatch(rowsOfEach, samplingRate, randomBytes)) {
        addGradient(sum, model, train, organisation * rowsOfEach + row, clipNorm);
      }
      return sum;
    });
    const total = openedSum(sums, grid, randomBytes);
    for (let i = 0; i < outputs; i++) model[i] -= (learningRate / batchSize) * total[i];
  }
  return model;
}
