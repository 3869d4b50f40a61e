/** Part of suite `utility`: four hospitals learn heart disease together, each patient hidden by noise that the hospitals share. */
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import type { SiteData } from '../src/core/data/dataset.ts';
import { heartFiles, heartSchema } from '../src/core/data/heart.ts';
import { loadSite } from '../src/core/data/table.ts';
import { evaluateOutputs } from '../src/core/learning/evaluate.ts';
import { majorityAccuracy } from '../src/core/learning/metrics.ts';
import type { PrivacyEvent } from '../src/core/privacy/event.ts';
import { eventEpsilon } from '../src/core/privacy/event-rdp.ts';
import { type NoiseGrid, noiseGrid } from '../src/core/privacy/noise-grid.ts';
import { pldEpsilon } from '../src/core/privacy/pld.ts';
import { fileSource } from '../src/node/data/read-file.ts';
import { type BenchResult, finished } from './harness.ts';
import { openedSum } from './shared-sum.ts';

const [steps, learningRate, clipNorm, delta, seeds] = [50, 1, 1, 1e-3, 200];
/** Chance that the rounding of a sum is longer than accounted for. */
const slip = delta / (100 * steps);
/** ε and the mean accuracy of the hospitals to be reached, with shared noise and with all noise at each hospital. */
const anchors = [
  { epsilon: null, shared: 0.729, client: 0.729 },
  { epsilon: 10, shared: 0.732, client: 0.733 },
  { epsilon: 5, shared: 0.733, client: 0.73 },
  { epsilon: 2, shared: 0.731, client: 0.726 },
  { epsilon: 1, shared: 0.726, client: 0.719 },
  { epsilon: 0.5, shared: 0.72, client: 0.696 },
  { epsilon: 0.1, shared: 0.667, client: 0.61 },
] as const;

export interface HeartResult extends BenchResult {
  /** Mean over hospitals of the area under the curve. */
  readonly auc: number;
  /** Mean over hospitals of the accuracy of always saying what is most frequent there. */
  readonly majority: number;
  /** By the loss distribution of the noise of the whole sum, and by RDP of sums of discrete Gaussians, which is what a ledger counts; null without noise. */
  readonly epsilon: number | null;
  readonly epsilonRdp: number | null;
  readonly delta: number;
  /** Standard deviation of the noise that counts over what a patient moves. */
  readonly z: number;
  readonly q: 1;
  readonly T: number;
  readonly seeds: number;
  readonly target: number;
  readonly seconds: number;
}

type Hospital = SiteData<Float32Array>;

/**
 * `heart.shared.eps<ε>`, `heart.client.eps<ε>`: mean over the four hospitals of test accuracy, mean of 200 runs of full-batch gradient descent
 * from 0, every patient's gradient clipped. The hospitals' sums are integers modulo 2³²; with `shared` each has a quarter of the variance of
 * the noise, so that the sum of all four has what ε needs. Nobody drops out and nobody tells their share.
 *
 * Not hidden: mean and spread of each hospital's columns, by which it scales its own rows, and how many rows all have together.
 */
export async function heart(folder: string): Promise<BenchResult[]> {
  const hospitals = await Promise.all(
    heartFiles.map(({ file }) => loadSite(heartSchema, fileSource(join(folder, 'heart', file)))),
  );
  const results: BenchResult[] = [];
  for (const noiseAt of ['shared', 'client'] as const) {
    for (const anchor of anchors) results.push(measureAt(hospitals, noiseAt, anchor.epsilon, anchor[noiseAt]));
  }
  return results;
}

function measureAt(
  hospitals: readonly Hospital[],
  noiseAt: 'shared' | 'client',
  target: number | null,
  accuracyTarget: number,
): HeartResult {
  const begin = performance.now();
  const grid = target === null ? null : calibrated(hospitals, noiseAt, target);
  const runs = Array.from({ length: seeds }, () => judge(hospitals, train(hospitals, grid)));
  const clients = noiseAt === 'shared' ? hospitals.length : 1;
  const accuracies = runs.map(run => run.accuracy);
  const result: HeartResult = {
    name: `heart.${noiseAt}.${grid === null ? 'none' : `eps${target}`}`,
    value: mean(accuracies),
    unit: 'accuracy',
    spread: [Math.min(...accuracies), Math.max(...accuracies)],
    runs: seeds,
    auc: mean(runs.map(run => run.auc)),
    majority: runs[0].majority,
    epsilon: grid === null ? null : spent(grid, clients),
    epsilonRdp: grid === null ? null : spentByRdp(grid, clients, widthOf(hospitals)),
    delta,
    z: grid === null ? 0 : (Math.sqrt(clients) * 2 ** grid.logScale) / grid.sensitivitySteps,
    q: 1,
    T: steps,
    seeds,
    target: accuracyTarget,
    seconds: (performance.now() - begin) / 1000,
  };
  finished(result);
  return result;
}

