import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { noblePrimitives, nobleSigner } from '../../src/core/crypto/noble-primitives.ts';
import { generateSigner, nodePrimitives, signerFromPrivateKey } from '../../src/node/primitives.ts';
import { testStrictEd25519 } from '../core/crypto/ed25519-vectors.ts';

testStrictEd25519('node', nodePrimitives);

const noble = noblePrimitives(nodePrimitives.randomBytes);

test('both ports make the same signatures from the same key and accept each other', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 100 }), (seed, message) => {
      const ours = signerFromPrivateKey(
        Buffer.from([...Buffer.from('302e020100300506032b657004220420', 'hex'), ...seed]),
      );
      const theirs = nobleSigner(seed);
      assert.deepEqual(ours.publicKey, theirs.publicKey);
      const signature = ours.sign(message);
      assert.deepEqual(signature, theirs.sign(message));
      assert.ok(
        nodePrimitives.verify(ours.publicKey, message, signature) && noble.verify(ours.publicKey, message, signature),
      );
    }),
    { numRuns: 30, seed: 1 },
  );
});

test('a signature with any bit flipped is refused by both ports', () => {
  const { signer } = generateSigner();
  const message = Uint8Array.of(1, 2, 3);
  const signature = signer.sign(message);
  assert.ok(nodePrimitives.verify(signer.publicKey, message, signature));
  for (let bit = 0; bit < 512; bit++) {
    const flipped = Uint8Array.from(signature);
    flipped[bit >> 3] ^= 1 << (bit & 7);
    assert.equal(nodePrimitives.verify(signer.publicKey, message, flipped), false, `bit ${bit}`);
    if (bit % 16 === 0) assert.equal(noble.verify(signer.publicKey, message, flipped), false, `bit ${bit}`);
  }
});

test('a key survives storage: PEM, DER and KeyObject give the same signer', () => {
  const { signer, privateKey, pkcs8 } = generateSigner();
  const der = createPrivateKey(pkcs8).export({ format: 'der', type: 'pkcs8' });
  for (const key of [privateKey, pkcs8, der]) assert.deepEqual(signerFromPrivateKey(key).publicKey, signer.publicKey);
});

test('a signer refuses keys that are not Ed25519 private keys, without quoting them', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  assert.throws(() => signerFromPrivateKey(privateKey), TypeError);
  assert.throws(() => signerFromPrivateKey(publicKey), TypeError);
  assert.throws(() => signerFromPrivateKey('secret text'), {
    name: 'TypeError',
    message: 'signer: not a PKCS#8 private key',
  });
  assert.throws(() => signerFromPrivateKey(Uint8Array.of(1, 2, 3)), TypeError);
});

test('more keys than the cache holds still verify', () => {
  const message = Uint8Array.of(9);
  const first = generateSigner().signer;
  assert.ok(nodePrimitives.verify(first.publicKey, message, first.sign(message)));
  // Refused keys fill the cache as well as good ones do, and cost less to make.
  const filler = new Uint8Array(32);
  for (let i = 0; i < 4200; i++) {
    new DataView(filler.buffer).setUint32(0, i);
    nodePrimitives.verify(filler, message, new Uint8Array(64));
  }
  assert.ok(nodePrimitives.verify(first.publicKey, message, first.sign(message)));
});

test('what the port returns is plain bytes whose slice copies', async () => {
  const digest = nodePrimitives.sha256(Uint8Array.of(1));
  const results = [
    digest,
    await nodePrimitives.sha256Large(Uint8Array.of(1)),
    nodePrimitives.randomBytes(4),
    generateSigner().signer.publicKey,
  ];
  for (const result of results) assert.equal(Object.getPrototypeOf(result), Uint8Array.prototype);
});
