import { test } from 'node:test';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import type { EnvelopeFields } from '../../../src/core/crypto/envelope.ts';
import { decodeEnvelope, encodeEnvelope } from '../../../src/core/crypto/envelope.ts';
import type { ProblemCode } from '../../../src/core/protocol/problem.ts';
import { encodeGroupMessage, type KeysMessage, parseKeys } from '../../../src/core/secagg/group-message.ts';
import { assertAborts, hashOf, places, TestGroup } from './member-group.ts';

/** Five members, of which four must stay; all have sent their keys. */
const group = new TestGroup({ size: 5 }).reach('keys');
const me = 2;
type Told = ReturnType<TestGroup['membersEvent']>;

function refuses(event: Told, problem: ProblemCode, why: RegExp): void {
  assertAborts(group, me, event, problem, why);
}

/** The honest event of those at `present`, the R0 of one of them replaced. */
function withKeys(at: number, keys: Uint8Array): Told {
  const event = group.membersEvent();
  const present = event.message.present.map(one => (one.at === at ? { ...one, keys } : one));
  return { ...event, message: { ...event.message, present } };
}

/** The same with keys that member `at` signed. */
function withSigned(at: number, changes: Partial<KeysMessage>, fields: Partial<EnvelopeFields> = {}): Told {
  const keys = { ...keysOf(at), ...changes };
  return withKeys(at, group.sign(at, 'group-keys', encodeGroupMessage(keys), fields));
}

function keysOf(at: number): KeysMessage {
  return parseKeys(group.payload('group-keys', at));
}

/** The event of these members. */
function eventOf(present: readonly number[]): Told {
  const event = group.membersEvent();
  const one = (at: number) => event.message.present[at];
  return {
    ...event,
    message: { ...event.message, present: present.map(one) },
    peers: present.map(at => group.members[at].peer),
  };
}

test('members that are enough are told shares', () => {
  const honest = new TestGroup({ size: 5 });
  honest.begin(places(5));
  honest.present = [0, 1, 2, 4];
  honest.share([0, 1, 2, 4]);
});

test('small-cohort: too few members end the session', () => {
  refuses(eventOf([0, 1, 2]), 'group-small', /3 members, where 4 must stay/);
});

test('the member itself must be among those present', () => {
  refuses(eventOf([0, 1, 3, 4]), 'group-altered', /this member sent its keys and is not among the members/);
});

test('places are ascending, each once, and of the manifest', () => {
  refuses(eventOf([0, 2, 1, 3]), 'group-altered', /not in ascending order/);
  refuses(eventOf([0, 1, 2, 2, 3]), 'group-altered', /not in ascending order/);
  const event = eventOf(places(5));
  const [last] = event.message.present.slice(-1);
  const present = [...event.message.present.slice(0, 4), { ...last, at: 5 }];
  refuses({ ...event, message: { ...event.message, present } }, 'group-altered', /the group has no member 5/);
});

test('key-substitution: a certificate that the manifest does not name is refused', () => {
  const event = eventOf(places(5));
  const present = event.message.present.map(one =>
    one.at === 3 ? { ...one, certificate: encodeCbor('forged') } : one,
  );
  refuses({ ...event, message: { ...event.message, present } }, 'group-altered', /certificate of member 3/);
  const peers = event.peers.map(one => (one.at === 3 ? { ...one, certificate: hashOf('forged') } : one));
  refuses({ ...event, peers }, 'group-altered', /certificate of member 3/);
});

test('key-substitution: keys that another signed are refused', () => {
  const { signature } = decodeEnvelope(group.said('group-keys', 3));
  const forged = { ...decodeEnvelope(group.said('group-keys', 3)), payload: group.payload('group-keys', 1) };
  refuses(withKeys(3, encodeEnvelope({ ...forged, signature })), 'bad-signature', /bad-signature/);
  const own = group.sign(1, 'group-keys', group.payload('group-keys', 3), {
    sender: group.members[3].peer.certificate,
  });
  refuses(withKeys(3, own), 'bad-signature', /bad-signature/);
});

