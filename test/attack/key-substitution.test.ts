/** A coordinator that stands between the members with keys of its own, or fills a group with members that it controls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxKey, channelKeyPair, maskKeyPair, openBox } from '../../src/core/secagg/derive.ts';
import {
  encodeGroupMessage,
  type MembersMessage,
  parseBoxText,
  parseKeys,
  parseSharesBody,
} from '../../src/core/secagg/group-message.ts';
import { type MemberEvent, stepMember } from '../../src/core/secagg/member-machine.ts';
import {
  assertAborts,
  difference,
  hashOf,
  inputOf,
  places,
  recover,
  sum,
  survivorsEvent,
  TestGroup,
} from './secagg-session.ts';

const [size, victim] = [6, 2];
const all = places(size);
const others = all.filter(at => at !== victim);
const session = new TestGroup({ size }).reach('keys');

/** The coordinator's own keys, in the place of member `at`. */
const owned = (at: number) => ({
  channel: channelKeyPair(hashOf(`channel of the coordinator ${at}`), session.primitives),
  mask: maskKeyPair(hashOf(`root of the coordinator ${at}`), session.primitives),
});

type Members = Extract<MemberEvent, { kind: 'members' }>;

function altered(change: (one: MembersMessage['present'][number]) => Partial<MembersMessage['present'][number]>) {
  const event = session.membersEvent();
  const present = event.message.present.map(one => ({ ...one, ...change(one) }));
  return { ...event, message: { ...event.message, present } } satisfies Members;
}

/** R0 of member `at` with keys of the coordinator, signed by whomever. */
function forged(at: number, by: number): Uint8Array {
  const { channel, mask } = owned(at);
  const payload = encodeGroupMessage({
    sid: session.sid,
    channelKey: channel.publicKey,
    maskKey: mask.publicKey,
  });
  return session.sign(by, 'group-keys', payload, { sender: session.members[at].peer.certificate });
}

/** Every member but the victim speaks with keys of the coordinator. */
const substituted = altered(({ at, keys }) => ({ keys: at === victim ? keys : forged(at, 0) }));

test('a member that checks no signature deals both of its secrets to the coordinator', () => {
  const { primitives, sid, manifest } = session;
  const lax = { ...primitives, verify: () => true };
  const { actions } = stepMember(structuredClone(session.states[victim]), substituted, lax);
  assert.ok(actions[0].kind === 'send' && actions[0].body);
  const boxes = parseSharesBody(actions[0].body).map(({ to, channel, box }) => {
    const secret = primitives.kem.decapsulate(channel, owned(to).channel);
    const text = openBox(box, boxKey(secret, { sid, dealer: victim, to, channel }, primitives), primitives);
    assert.ok(text, 'the box is sealed to the coordinator');
    return [to, parseBoxText(text)] as const;
  });
  assert.ok(boxes.length >= manifest.thresholds.t);
  const shared = (kind: 'self' | 'root') => recover(session, new Map(boxes.map(([to, text]) => [to, text[kind]])));
  assert.deepEqual(shared('self'), session.secrets(victim).self);
  assert.deepEqual(shared('root'), session.secrets(victim).root);
});

test('keys that their member has not signed end the session before anything is dealt', () => {
  assertAborts(session, victim, substituted, 'bad-signature');
  for (const at of others)
    assertAborts(
      session,
      victim,
      altered(one => (one.at === at ? { keys: forged(at, victim) } : {})),
      'bad-signature',
    );
});

test('one key altered, in either half, ends it', () => {
  for (const name of ['channelKey', 'maskKey'] as const) {
    const keys = parseKeys(session.payload('group-keys', 0));
    const payload = encodeGroupMessage({ ...keys, [name]: owned(0).mask.publicKey });
    const resigned = session.sign(1, 'group-keys', payload, { sender: session.members[0].peer.certificate });
    assertAborts(
      session,
      victim,
      altered(one => (one.at === 0 ? { keys: resigned } : {})),
      'bad-signature',
    );
  }
});

test('keys under the certificate of somebody else, or of another round, end it', () => {
  const event = session.membersEvent();
  const stranger = { ...event.peers[0], certificate: hashOf('stranger') };
  const peers = [stranger, ...event.peers.slice(1)];
  const unnamed = altered(one => (one.at === 0 ? { certificate: new TextEncoder().encode('stranger') } : {}));
  assertAborts(session, victim, { ...event, peers }, 'group-altered', /is not the one in the manifest/);
  assertAborts(session, victim, unnamed, 'group-altered', /is not the one in the manifest/);
  const payload = session.payload('group-keys', 0);
  for (const fields of [
    { round: session.manifest.round - 1 },
    { federation: 'elsewhere' },
    { task: hashOf('other') },
  ]) {
    const old = session.sign(0, 'group-keys', payload, fields);
    assertAborts(
      session,
      victim,
      altered(one => (one.at === 0 ? { keys: old } : {})),
      'group-altered',
    );
  }
});

test('one party that stands in two places under one key ends it', () => {
  const copied = session.sign(1, 'group-keys', session.payload('group-keys', 0));
  assertAborts(
    session,
    victim,
    altered(one => (one.at === 1 ? { keys: copied } : {})),
    'group-altered',
    /in use/,
  );
});

test("the member's own keys, altered or left out, end it", () => {
  const replaced = session.sign(
    victim,
    'group-keys',
    encodeGroupMessage({
      ...parseKeys(session.payload('group-keys', victim)),
      maskKey: owned(victim).mask.publicKey,
    }),
  );
  assertAborts(
    session,
    victim,
    altered(({ at, keys }) => ({ keys: at === victim ? replaced : keys })),
    'group-altered',
    /not those that it sent/,
  );
  const { message, peers } = session.membersEvent();
  const present = message.present.filter(({ at }) => at !== victim);
  const without: Members = {
    kind: 'members',
    message: { ...message, present },
    peers: peers.filter(({ at }) => at !== victim),
  };
  assertAborts(session, victim, without, 'group-altered', /is not among the members/);
});

test('with all others its own, the coordinator has the input of the victim from the sum', () => {
  const total = sum(all.map(inputOf));
  assert.deepEqual(difference(total, sum(others.map(inputOf))), inputOf(victim));
});

test('members of one organisation count as one: a group that sybils fill is refused', () => {
  const organisation = (at: number) => (at === victim ? 'hospital' : 'one front');
  const filled = new TestGroup({ size, organisation, seed: 'sybils' }).reach('keys');
  assertAborts(filled, victim, filled.membersEvent(), 'group-small', /2 organisations/);
  // As few fronts as the group may bear colluders, and three honest ones.
  const mixed = new TestGroup({ size, organisation: at => ['a', 'b', 'c', 'd', 'front', 'front'][at], seed: 'mixed' });
  assert.equal(mixed.manifest.thresholds.colluders, 1);
  mixed.reach('input');
  assert.equal(mixed.states[victim].stage, 'input');
});

test('sybils are counted in every list, not in the first alone', () => {
  const organisation = (at: number) => ['a', 'b', 'c', 'c', 'front', 'front'][at];
  const group = new TestGroup({ size, organisation, seed: 'late sybils' }).reach('input');
  // Five of six are enough members; without b they are of two organisations beside the front.
  const few = [0, 2, 3, 4, 5];
  assert.ok(few.length >= group.manifest.thresholds.least);
  for (const at of [0, 2, 3]) assertAborts(group, at, survivorsEvent(group, few), 'group-small', /3 organisations/);
});
