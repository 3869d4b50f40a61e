/** What every port of `GroupPrimitives` and `Keystream` must answer, published values first. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { GroupPrimitives, Keystream } from '../../../src/core/crypto/group-primitives.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const digest = (value: Uint8Array) => createHash('sha256').update(value).digest('hex');
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** draft-connolly-cfrg-xwing-kem, Appendix C: seed, coins, secret; public key and ciphertext as SHA-256. */
const xwing = [
  {
    seed: '7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26',
    coins:
      '3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2',
    secret: 'd2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384',
    publicKey: '2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb',
    ciphertext: '17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33',
  },
  {
    seed: 'badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea',
    coins:
      '17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdefaee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d',
    secret: 'f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150',
    publicKey: 'c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916',
    ciphertext: '1661ea86d608a1924ba30840cb0a65f13ae051e3aec9cf0f064efc0bc92f2154',
  },
  {
    seed: 'ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9',
    coins:
      '22a96188d032675c8ac850933c7aff1533b94c834adbb69c6115bad4692d8619f90b0cdf8a7b9c264029ac185b70b83f2801f2f4b3f70c593ea3aeeb613a7f1b',
    secret: '953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f',
    publicKey: '6b080d6b84f095342092fa7a22423e58bd681397ad0ef00eac92bd254db4fa95',
    ciphertext: 'd3ca5578500344b5896cffc4fd740c9311946b82951df155e6fd86a7966b43c6',
  },
];

