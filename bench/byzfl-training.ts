/** One training of the ByzFL benchmark on MNIST: distributed SGD with momentum, attacked at every step by who knows everything. */

import { memoryVectors } from '../src/core/aggregation/memory-vectors.ts';
import { aggregate } from '../src/core/aggregation/pipeline.ts';
import { ruleOf } from '../src/core/aggregation/rule-table.ts';
import { serialCohort } from '../src/core/aggregation/serial-cohort.ts';
import { deviationOf, meanOf, squaredDistance } from '../src/core/attack/honest-updates.ts';
import { byzflSearch, searchFactor } from '../src/core/attack/optimal-factor.ts';
import type { Dataset, SiteData } from '../src/core/data/dataset.ts';
import { evaluateNetwork } from '../src/core/learning/evaluate-network.ts';
import { minibatches } from '../src/core/learning/minibatches.ts';
import { taskNetwork, taskParameters } from '../src/core/learning/model.ts';
import { planNetwork } from '../src/core/learning/network.ts';
import { PartLearner } from '../src/core/learning/part-learner.ts';
import { bestKernels } from '../src/core/math/kernels/best.ts';
import { Layout } from '../src/core/math/kernels/kernels.ts';
import { RandomStream } from '../src/core/math/random.ts';
import { type AggregationSettings, aggregationSchema } from '../src/core/protocol/aggregation-settings.ts';
import { parseTask } from '../src/core/protocol/task.ts';
import { embedded } from './isometric-rows.ts';

/** What the attackers send: −μ; −τμ or μ + τσ with the τ that takes the aggregate farthest from μ. */
export const attacks = ['sign-flip', 'optimal-ipm', 'optimal-alie'] as const;
export type Attack = (typeof attacks)[number];

export interface Training {
  /** Share of every client's rows that is IID; the rest is sorted by label. */
  readonly gamma: number;
  readonly byzantine: number;
  readonly attack: Attack;
  readonly seed: number;
  /** The aggregation block of a task; `byzantine` is filled in. Lengths are of gradients, not of updates. */
  readonly aggregation: object;
}

/** The constants of the benchmark. */
const honestClients = 10;
const batchSize = 25;
const steps = 800;
const learningRate = 0.1;
const weightDecay = 1e-4;
const momentum = 0.9;
const trainingShare = 0.8;
export const evaluationSteps = 50;

const task = parseTask({
  parley: 1,
  name: 'byzfl-mnist',
  seed: 1,
  data: {
    format: 'images',
    height: 28,
    width: 28,
    // (x/255 − 0.1307) / 0.3081
    center: 33.3285,
    spread: 78.5655,
    target: { type: 'classes', classes: [...'0123456789'] },
    split: { type: 'files' },
  },
  model: {
    name: 'cnn',
    convolutions: [
      { filters: 20, kernel: 5, pool: { kind: 'max', size: 2 } },
      { filters: 50, kernel: 5, pool: { kind: 'max', size: 2 } },
    ],
    hidden: [500],
  },
  training: { optimizer: { name: 'sgd', learningRate }, batchSize, amount: { unit: 'steps', count: 1 } },
  rounds: 1,
  cohort: { minimum: 1 },
  server: { optimizer: 'fedavg' },
  aggregation: { rule: 'mean' },
  protection: 'inspect',
  privacy: 'none',
});

/** The schema of the digits, for whoever loads them. */
export const digitSchema = task.data;

/** Runs it; `evaluated` gets the accuracy on the test digits after every 50th step. Returns all of them. */
export async function train(
  training: Training,
  digits: SiteData,
  evaluated: (step: number, accuracy: number) => void = () => undefined,
): Promise<number[]> {
  const { byzantine, attack, gamma, seed } = training;
  const settings = aggregationSchema.parse({ byzantine, ...training.aggregation });
  const random = new RandomStream(new Uint8Array(32).fill(seed));
  const network = taskNetwork(task);
  const layout = new Layout();
  const plan = planNetwork(layout, network, batchSize, 'training');
  const kernels = bestKernels().acquire(layout.bytes);
  const vectorAt = (offset: number) => new Float32Array(kernels.buffer, offset, plan.count);
  const parts = clientRows(digits.train, gamma, random.split('clients'));
  const clients = parts.map((rows, i) => ({
    rows,
    batches: minibatches(rows.length, batchSize, random.split(`batches/${i}`)),
    momentum: new Float32Array(plan.count),
  }));
  const learner = new PartLearner(kernels, plan, digits.train, { clip: null, maskKey: [0, 0], unitNorm: null });
  const parameters = taskParameters(task, new Uint8Array(32).fill(seed)).slice();
  const accuracies: number[] = [];
  for (let step = 1; step <= steps; step++) {
    vectorAt(plan.parameters).set(parameters);
    for (const client of clients) {
      const gradient = vectorAt(plan.gradient).fill(0);
      const rows = client.batches.next().value.map(i => client.rows[i]);
      learner.learn({ rows, step }, 0, plan.gradient);
      const { momentum: own } = client;
      for (let k = 0; k < own.length; k++) own[k] = momentum * own[k] + (1 - momentum) * gradient[k];
    }
    const honest = clients.map(client => client.momentum);
    const place = { settings, random: random.split(`step/${step}`) };
    const lie = byzantine === 0 ? null : await malicious(attack, honest, byzantine, place);
    const rows = lie === null ? honest : [...honest, ...Array.from({ length: byzantine }, () => lie)];
    const direction = await aggregated(rows, place);
    for (let k = 0; k < parameters.length; k++) {
      parameters[k] -= learningRate * (direction[k] + weightDecay * parameters[k]);
    }
    if (step % evaluationSteps !== 0) continue;
    const evaluation = await evaluateNetwork(network, parameters, digits.test, null, {});
    const accuracy = evaluation.kind === 'classes' ? evaluation.correct / evaluation.examples : Number.NaN;
    accuracies.push(accuracy);
    evaluated(step, accuracy);
  }
  return accuracies;
}

