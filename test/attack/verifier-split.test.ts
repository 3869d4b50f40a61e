/** Signatures that strict verifiers refuse and lax ones take: with them a coordinator shows different members different sets, signed by one member. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { ports } from '../../src/conformance/implementations/every-port.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/core/crypto/envelope.ts';
import type { MemberLabel } from '../../src/core/secagg/group-message.ts';
import { stepMember } from '../../src/core/secagg/member-machine.ts';
import { assertAborts, places, quorumEvent, signedFor, TestGroup } from './secagg-session.ts';

const size = 5;
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

/** Wycheproof ed25519_test.json tc151: R encodes y = 1 with the sign of x set. */
const tc151 = {
  publicKey: bytes('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
  message: bytes('313233343030'),
  signature: bytes(
    '0100000000000000000000000000000000000000000000000000000000000080c803ee1f2342aa96ff698a393d1ab5e66f3eda101d6d120b394c3fd32c117d0a',
  ),
};

/** The neutral point as key: S = 0 and R = A fit every message, for who does not look at the order of the key. */
const neutral = bytes('0100000000000000000000000000000000000000000000000000000000000000');
const forEverything = Uint8Array.of(...neutral, ...new Uint8Array(32));

/** S + L in place of S: another signature of the same message, without the key (RFC 8032 §5.1.7). */
function malleated(signature: Uint8Array): Uint8Array {
  const s = order + littleEndian(signature.subarray(32));
  const out = Uint8Array.from(signature);
  for (let i = 0; i < 32; i++) out[32 + i] = Number((s >> BigInt(8 * i)) & 255n);
  return out;
}

function littleEndian(digits: Uint8Array): bigint {
  return digits.reduceRight((total, digit) => (total << 8n) | BigInt(digit), 0n);
}

const lax = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
  ed25519.verify(signature, message, publicKey, { zip215: true });

test('verifiers that are lax and verifiers that are strict judge these differently', () => {
  assert.ok(lax(tc151.publicKey, tc151.message, tc151.signature));
  assert.ok(!ed25519.verify(tc151.signature, tc151.message, tc151.publicKey, { zip215: false }));
  for (const text of ['one set', 'another set']) assert.ok(lax(neutral, Buffer.from(text), forEverything));
});

/** A point of order 8, added to a key: with and without the cofactor its signatures fit different messages (RFC 8032 §5.1.7, note). */
const torsion = ed25519.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');

/** A signature by such a key: it fits without the cofactor only where the hash is a multiple of 8. */
function signedWithTorsion(message: Uint8Array) {
  const [secret, nonce] = [123_456_789n, 987_654_321n];
  const publicKey = ed25519.Point.BASE.multiply(secret).add(torsion).toBytes();
  const r = ed25519.Point.BASE.multiply(nonce).toBytes();
  const hash = createHash('sha512').update(r).update(publicKey).update(message).digest();
  const k = littleEndian(hash) % order;
  let s = (nonce + k * secret) % order;
  const signature = Uint8Array.of(...r, ...new Uint8Array(32));
  for (let i = 32; i < 64; i++, s >>= 8n) signature[i] = Number(s & 255n);
  return { publicKey, signature, isPlain: k % 8n === 0n };
}

test('keys with a part of small order, whose signatures only some verifiers take, are refused on every port', async () => {
  const messages = Array.from({ length: 60 }, (_, i) => Buffer.from(`set ${i}`));
  const signed = messages.map(message => ({ message, ...signedWithTorsion(message) }));
  for (const { publicKey, message, signature } of signed) assert.ok(lax(publicKey, message, signature));
  assert.ok(signed.some(({ isPlain }) => isPlain) && signed.some(({ isPlain }) => !isPlain));
  for (const { verify } of await ports())
    for (const { publicKey, message, signature } of signed) assert.ok(!verify(publicKey, message, signature));
});

test('every port refuses them, so that all members see the same', async () => {
  const group = new TestGroup({ size });
  const { signer } = group.members[0];
  const message = Buffer.from('a set');
  const signature = signer.sign(message);
  for (const { verify } of await ports()) {
    assert.ok(verify(signer.publicKey, message, signature));
    assert.ok(!verify(signer.publicKey, message, malleated(signature)));
    assert.ok(!verify(tc151.publicKey, tc151.message, tc151.signature));
    assert.ok(!verify(neutral, message, forEverything));
  }
});

test('a key that signs everything gives a lax member a quorum for any set, and no real one', () => {
  const group = new TestGroup({ size }).reach('agree');
  const { primitives, manifest } = group;
  const victim = 0;
  // t − 1 members of the coordinator, certified with the neutral point as key.
  const colluding = places(size).slice(1, manifest.thresholds.t);
  const state = group.states[victim];
  assert.ok(state.stage === 'agree');
  const present = state.present.map(peer => (colluding.includes(peer.at) ? { ...peer, publicKey: neutral } : peer));
  const agreed = [
    { at: victim, agree: group.said('group-agree', victim) },
    ...colluding.map(at => ({ at, agree: withSignature(signedFor(group, at, group.survivors).agree, forEverything) })),
  ];
  const event = quorumEvent(group, agreed);
  const told = (verify: typeof primitives.verify) =>
    stepMember(structuredClone({ ...state, present }), event, { ...primitives, verify }).actions;
  assert.equal(told(lax)[0].kind, 'send', 'the lax member opens its shares');
  const [action] = told(primitives.verify);
  assert.ok(action.kind === 'aborted' && action.problem === 'bad-signature');
});

test('in every step a signature that was altered to fit lax verifiers only ends the session', () => {
  for (const [stage, label, tell] of [
    ['keys', 'group-keys', (group: TestGroup) => group.membersEvent()],
    ['shares', 'group-shares', (group: TestGroup) => ({ kind: 'boxes', message: group.boxesMessage(1) }) as const],
    ['agree', 'group-agree', (group: TestGroup) => ({ kind: 'quorum', message: group.quorumMessage() }) as const],
  ] as const) {
    const group = new TestGroup({ size }).reach(stage);
    alterSignature(group, label, 3);
    assertAborts(group, 1, tell(group), 'bad-signature');
  }
});

function alterSignature(group: TestGroup, label: MemberLabel, at: number): void {
  const { signature } = decodeEnvelope(group.said(label, at));
  group.sent.set(`${label} ${at}`, withSignature(group.said(label, at), malleated(signature)));
}

function withSignature(envelope: Uint8Array, signature: Uint8Array): Uint8Array {
  return encodeEnvelope({ ...decodeEnvelope(envelope), signature });
}
