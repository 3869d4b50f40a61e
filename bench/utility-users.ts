/** Part of suite `utility`: DP-FedAvg on gmix with each user hidden. */
import { randomFillSync } from 'node:crypto';
import { drawBatch } from '../src/core/learning/private-batches.ts';
import { drawDirichlet } from '../src/core/math/dirichlet.ts';
import { RandomStream } from '../src/core/math/random.ts';
import { clipL2 } from '../src/core/privacy/clip.ts';
import type { PrivacyEvent } from '../src/core/privacy/event.ts';
import { eventEpsilon } from '../src/core/privacy/event-rdp.ts';
import { noisySum } from '../src/core/privacy/grid-noise.ts';
import { effectiveNoiseMultiplier, type NoiseGrid, noiseGrid } from '../src/core/privacy/noise-grid.ts';
import { pldEpsilon } from '../src/core/privacy/pld.ts';
import { pldNoiseMultiplier } from '../src/core/privacy/pld-calibration.ts';
import { type GmixSet, gmix, gmixClasses } from './gmix.ts';
import { type BenchResult, finished } from './harness.ts';
import type { PrivateResult } from './private-accuracy.ts';
import { addGradient, outputs, softmaxAccuracy } from './softmax-gradient.ts';

const [records, localSteps, localBatch, localRate, runs] = [20, 5, 10, 2, 5];

interface Anchor {
  readonly epsilon: number;
  readonly target: number;
  /** L2 bound of an update, found on sets 3 and 4. */
  readonly clipNorm: number;
}

export interface Users {
  readonly users: number;
  /** Expected cohort (m), the constant a sum is divided by. */
  readonly cohort: number;
  readonly rounds: number;
  readonly delta: number;
  readonly anchors: readonly Anchor[];
}

const anchorsOf = (targets: readonly number[], clipNorms: readonly number[]): Anchor[] =>
  [1, 2, 4, 8].map((epsilon, i) => ({ epsilon, target: targets[i], clipNorm: clipNorms[i] }));
const cases: readonly Users[] = [
  { users: 200, cohort: 40, rounds: 50, delta: 1e-3, anchors: anchorsOf([0.85, 0.923, 0.944, 0.95], [1, 2, 2, 2]) },
  {
    users: 2000,
    cohort: 100,
    rounds: 100,
    delta: 1e-4,
    anchors: anchorsOf([0.964, 0.965, 0.966, 0.967], [1, 1, 1, 1]),
  },
];

/**
 * `users.n<users>.eps<ε>`: mean test accuracy of federated averaging from 0: 20 records each, classes by Dirichlet(0.5), 5 local steps of 10
 * records at rate 2, updates clipped and noise added to their sum. A user is in a round with probability m/N, which ε counts on: it holds
 * against those who do not know the cohorts, which a coordinator does.
 */
export async function usersUtility(): Promise<BenchResult[]> {
  const test = gmix(2, 5000);
  const pool = gmix(1, 80_000);
  return cases.flatMap(one => one.anchors.map(anchor => usersAt(one, anchor, pool, test)));
}

