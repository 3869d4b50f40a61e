/** Members and the coordinator's machine of their group, message by message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { decodeEnvelope } from '../../../src/core/crypto/envelope.ts';
import { applyMasks } from '../../../src/core/secagg/apply-masks.ts';
import { boxTree } from '../../../src/core/secagg/dealt.ts';
import { boxKey, sealBox } from '../../../src/core/secagg/derive.ts';
import { beginGroup, type GroupState, messageFor, stepGroup } from '../../../src/core/secagg/group-machine.ts';
import {
  encodeGroupMessage,
  type MemberLabel,
  memberLabels,
  parseBoxes,
  parseKeys,
  parseMembers,
  parseQuorum,
  parseShares,
  parseSurvivors,
} from '../../../src/core/secagg/group-message.ts';
import type { Mask } from '../../../src/core/secagg/mask.ts';
import type { MemberEvent } from '../../../src/core/secagg/member-machine.ts';
import { nodeKeystream } from '../../../src/node/keystream.ts';
import { places, TestGroup } from './member-group.ts';

const segment = { label: 'update', length: 100, bits: 32 } as const;

/** Members of one session; at each of the five steps some stay silent from then on. */
const courses = fc.record({
  size: fc.integer({ min: 3, max: 7 }),
  silent: fc.array(fc.array(fc.nat(6), { maxLength: 2 }), { minLength: 5, maxLength: 5 }),
  seed: fc.nat(),
});

/** What the coordinator's message is to a member. */
function eventOf(label: string, payload: Uint8Array, group: TestGroup): MemberEvent {
  switch (label) {
    case 'group-members': {
      const message = parseMembers(payload);
      return { kind: 'members', message, peers: message.present.map(({ at }) => group.members[at].peer) };
    }
    case 'group-boxes':
      return { kind: 'boxes', message: parseBoxes(payload) };
    case 'group-survivors':
      return { kind: 'survivors', message: parseSurvivors(payload), memory: null };
    case 'group-quorum':
      return { kind: 'quorum', message: parseQuorum(payload) };
    default:
      return { kind: 'end' };
  }
}

/** Runs a session to its end. Before members hear of a step, `meddle` may change what one of them has sent in it. */
function run(
  group: TestGroup,
  speaks: (at: number, step: number) => boolean,
  meddle: (label: MemberLabel) => void = () => {},
): GroupState {
  const members = group.members.map(({ peer, certificate }) => ({ ...peer, certificate }));
  let state = beginGroup(group.manifest, members, group.primitives);
  for (const [step, label] of memberLabels.entries()) {
    if (step === 0) group.begin(places(members.length));
    meddle(label);
    for (const { at } of members) {
      if (step > 0 && !listens(state, at)) continue;
      if (!speaks(at, step)) continue;
      const envelope = decodeEnvelope(group.said(label, at));
      const body = label === 'group-shares' ? encodeGroupMessage(group.bodies.get(at) ?? []) : null;
      state = stepGroup(state, { kind: 'message', at, envelope, body }, group.primitives);
    }
    state = stepGroup(state, { kind: 'close' }, group.primitives);
    for (const { at } of members) {
      const told = messageFor(state, at);
      if (told !== null) group.tell(at, eventOf(told.label, told.payload, group));
      if (told?.label === 'group-boxes')
        group.tell(at, { kind: 'masked', vector: group.primitives.sha256(Uint8Array.of(at)), bytes: 400 });
    }
  }
  return state;
}

function listens(state: GroupState, at: number): boolean {
  return messageFor(state, at) !== null && state.stage !== 'void';
}

/** Member `from` deals member `to` nonsense, and signs it. */
function sendFalseBox(group: TestGroup, from: number, to: number): void {
  const { primitives, sid } = group;
  const { channelKey } = parseKeys(group.payload('group-keys', to));
  const { ciphertext: channel, secret } = primitives.kem.encapsulate(channelKey, primitives.randomBytes(64));
  const box = sealBox(
    encodeCbor('nonsense'),
    boxKey(secret, { sid, dealer: from, to, channel }, primitives),
    primitives,
  );
  const body = (group.bodies.get(from) ?? []).map(entry => (entry.to === to ? { ...entry, channel, box } : entry));
  const { root: boxRoot } = boxTree(sid, from, body, primitives);
  const shares = encodeGroupMessage({ ...parseShares(group.payload('group-shares', from)), boxRoot });
  const state = group.states[from];
  assert.ok(state.stage === 'shares');
  group.states[from] = { ...state, shares };
  group.bodies.set(from, body);
  group.sent.set(`group-shares ${from}`, group.sign(from, 'group-shares', shares));
}

async function added(start: Int32Array, masks: readonly Mask[], group: TestGroup): Promise<Int32Array> {
  const vector = Int32Array.from(start);
  await applyMasks(masks, segment, vector, nodeKeystream, group.primitives);
  return vector;
}

function inputOf(at: number): Int32Array {
  return Int32Array.from({ length: segment.length }, (_, i) => (at + 1) * (i - 50) * 654_321);
}

/** The sum that the coordinator opens, of the masked inputs of the survivors. */
async function openedSum(state: GroupState, group: TestGroup): Promise<Int32Array> {
  assert.ok(state.opening !== null);
  let sum = new Int32Array(segment.length);
  for (const at of state.opening.survivors) {
    const sent = await added(inputOf(at), group.masks.get(at) ?? [], group);
    sum = sum.map((word, i) => word + sent[i]);
  }
  return added(sum, state.opening.masks, group);
}

function sumOf(members: readonly number[]): Int32Array {
  return members
    .map(inputOf)
    .reduce((sum, input) => sum.map((word, i) => word + input[i]), new Int32Array(segment.length));
}

test('whoever falls silent at whichever step: the exact sum of the survivors, or none and every member at its end', async () => {
  let opened = 0;
  await fc.assert(
    fc.asyncProperty(courses, async ({ size, silent, seed }) => {
      const group = new TestGroup({ size, seed: `session ${seed}` });
      const speaks = (at: number, step: number) =>
        !silent
          .slice(0, step + 1)
          .flat()
          .includes(at);
      const state = run(group, speaks);
      assert.deepEqual(state.blamed, []);
      if (state.stage === 'void') assert.equal(state.opening, null);
      else {
        assert.deepEqual(await openedSum(state, group), sumOf(state.survivors));
        opened += 1;
      }
      for (const { stage } of group.states) assert.equal(stage, 'finished');
    }),
    { numRuns: 8, examples: [[{ size: 7, silent: [[], [3], [], [], []], seed: 1 }]] },
  );
  assert.ok(opened > 0, 'no session has opened');
});

test('bad-share: a member whose box holds another share is blamed for it, and nobody else', () => {
  const group = new TestGroup({ size: 6 });
  const liar = 1;
  const state = run(
    group,
    () => true,
    label => {
      if (label === 'group-shares') sendFalseBox(group, liar, 4);
    },
  );
  assert.deepEqual(
    state.blamed.map(({ at }) => at),
    [liar],
  );
  assert.deepEqual(
    state.blamed.map(({ evidence }) => evidence.kind),
    ['bad-box'],
  );
});