test('verifier-split: a signature that only a lax verifier takes is refused', () => {
  // S + L instead of S satisfies the equation (RFC 8032 §5.1.7 refuses it).
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const envelope = decodeEnvelope(group.said('group-keys', 3));
  const scalar = BigInt(`0x${Buffer.from(envelope.signature.subarray(32)).reverse().toString('hex')}`) + order;
  const bytes = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse();
  const signature = Uint8Array.from([...envelope.signature.subarray(0, 32), ...bytes]);
  refuses(withKeys(3, encodeEnvelope({ ...envelope, signature })), 'bad-signature', /bad-signature/);
});

test('keys signed for another federation, task, round, step or sender are refused', () => {
  const elsewhere: Partial<EnvelopeFields>[] = [
    { federation: 'lungs' },
    { task: hashOf('another task') },
    { round: 8 },
    { label: 'group-shares' },
    { sender: group.members[1].peer.certificate },
  ];
  for (const fields of elsewhere)
    refuses(withSigned(3, {}, fields), 'group-altered', /no group-keys of member 3 in this round/);
});

test('keys of another session are refused', () => {
  refuses(
    withSigned(3, { sid: hashOf('another session') }),
    'group-altered',
    /the keys of member 3: of another session/,
  );
  const event = group.membersEvent();
  refuses({ ...event, message: { ...event.message, sid: hashOf('another') } }, 'group-altered', /another session/);
});

test('bytes that are no envelope, or no keys, are refused', () => {
  refuses(withKeys(3, Uint8Array.of(1, 2, 3)), 'bad-request', /envelope/);
  refuses(withKeys(3, group.sign(3, 'group-keys', encodeCbor({ sid: group.sid }))), 'malformed', /payload/);
});

test('key-substitution: its own keys are those that the member sent', () => {
  refuses(withSigned(me, { maskKey: keysOf(1).maskKey }), 'group-altered', /the keys of this member are not those/);
});

test('key-substitution: no key stands twice', () => {
  const { channelKey, maskKey } = keysOf(1);
  for (const changes of [{ channelKey }, { maskKey }, { channelKey: maskKey }, { maskKey: channelKey }])
    refuses(withSigned(3, changes), 'group-altered', /a key of member 3 is in use already/);
  const same = keysOf(3);
  refuses(withSigned(3, { channelKey: same.maskKey }), 'group-altered', /a key of member 3 is in use already/);
  refuses(withSigned(3, { maskKey: keysOf(me).channelKey }), 'group-altered', /in use already/);
});

test('key-substitution: one signing key under two certificates is refused', () => {
  const event = group.membersEvent();
  const twin = group.members[1];
  const peers = event.peers.map(one => (one.at === 3 ? { ...one, publicKey: twin.peer.publicKey } : one));
  const keys = group.sign(1, 'group-keys', group.payload('group-keys', 3), {
    sender: group.members[3].peer.certificate,
  });
  refuses({ ...withKeys(3, keys), peers }, 'group-altered', /a key of member 3 is in use already/);
});

test('key-substitution: one client under two certificates is refused', () => {
  // A renewed certificate has a key of its own, and the old one is valid as well.
  const event = eventOf(places(5));
  const { name } = event.peers[1];
  const peers = event.peers.map(one => (one.at === 3 ? { ...one, name } : one));
  refuses({ ...event, peers }, 'group-altered', /client-1 stands at two places/);
});

test('weak-seed: keys that nothing can be encapsulated to are refused', () => {
  // A coefficient of 2^12 − 1 is outside the field (FIPS 203 §7.2); a point of zeros has low order (RFC 7748 §6.1).
  const outside = Uint8Array.from(keysOf(3).maskKey).fill(255, 0, 1184);
  const lowOrder = Uint8Array.from(keysOf(3).maskKey).fill(0, 1184);
  for (const key of [outside, lowOrder]) {
    refuses(withSigned(3, { maskKey: key }), 'malformed', /member 3 sent a key that is none/);
    refuses(withSigned(3, { channelKey: key }), 'malformed', /member 3 sent a key that is none/);
  }
});
