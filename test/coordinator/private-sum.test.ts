import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawingFrom } from '../../src/cli/audited-client.ts';
import { updateKey } from '../../src/coordinator/admit.ts';
import { Fold } from '../../src/coordinator/fold.ts';
import type { CoordinatorPorts } from '../../src/coordinator/ports.ts';
import { noisyMean } from '../../src/coordinator/private-sum.ts';
import type { Charged } from '../../src/coordinator/stages.ts';
import type { Received, Run } from '../../src/coordinator/store.ts';
import { floatsToBytes } from '../../src/core/bytes/floats.ts';
import { taskManifest } from '../../src/core/learning/model.ts';
import { parameterCount } from '../../src/core/learning/parameters.ts';
import { normalCdf } from '../../src/core/math/normal-distribution.ts';
import { bitGridOf, planOfTask } from '../../src/core/privacy/plan.ts';
import { openingNoise } from '../../src/core/privacy/round-noise.ts';
import { writeBlob } from '../../src/core/protocol/ports.ts';
import { MemoryBlobs } from '../../src/simulation/memory-blobs.ts';
import { seededBytes } from '../core/privacy/seeded-bytes.ts';
import { adaptiveFedAvg, centralFedAvg, privateTask } from '../simulation/private-federation.ts';

/** Releases of the same three updates: the shares told to be within the clip bound, and the first coordinate of the mean. */
async function releases(privacy: object, bits: readonly (boolean | null)[], count: number) {
  const task = privateTask({ privacy });
  const plan = planOfTask(task);
  assert.ok(plan !== null);
  const size = parameterCount(taskManifest(task));
  const blobs = new MemoryBlobs();
  const updates: Received[] = [];
  for (const [i, withinClip] of bits.entries()) {
    const [client, tensor] = [`site-${i + 1}`, `${i}`];
    await writeBlob(blobs, updateKey('sum', 1, client, tensor), floatsToBytes(new Float32Array(size).fill(0.1)));
    updates.push({
      client,
      tensor,
      examples: 1,
      weight: 1,
      norm: 0,
      loss: null,
      steps: 1,
      evaluation: null,
      withinClip,
    });
  }
  const ports = { primitives: drawingFrom(seededBytes(5).randomBytes) } as CoordinatorPorts;
  const [shares, means]: [(number | null)[], number[]] = [[], []];
  for (let i = 0; i < count; i++) {
    const fold = new Fold(blobs, { task: 'sum', round: 1 } as Run, size);
    const charged = { inspected: { updates, task } } as unknown as Charged;
    const { shown, vector } = await noisyMean(charged, { plan, noise: openingNoise(plan) }, fold, ports);
    assert.ok(shown !== null);
    shares.push(shown.withinClip);
    means.push(vector[0]);
  }
  return { shares, means, bitGrid: bitGridOf(plan, openingNoise(plan).noiseMultiplier) };
}

test('the share of updates within the clip bound is the exact one plus σ_b/m of noise on its grid, apart from that of the updates', async () => {
  const count = 2000;
  const expectedCohort = 3;
  for (const [bitNoise, relation, sigma] of [
    [2, 'add-remove', 2],
    [2, 'replace', 2],
    [null, 'zero-out', 1.64],
    [null, 'replace', 3.28],
  ] as const) {
    const privacy = { ...adaptiveFedAvg, relation, expectedCohort, clip: { initial: 1, bitNoise } };
    const { shares, means, bitGrid } = await releases(privacy, [true, true, false], count);
    assert.ok(bitGrid !== null);
    const steps = shares.map(share => (((share ?? Number.NaN) - 0.5) * expectedCohort) / bitGrid.step);
    for (const k of steps) assert.ok(Math.abs(k - Math.round(k)) < 1e-6, `${k} is a whole number of steps`);
    // Two bits of three: Σ(b − ½) = ½.
    const noise = steps.map(k => k * bitGrid.step - 0.5);
    const sorted = noise.toSorted((a, b) => a - b);
    // Kolmogorov and Smirnov: beyond 2/√n once in 1500 samples of the same distribution.
    const furthest = Math.max(...sorted.map((x, i) => Math.abs((i + 0.5) / count - normalCdf(x / sigma))));
    assert.ok(furthest < 2 / Math.sqrt(count), `σ_b ${sigma}, ${relation}: ${furthest}`);
    const [first, second] = [standardised(noise), standardised(means)];
    const correlation = first.reduce((sum, x, i) => sum + x * second[i], 0) / count;
    assert.ok(Math.abs(correlation) < 4 / Math.sqrt(count), `${correlation}`);
  }
});

test('where the clip bound is fixed no share of updates within it is told', async () => {
  const { shares, bitGrid } = await releases(centralFedAvg, [null, null, null], 1);
  assert.deepEqual([shares, bitGrid], [[null], null]);
});

function standardised(values: readonly number[]): number[] {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  return values.map(x => (x - mean) / deviation);
}
