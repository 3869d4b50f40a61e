import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor } from '../../src/core/bytes/cbor.ts';
import type { SiteData } from '../../src/core/data/dataset.ts';
import { clipToNorm } from '../../src/core/learning/clip.ts';
import { createTrainer } from '../../src/core/learning/local-trainer.ts';
import { keptCoordinates } from '../../src/core/learning/random-mask.ts';
import { subModel } from '../../src/core/learning/sub-model.ts';
import { RandomStream } from '../../src/core/math/random.ts';
import { encodeTask, parseTask, type Task, trainingSeed } from '../../src/core/protocol/task.ts';
import { syntheticExamples, syntheticStep } from '../../src/simulation/synthetic-trainer.ts';
import { World } from '../../src/simulation/world.ts';
import { clientNames, smallTask } from './federation.ts';
import { ports, runGroups } from './group-federation.ts';

const { primitives } = ports;
const names = clientNames(4);
/** Training rows of each site: what it weighs. */
const rows = names.map((_, i) => 4 * (i + 1));
const sites = names.map((_, i) => siteOf(i));
const rounds = 8;

function siteOf(at: number): SiteData {
  const random = new RandomStream(new Uint8Array(32).fill(at + 1));
  const part = () => {
    const features = Float32Array.from({ length: 2 * rows[at] }, () => 2 * random.float64() - 1);
    const labels = Float32Array.from({ length: rows[at] }, (_, i) => (features[2 * i] > features[2 * i + 1] ? 1 : 0));
    return { rows: rows[at], width: 2, features, labelWidth: 1, labels };
  };
  return { train: part(), test: part(), featureNames: ['a', 'b'], classes: 2, scaler: null, droppedRows: 0 };
}

interface Compressed {
  readonly compression: { readonly kind: 'random-mask' | 'federated-dropout'; readonly keep: number };
  readonly clipNorm?: number;
}

/** A model of 2·8 + 8 + 8 + 1 = 33 parameters. */
function compressedTask({ compression, clipNorm = 10 }: Compressed): Task {
  const aggregation = { rule: 'mean', weightCap: 16, clipNorm };
  const base = smallTask({ seed: 1, clients: 4, faults: [], rounds, aggregation });
  const training = { ...base.training, batchSize: 4, amount: { unit: 'epochs', count: 2 } };
  const model = { name: 'mlp', hidden: [8], activation: 'tanh' };
  const group = { kind: 'group', honest: 3, compression };
  return parseTask({ ...base, model, training, protection: group });
}

/** The models that the rounds of a federation began with, and the last: whole ones, as a site evaluates them. */
async function federated(task: Task): Promise<readonly Float32Array[]> {
  const models: Float32Array[] = [];
  const clients = names.map((name, at) => ({
    name,
    async trainerFor() {
      const trainer = createTrainer(task, sites[at]);
      return {
        ...trainer,
        evaluate(parameters: Float32Array) {
          if (at === 0) models.push(parameters.slice());
          return trainer.evaluate(parameters);
        },
      };
    },
  }));
  const world = new World({ ports, seed: 1, clients });
  world.clock.after(1000, () => world.submit(task));
  assert.ok(await world.run(3_600_000), 'the run ends');
  assert.deepEqual(world.defects, []);
  const { reports } = await world.status();
  for (const { groups } of reports) assert.equal(groups?.[0].survivors.length, names.length);
  assert.equal(models.length, rounds + 1);
  return models;
}

const hashOf = (task: Task): Uint8Array => primitives.sha256(encodeTask(task));
const seedOf = (task: Task, round: number): Uint8Array =>
  primitives.sha256(encodeCbor(['parley/v1/compression', hashOf(task), round]));

/** What a site trains of these parameters in a round, with the rows it has, minus what it began with. */
async function difference(task: Task, hash: Uint8Array, at: number, round: number, start: Float32Array) {
  const seed = primitives.sha256(trainingSeed(hash, round, names[at]));
  const { parameters } = await createTrainer(task, sites[at]).train({ parameters: start, round, seed });
  return parameters.map((value, i) => value - start[i]);
}

/** The mean of updates by rows. */
function weightedMean(updates: readonly Float32Array[]): Float64Array {
  const total = rows.reduce((sum, count) => sum + count, 0);
  return Float64Array.from(updates[0], (_, i) =>
    updates.reduce((sum, update, at) => sum + (rows[at] / total) * update[i], 0),
  );
}

