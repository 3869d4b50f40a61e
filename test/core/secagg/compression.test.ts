import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { gather } from '../../../src/core/learning/random-mask.ts';
import { planOfTask } from '../../../src/core/privacy/plan.ts';
import { encodeTask, parseTask, type Task } from '../../../src/core/protocol/task.ts';
import {
  type Compression,
  resultScale,
  roundCompression,
  sentDimension,
  sentValues,
  startingPoint,
  wholeUpdate,
} from '../../../src/core/secagg/compression.ts';
import { drawHash } from '../../../src/core/secagg/draw.ts';
import { makeManifest } from '../../../src/core/secagg/make-manifest.ts';
import { sharedSegment, sharedWords } from '../../../src/core/secagg/noise-words.ts';
import { nodePrimitives as primitives } from '../../../src/node/primitives.ts';
import { smallTask } from '../../federation/small-task.ts';
import { dpSgd, localFedAvg, privateTask, sharedFedAvg } from '../../simulation/private-federation.ts';

/** 4·8 + 8 + 8 + 1 parameters. */
const dimension = 49;
const kinds = ['random-mask', 'federated-dropout'] as const;

function compressed(compression: unknown, changes: object = {}): Task {
  const group = { kind: 'group', honest: 3, bits: 24, compression };
  const inspected = smallTask({ minimum: 6, aggregation: { rule: 'mean', weightCap: 500, clipNorm: 10 } });
  return parseTask({ ...inspected, protection: group, ...changes });
}

function roundOf(task: Task, round: number, taskHash = primitives.sha256(encodeTask(task))): Compression {
  const found = roundCompression(task, taskHash, round, primitives);
  assert.ok(found !== null);
  return found;
}

function updateWords(task: Task, kind: 'train' | 'evaluate' = 'train'): number | undefined {
  const members = Array.from({ length: 7 }, (_, i) => new Uint8Array(32).fill(i));
  const manifest = makeManifest({
    task,
    taskHash: primitives.sha256(encodeTask(task)),
    federation: 'test',
    round: 3,
    kind,
    evaluate: false,
    group: 0,
    groups: 1,
    members,
    draw: drawHash(members, null, primitives),
    model: new Uint8Array(32),
    build: 'test',
    primitives,
  });
  return manifest.segments.find(({ label }) => label === 'update')?.words;
}

const half = { kind: 'random-mask', keep: 0.5 };
const dropped = { kind: 'federated-dropout', keep: 0.5 };

test('half of the values is half of the words that a member sends, and the weight', () => {
  assert.equal(updateWords(compressed('none')), dimension + 1);
  assert.equal(updateWords(compressed(half)), Math.ceil(dimension / 2) + 1);
  // Four of eight hidden units: 4·4 + 4 + 4 + 1.
  assert.equal(updateWords(compressed(dropped)), 25 + 1);
  for (const compression of [half, dropped]) assert.equal(updateWords(compressed(compression), 'evaluate'), undefined);
});

for (const kind of kinds) {
  describe(kind, () => {
    const task = compressed({ kind, keep: 0.5 });

    test('names the same places to everybody who knows task and round, and others in another round or task', () => {
      assert.deepEqual(roundOf(task, 3), roundOf(task, 3));
      const other = compressed({ kind, keep: 0.5 }, { seed: 8 });
      const places = [roundOf(task, 1), roundOf(task, 2), roundOf(task, 3), roundOf(other, 3)].map(one => one.places);
      assert.equal(new Set(places.map(String)).size, places.length);
    });

    test('sends as many values in every round, each of a place of its own', () => {
      fc.assert(
        fc.property(
          fc.double({ min: 0.01, max: 0.99, noNaN: true }),
          fc.integer({ min: 1, max: 1000 }),
          (keep, round) => {
            const own = compressed({ kind, keep });
            const { places } = roundOf(own, round);
            assert.equal(places.length, sentDimension(own));
            assert.equal(new Set(places).size, places.length);
            assert.ok(places.every(place => place >= 0 && place < dimension));
          },
        ),
        { numRuns: 50 },
      );
    });
  });
}

