import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protectionSchema } from '../../../src/core/protocol/protection-settings.ts';
import type { Task } from '../../../src/core/protocol/task.ts';
import { drawHash } from '../../../src/core/secagg/draw.ts';
import { isGrouped, makeManifest, updateEncoding } from '../../../src/core/secagg/make-manifest.ts';
import { encodeManifest } from '../../../src/core/secagg/manifest.ts';
import { nodePrimitives as primitives } from '../../../src/node/primitives.ts';
import { smallTask } from '../../federation/small-task.ts';

/** 4·8 + 8 + 8 + 1 parameters. */
const dimension = 49;
const inspected = smallTask({ minimum: 6, aggregation: { rule: 'mean', weightCap: 500, clipNorm: 10 } });
const protection = protectionSchema.parse({ kind: 'group', honest: 3, bits: 24, stepSeconds: 2.5 });
const task: Task = { ...inspected, protection };

const members = Array.from({ length: 7 }, (_, i) => new Uint8Array(32).fill(i));
const request = {
  task,
  taskHash: new Uint8Array(32).fill(100),
  federation: 'test',
  round: 3,
  kind: 'train',
  evaluate: true,
  group: 0,
  groups: 1,
  members,
  draw: drawHash(members, null, primitives),
  model: new Uint8Array(32).fill(101),
  build: 'parley test',
  primitives,
} as const;

test('a weighted mean adds up one word per parameter, one for the weight, and the figures beside them', () => {
  const manifest = makeManifest(request);
  assert.deepEqual(manifest.segments[0], { label: 'update', words: dimension + 1, bits: 24 });
  assert.deepEqual([manifest.segments[1].label, manifest.segments[1].bits], ['figures', 32]);
  assert.equal(manifest.weightMax, 500);
  assert.equal(manifest.scaleBits, updateEncoding(task, 7).scaleBits);
  assert.deepEqual(manifest.thresholds, { members: 7, t: 5, colluders: 2, honest: 3, least: 5 });
  assert.equal(manifest.stepMs, 2500);
  assert.equal(manifest.plan, null);
});

test('without an evaluation a round adds up fewer figures, and other rules weigh nobody', () => {
  const [, figures] = makeManifest(request).segments;
  const [, fewer] = makeManifest({ ...request, evaluate: false }).segments;
  assert.ok(fewer.words < figures.words);
  const aggregation: Task['aggregation'] = { rule: 'median', clipNorm: 10, byzantine: 0, before: [] };
  const uniform = makeManifest({ ...request, task: { ...task, aggregation } });
  assert.equal(uniform.weightMax, null);
  assert.equal(uniform.segments[0].words, dimension);
});

test('the final evaluation adds up figures only', () => {
  const { segments, scaleBits, weightMax } = makeManifest({ ...request, kind: 'evaluate' });
  assert.deepEqual(
    segments.map(({ label }) => label),
    ['figures'],
  );
  assert.equal(scaleBits, 0);
  assert.equal(weightMax, null);
});

test('whatever members have to agree on changes the bytes of the manifest', () => {
  const bytes = (change: object): string =>
    Buffer.from(encodeManifest(makeManifest({ ...request, ...change }))).toString('hex');
  const changes = [
    {},
    { federation: 'other' },
    { taskHash: new Uint8Array(32) },
    { round: 4 },
    { kind: 'evaluate' },
    { evaluate: false },
    { groups: 2 },
    { group: 1, groups: 2 },
    { members: members.slice(1) },
    { draw: drawHash(members.slice(1), null, primitives) },
    { draw: drawHash(members, new Uint8Array(1), primitives) },
    { model: new Uint8Array(32) },
    { build: 'parley other' },
    { task: { ...task, protection: protectionSchema.parse('group') } },
  ];
  assert.equal(new Set(changes.map(bytes)).size, changes.length);
  assert.equal(bytes({}), bytes({}));
});

test('a task without groups has no manifest, and a group that cannot hold its settings neither', () => {
  assert.equal(isGrouped(inspected, 'train'), false);
  assert.equal(isGrouped(task, 'evaluate'), true);
  assert.throws(() => makeManifest({ ...request, task: inspected }), /no groups/);
  assert.throws(() => makeManifest({ ...request, members: members.slice(0, 2) }), RangeError);
});
