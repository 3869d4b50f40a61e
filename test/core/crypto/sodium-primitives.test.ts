import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sodiumPrimitives } from '../../../src/core/crypto/sodium-primitives.ts';
import { generateSigner, nodePrimitives } from '../../../src/node/primitives.ts';
import { testStrictEd25519 } from './ed25519-vectors.ts';

const primitives = await sodiumPrimitives(nodePrimitives);

testStrictEd25519('libsodium', primitives);

test('libsodium accepts what OpenSSL signed, of any length, and nothing with a bit flipped', () => {
  const { signer } = generateSigner();
  for (const length of [0, 1, 200, 70_000]) {
    const message = new Uint8Array(length).fill(7);
    assert.ok(primitives.verify(signer.publicKey, message, signer.sign(message)), `${length} bytes`);
  }
  const message = Uint8Array.of(1, 2, 3);
  const signature = signer.sign(message);
  for (let bit = 0; bit < 512; bit++) {
    const flipped = signature.with(bit >> 3, signature[bit >> 3] ^ (1 << (bit & 7)));
    assert.equal(primitives.verify(signer.publicKey, message, flipped), false, `bit ${bit}`);
  }
});