test('without compression all is sent, and nothing is changed', () => {
  const task = compressed('none');
  assert.equal(roundCompression(task, new Uint8Array(32), 1, primitives), null);
  const values = new Float32Array(dimension).fill(1);
  for (const same of [startingPoint(values, null), sentValues(values, null), wholeUpdate(values, null, dimension)])
    assert.equal(same, values);
  assert.equal(sentDimension(task), dimension);
  assert.equal(resultScale(task), 1);
});

test('under a random mask the whole model is trained, and over rounds the scaled result is what whole updates give', () => {
  const task = compressed({ kind: 'random-mask', keep: 0.3 });
  const update = Float32Array.from({ length: dimension }, (_, i) => i - 20);
  const total = new Float64Array(dimension);
  const rounds = 1000;
  const hash = primitives.sha256(encodeTask(task));
  for (let round = 1; round <= rounds; round++) {
    const compression = roundOf(task, round, hash);
    assert.equal(startingPoint(update, compression), update);
    const sent = sentValues(update.slice(), compression);
    assert.deepEqual(sent, gather(update, compression.places));
    wholeUpdate(sent, compression, dimension).forEach((value, i) => {
      total[i] += value * resultScale(task);
    });
  }
  // A mean of 1000 draws of variance (1 − k) / k for a value of 1: 0.24 is five standard deviations.
  update.forEach((value, i) => {
    assert.ok(Math.abs(total[i] / rounds - value) <= 0.24 * Math.abs(value), `value ${i}: ${total[i] / rounds}`);
  });
});

test('of a smaller model all is sent, in units of the whole one', () => {
  const compression = roundOf(compressed(dropped), 1);
  const { places, smaller } = compression;
  assert.ok(smaller !== null);
  const global = Float32Array.from({ length: dimension }, (_, i) => i + 1);
  const start = startingPoint(global, compression);
  assert.deepEqual(
    [...start],
    [...places].map((place, i) => smaller.factors[i] * (place + 1)),
  );
  assert.ok(smaller.factors.includes(2), 'weights that read half of the hidden units count twice');
  // Training that doubles every parameter of the smaller model doubles those of the whole one.
  const whole = wholeUpdate(sentValues(start.slice(), compression), compression, dimension);
  assert.deepEqual(
    [...whole],
    [...global].map((value, place) => (places.includes(place) ? value : 0)),
  );
  assert.equal(resultScale(compressed(dropped)), 1);
});

test('a difference of another length is refused', () => {
  for (const compression of [half, dropped])
    assert.throws(() => sentValues(new Float32Array(3), roundOf(compressed(compression), 1)), RangeError);
});

test('noise on whole updates is planned for what is sent, noise on gradients for all of them', () => {
  // 2·3 + 3 + 3 + 1 = 13 parameters.
  const planned = (compression: unknown, privacy: object): Task =>
    privateTask({ privacy, protection: { kind: 'group', size: 3, honest: 3, compression } });
  const dimensionOf = (task: Task): number | undefined => planOfTask(task)?.dimension;
  for (const privacy of [localFedAvg, sharedFedAvg]) {
    assert.equal(dimensionOf(planned('none', privacy)), 13);
    assert.equal(dimensionOf(planned(half, privacy)), 7);
    assert.equal(dimensionOf(planned(dropped, privacy)), 2 * 2 + 2 + 2 + 1);
  }
  assert.equal(dimensionOf(planned(half, dpSgd)), 13);
  const words = sharedWords(planned(half, sharedFedAvg), new Uint8Array(32), 1, primitives);
  assert.ok(words !== null);
  // The rotation is of powers of two.
  assert.equal(sharedSegment(words).words, 8);
});