/** Rows of each honest client: 80 % of the digits; a share γ of them dealt at random, the others in the order of their labels. */
function clientRows({ rows, labels }: Dataset, gamma: number, random: RandomStream): number[][] {
  const order = Array.from({ length: rows }, (_, i) => i);
  random.shuffle(order);
  const used = order.slice(0, Math.floor(trainingShare * rows));
  const mixed = Math.floor(gamma * used.length);
  const sorted = used.slice(mixed).sort((a, b) => labels[a] - labels[b]);
  return Array.from({ length: honestClients }, (_, client) => [
    ...stretch(used.slice(0, mixed), client),
    ...stretch(sorted, client),
  ]);
}

function stretch(rows: readonly number[], client: number): readonly number[] {
  const cut = (i: number): number => Math.floor((i * rows.length) / honestClients);
  return rows.slice(cut(client), cut(client + 1));
}

interface Place {
  readonly settings: AggregationSettings;
  readonly random: RandomStream;
}

async function aggregated(rows: readonly Float32Array[], { settings, random }: Place): Promise<Float32Array> {
  const cohort = serialCohort(memoryVectors(rows));
  try {
    const { byzantine } = settings;
    const given = { weights: null, squaredNorms: null, trusted: null };
    return (await aggregate({ cohort, updates: rows.length, settings, byzantine, random, ...given })).vector;
  } finally {
    await cohort.close();
  }
}

async function malicious(
  attack: Attack,
  honest: readonly Float32Array[],
  byzantine: number,
  place: Place,
): Promise<Float32Array> {
  const mean = meanOf(honest);
  const zero = new Float64Array(mean.length);
  if (attack === 'sign-flip') return onLine(zero, -1, mean);
  const [base, direction] =
    attack === 'optimal-ipm' ? [zero, onLine(zero, -1, mean)] : [mean, deviationOf(honest, mean)];
  const factor = await worstFactor({ honest, mean, base, direction }, byzantine, place);
  return onLine(base, factor, direction);
}

/** base + factor·direction, in float32. */
function onLine(base: ArrayLike<number>, factor: number, direction: ArrayLike<number>): Float32Array {
  const result = new Float32Array(base.length);
  for (let k = 0; k < result.length; k++) result[k] = base[k] + factor * direction[k];
  return result;
}

interface Line {
  readonly honest: readonly ArrayLike<number>[];
  readonly mean: ArrayLike<number>;
  readonly base: ArrayLike<number>;
  readonly direction: ArrayLike<number>;
}

/**
 * ByzFL's search along base + factor·direction. Rules that look at distances alone see no difference between the vectors and rows of
 * a dozen values with the same distances: there twenty tries cost nothing.
 */
async function worstFactor(line: Line, byzantine: number, place: Place): Promise<number> {
  const byDistance = ruleOf(place.settings).kind === 'weights';
  const { honest, mean, base, direction } = byDistance ? await smallLine(line) : line;
  const float32 = honest.map(row => new Float32Array(row));
  const harmOf = async (factor: number): Promise<number> => {
    const lie = onLine(base, factor, direction);
    const rows = [...float32, ...Array.from({ length: byzantine }, () => lie)];
    return Math.sqrt(squaredDistance(await aggregated(rows, place), mean));
  };
  return (await searchFactor(harmOf, byzflSearch)).factor;
}

async function smallLine({ honest, mean, base, direction }: Line): Promise<Line> {
  const rows = await embedded([...honest, mean, base, direction].map(row => new Float32Array(row)));
  return {
    honest: rows.slice(0, honest.length),
    mean: rows[honest.length],
    base: rows[honest.length + 1],
    direction: rows[honest.length + 2],
  };
}
