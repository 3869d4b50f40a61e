import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulationPorts } from '../../../src/cli/simulation-ports.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { ddgRdp, ddgTau, roundedL1Bound } from '../../../src/core/privacy/distributed-noise.ts';
import { eventRdp } from '../../../src/core/privacy/event-rdp.ts';
import { rotated } from '../../../src/core/privacy/hadamard.ts';
import type { SharedPlan } from '../../../src/core/privacy/noise-shares.ts';
import { makePlan, type Plan, planHash, planOfTask, roundEvent, sharesOf } from '../../../src/core/privacy/plan.ts';
import {
  chiSquarePValue,
  correlationPValue,
  leastVariancePValue,
  variancePValue,
} from '../../../src/core/privacy-audit/significance.ts';
import { groupSettings } from '../../../src/core/protocol/protection-settings.ts';
import { type ManifestRequest, makeManifest } from '../../../src/core/secagg/make-manifest.ts';
import { type NoiseSharing, noiseSharing } from '../../../src/core/secagg/noise-sharing.ts';
import {
  noisyGroupMean,
  requireSureNoise,
  type SharedWords,
  sharedSegment,
  sharedWords,
  wordsWithNoise,
} from '../../../src/core/secagg/noise-words.ts';
import { leastBits, pack, unpack } from '../../../src/core/secagg/packing.ts';
import { groupThresholds } from '../../../src/core/secagg/thresholds.ts';
import { localFedAvg, privateTask, sharedFedAvg } from '../../simulation/private-federation.ts';
import { simd } from '../math/same-kernels.ts';
import { fedAvg } from '../privacy/sample-settings.ts';
import { seededBytes } from '../privacy/seeded-bytes.ts';

const { primitives } = simulationPorts;
const clip = 2;
const noiseMultiplier = 1.3;
const dimension = 20_000;
/** Ten members, of whom 8 stay and 3 of these may collude: 5 whose noise is sure. */
const thresholds = groupThresholds(10, { honest: 5, colluders: null });
const sharing: NoiseSharing = { noisyClients: 5, leastShares: 8, mostShares: 19 };
const plan = planWith(sharing);
const words: SharedWords = { shares: sharesOf(plan, noiseMultiplier, clip), rotation: new Uint8Array(32).fill(9) };
const nothing = new Float32Array(dimension);

function planWith(shared: NoiseSharing): Plan {
  const privacy = { ...fedAvg, noiseAt: 'shared', clip, noiseMultiplier } as const;
  return makePlan({ privacy, rounds: 10, dimension, stepsPerRound: 1, batchSize: 8, partRows: 8, shared });
}

function normals(count: number, seed: number, length: number): Float32Array {
  const stream = new RandomStream(new Uint8Array(32).fill(seed));
  const values = Float32Array.from({ length: count }, () => stream.normal());
  const norm = Math.hypot(...values);
  return values.map(x => (x * length) / norm);
}

/** As the coordinator adds up what arrived packed; masks take themselves off. */
function summed(inputs: readonly Int32Array[]): Int32Array {
  const { words: length, bits } = sharedSegment(words);
  const sum = new Int32Array(length);
  for (const input of inputs) for (const [i, word] of unpack(pack(input, bits), bits, length).entries()) sum[i] += word;
  return sum;
}

const share = (update: Float32Array, seed: number): Int32Array =>
  wordsWithNoise(update, words, seededBytes(seed).randomBytes, simd);

/** What the words of members that have nothing to say hold: noise, in units of what the plan promises of the whole sum. */
function noiseOf(inputs: readonly Int32Array[], { step, bits }: SharedPlan = words.shares): Float64Array {
  const unused = 32 - bits;
  const promised = noiseMultiplier * clip;
  return Float64Array.from(summed(inputs), k => (((k << unused) >> unused) * step) / promised);
}

