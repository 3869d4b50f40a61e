import assert from 'node:assert/strict';
import { test } from 'node:test';
import { x25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { hasLowOrder } from '../../../src/core/crypto/low-order.ts';

/** The list of small-order u-coordinates in libsodium's crypto_scalarmult (x25519_ref10.c, has_small_order), little-endian. */
const published = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex => Uint8Array.from(Buffer.from(hex, 'hex')));

const scalar = Uint8Array.from({ length: 32 }, (_, i) => i + 1);

test('the published points of low order are found, with either highest bit, and noble refuses them', () => {
  for (const point of published) {
    for (const bit of [0, 0x80]) {
      const u = point.with(31, point[31] | bit);
      assert.ok(hasLowOrder(u));
      assert.ok(hasLowOrder(Uint8Array.of(...new Uint8Array(1088).fill(7), ...u)));
      assert.throws(() => x25519.getSharedSecret(scalar, u));
    }
  }
});

test('what noble accepts does not have low order', () => {
  const near = fc
    .constantFrom(...published)
    .chain(point =>
      fc
        .record({ at: fc.nat(31), by: fc.integer({ min: 1, max: 255 }) })
        .map(({ at, by }) => point.with(at, point[at] ^ by)),
    );
  fc.assert(
    fc.property(fc.oneof(near, fc.uint8Array({ minLength: 32, maxLength: 32 })), u => {
      assert.equal(hasLowOrder(u), isRefused(u));
    }),
    { numRuns: 60 },
  );
});

function isRefused(u: Uint8Array): boolean {
  try {
    x25519.getSharedSecret(scalar, u);
    return false;
  } catch {
    return true;
  }
}
