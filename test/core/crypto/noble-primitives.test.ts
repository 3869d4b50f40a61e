import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { noblePrimitives, nobleSigner } from '../../../src/core/crypto/noble-primitives.ts';
import { testStrictEd25519 } from './ed25519-vectors.ts';

const primitives = noblePrimitives(count => crypto.getRandomValues(new Uint8Array(count)));

testStrictEd25519('noble', primitives);

test('the seed of RFC 8032 §7.1 test 2 gives its public key and signature', () => {
  const signer = nobleSigner(Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex'));
  assert.equal(
    Buffer.from(signer.publicKey).toString('hex'),
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  );
  assert.equal(
    Buffer.from(signer.sign(Uint8Array.of(0x72))).toString('hex'),
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  );
});

test('a signer keeps its own copy of the seed', () => {
  const seed = new Uint8Array(32).fill(9);
  const signer = nobleSigner(seed);
  seed.fill(0);
  assert.equal(ed25519.verify(signer.sign(Uint8Array.of(1)), Uint8Array.of(1), signer.publicKey), true);
  assert.throws(() => nobleSigner(new Uint8Array(31)), RangeError);
});