export function testGroupPrimitives(name: string, { hkdf, kem, seal, open }: GroupPrimitives): void {
  test(`${name}: X-Wing gives the keys, ciphertexts and secrets of the draft's Appendix C`, () => {
    for (const { seed, coins, secret, publicKey, ciphertext } of xwing) {
      const pair = kem.keyPair(bytes(seed));
      assert.equal(digest(pair.publicKey), publicKey);
      assert.equal(hex(pair.secretKey), seed);
      const sent = kem.encapsulate(pair.publicKey, bytes(coins));
      assert.deepEqual([digest(sent.ciphertext), hex(sent.secret)], [ciphertext, secret]);
      assert.equal(hex(kem.decapsulate(sent.ciphertext, pair)), secret);
      // A pair that this port did not make, and again.
      const foreign = { publicKey: pair.publicKey, secretKey: bytes(seed) };
      for (let i = 0; i < 2; i++) assert.equal(hex(kem.decapsulate(sent.ciphertext, foreign)), secret);
    }
  });

  test(`${name}: a pair keeps its own copy of the seed`, () => {
    const seed = bytes(xwing[0].seed);
    const pair = kem.keyPair(seed);
    seed.fill(0);
    assert.equal(hex(pair.secretKey), xwing[0].seed);
  });

  test(`${name}: a ciphertext changed anywhere gives another secret, not an error`, () => {
    const pair = kem.keyPair(bytes(xwing[0].seed));
    const { ciphertext, secret } = kem.encapsulate(pair.publicKey, bytes(xwing[0].coins));
    for (const [at, bit] of [
      [0, 1],
      [700, 0x80],
      [1087, 0x10],
      [1088, 1],
      [1119, 1],
      [1119, 0x80],
    ]) {
      const changed = Uint8Array.from(ciphertext);
      changed[at] ^= bit;
      assert.notDeepEqual(kem.decapsulate(changed, pair), secret, `byte ${at}`);
    }
  });

  test(`${name}: sizes, coefficients outside the field and points of low order are refused`, () => {
    const pair = kem.keyPair(bytes(xwing[0].seed));
    const coins = bytes(xwing[0].coins);
    const { ciphertext } = kem.encapsulate(pair.publicKey, coins);
    const outside = Uint8Array.from(pair.publicKey);
    outside.fill(255, 0, 3);
    for (const act of [
      () => kem.keyPair(new Uint8Array(31)),
      () => kem.encapsulate(pair.publicKey.subarray(1), coins),
      () => kem.encapsulate(pair.publicKey, coins.subarray(1)),
      () => kem.encapsulate(outside, coins),
      () => kem.decapsulate(ciphertext.subarray(1), pair),
      () => kem.decapsulate(ciphertext, { ...pair, secretKey: new Uint8Array(31) }),
    ]) {
      assert.throws(act, RangeError);
    }
    for (const point of lowOrderPoints) {
      const key = Uint8Array.from(pair.publicKey);
      key.set(point, 1184);
      assert.throws(() => kem.encapsulate(key, coins), RangeError);
      const sent = Uint8Array.from(ciphertext);
      sent.set(point, 1088);
      assert.throws(() => kem.decapsulate(sent, pair), RangeError);
    }
  });

  test(`${name}: HKDF gives the values of RFC 5869 Appendix A.1 to A.3`, () => {
    const range = (from: number, count: number) => Uint8Array.from({ length: count }, (_, i) => from + i);
    const ikm = new Uint8Array(22).fill(0x0b);
    assert.equal(
      hex(hkdf(ikm, range(0, 13), range(0xf0, 10), 42)),
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    );
    assert.equal(
      hex(hkdf(range(0, 80), range(0x60, 80), range(0xb0, 80), 82)),
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    );
    assert.equal(
      hex(hkdf(ikm, new Uint8Array(0), new Uint8Array(0), 42)),
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
    for (const length of [0, 8161, 1.5]) assert.throws(() => hkdf(ikm, ikm, ikm, length), RangeError);
  });

  test(`${name}: a box is that of RFC 8439 §2.8.2, and opens only unchanged`, () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const nonce = bytes('070000004041424344454647');
    const associated = bytes('50515253c0c1c2c3c4c5c6c7');
    const text = new TextEncoder().encode(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed = seal(key, nonce, text, associated);
    assert.equal(
      hex(sealed),
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691',
    );
    assert.deepEqual(open(key, nonce, sealed, associated), text);
    for (const at of [0, 50, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed);
      changed[at] ^= 1;
      assert.equal(open(key, nonce, changed, associated), null);
    }
    assert.equal(open(key, nonce, sealed.subarray(1), associated), null);
    assert.equal(open(key, nonce, sealed, associated.subarray(1)), null);
    assert.equal(
      open(
        key.map(byte => byte ^ 1),
        nonce,
        sealed,
        associated,
      ),
      null,
    );
    assert.equal(open(key, nonce, new Uint8Array(15), associated), null);
    for (const [shortKey, shortNonce] of [
      [key.subarray(1), nonce],
      [key, nonce.subarray(1)],
    ]) {
      assert.throws(() => open(shortKey, shortNonce, sealed, associated), RangeError);
      assert.throws(() => seal(shortKey, shortNonce, text, associated), RangeError);
    }
  });

  test(`${name}: what was sealed opens, an empty text under an empty context too`, () => {
    fc.assert(
      fc.property(
        exactly(32),
        exactly(12),
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array(),
        (key, nonce, text, associated) => {
          const sealed = seal(key, nonce, text, associated);
          assert.equal(sealed.length, text.length + 16);
          assert.deepEqual(open(key, nonce, sealed, associated), text);
        },
      ),
      { numRuns: 30, seed: 1 },
    );
  });
}

/** Both ports give the same bytes for the same input; each opens and decapsulates what the other made. */
export function testEqualPorts(name: string, one: GroupPrimitives, other: GroupPrimitives): void {
  test(`${name} agree bit for bit`, () => {
    fc.assert(
      fc.property(
        exactly(32),
        exactly(64),
        exactly(12),
        fc.uint8Array({ maxLength: 100 }),
        (seed, coins, nonce, text) => {
          const pair = one.kem.keyPair(seed);
          assert.deepEqual(pair, other.kem.keyPair(seed));
          const sent = one.kem.encapsulate(pair.publicKey, coins);
          assert.deepEqual(sent, other.kem.encapsulate(pair.publicKey, coins));
          assert.deepEqual(other.kem.decapsulate(sent.ciphertext, pair), sent.secret);
          // The highest bit of a point is not part of it, but of what is hashed.
          for (const at of [7, 1119]) {
            const changed = Uint8Array.from(sent.ciphertext);
            changed[at] ^= 0x80;
            assert.deepEqual(one.kem.decapsulate(changed, pair), other.kem.decapsulate(changed, pair));
          }
          assert.deepEqual(one.hkdf(seed, nonce, text, 100), other.hkdf(seed, nonce, text, 100));
          assert.deepEqual(one.seal(seed, nonce, text, coins), other.seal(seed, nonce, text, coins));
        },
      ),
      { numRuns: 10, seed: 2 },
    );
  });
}

/** RFC 7748 §6.1: coordinates with which X25519 gives zero. */
const lowOrderPoints = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(bytes);

export function testKeystream(name: string, keystream: Keystream): void {
  const read = async (key: Uint8Array, from: number, ...lengths: readonly number[]): Promise<Uint8Array> => {
    const reader = keystream.open(key, from);
    const parts: Uint8Array[] = [];
    for (const length of lengths) {
      const target = new Uint8Array(length).fill(0xaa);
      await reader.fill(target);
      parts.push(target);
    }
    return Uint8Array.from(Buffer.concat(parts));
  };

  test(`${name}: the stream of the zero key is AES-256 of 0, 1, 2 … (the GCM specification's H of test case 13, C of 14)`, async () => {
    const stream = await read(new Uint8Array(32), 0, 48);
    assert.equal(hex(stream.subarray(0, 16)), 'dc95c078a2408989ad48a21492842087');
    assert.equal(hex(stream.subarray(32, 48)), 'cea7403d4d606b6e074ec5d3baf39d18');
  });

  test(`${name}: read in pieces or from any place on, a stream is the same`, async () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1);
    const whole = await read(key, 0, 150_000);
    await fc.assert(
      fc.asyncProperty(fc.nat(70_000), fc.nat(70_000), fc.nat(9000), async (from, first, second) => {
        assert.deepEqual(await read(key, from, first, second), whole.slice(from, from + first + second));
      }),
      {
        numRuns: 8,
        seed: 1,
        examples: [
          [16, 0, 16],
          [17, 65_536, 1],
        ],
      },
    );
  });

  test(`${name}: the counter does not wrap at 2^32 blocks`, async () => {
    const key = new Uint8Array(32).fill(5);
    const behind = await read(key, 2 ** 36 - 16, 32);
    assert.deepEqual(await read(key, 2 ** 36, 16), behind.slice(16));
    assert.notDeepEqual(behind.slice(16), await read(key, 0, 16));
  });

  test(`${name}: a reader keeps its own copy of the key, and refuses short ones`, async () => {
    const key = new Uint8Array(32).fill(9);
    const expected = await read(key, 0, 64);
    const reader = keystream.open(key);
    key.fill(0);
    const target = new Uint8Array(64);
    await reader.fill(target);
    assert.deepEqual(target, expected);
    assert.throws(() => keystream.open(new Uint8Array(16)), RangeError);
    assert.throws(() => keystream.open(new Uint8Array(32), -1), RangeError);
  });
}

export function testEqualKeystreams(name: string, one: Keystream, other: Keystream): void {
  test(`${name} give the same streams`, async () => {
    await fc.assert(
      fc.asyncProperty(exactly(32), fc.nat(2 ** 34), fc.nat(300), async (key, from, length) => {
        const [mine, theirs] = [new Uint8Array(length), new Uint8Array(length)];
        await one.open(key, from).fill(mine);
        await other.open(key, from).fill(theirs);
        assert.deepEqual(mine, theirs);
      }),
      { numRuns: 30, seed: 3 },
    );
  });
}
