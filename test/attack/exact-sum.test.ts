/** Masks that do not cancel exactly spoil the sum (a peer's sum is off by 3742): here it is that of the inputs, to the last bit, or there is none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyMasks } from '../../src/core/secagg/apply-masks.ts';
import { dequantise, makeEncoding, quantise, wordCount } from '../../src/core/secagg/encoding.ts';
import type { Mask } from '../../src/core/secagg/mask.ts';
import { type Bits, pack, unpack, wordSizes } from '../../src/core/secagg/packing.ts';
import { nodeKeystream } from '../../src/node/keystream.ts';
import { coordinated, places, TestGroup } from './secagg-session.ts';

const [size, dimension] = [7, 40];
const all = places(size);

/** A session in which these two are lost, one before it shares and one before its input. */
const session = new TestGroup({ size });
const [early, late] = [6, 5];
session.begin(all);
session.share(all.filter(at => at !== early));
session.open();
const survivors = all.filter(at => at !== early && at !== late);
session.input(survivors);
session.agree();
session.unmask(survivors);
const opening = coordinated(session, 'group-unmask').opening?.masks ?? [];

async function masked(words: Int32Array, by: readonly Mask[], bits: Bits): Promise<Int32Array<ArrayBuffer>> {
  const out = Int32Array.from(words);
  await applyMasks(by, { label: 'update', length: out.length, bits }, out, nodeKeystream, session.primitives);
  return out;
}

const updates = fc.record({
  bits: fc.constantFrom(...wordSizes),
  weighted: fc.boolean(),
  clients: fc.array(
    fc.record({
      values: fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: dimension, maxLength: dimension }),
      weight: fc.integer({ min: 1, max: 50 }),
    }),
    { minLength: survivors.length, maxLength: survivors.length },
  ),
});

test('what opens is the sum of the words that went in, at every word size, with members lost at two steps', async () => {
  await fc.assert(
    fc.asyncProperty(updates, async ({ bits, weighted, clients }) => {
      const encoding = makeEncoding({ bits, clipNorm: 4, weightMax: weighted ? 50 : null, dimension, members: size });
      const words = clients.map(({ values, weight }) => quantise(clipped(values), weighted ? weight : 1, encoding));
      const sent = await Promise.all(words.map((one, i) => masked(one, session.masks.get(survivors[i]) ?? [], bits)));
      const received = sent.map(one => unpack(pack(one, bits), bits, wordCount(encoding)));
      const total = received.reduce((sum, one) => sum.map((word, i) => (word + one[i]) | 0));
      const opened = await masked(total, opening, bits);
      const expected = words.reduce((sum, one) => sum.map((word, i) => word + one[i]));
      assert.deepEqual(
        dequantise(opened, encoding, survivors.length),
        dequantise(expected, encoding, survivors.length),
      );
      // In whichever order they are added.
      const reversed = received.toReversed().reduce((sum, one) => sum.map((word, i) => (word + one[i]) | 0));
      assert.deepEqual(await masked(reversed, opening, bits), opened);
    }),
    { numRuns: 40, seed: 6 },
  );
});

test('masks that are floating point numbers leave an error behind that grows with them', () => {
  const values = Array.from({ length: 100 }, (_, i) => Math.fround(Math.sin(i)));
  const errorOf = (amplitude: number) => {
    const errors = values.map((value, i) => {
      const mask = Math.fround(amplitude * Math.cos(7 * i));
      return Math.abs(Math.fround(Math.fround(value + mask) - mask) - value);
    });
    return Math.max(...errors);
  };
  assert.ok(errorOf(1e4) > 1e-4, 'masks that are small next to what would hide the value spoil it already');
  assert.ok(errorOf(1e10) > 0.9, 'and those that would hide it leave nothing');
});

test('with one mask missing, or once too often, the sum is no sum that honest members can have', async () => {
  const encoding = makeEncoding({ bits: 32, clipNorm: 4, weightMax: null, dimension, members: size });
  const words = survivors.map(at => quantise(clipped(new Array(dimension).fill(at / 10)), 1, encoding));
  const sent = await Promise.all(words.map((one, i) => masked(one, session.masks.get(survivors[i]) ?? [], 32)));
  const total = sent.reduce((sum, one) => sum.map((word, i) => (word + one[i]) | 0));
  for (const wrong of [opening.slice(1), opening.slice(0, -1), [...opening, opening[0]]]) {
    const opened = await masked(total, wrong, 32);
    assert.throws(() => dequantise(opened, encoding, survivors.length), RangeError);
  }
  assert.equal(dequantise(await masked(total, opening, 32), encoding, survivors.length).weight, survivors.length);
});

function clipped(values: readonly number[]): Float32Array {
  const norm = Math.hypot(...values);
  return Float32Array.from(values, value => value * Math.min(1, 4 / norm));
}
