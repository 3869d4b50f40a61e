/** One keystream under two things (DISCO draws all tensors from one seed): who knows one of them has the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../../src/core/bytes/floats.ts';
import { applyMasks } from '../../src/core/secagg/apply-masks.ts';
import type { Mask } from '../../src/core/secagg/mask.ts';
import { type MaskSegment, streamKey } from '../../src/core/secagg/mask-plan.ts';
import { nodeKeystream } from '../../src/node/keystream.ts';
import { difference, hashOf, inputOf, places, TestGroup, words } from './secagg-session.ts';

const [size, victim] = [5, 2];
const group = new TestGroup({ size }).reach('masking');
const masks = group.masks.get(victim) ?? [];
const update: MaskSegment = { label: 'update', length: words, bits: 32 };
const figures: MaskSegment = { label: 'figures', length: words, bits: 32 };
const known = inputOf(77);

async function masked(input: Int32Array, segment: MaskSegment, under: readonly Mask[] = masks): Promise<Int32Array> {
  const out = Int32Array.from(input);
  await applyMasks(under, segment, out, nodeKeystream, group.primitives);
  return out;
}

test('two segments under one keystream give away the one that is secret from the one that is known', async () => {
  const [secret, told] = [await masked(inputOf(victim), update), await masked(known, update)];
  const stream = difference(told, known);
  assert.deepEqual(difference(secret, stream), inputOf(victim));
});

test('update and figures are under streams of their own: what is known of one tells nothing of the other', async () => {
  const [secret, told] = [await masked(inputOf(victim), update), await masked(known, figures)];
  const guess = difference(secret, difference(told, known));
  assert.equal(guess.filter((word, i) => word === inputOf(victim)[i]).length, 0);
});

test('every stream of a session has a key of its own, but that which two members share', () => {
  const keys = places(size).flatMap(at =>
    (group.masks.get(at) ?? []).flatMap(({ seed }) =>
      [update, figures].map(segment => toHex(streamKey(seed, segment, group.primitives))),
    ),
  );
  const pairs = (size * (size - 1)) / 2;
  assert.equal(keys.length, 2 * size ** 2);
  assert.equal(new Set(keys).size, 2 * (size + pairs));
});

test('no part of a long stream comes again, over the borders of its chunks', async () => {
  const long: MaskSegment = { ...update, length: 70_000 };
  const stream = await masked(new Int32Array(long.length), long, [{ seed: hashOf('one seed'), sign: 1 }]);
  const blocks = new Set<string>();
  for (let at = 0; at < long.length; at += 4) blocks.add(stream.subarray(at, at + 4).join());
  assert.equal(blocks.size, long.length / 4);
});

test('another round, with the same members and secrets, has other streams', () => {
  const again = new TestGroup({ size, model: hashOf('the next model') }).reach('masking');
  const seeds = [group, again].flatMap(one =>
    places(size).flatMap(at => (one.masks.get(at) ?? []).map(mask => toHex(mask.seed))),
  );
  assert.equal(new Set(seeds).size, 2 * (size + (size * (size - 1)) / 2));
});
