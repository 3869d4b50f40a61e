import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { UserError } from '../../../src/core/protocol/problem.ts';
import { applyMasks } from '../../../src/core/secagg/apply-masks.ts';
import type { Mask } from '../../../src/core/secagg/mask.ts';
import { nodeHkdf } from '../../../src/node/hkdf.ts';
import { nodeKeystream } from '../../../src/node/keystream.ts';
import { type MaskThreads, maskThreads } from '../../../src/node/secagg/mask-threads.ts';

const crews = await Promise.all([0, 1, 3].map(maskThreads));
after(() => Promise.all(crews.map(crew => crew.close())));

const masks: Mask[] = Array.from({ length: 4 }, (_, i) => ({
  seed: new Uint8Array(32).fill(i + 1),
  sign: i % 2 === 0 ? 1 : -1,
}));
// More than one part for each of three threads, the last one small.
const length = 900_001;
const segmentOf = (bits: 16 | 20 | 24 | 32) => ({ length, bits, label: 'update' }) as const;
const ramp = (words: number) => Int32Array.from({ length: words }, (_, i) => Math.imul(i, 0x9e3779b1));
const vector = ramp(length);

/** As deepEqual, quicker. */
function assertWords(actual: Int32Array, expected: Int32Array): void {
  assert.equal(
    actual.findIndex((word, i) => word !== expected[i]),
    -1,
  );
  assert.equal(actual.length, expected.length);
}

function sharedCopy(values: Int32Array): Int32Array<SharedArrayBuffer> {
  const copy = new Int32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

async function started(t: TestContext): Promise<MaskThreads> {
  const crew = await maskThreads(2);
  t.after(() => crew.close());
  return crew;
}

for (const crew of crews) {
  test(`${crew.count} threads give the words of one thread, in place or in a copy`, async () => {
    for (const bits of [16, 24, 32] as const) {
      const expected = Int32Array.from(vector);
      await applyMasks(masks, segmentOf(bits), expected, nodeKeystream, { hkdf: nodeHkdf });
      const own = Int32Array.from(vector);
      await crew.applyMasks(masks, segmentOf(bits), own);
      assertWords(own, expected);
      const shared = sharedCopy(vector);
      await crew.applyMasks(masks, segmentOf(bits), shared);
      assertWords(shared, expected);
    }
  });

  test(`${crew.count} threads mask a part and leave the rest, and tell how far they are`, async () => {
    const part = { from: 77_777, to: 888_888 };
    const expected = Int32Array.from(vector);
    await applyMasks(masks, segmentOf(24), expected, nodeKeystream, { hkdf: nodeHkdf }, part);
    const fractions: number[] = [];
    const own = Int32Array.from(vector);
    const onProgress = (fraction: number) => void fractions.push(fraction);
    await crew.applyMasks(masks, segmentOf(24), own, { ...part, onProgress });
    assertWords(own, expected);
    assert.ok(fractions.length > 1 && fractions.every((fraction, i) => fraction > (fractions[i - 1] ?? 0)));
    assert.equal(fractions.at(-1), 1);
  });

  test(`${crew.count} threads refuse what one thread refuses`, async () => {
    await assert.rejects(crew.applyMasks(masks, segmentOf(32), new Int32Array(length - 1)), RangeError);
    await assert.rejects(crew.applyMasks(masks, segmentOf(32), vector, { to: length + 1 }), RangeError);
    const short = { seed: new Uint8Array(16), sign: 1 } as const;
    await assert.rejects(crew.applyMasks([...masks, short], segmentOf(32), Int32Array.from(vector)), RangeError);
  });
}

test('an abort ends the work with its reason; a vector of its own is then as it was', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const own = Int32Array.from(vector);
  const options = { signal: stop.signal, onProgress: () => stop.abort(reason) };
  await assert.rejects(crews[1].applyMasks(masks, segmentOf(32), own, options), reason);
  assertWords(own, vector);
});

test('closing rejects the work under way and later work; what is small never needs a thread', async t => {
  const crew = await started(t);
  const own = Int32Array.from(vector);
  const underWay = crew.applyMasks(masks, segmentOf(32), own);
  await crew.close();
  await assert.rejects(underWay, UserError);
  assertWords(own, vector);
  await assert.rejects(crew.applyMasks(masks, segmentOf(32), own), { name: 'UserError', message: /mask thread/ });
  const small = ramp(100);
  await crew.applyMasks(masks, { length: 100, bits: 32, label: 'figures' }, small);
  assert.notDeepEqual(small, ramp(100));
});
