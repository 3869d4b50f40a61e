import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bestKernels } from '../../../src/core/math/kernels/best.ts';
import { sharedPlan, shareOf, sumOfSharedWords, sumOfShares } from '../../../src/core/privacy/noise-shares.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { leastBits, pack, packedBytes, Unpacker, unpack, wordSizes } from '../../../src/core/secagg/packing.ts';
import { seededBytes } from '../privacy/seeded-bytes.ts';

const anyBits = fc.constantFrom(...wordSizes);
const anyWords = fc.array(fc.integer(), { maxLength: 70 }).map(words => Int32Array.from(words));
const isMalformed = (error: unknown) => error instanceof Problem && error.code === 'malformed';

/** The definition: word i is bits i·b to i·b + b − 1 of one large number, whose bytes stand lowest first. */
function packedByDefinition(words: Int32Array, bits: number): Uint8Array {
  let all = 0n;
  words.forEach((word, i) => {
    all |= BigInt.asUintN(bits, BigInt(word)) << BigInt(i * bits);
  });
  return Uint8Array.from({ length: Math.ceil((words.length * bits) / 8) }, (_, i) =>
    Number(BigInt.asUintN(8, all >> BigInt(8 * i))),
  );
}

test('packed words stand lowest bit first, one behind the other', () => {
  fc.assert(
    fc.property(anyWords, anyBits, (words, bits) => {
      const packed = pack(words, bits);
      assert.deepEqual(packed, packedByDefinition(words, bits));
      assert.equal(packed.length, packedBytes(words.length, bits));
    }),
  );
  assert.deepEqual([...pack(Int32Array.of(0x12345, -1, 1), 20)], [0x45, 0x23, 0xf1, 0xff, 0xff, 1, 0, 0]);
});

test('unpacking gives the low bits of every word, however the bytes are cut and wherever they lie', () => {
  fc.assert(
    fc.property(anyWords, anyBits, fc.array(fc.nat(9)), fc.nat(3), (words, bits, cuts, offset) => {
      const packed = pack(words, bits);
      const expected = words.map(word => (bits === 32 ? word : word & (2 ** bits - 1)));
      const moved = new Uint8Array(packed.length + offset).subarray(offset);
      moved.set(packed);
      assert.deepEqual(unpack(moved, bits, words.length), expected);
      const target = new Int32Array(words.length + 2).fill(7);
      const unpacker = new Unpacker(target.subarray(1, 1 + words.length), bits);
      let at = 0;
      for (const cut of cuts) {
        unpacker.add(moved.subarray(at, at + cut));
        at += cut;
      }
      unpacker.add(moved.subarray(at));
      unpacker.end();
      assert.deepEqual([...target], [7, ...expected, 7]);
    }),
  );
});

test('packing changes nothing of the words, and its bytes are its own', () => {
  for (const bits of wordSizes) {
    const words = Int32Array.of(1, -2, 3);
    pack(words, bits).fill(0xff);
    assert.deepEqual([...words], [1, -2, 3]);
  }
});

test('a byte too many or too few is refused, and so is padding that is not zero', () => {
  fc.assert(
    fc.property(anyWords, anyBits, (words, bits) => {
      const packed = pack(words, bits);
      assert.throws(() => unpack(Uint8Array.of(...packed, 0), bits, words.length), isMalformed);
      if (packed.length > 0) assert.throws(() => unpack(packed.subarray(1), bits, words.length), isMalformed);
      const padding = 8 * packed.length - bits * words.length;
      for (let bit = 1; bit <= padding; bit++) {
        const changed = packed.slice();
        changed[changed.length - 1] |= 1 << (8 - bit);
        assert.throws(() => unpack(changed, bits, words.length), isMalformed);
      }
    }),
  );
  const odd = pack(Int32Array.of(1, 2, 3), 20);
  assert.equal(odd.length, 8);
  odd[7] |= 0x10;
  assert.throws(() => unpack(odd, 20, 3), isMalformed);
});

test('different bytes are different words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), fc.constantFrom(16, 20), (bytes, bits) => {
      const length = (8 * bytes.length) / bits;
      assert.deepEqual(pack(unpack(bytes, bits, length), bits), bytes);
    }),
  );
});

test('shares of a noisy sum go through the next larger words: their sum, reduced, is the sum modulo the smaller', () => {
  const plan = sharedPlan({
    noiseMultiplier: 1,
    clipNorm: 1,
    relation: 'add-remove',
    dimension: 5,
    cohort: 9,
    mostDropouts: 1,
    mostColluders: 1,
  });
  const bits = leastBits(plan.bits);
  assert.ok(bits > plan.bits, 'nothing would have to be reduced');
  const { randomBytes } = seededBytes();
  const rotation = new Uint8Array(32).fill(3);
  const shares = Array.from({ length: 9 }, (_, i) =>
    shareOf(new Float32Array(5).fill(0.1 * i), plan, rotation, bestKernels(), randomBytes),
  );
  const arrived = new Int32Array(plan.paddedDimension);
  for (const share of shares)
    unpack(pack(share, bits), bits, share.length).forEach((word, i) => {
      arrived[i] += word;
    });
  const opened = unpack(pack(arrived, bits), bits, arrived.length);
  assert.ok(opened.some(word => word >= 2 ** plan.bits));
  assert.deepEqual(
    sumOfSharedWords(opened, 9, plan, rotation, bestKernels()),
    sumOfShares(shares, plan, rotation, bestKernels()),
  );
});

test('the least word that holds so many bits is one of the four', () => {
  assert.deepEqual([1, 16, 17, 20, 21, 24, 25, 31, 32].map(leastBits), [16, 16, 20, 20, 24, 24, 32, 32, 32]);
  assert.throws(() => leastBits(33), RangeError);
});