test('the mean of a group is that of its clipped updates, with the noise that the plan shares out: more of it for more survivors', () => {
  const updates = Array.from({ length: 10 }, (_, i) => normals(dimension, i, i % 3 === 0 ? 30 : 1.5));
  const inputs = updates.map(share);
  for (const survivors of [10, 9, thresholds.least]) {
    const mean = noisyGroupMean(summed(inputs.slice(0, survivors)), survivors, thresholds, words, 1e9, simd);
    const exact = new Float64Array(dimension);
    for (const [i, update] of updates.slice(0, survivors).entries())
      for (let j = 0; j < dimension; j++) exact[j] += (update[j] * (i % 3 === 0 ? clip / 30 : 1)) / 10;
    // A share of the noise of each; rounding to float32 and to the grid is far below it.
    const deviation = (noiseMultiplier * clip * Math.sqrt(survivors / sharing.noisyClients)) / 10;
    const noise = Float64Array.from(mean, (x, j) => (x - exact[j]) / deviation);
    const p = variancePValue(noise);
    assert.ok(p > 1e-4, `${survivors}: ${p}`);
  }
});

test('with as many drop-outs as a group bears, and the noise of all colluders known, what is left is the noise of the plan', () => {
  const inputs = Array.from({ length: thresholds.least }, (_, i) => share(nothing, i + 20));
  const honest = inputs.slice(thresholds.colluders);
  assert.equal(honest.length, sharing.noisyClients);
  const noise = noiseOf(honest);
  assert.ok(variancePValue(noise) > 1e-4, `${variancePValue(noise)}`);
  assert.ok(leastVariancePValue(noiseOf(inputs)) > 0.01);
  // One member less, and it is not: the test sees a fifth of the variance.
  assert.ok(leastVariancePValue(noiseOf(honest.slice(1))) < 1e-9);
});

test('the noise of two members is independent, and it is a discrete Gaussian on the grid', () => {
  const [first, second] = [31, 32].map(seed => noiseOf([share(nothing, seed)]));
  assert.ok(correlationPValue(first, second) > 1e-4);
  const { shares } = words;
  const scale = 2 ** shares.logScale * (shares.step / (noiseMultiplier * clip));
  // Twenty cells of the normal distribution, each of a twentieth of the mass.
  const cells = new Array<number>(20).fill(0);
  for (const x of first) cells[Math.min(19, Math.floor(20 * normalCdf(x / scale)))]++;
  const expected = first.length / 20;
  const statistic = cells.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  assert.ok(chiSquarePValue(statistic, 19) > 1e-4, `${statistic}`);
});

test('a round costs what Kairouz, Liu and Steinke 2021, Theorem 5, says of the noise that is sure', () => {
  const { shares } = words;
  const sigma = 2 ** shares.logScale * Math.sqrt(sharing.noisyClients);
  const sum = {
    l1OverSigma: roundedL1Bound(shares.sensitivitySteps, shares.paddedDimension) / sigma,
    l2OverSigma: shares.sensitivitySteps / sigma,
    tau: ddgTau(2 ** shares.logScale, sharing.noisyClients),
    dimension: shares.paddedDimension,
  };
  for (const order of [1.5, 2, 8, 64]) {
    const [rdp] = eventRdp(roundEvent(plan, noiseMultiplier), [order]);
    assert.equal(rdp, ddgRdp(order, sum));
    // Hardly more than one Gaussian of this multiplier.
    const gaussian = order / (2 * noiseMultiplier ** 2);
    assert.ok(rdp >= gaussian && rdp < 1.03 * gaussian, `${order}: ${rdp} ${gaussian}`);
  }
  assert.equal(roundEvent(plan, noiseMultiplier).kind, 'shared');
});

const groups = { kind: 'group', size: 8, honest: 5 };
const task = privateTask({ clients: 8, privacy: sharedFedAvg, protection: groups });
const taskHash = new Uint8Array(32).fill(1);

test('whoever knows task and round makes the same words: the rotation is fixed before any update is', () => {
  const rotationOf = (hash: Uint8Array, round: number) =>
    Buffer.from(sharedWords(task, hash, round, primitives)?.rotation ?? []).toString('hex');
  const rotations = [rotationOf(taskHash, 1), rotationOf(taskHash, 2), rotationOf(new Uint8Array(32), 1)];
  assert.equal(new Set(rotations).size, 3);
  assert.equal(rotationOf(taskHash, 1), rotations[0]);
  const own = privateTask({ clients: 8, privacy: localFedAvg, protection: groups });
  assert.equal(sharedWords(own, taskHash, 1, primitives), null);
});