/** The next model of a random mask, in one place: every site's update at the kept places, clipped, averaged, and made as large as a whole one. */
async function maskedRound(task: Task, keep: number, round: number, model: Float32Array): Promise<Float32Array> {
  const kept = keptCoordinates(seedOf(task, round), model.length, keep);
  const updates: Float32Array[] = [];
  for (const at of names.keys()) {
    const whole = await difference(task, hashOf(task), at, round, model);
    const sent = Float32Array.from(kept, place => whole[place]);
    updates.push(clipToNorm(sent, task.aggregation.clipNorm));
  }
  const next = model.slice();
  weightedMean(updates).forEach((value, i) => {
    next[kept[i]] += (value * model.length) / kept.length;
  });
  return next;
}

/** The next model of federated dropout: the smaller task is trained as a task of its own. */
async function droppedRound(task: Task, keep: number, round: number, model: Float32Array): Promise<Float32Array> {
  const { task: smaller, indices, factors } = subModel(task, seedOf(task, round), keep);
  const start = Float32Array.from(indices, (place, i) => model[place] * factors[i]);
  const updates: Float32Array[] = [];
  for (const at of names.keys()) updates.push(await difference(smaller, hashOf(task), at, round, start));
  const next = model.slice();
  weightedMean(updates).forEach((value, i) => {
    next[indices[i]] += value / factors[i];
  });
  return next;
}

function assertClose(found: Float32Array, expected: Float32Array, what: string): void {
  found.forEach((value, i) => {
    const off = Math.abs(value - expected[i]);
    assert.ok(off <= 1e-4, `${what}, parameter ${i}: ${value}, expected ${expected[i]}`);
  });
}

/** Parameters that a round changed. */
const changed = (before: Float32Array, after: Float32Array): number[] =>
  [...before.keys()].filter(i => before[i] !== after[i]);

for (const [what, clipNorm] of [
  ['', 10],
  [', and where updates are shortened', 0.05],
] as const) {
  test(`under a random mask the model is that of a central computation over what is sent${what}`, async () => {
    const keep = 0.5;
    const task = compressedTask({ compression: { kind: 'random-mask', keep }, clipNorm });
    const models = await federated(task);
    let model = models[0];
    for (let round = 1; round <= rounds; round++) {
      model = await maskedRound(task, keep, round, model);
      assertClose(models[round], model, `round ${round}`);
    }
  });
}

test('federated dropout trains a smaller model in each round, and the model is that of a central computation', async () => {
  const keep = 0.5;
  const task = compressedTask({ compression: { kind: 'federated-dropout', keep } });
  const models = await federated(task);
  let model = models[0];
  for (let round = 1; round <= rounds; round++) {
    model = await droppedRound(task, keep, round, model);
    assertClose(models[round], model, `round ${round}`);
  }
});

for (const kind of ['random-mask', 'federated-dropout'] as const) {
  test(`${kind}: a round changes what it sends and nothing else, and another round sends other values`, async () => {
    const keep = 0.25;
    const task = compressedTask({ compression: { kind, keep } });
    const models = await federated(task);
    const sent = Array.from({ length: rounds }, (_, r) => {
      const seed = seedOf(task, r + 1);
      const places = kind === 'random-mask' ? keptCoordinates(seed, 33, keep) : subModel(task, seed, keep).indices;
      return new Set(places);
    });
    for (const [r, places] of sent.entries()) {
      const moved = changed(models[r], models[r + 1]);
      assert.ok(moved.length > 0 && moved.every(place => places.has(place)), `round ${r + 1}`);
    }
    assert.ok(new Set(sent.map(places => [...places].join())).size > 1);
    assert.ok(changed(models[0], models[rounds]).length > Math.max(...sent.map(({ size }) => size)));
  });
}

test('all groups of a round keep the same values, so the model is the mean over all of their clients there', async () => {
  const keep = 0.5;
  const clients = clientNames(9);
  const protection = {
    size: 4,
    colluders: 0,
    coin: clients.slice(0, 3),
    compression: { kind: 'random-mask', keep },
  };
  const { task, status, given, world } = await runGroups({ clients: 9, minimum: 3, rounds: 3, protection });
  assert.deepEqual(world.defects, []);
  const weights = clients.map(client => Math.min(60, syntheticExamples(client)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const { round, groups } of status?.reports ?? []) {
    assert.deepEqual(groups?.map(({ survivors }) => survivors.length).sort(), [4, 5]);
    const [before, after] = [given.get(round), given.get(round + 1)];
    assert.ok(before !== undefined && after !== undefined);
    const kept = keptCoordinates(seedOf(task, round), before.length, keep);
    const trained = clients.map(client => syntheticStep(client, round, before));
    const expected = before.slice();
    for (const place of kept) {
      const mean = trained.reduce((sum, own, c) => sum + (weights[c] / total) * (own[place] - before[place]), 0);
      expected[place] += (mean * before.length) / kept.length;
    }
    assertClose(after, expected, `round ${round}`);
    assert.ok(changed(before, after).every(place => kept.includes(place)));
  }
  assert.equal(status?.reports.length, 3);
});
