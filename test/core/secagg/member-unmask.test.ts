import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvelopeFields } from '../../../src/core/crypto/envelope.ts';
import type { ProblemCode } from '../../../src/core/protocol/problem.ts';
import { setHash } from '../../../src/core/secagg/derive.ts';
import { type AgreeMessage, encodeGroupMessage } from '../../../src/core/secagg/group-message.ts';
import {
  type MemberEvent,
  type MemberSession,
  type SetMemory,
  stepMember,
} from '../../../src/core/secagg/member-machine.ts';
import { memberId } from '../../../src/core/secagg/set-memory.ts';
import { assertAborts, hashOf, places, TestGroup } from './member-group.ts';

/** Six members, of which five must stay; the last drops out before its input. All others have sent theirs. */
const me = 2;
const survivors = [0, 1, 2, 3, 4];
const group = new TestGroup({ size: 6 }).reach('masking');
group.input(survivors);
/** As far as the signatures on (U2, U3). */
const agreed = new TestGroup({ size: 6 }).reach('masking');
agreed.input(survivors);
agreed.agree();
const { primitives, sid } = agreed;

function told(list: readonly number[], memory: SetMemory | null = null): MemberEvent {
  return { kind: 'survivors', message: { sid: group.sid, survivors: [...list] }, memory };
}

/** The last set that this member signed, of another model some rounds ago. */
function memoryOf(list: readonly number[], round = 6): SetMemory {
  const ids = list.map(at => group.members[at].peer).map(({ name }) => memberId(name, primitives));
  return { survivors: ids, round, model: hashOf('an earlier model'), changed: round, deal: null };
}

/** A group like the one above with another session of this member. */
function withSession(changes: Partial<MemberSession>): TestGroup {
  const copy = new TestGroup({ size: 6 });
  copy.sessions[me] = { ...copy.sessions[me], ...changes };
  copy.reach('masking').input(survivors);
  return copy;
}

test('what is signed is remembered before it leaves', () => {
  const { actions } = stepMember(structuredClone(group.states[me]), told(survivors), primitives);
  const [remember, send] = actions;
  assert.ok(remember.kind === 'remember' && send.kind === 'send');
  const { round, model } = group.manifest;
  assert.deepEqual(remember.memory, { ...memoryOf(survivors, round), model });
  const sets = {
    sharers: setHash('sharers', sid, places(6), primitives),
    survivors: setHash('survivors', sid, survivors, primitives),
  };
  assert.equal(send.label, 'group-agree');
  assert.deepEqual(send.payload, encodeGroupMessage({ sid, ...sets }));
});

test('survivors are sharers, this member among them, and enough', () => {
  assertAborts(group, me, told([0, 1, 3, 4, 5]), 'group-altered', /this member sent its input and is not/);
  assertAborts(group, me, told([0, 1, 2, 3]), 'group-small', /4 members, where 5 must stay/);
  const fewer = new TestGroup({ size: 6 }).reach('keys');
  fewer.share(places(6));
  fewer.sharers = survivors;
  fewer.open();
  fewer.input(survivors);
  assertAborts(fewer, me, told(places(6)), 'group-altered', /survived that was not among the sharers/);
  const elsewhere = { kind: 'survivors', message: { sid: hashOf('another'), survivors }, memory: null } as const;
  assertAborts(group, me, elsewhere, 'group-altered', /another session/);
});

test('split-sets: another list of survivors after one was signed ends the session', () => {
  const six = new TestGroup({ size: 6 }).reach('agree');
  assertAborts(six, me, told(survivors), 'equivocation', /another list of survivors/);
});

test('differencing: a set that one sum would be told from another by is not signed', () => {
  assertAborts(group, me, told(survivors, memoryOf([0, 1, 2, 3])), 'set-refused', /0 gone, 1 come/);
  assertAborts(group, me, told(survivors, memoryOf(survivors, 8)), 'set-refused', /round 7 after round 8/);
  const sameModel = { ...memoryOf(places(6)), model: group.manifest.model };
  assertAborts(group, me, told(survivors, sameModel), 'set-refused', /another set for the same model/);
  const { actions } = stepMember(structuredClone(group.states[me]), told(survivors, memoryOf(places(6))), primitives);
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['remember', 'send'],
  );
});