test('no rotation changes how much noise there is: it is drawn after it, the same bits whatever the signs', () => {
  const other: SharedWords = { ...words, rotation: new Uint8Array(32).fill(77) };
  const bytes = () => seededBytes(50).randomBytes;
  assert.deepEqual(wordsWithNoise(nothing, other, bytes(), simd), wordsWithNoise(nothing, words, bytes(), simd));
  assert.notDeepEqual(
    rotated(normals(64, 1, 1), other.rotation, simd),
    rotated(normals(64, 1, 1), words.rotation, simd),
  );
});

const round: Omit<ManifestRequest, 'task' | 'members'> = {
  taskHash,
  federation: 'test',
  round: 1,
  kind: 'train',
  evaluate: false,
  group: 0,
  groups: 1,
  draw: taskHash,
  model: taskHash,
  build: 'test',
  primitives,
};

test('a manifest has the words and bits of the plan, whatever bits the task has for sums without noise', () => {
  const members = Array.from({ length: 8 }, (_, i) => new Uint8Array(32).fill(i));
  const request = { ...round, task, members };
  const manifest = makeManifest(request);
  const shared = sharedWords(task, taskHash, 1, primitives);
  assert.ok(shared !== null);
  const { shares } = shared;
  assert.deepEqual(manifest.segments, [
    { label: 'update', words: shares.paddedDimension, bits: leastBits(shares.bits) },
  ]);
  assert.deepEqual([manifest.clipNorm, manifest.weightMax, manifest.scaleBits], [sharedFedAvg.clip, null, 0]);
  const planned = planOfTask(task);
  assert.ok(planned !== null);
  assert.equal(manifest.plan, planHash(planned, primitives));
  const few = makeManifest({ ...request, task: { ...task, protection: { ...settingsOf(), bits: 16 } } });
  assert.equal(few.segments[0].bits, manifest.segments[0].bits);
});

test('a group that could hold less noise than the plan counts on has no manifest', () => {
  const members = Array.from({ length: 40 }, (_, i) => new Uint8Array(32).fill(i));
  const large = privateTask({ clients: 40, minimum: 40, privacy: sharedFedAvg, protection: { ...groups, size: 40 } });
  const request = { ...round, task: large };
  assert.equal(makeManifest({ ...request, members }).thresholds.members, 40);
  assert.throws(
    () => makeManifest({ ...request, members: members.slice(0, 8) }),
    /5 of 8 members are sure .* counts on 14/,
  );
  assert.throws(() => requireSureNoise(groupThresholds(25, { honest: 5, colluders: null }), words), /of up to 19/);
});

test('a sum of fewer members than the group opens with has no mean, and one of more than it has members neither', () => {
  const inputs = Array.from({ length: 10 }, (_, i) => share(nothing, i));
  for (const survivors of [0, thresholds.least - 1, 11])
    assert.throws(
      () => noisyGroupMean(summed(inputs.slice(0, survivors)), survivors, thresholds, words, 1, simd),
      /8 to 10/,
    );
  const short = summed(inputs).subarray(1);
  assert.throws(() => noisyGroupMean(short, 10, thresholds, words, 1, simd), RangeError);
});

test('a member that lies moves the mean no further than the bound of an update', () => {
  const inputs = Array.from({ length: 9 }, (_, i) => share(nothing, i));
  const lie = new Int32Array(words.shares.paddedDimension).fill(2 ** (words.shares.bits - 2));
  const mean = noisyGroupMean(summed([...inputs, lie]), 10, thresholds, words, 12, simd);
  assert.ok(Math.abs(Math.hypot(...mean) - 12) < 1e-4);
});

function settingsOf(): NonNullable<ReturnType<typeof groupSettings>> {
  const settings = groupSettings(task.protection);
  assert.ok(settings !== null && noiseSharing(settings, 8).noisyClients === 5);
  return settings;
}

/** Φ by Zelen and Severo 1964, to 7.5e-8. */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return x > 0 ? 1 - tail : tail;
}