/** The mean of runs at one ε. */
export function usersAt(
  one: Users,
  { epsilon, target, clipNorm }: Anchor,
  pool: GmixSet,
  test: GmixSet,
): PrivateResult {
  const begin = performance.now();
  const { users, cohort, rounds, delta } = one;
  const samplingRate = cohort / users;
  const slip = delta / (100 * rounds);
  const event = ({ logScale, sensitivitySteps }: NoiseGrid): PrivacyEvent => ({
    kind: 'sampled',
    q: samplingRate,
    of: { kind: 'discrete-gaussian', noiseSteps: 2 ** logScale, sensitivitySteps, slip },
    count: rounds,
  });
  const effective = pldNoiseMultiplier({ epsilon, delta: 0.99 * delta, samplingRate, steps: rounds });
  let noise = effective;
  let grid = gridFor(clipNorm, noise, slip);
  while (pldEpsilon(event(grid), delta).upper > epsilon) {
    noise *= Math.max(1.0001, effective / effectiveNoiseMultiplier(grid));
    grid = gridFor(clipNorm, noise, slip);
  }
  const accuracies = Array.from({ length: runs }, (_, run) => {
    const stream = new RandomStream(new Uint8Array(32).fill(run + 1));
    return softmaxAccuracy(train(one, clipNorm, grid, dealt(users, pool, stream), pool, stream), test);
  });
  const result: PrivateResult = {
    name: `users.n${users}.eps${epsilon}`,
    value: accuracies.reduce((sum, value) => sum + value, 0) / runs,
    unit: 'accuracy',
    spread: [Math.min(...accuracies), Math.max(...accuracies)],
    runs,
    epsilon: pldEpsilon(event(grid), delta).upper,
    epsilonRdp: eventEpsilon(event(grid), delta).epsilon,
    delta,
    z: effectiveNoiseMultiplier(grid),
    q: samplingRate,
    T: rounds,
    seeds: runs,
    target,
    seconds: (performance.now() - begin) / 1000,
  };
  finished(result);
  return result;
}

function gridFor(clipNorm: number, noiseMultiplier: number, roundingSlip: number): NoiseGrid {
  // Sums of some hundred updates in float64.
  const sumSlack = 2 ** -40;
  return noiseGrid({ noiseMultiplier, clipNorm, relation: 'add-remove', dimension: outputs, sumSlack, roundingSlip });
}

/** Row numbers of every user: no row is of two users. */
function dealt(users: number, { labels }: GmixSet, stream: RandomStream): readonly number[][] {
  const ofClass = Array.from({ length: gmixClasses }, (): number[] => []);
  for (const [row, label] of labels.entries()) ofClass[label].push(row);
  return Array.from({ length: users }, () => {
    const shares = drawDirichlet(gmixClasses, 0.5, stream);
    return Array.from({ length: records }, () => {
      let [left, label] = [stream.float64(), 0];
      while (label < gmixClasses - 1 && left >= shares[label]) left -= shares[label++];
      const row = ofClass[label].pop();
      if (row === undefined) throw new RangeError('gmix: too few rows of a class');
      return row;
    });
  });
}

/** Class by class 50 weights and an intercept: the mean of the models after each round of the last half, which costs no privacy. */
function train(
  { users, cohort, rounds }: Users,
  clipNorm: number,
  grid: NoiseGrid,
  rowsOf: readonly (readonly number[])[],
  pool: GmixSet,
  stream: RandomStream,
): Float64Array {
  const randomBytes = (bytes: Uint8Array<ArrayBuffer>): void => void randomFillSync(bytes);
  let model = new Float64Array(outputs);
  const mean = new Float64Array(outputs);
  for (let round = 0; round < rounds; round++) {
    const sum = new Float64Array(outputs);
    for (const user of drawBatch(users, cohort / users, randomBytes)) {
      const local = localModel(model, rowsOf[user], pool, stream);
      const [update] = clipL2([local.map((value, i) => value - model[i])], clipNorm);
      for (let i = 0; i < outputs; i++) sum[i] += update[i];
    }
    const noisy = noisySum(sum, grid, randomBytes);
    model = model.map((value, i) => value + noisy[i] / cohort);
    if (2 * round >= rounds) for (let i = 0; i < outputs; i++) mean[i] += model[i];
  }
  return mean;
}

function localModel(start: Float64Array, rows: readonly number[], pool: GmixSet, stream: RandomStream): Float64Array {
  const model = start.slice();
  const order = [...rows];
  for (let step = 0; step < localSteps; step++) {
    const first = (step * localBatch) % records;
    if (first === 0) stream.shuffle(order);
    const gradient = new Float64Array(outputs);
    for (const row of order.slice(first, first + localBatch)) addGradient(gradient, model, pool, row, Infinity);
    for (let i = 0; i < outputs; i++) model[i] -= (localRate / localBatch) * gradient[i];
  }
  return model;
}
