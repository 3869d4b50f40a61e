import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodePrimitives } from '../../src/node/primitives.ts';
import { standInPrimitives, standInSigner } from '../../src/simulation/secagg-stand-ins.ts';

const { sha256, randomBytes } = nodePrimitives;
const primitives = standInPrimitives(sha256, randomBytes);
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

test('the stand-in for X-Wing has its sizes, and another key, ciphertext or coins give another secret', () => {
  const { kem } = primitives;
  const [pair, other] = [kem.keyPair(new Uint8Array(32)), kem.keyPair(new Uint8Array(32).fill(1))];
  const coins = new Uint8Array(64).fill(5);
  const { ciphertext, secret } = kem.encapsulate(pair.publicKey, coins);
  assert.deepEqual([pair.publicKey.length, ciphertext.length, secret.length], [1216, 1120, 32]);
  assert.deepEqual(kem.decapsulate(ciphertext, pair), secret);
  assert.notDeepEqual(kem.decapsulate(ciphertext, other), secret);
  assert.notDeepEqual(kem.decapsulate(flipped(ciphertext, 700), pair), secret);
  assert.notDeepEqual(kem.encapsulate(pair.publicKey, flipped(coins, 63)).secret, secret);
  for (const length of [0, 1119, 1121]) assert.throws(() => kem.decapsulate(new Uint8Array(length), pair), RangeError);
});

test('the stand-in for boxes opens what it sealed under the same key and nothing that was damaged', () => {
  const { seal, open } = primitives;
  const [key, nonce, none] = [new Uint8Array(32).fill(1), new Uint8Array(12), new Uint8Array(0)];
  const text = Uint8Array.from({ length: 100 }, (_, i) => i);
  const sealed = seal(key, nonce, text, none);
  assert.equal(sealed.length, 116);
  assert.deepEqual(open(key, nonce, sealed, none), text);
  for (const at of [0, 99, 100, 115]) assert.equal(open(key, nonce, flipped(sealed, at), none), null);
  assert.equal(open(flipped(key, 0), nonce, sealed, none), null);
  assert.equal(open(key, nonce, sealed.subarray(0, 15), none), null);
});

test('the stand-in for signatures verifies the message of its signer and no other', () => {
  const [signer, other] = [1, 2].map(i => standInSigner(sha256, new Uint8Array(32).fill(i)));
  const message = new Uint8Array(10);
  const signature = signer.sign(message);
  assert.equal(signature.length, 64);
  assert.ok(primitives.verify(signer.publicKey, message, signature));
  assert.ok(!primitives.verify(other.publicKey, message, signature));
  assert.ok(!primitives.verify(signer.publicKey, flipped(message, 3), signature));
  for (const at of [0, 31, 32, 63]) assert.ok(!primitives.verify(signer.publicKey, message, flipped(signature, at)));
});