/** The grid of one hospital with the least noise, to 1e-4 of itself, that keeps ε. */
function calibrated(hospitals: readonly Hospital[], noiseAt: 'shared' | 'client', target: number): NoiseGrid {
  const clients = noiseAt === 'shared' ? hospitals.length : 1;
  const dimension = widthOf(hospitals);
  const gridFor = (noise: number): NoiseGrid =>
    noiseGrid({
      noiseMultiplier: noise / Math.sqrt(clients),
      clipNorm,
      relation: 'add-remove',
      dimension,
      // Sums of some hundred rows in float64.
      sumSlack: 2 ** -40,
      roundingSlip: slip,
    });
  let [low, high] = [0.5, 1000];
  while (high / low > 1.0001) {
    const middle = Math.sqrt(low * high);
    if (spent(gridFor(middle), clients) <= target) high = middle;
    else low = middle;
  }
  return gridFor(high);
}

function spent({ logScale, sensitivitySteps }: NoiseGrid, clients: number): number {
  const noiseSteps = Math.sqrt(clients) * 2 ** logScale;
  return pldEpsilon({ kind: 'discrete-gaussian', noiseSteps, sensitivitySteps, count: steps, slip }, delta).upper;
}

function spentByRdp({ logScale, sensitivitySteps }: NoiseGrid, clients: number, dimension: number): number {
  const noiseSteps = 2 ** logScale;
  const sum: PrivacyEvent = { kind: 'shared', clients, noiseSteps, sensitivitySteps, dimension, count: steps };
  return eventEpsilon(sum, delta - steps * slip).epsilon;
}

function widthOf([first]: readonly Hospital[]): number {
  return first.train.width + 1;
}

/** Weights and intercept after all steps; without noise for a grid of null. */
function train(hospitals: readonly Hospital[], grid: NoiseGrid | null): Float64Array {
  const randomBytes = (bytes: Uint8Array<ArrayBuffer>): void => void randomFillSync(bytes);
  const rows = hospitals.reduce((sum, { train }) => sum + train.rows, 0);
  const weights = new Float64Array(widthOf(hospitals));
  for (let step = 0; step < steps; step++) {
    const sums = hospitals.map(hospital => clippedSum(hospital, weights));
    const total =
      grid === null
        ? sums.reduce((sum, part) => sum.map((value, i) => value + part[i]))
        : openedSum(sums, grid, randomBytes);
    for (let i = 0; i < weights.length; i++) weights[i] -= (learningRate * total[i]) / rows;
  }
  return weights;
}

/** Σ min(1, C / ‖g‖)·g of the logistic loss over the rows of a hospital. */
function clippedSum({ train: { rows, width, features, labels } }: Hospital, weights: Float64Array): Float64Array {
  const sum = new Float64Array(width + 1);
  for (let row = 0; row < rows; row++) {
    const x = features.subarray(row * width, (row + 1) * width);
    const error = 1 / (1 + Math.exp(-logit(x, weights))) - labels[row];
    const norm = Math.abs(error) * Math.sqrt(x.reduce((squares, value) => squares + value * value, 1));
    const factor = error * Math.min(1, clipNorm / norm);
    for (let i = 0; i < width; i++) sum[i] += factor * x[i];
    sum[width] += factor;
  }
  return sum;
}

function logit(x: Float32Array, weights: Float64Array): number {
  return x.reduce((sum, value, i) => sum + value * weights[i], weights[x.length]);
}

interface Judged {
  readonly accuracy: number;
  readonly auc: number;
  readonly majority: number;
}

/** Means over the hospitals. */
function judge(hospitals: readonly Hospital[], weights: Float64Array): Judged {
  const evaluations = hospitals.map(({ test: { rows, width, features, labels } }) => {
    const logits = Float32Array.from({ length: rows }, (_, row) =>
      logit(features.subarray(row * width, (row + 1) * width), weights),
    );
    const evaluation = evaluateOutputs(
      logits,
      labels,
      { kind: 'classes', classes: 2, steps: 1 },
      { name: 'binary' },
      null,
    );
    if (evaluation.kind !== 'classes') throw new TypeError('heart: expected classes');
    const { correct, examples, auc, classCounts } = evaluation;
    return { accuracy: correct / examples, auc: auc ?? Number.NaN, majority: majorityAccuracy(classCounts) };
  });
  return {
    accuracy: mean(evaluations.map(each => each.accuracy)),
    auc: mean(evaluations.map(each => each.auc)),
    majority: mean(evaluations.map(each => each.majority)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
