/** Masks that can be guessed: seeds of few bits (Flower folds them to 28 or 32), points of low order, secrets that are none. */
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { ports } from '../../src/conformance/implementations/every-port.ts';
import { nobleKeystream } from '../../src/core/crypto/noble-keystream.ts';
import { webKeystream } from '../../src/core/crypto/web-keystream.ts';
import { pairSeed } from '../../src/core/secagg/derive.ts';
import { encodeGroupMessage, parseKeys } from '../../src/core/secagg/group-message.ts';
import { streamKey } from '../../src/core/secagg/mask-plan.ts';
import { beginMember } from '../../src/core/secagg/member-machine.ts';
import { nodeKeystream } from '../../src/node/keystream.ts';
import {
  added,
  assertAborts,
  bytesFrom,
  honestCoordinator,
  inputOf,
  places,
  segment,
  stripped,
  TestGroup,
  taken,
} from './secagg-session.ts';

const [size, victim] = [5, 2];
const group = new TestGroup({ size }).reach('masking');

/** RFC 7748 §6.1: u-coordinates with which X25519 gives zero. */
const lowOrder = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex => Uint8Array.from(Buffer.from(hex, 'hex')));

test('a mask whose seed has 12 bits is found by trying all, from a word of the input that is known', async () => {
  const folded = (bits: number): Uint8Array => {
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(28, bits);
    return seed;
  };
  const vector = await added(inputOf(victim), [{ seed: folded(1234), sign: 1 }], group);
  const found: number[] = [];
  for (let bits = 0; bits < 2 ** 12; bits++) {
    const first = new Int32Array(1);
    const key = streamKey(folded(bits), segment, group.primitives);
    nodeKeystream.open(key).fill(new Uint8Array(first.buffer));
    if (((vector[0] - first[0]) | 0) === inputOf(victim)[0]) found.push(bits);
  }
  assert.deepEqual(found, [1234]);
  assert.deepEqual(await stripped(vector, [{ seed: folded(found[0]), sign: 1 }], group), inputOf(victim));
});

test('each of the 256 bits of every seed of a session changes the whole mask', async () => {
  for (const { seed } of group.masks.get(victim) ?? []) {
    const zero = new Int32Array(segment.length);
    const masks = new Set([String(await added(zero, [{ seed, sign: 1 }], group))]);
    for (let bit = 0; bit < 256; bit++) {
      const other = Uint8Array.from(seed);
      other[bit >> 3] ^= 1 << (bit & 7);
      const mask = await added(zero, [{ seed: other, sign: 1 }], group);
      assert.ok(!masks.has(String(mask)), `bit ${bit}`);
      masks.add(String(mask));
    }
    assert.equal(masks.size, 257);
  }
});

test('all seeds of a session differ, but those that two members share', () => {
  const seeds = places(size).map(at =>
    (group.masks.get(at) ?? []).map(({ seed }) => Buffer.from(seed).toString('hex')),
  );
  assert.equal(seeds.flat().length, size ** 2);
  assert.equal(new Set(seeds.flat()).size, size + (size * (size - 1)) / 2);
});

test('seeds and keys of another length than 32 bytes are refused everywhere', async () => {
  for (const length of [0, 4, 16, 31, 33]) {
    const short = new Uint8Array(length).fill(1);
    await assert.rejects(added(inputOf(victim), [{ seed: short, sign: 1 }], group), RangeError);
    for (const keystream of [nodeKeystream, nobleKeystream, webKeystream(webcrypto.subtle)])
      assert.throws(() => keystream.open(short), RangeError);
    for (const name of ['root', 'self', 'channel'] as const) {
      const secrets = { ...group.secrets(victim), [name]: short };
      assert.throws(() => beginMember(group.sessions[victim], secrets, group.primitives), RangeError);
    }
  }
});

test('secrets of zeros, as a generator without entropy gives them, are refused', () => {
  for (const name of ['root', 'self', 'channel'] as const) {
    const secrets = { ...group.secrets(victim), [name]: new Uint8Array(32) };
    assert.throws(() => beginMember(group.sessions[victim], secrets, group.primitives), RangeError);
  }
});

test('a key of low order gives X25519 nothing secret, on no port', async () => {
  for (const { kem } of await ports()) {
    const pair = kem.keyPair(new Uint8Array(32).fill(1));
    const { ciphertext } = kem.encapsulate(pair.publicKey, new Uint8Array(64).fill(2));
    for (const point of lowOrder) {
      const key = Uint8Array.from(pair.publicKey);
      key.set(point, 1184);
      assert.throws(() => kem.encapsulate(key, new Uint8Array(64)), RangeError);
      const sent = Uint8Array.from(ciphertext);
      sent.set(point, 1088);
      assert.throws(() => kem.decapsulate(sent, pair), RangeError);
    }
  }
});

test('a member that sends keys of low order is turned away by the coordinator, and by every member if it is not', () => {
  for (const name of ['maskKey', 'channelKey'] as const)
    for (const point of lowOrder) {
      const weak = new TestGroup({ size }).reach('keys');
      const liar = 4;
      const keys = parseKeys(weak.payload('group-keys', liar));
      const key = Uint8Array.from(keys[name]);
      key.set(point, 1184);
      const signed = weak.sign(liar, 'group-keys', encodeGroupMessage({ ...keys, [name]: key }));
      weak.sent.set(`group-keys ${liar}`, signed);
      assert.throws(() => taken(honestCoordinator(weak), weak, 'group-keys', [liar]), { code: 'malformed' });
      assertAborts(weak, victim, weak.membersEvent(), 'malformed', /sent a key that is none/);
    }
});

test('what two members share follows from all that an eavesdropper knows only together with the secret', () => {
  const { primitives, sid, manifest } = group;
  const random = bytesFrom('eavesdropper');
  const secret = random(32);
  const seed = pairSeed(secret, sid, [0, 1], manifest.model, primitives);
  for (let bit = 0; bit < 256; bit++) {
    const other = Uint8Array.from(secret);
    other[bit >> 3] ^= 1 << (bit & 7);
    assert.notDeepEqual(pairSeed(other, sid, [0, 1], manifest.model, primitives), seed);
  }
});
