import assert from 'node:assert/strict';
import { test } from 'node:test';
import { x25519 as nobleX25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { nodeHkdf } from '../../src/node/hkdf.ts';
import { type Aead, hmacSha256, isHmacSha256, openAead, sealAead, x25519 } from '../../src/node/key-primitives.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 100 });
const aeads: Aead[] = ['aes-256-gcm', 'chacha20-poly1305'];

test('HMAC and HKDF equal a second implementation', () => {
  fc.assert(
    fc.property(some, some, some, fc.integer({ min: 1, max: 200 }), (key, message, info, length) => {
      assert.deepEqual(hmacSha256(key, message), hmac(sha256, key, message));
      assert.deepEqual(nodeHkdf(key, message, info, length), hkdf(sha256, key, message, info, length));
    }),
    { numRuns: 100, seed: 1 },
  );
  for (const length of [0, 8161, -1, 1.5]) {
    assert.throws(() => nodeHkdf(Uint8Array.of(1), new Uint8Array(0), new Uint8Array(0), length), RangeError);
  }
});

test('a tag verifies whole or cut to 16 bytes, and with no bit changed', () => {
  const key = new Uint8Array(32).fill(7);
  const message = Uint8Array.of(1, 2, 3);
  const tag = hmacSha256(key, message);
  assert.deepEqual(
    [32, 16, 15, 0].map(length => isHmacSha256(key, message, tag.subarray(0, length))),
    [true, true, false, false],
  );
  for (let bit = 0; bit < 256; bit++) {
    const flipped = Uint8Array.from(tag);
    flipped[bit >> 3] ^= 1 << (bit & 7);
    assert.equal(isHmacSha256(key, message, flipped), false);
  }
  assert.equal(isHmacSha256(key, message, Uint8Array.of(...tag, 0)), false);
});

test('both sides of X25519 get the secret that a second implementation gets', () => {
  fc.assert(
    fc.property(fixed(32), fixed(32), (a, b) => {
      const [pa, pb] = [nobleX25519.getPublicKey(a), nobleX25519.getPublicKey(b)];
      assert.deepEqual(x25519(a, pb), nobleX25519.getSharedSecret(a, pb));
      assert.deepEqual(x25519(b, pa), x25519(a, pb));
    }),
    { numRuns: 20, seed: 2 },
  );
});

test('a peer key of small order gives no secret, a key of a wrong length is a misuse', () => {
  const own = new Uint8Array(32).fill(1);
  // The points of order 1, 2, 4 and 8 of Curve25519 (RFC 7748 §6.1), u = 0, 1, p − 1 and one of order 8.
  const small = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `ec${'ff'.repeat(30)}7f`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  ];
  for (const point of small) assert.equal(x25519(own, Buffer.from(point, 'hex')), null, point);
  assert.throws(() => x25519(own, new Uint8Array(31)), RangeError);
  assert.throws(() => x25519(new Uint8Array(33), own), RangeError);
});

test('open(seal(m)) = m, and nothing else opens', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...aeads),
      fixed(32),
      fixed(12),
      some,
      some,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (aead, key, nonce, data, message, place, change) => {
        const sealed = sealAead(aead, key, nonce, data, message);
        assert.equal(sealed.length, message.length + 16);
        assert.deepEqual(openAead(aead, key, nonce, data, sealed), message);
        const alter = (bytes: Uint8Array): Uint8Array => {
          const altered = Uint8Array.from(bytes);
          altered[place % altered.length] ^= change;
          return altered;
        };
        assert.equal(openAead(aead, key, nonce, data, alter(sealed)), null);
        assert.equal(openAead(aead, alter(key), nonce, data, sealed), null);
        assert.equal(openAead(aead, key, alter(nonce), data, sealed), null);
        assert.equal(openAead(aead, key, nonce, Uint8Array.of(...data, change), sealed), null);
        assert.equal(openAead(aead, key, nonce, data, sealed.subarray(0, place % sealed.length)), null);
      },
    ),
    { numRuns: 200, seed: 3 },
  );
});

test('keys and nonces of another length are a RangeError', () => {
  const [key, nonce, none] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(0)];
  for (const aead of aeads) {
    for (const length of [0, 16, 24, 33])
      assert.throws(() => sealAead(aead, new Uint8Array(length), nonce, none, none), RangeError);
    for (const length of [0, 8, 11, 13, 16])
      assert.throws(() => openAead(aead, key, new Uint8Array(length), none, new Uint8Array(16)), RangeError);
  }
});
