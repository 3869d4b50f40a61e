/** What every port of the primitives must answer: published vectors, and the signatures that split lax verifiers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import type { Primitives } from '../../../src/core/crypto/primitives.ts';

const vectors = process.env.PARLEY_VECTORS_DIR;
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const order = ed25519.Point.Fn.ORDER;

interface Wycheproof {
  testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[];
}

/** Declares the tests that a port passes. */
export function testStrictEd25519(port: string, primitives: Primitives): void {
  test(`${port}: 88 Wycheproof signatures are accepted and 63 refused`, {
    skip: vectors === undefined && 'PARLEY_VECTORS_DIR is not set',
  }, () => {
    const file = JSON.parse(
      readFileSync(join(vectors as string, 'wycheproof', 'ed25519_test.json'), 'utf8'),
    ) as Wycheproof;
    const counts = { accepted: 0, refused: 0 };
    for (const group of file.testGroups) {
      for (const { tcId, msg, sig, result } of group.tests) {
        const accepted = primitives.verify(bytes(group.publicKey.pk), bytes(msg), bytes(sig));
        assert.equal(accepted, result === 'valid', `tc${tcId}`);
        counts[accepted ? 'accepted' : 'refused']++;
      }
    }
    assert.deepEqual(counts, { accepted: 88, refused: 63 });
  });

  test(`${port}: a key of small order is refused whatever the message`, () => {
    // With A of small order and R = identity, S = 0 satisfies the equation for every message where k·A vanishes.
    const signature = new Uint8Array(64);
    signature[0] = 1;
    for (const key of smallOrderKeys()) {
      for (let i = 0; i < 16; i++) assert.equal(primitives.verify(key, Uint8Array.of(i), signature), false);
    }
  });

  test(`${port}: signatures by a key with a torsion component are refused, though the equation with the cofactor holds`, () => {
    const { key, sign } = mixedOrderSigner();
    let splitting = 0;
    for (let i = 0; i < 16; i++) {
      const message = Uint8Array.of(i);
      const signature = sign(message);
      if (ed25519.verify(signature, message, key, { zip215: false })) splitting++;
      assert.equal(primitives.verify(key, message, signature), false);
    }
    assert.equal(splitting, 16, 'a verifier with the cofactor accepts all of them');
  });

  test(`${port}: a signature with a torsion component in R is refused`, () => {
    const { key, sign } = torsionNonceSigner();
    const message = Uint8Array.of(7);
    const signature = sign(message);
    assert.equal(
      ed25519.verify(signature, message, key, { zip215: false }),
      true,
      'a verifier with the cofactor accepts it',
    );
    assert.equal(primitives.verify(key, message, signature), false);
  });

  test(`${port}: S + L is refused`, () => {
    const seed = new Uint8Array(32).fill(5);
    const message = Uint8Array.of(1, 2, 3);
    const signature = ed25519.sign(message, seed);
    assert.equal(primitives.verify(ed25519.getPublicKey(seed), message, signature), true);
    signature.set(littleEndian(fromLittleEndian(signature.subarray(32)) + order), 32);
    assert.equal(primitives.verify(ed25519.getPublicKey(seed), message, signature), false);
  });

  test(`${port}: keys and signatures of a wrong length are refused, not thrown at`, () => {
    const key = ed25519.getPublicKey(new Uint8Array(32));
    for (const length of [0, 31, 33, 64])
      assert.equal(primitives.verify(new Uint8Array(length), key, new Uint8Array(64)), false);
    for (const length of [0, 63, 65]) assert.equal(primitives.verify(key, key, new Uint8Array(length)), false);
  });

  test(`${port}: SHA-256 gives the FIPS 180-4 example in every way of asking`, async () => {
    const abc = new TextEncoder().encode('abc');
    const expected = bytes('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    assert.deepEqual(primitives.sha256(abc), expected);
    assert.deepEqual(await primitives.sha256Large(abc), expected);
    const running = primitives.createSha256();
    for (const byte of abc) running.update(Uint8Array.of(byte));
    assert.deepEqual(await running.digest(), expected);
  });

  test(`${port}: the three SHA-256 agree on a megabyte that is a view into a larger buffer`, async () => {
    const whole = Uint8Array.from({ length: 1_000_100 }, (_, i) => (i * 31) & 255);
    const view = whole.subarray(50, 1_000_050);
    const expected = primitives.sha256(Uint8Array.from(view));
    assert.deepEqual(await primitives.sha256Large(view), expected);
    const running = primitives.createSha256();
    running.update(view.subarray(0, 333_333));
    running.update(view.subarray(333_333));
    assert.deepEqual(await running.digest(), expected);
  });

  test(`${port}: random bytes have the asked length and differ`, () => {
    assert.equal(primitives.randomBytes(0).length, 0);
    assert.equal(primitives.randomBytes(33).length, 33);
    assert.notDeepEqual(primitives.randomBytes(32), primitives.randomBytes(32));
  });
}

/** A point of order 8. */
function torsionPoint() {
  return ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
}

function smallOrderKeys(): Uint8Array[] {
  const keys = [ed25519.Point.ZERO.toBytes()];
  for (let i = 1, point = torsionPoint(); i < 8; i++, point = point.add(torsionPoint())) keys.push(point.toBytes());
  assert.equal(new Set(keys.map(String)).size, 8);
  return keys;
}

/** Signs for the key a·B + T with the scalar a: right up to a multiple of T. */
function mixedOrderSigner() {
  const a = 1234567891011n;
  const key = ed25519.Point.BASE.multiply(a).add(torsionPoint()).toBytes();
  return { key, sign: (message: Uint8Array) => signRaw(a, 987654321n, key, message, ed25519.Point.ZERO) };
}

function torsionNonceSigner() {
  const a = 1234567891011n;
  const key = ed25519.Point.BASE.multiply(a).toBytes();
  return { key, sign: (message: Uint8Array) => signRaw(a, 987654321n, key, message, torsionPoint()) };
}

function signRaw(
  a: bigint,
  r: bigint,
  key: Uint8Array,
  message: Uint8Array,
  offset: typeof ed25519.Point.ZERO,
): Uint8Array {
  const R = ed25519.Point.BASE.multiply(r).add(offset).toBytes();
  const k = fromLittleEndian(sha512(Uint8Array.of(...R, ...key, ...message))) % order;
  return Uint8Array.of(...R, ...littleEndian((r + k * a) % order));
}

function fromLittleEndian(encoded: Uint8Array): bigint {
  return encoded.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
}

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}
