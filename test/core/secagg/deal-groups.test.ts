import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareBytes } from '../../../src/core/bytes/cbor.ts';
import { RandomStream } from '../../../src/core/math/random.ts';
import { dealBytes, dealGroups, dealKey, type NextBytes } from '../../../src/core/secagg/deal-groups.ts';

const hkdf = (key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number) =>
  new Uint8Array(hkdfSync('sha256', key, salt, info, length));

function streamOf(coin: Uint8Array): NextBytes {
  const cipher = createCipheriv('aes-256-ctr', dealKey(coin, { hkdf }), new Uint8Array(16));
  return count => cipher.update(new Uint8Array(count));
}

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const members = fc
  .uniqueArray(hash, { minLength: 1, maxLength: 60, comparator: (a, b) => compareBytes(a, b) === 0 })
  .map(hashes => hashes.sort(compareBytes));

/** Takes what it gives from the list. */
function replayed(bytes: number[]): NextBytes {
  return count => Uint8Array.from(bytes.splice(0, count));
}

function numbered(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Uint8Array.of(i));
}

test('every member is in one group, the sizes are within one, and the same coin deals the same', () => {
  fc.assert(
    fc.property(members, fc.nat(), hash, (hashes, pick, coin) => {
      const groups = 1 + (pick % hashes.length);
      const dealt = dealGroups(hashes, groups, streamOf(coin));
      assert.equal(dealt.length, groups);
      assert.deepEqual(
        dealt.flat().sort((a, b) => a - b),
        hashes.map((_, i) => i),
      );
      const sizes = dealt.map(group => group.length);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      for (const group of dealt) assert.ok(group.every((place, i) => i === 0 || group[i - 1] < place));
      assert.deepEqual(dealGroups(hashes, groups, streamOf(coin)), dealt);
    }),
  );
});

test('another coin deals others', () => {
  const deals = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify(dealGroups(numbered(30), 3, streamOf(new Uint8Array(32).fill(i)))),
  );
  assert.equal(new Set(deals).size, 20);
});

test('every way to deal six into three pairs is equally likely', () => {
  const stream = new RandomStream(new Uint8Array(32).fill(7));
  const counts = new Map<string, number>();
  const draws = 9000;
  for (let i = 0; i < draws; i++) {
    const coin = Uint8Array.from({ length: 32 }, () => stream.below(256));
    const deal = JSON.stringify(dealGroups(numbered(6), 3, streamOf(coin)));
    counts.set(deal, (counts.get(deal) ?? 0) + 1);
  }
  // 6! / 2!³ ways.
  assert.equal(counts.size, 90);
  const expected = draws / 90;
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // The 0.999 quantile of χ² with 89 degrees of freedom is 134.5.
  assert.ok(chiSquare < 134.5, `χ² = ${chiSquare}`);
});

test('a word that would favour some places is rejected', () => {
  // 2^32 is 1 modulo 3: of three places, the word 2^32 − 1 would make one likelier.
  const words = [0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 1, 0, 0, 0];
  assert.deepEqual(dealGroups(numbered(3), 3, replayed(words)), [[0], [1], [2]]);
  assert.equal(words.length, 0);
});

test('words are read little-endian', () => {
  const words = [0, 1, 0, 0, 1, 0, 0, 0];
  // 256 mod 3 = 1: places 1 and 2 change; 1 mod 2 = 1: nothing does.
  assert.deepEqual(dealGroups(numbered(3), 3, replayed(words)), [[0], [2], [1]]);
});

test('the bytes to have before a deal are enough', () => {
  for (const count of [1, 2, 100, 5000]) {
    const next = streamOf(new Uint8Array(32));
    let used = 0;
    dealGroups(
      Array.from({ length: count }, (_, i) => Uint8Array.of(i >> 8, i)),
      1,
      bytes => {
        used += bytes;
        return next(bytes);
      },
    );
    assert.ok(used >= 4 * (count - 1) && used <= dealBytes(count));
  }
});

test('members out of order or twice, and more groups than members, are refused', () => {
  const next = streamOf(new Uint8Array(32));
  const [a, b] = [Uint8Array.of(1), Uint8Array.of(2)];
  assert.throws(() => dealGroups([b, a], 1, next), /ascending/);
  assert.throws(() => dealGroups([a, a], 1, next), /ascending/);
  for (const groups of [0, 3, 1.5, Number.NaN]) assert.throws(() => dealGroups([a, b], groups, next), RangeError);
  assert.throws(() => dealKey(new Uint8Array(31), { hkdf }), RangeError);
});