test('differencing: a strict site refuses a smaller set as well', () => {
  const { policy } = group.sessions[me];
  const strict = withSession({ policy: { ...policy, setChanges: 'strict' } });
  assertAborts(strict, me, told(survivors, memoryOf(places(6))), 'set-refused', /1 gone, 0 come/);
});

test('differencing: who has a renewed certificate is the same member', () => {
  const before = new TestGroup({ size: 6, seed: 'before the renewal' }).reach('masking');
  before.input(places(6));
  const [remember] = stepMember(
    before.states[me],
    { kind: 'survivors', message: before.survivorsMessage(), memory: null },
    primitives,
  ).actions;
  assert.ok(remember.kind === 'remember');
  const memory = { ...remember.memory, round: 6, changed: 6 };
  const { policy } = group.sessions[me];
  const strict = withSession({ policy: { ...policy, setChanges: 'strict' } });
  assertAborts(
    strict,
    me,
    told(survivors, { ...memory, model: hashOf('an earlier model') }),
    'set-refused',
    /1 gone, 0 come/,
  );
  assertAborts(group, me, told(survivors, memory), 'set-refused', /another set for the same model/);
});

test('differencing: colluders that go with a member do not hide it', () => {
  // Of ten members three may collude, and three honest ones hide each other.
  const ten = new TestGroup({ size: 10, honest: 3, policy: { setChanges: 'strict' } }).reach('masking');
  const left = [0, 1, 2, 3, 4, 5, 6];
  ten.input(left);
  const ids = ten.members.map(({ peer }) => memberId(peer.name, primitives));
  const memory = { survivors: ids, round: 6, model: hashOf('an earlier model'), changed: 6, deal: null };
  const event = { kind: 'survivors', message: ten.survivorsMessage(), memory } as const;
  assert.equal(ten.manifest.thresholds.colluders, 3);
  assertAborts(ten, me, event, 'set-refused', /3 gone, 0 come since round 6: neither none nor 6/);
});

test('differencing: sets grow again as many rounds after a change as groups are dealt for', () => {
  const sooner = withSession({ redrawRounds: 1 });
  const { actions } = stepMember(sooner.states[me], told(survivors, memoryOf([0, 1, 2, 3])), primitives);
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['remember', 'send'],
  );
});

test('differencing: under differential privacy sets change freely and are remembered', () => {
  const open = withSession({ isPrivate: true });
  const { actions } = stepMember(open.states[me], told(survivors, memoryOf([0, 1, 2, 3])), primitives);
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['remember', 'send'],
  );
});

function refuses(agree: [number, Uint8Array][], problem: ProblemCode, why: RegExp): void {
  const message = { sid, agreed: agree.map(([at, bytes]) => ({ at, agree: bytes })) };
  assertAborts(agreed, me, { kind: 'quorum', message }, problem, why);
}

function said(at: number): [number, Uint8Array] {
  return [at, agreed.said('group-agree', at)];
}

function signed(
  at: number,
  changes: Partial<AgreeMessage>,
  fields: Partial<EnvelopeFields> = {},
): [number, Uint8Array] {
  const message = {
    sid,
    sharers: setHash('sharers', sid, places(6), primitives),
    survivors: setHash('survivors', sid, survivors, primitives),
    ...changes,
  };
  return [at, agreed.sign(at, 'group-agree', encodeGroupMessage(message), fields)];
}

