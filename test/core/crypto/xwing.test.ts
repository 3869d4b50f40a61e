import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isEncapsulationKey } from '../../../src/core/crypto/xwing.ts';
import { nodeGroupPrimitives } from '../../../src/node/group-primitives.ts';

const { kem } = await nodeGroupPrimitives();
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

function isTaken(publicKey: Uint8Array): boolean {
  try {
    kem.encapsulate(publicKey, new Uint8Array(64));
    return true;
  } catch (error) {
    assert.ok(error instanceof RangeError);
    return false;
  }
}

test('a key is one exactly where a port encapsulates to it: any coefficient, at the bound of the field and around it', () => {
  const coefficients = fc.constantFrom(0, 3327, 3328, 3329, 3330, 4095);
  fc.assert(
    fc.property(seeds, fc.nat(767), coefficients, (seed, at, coefficient) => {
      const key = Uint8Array.from(kem.keyPair(seed).publicKey);
      const byte = 3 * (at >> 1);
      if (at % 2 === 0) {
        key[byte] = coefficient & 255;
        key[byte + 1] = (key[byte + 1] & 0xf0) | (coefficient >> 8);
      } else {
        key[byte + 1] = (key[byte + 1] & 15) | ((coefficient & 15) << 4);
        key[byte + 2] = coefficient >> 4;
      }
      assert.equal(isEncapsulationKey(key), coefficient < 3329);
      assert.equal(isTaken(key), coefficient < 3329);
    }),
    { numRuns: 60 },
  );
});

test('a key is one exactly where a port encapsulates to it: points of X25519, and lengths', () => {
  const { publicKey } = kem.keyPair(new Uint8Array(32).fill(7));
  // 0, 1, p − 1 and p, little-endian, and 1 with the bit that nobody looks at (RFC 7748 §5).
  const last = (first: number) => Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? first : i === 31 ? 0x7f : 0xff));
  const one = new Uint8Array(32);
  one[0] = 1;
  const high = Uint8Array.from(one);
  high[31] = 0x80;
  for (const point of [new Uint8Array(32), one, last(0xec), last(0xed), high]) {
    const key = Uint8Array.from(publicKey);
    key.set(point, 1184);
    assert.equal(isEncapsulationKey(key), false);
    assert.equal(isTaken(key), false);
  }
  assert.equal(isEncapsulationKey(publicKey), true);
  assert.equal(isEncapsulationKey(publicKey.subarray(1)), false);
  assert.equal(isEncapsulationKey(new Uint8Array(1217)), false);
});