test('shares are opened to t members on the same sets: self seeds of survivors, roots of the others', () => {
  assert.equal(agreed.manifest.thresholds.t, 5);
  const copy = structuredClone(agreed.states[me]);
  assert.ok(copy.stage === 'agree');
  const held = structuredClone(copy.held);
  const { state, actions } = stepMember(copy, { kind: 'quorum', message: agreed.quorumMessage() }, primitives);
  assert.equal(state.stage, 'unmask');
  const [action] = actions;
  assert.ok(action.kind === 'send' && action.label === 'group-unmask');
  const shareOf = (of: number) => held.find(({ dealer }) => dealer === of) ?? assert.fail();
  assert.deepEqual(
    action.payload,
    encodeGroupMessage({
      sid,
      self: survivors.map(of => ({ of, share: shareOf(of).self, proof: [...shareOf(of).selfProof] })),
      root: [{ of: 5, share: shareOf(5).root, proof: [...shareOf(5).rootProof] }],
    }),
  );
});

test('split-sets: fewer than t members on exactly these sets open nothing', () => {
  const four = [0, 1, 2, 3].map(said);
  const why = /4 members agreed on these sets, not 5/;
  refuses([], 'no-quorum', /0 members agreed/);
  refuses(four, 'no-quorum', why);
  refuses([...four, said(3)], 'no-quorum', why);
  const otherSharers = setHash('sharers', sid, survivors, primitives);
  const otherSurvivors = setHash('survivors', sid, places(6), primitives);
  refuses([...four, signed(4, { sharers: otherSharers })], 'no-quorum', why);
  refuses([...four, signed(4, { survivors: otherSurvivors })], 'no-quorum', why);
  refuses([...four, signed(4, { sharers: otherSurvivors, survivors: otherSharers })], 'no-quorum', why);
  refuses([...four, signed(4, { sid: hashOf('another session') })], 'no-quorum', why);
});

test('both-secrets: a member that did not survive cannot agree', () => {
  refuses([...survivors.map(said), signed(5, {})], 'group-altered', /member 5 agreed, and did not survive/);
});

test('signatures that are none, or of another step or round, end the session', () => {
  const rest = [0, 1, 2, 3].map(said);
  const sender = agreed.members[4].peer.certificate;
  const [, forged] = signed(3, {}, { sender });
  refuses([...rest, [4, forged]], 'bad-signature', /bad-signature/);
  refuses([...rest, signed(4, {}, { round: 8 })], 'group-altered', /no group-agree of member 4/);
  refuses([...rest, [4, agreed.said('group-input', 4)]], 'group-altered', /no group-agree of member 4/);
  refuses([...rest, [4, agreed.said('group-agree', 3)]], 'group-altered', /no group-agree of member 4/);
  refuses([...rest, [4, Uint8Array.of(1)]], 'bad-request', /envelope/);
  const elsewhere = { kind: 'quorum', message: { ...agreed.quorumMessage(), sid: hashOf('another') } } as const;
  assertAborts(agreed, me, elsewhere, 'group-altered', /another session/);
});

test('split-sets: members that were shown two sets of survivors open neither', () => {
  const split = new TestGroup({ size: 7, honest: 3 });
  // t = 5, five must stay: two sets of five of seven have three members in common, of which one is honest and signs once.
  assert.equal(split.manifest.thresholds.least, 5);
  split.reach('input');
  const [one, other] = [
    [0, 1, 2, 3, 4],
    [2, 3, 4, 5, 6],
  ];
  const show = (at: number, list: readonly number[]) =>
    split.tell(at, { kind: 'survivors', message: { sid: split.sid, survivors: [...list] }, memory: null });
  for (const at of [0, 1, 2]) show(at, one);
  for (const at of [3, 4, 5, 6]) show(at, other);
  for (const at of [0, 1, 2]) {
    const message = split.quorumMessage(one);
    assertAborts(split, at, { kind: 'quorum', message }, 'no-quorum', /3 members agreed/);
  }
  for (const at of [5, 6]) {
    const message = split.quorumMessage(other);
    assertAborts(split, at, { kind: 'quorum', message }, 'no-quorum', /4 members agreed/);
  }
});
