/** Members that deal, or give back, shares that are none: to spoil the sum of their group, or to put the blame on somebody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeEnvelope, type EnvelopeFields, encodeEnvelope } from '../../src/core/crypto/envelope.ts';
import type { Blame } from '../../src/core/secagg/blame.ts';
import { type GroupState, isAnswered } from '../../src/core/secagg/group-machine.ts';
import { encodeGroupMessage, parseUnmask } from '../../src/core/secagg/group-message.ts';
import { beginMember } from '../../src/core/secagg/member-machine.ts';
import { combine } from '../../src/core/secagg/shamir.ts';
import { verifyBlame } from '../../src/core/secagg/verify-blame.ts';
import { type Lie, lyingPrimitives } from '../../src/simulation/secagg-lies.ts';
import {
  added,
  closed,
  coordinated,
  copyOf,
  hashOf,
  inputOf,
  openedShares,
  places,
  publicKeys,
  recover,
  sum,
  TestGroup,
  taken,
  vectorsOf,
} from './secagg-session.ts';

const [size, liar, dropped] = [7, 1, 5];
const all = places(size);
const survivors = all.filter(at => at !== dropped);

/** All share, one is lost before its input; everybody opens. */
const session = new TestGroup({ size }).reach('masking');
const vectors = await vectorsOf(session, survivors);
session.input(survivors);
session.agree();
session.unmask(survivors);
const total = sum(survivors.map(inputOf));
const { t } = session.manifest.thresholds;

/** The group with false shares in the last message of some members. */
function withFalseShares(kind: 'self' | 'root', liars: readonly number[]): TestGroup {
  const group = copyOf(session);
  for (const at of liars) {
    const message = parseUnmask(group.payload('group-unmask', at));
    const altered = { ...message, [kind]: message[kind].map(one => ({ ...one, share: hashOf(`false ${at}`) })) };
    const payload = encodeGroupMessage(altered);
    group.sent.set(`group-unmask ${at}`, group.sign(at, 'group-unmask', payload));
    group.sent.set(`group-unmask ${at} payload`, payload);
  }
  return group;
}

/** A third party has the manifest and the members' keys, and nothing else. */
function assertShown(blame: Blame, group: TestGroup): void {
  const known = { manifest: group.manifest, publicKeys: publicKeys(group) };
  verifyBlame(blame, known, group.primitives);
  for (const at of all)
    if (at !== blame.at)
      assert.throws(() => verifyBlame({ ...blame, at }, known, group.primitives), { name: 'Problem' });
}

const opened = (state: GroupState, group: TestGroup) => added(sum(vectors), state.opening?.masks ?? [], group);

test('one false share among those that are combined gives a wrong secret, and so a wrong sum that looks like any other', async () => {
  const group = withFalseShares('self', [liar]);
  const secret = recover(group, openedShares(group, survivors, 'self', 0));
  assert.notDeepEqual(secret, group.secrets(0).self);
  const honest = [...openedShares(session, survivors, 'self', 0)]
    .slice(0, t)
    .map(([at, value]) => ({ x: at + 1, value }));
  assert.deepEqual(combine(honest, t), group.secrets(0).self);
});

for (const kind of ['self', 'root'] as const) {
  test(`a false share of a ${kind} secret counts for nothing, its sender is shown to lie, and the sum is right`, async () => {
    const group = withFalseShares(kind, [liar]);
    const state = coordinated(group, 'group-unmask');
    assert.equal(state.stage, 'opened');
    assert.deepEqual(await opened(state, group), total);
    assert.deepEqual(
      state.blamed.map(({ at }) => at),
      [liar],
    );
    for (const blame of state.blamed) assertShown(blame, group);
  });

  test(`with fewer than t right shares of a ${kind} secret there is no sum, and never a wrong one`, () => {
    const liars = survivors.slice(0, survivors.length - t + 1);
    const group = withFalseShares(kind, liars);
    const state = coordinated(group, 'group-unmask');
    assert.equal(state.stage, 'void');
    assert.equal(state.opening, null);
    assert.match(state.why ?? '', /shares of what .* masked with have come/);
    assert.deepEqual(
      state.blamed.map(({ at }) => at),
      liars,
    );
  });
}

/** The group with proofs in the last message of some members that show nothing; the shares are right. */
function withoutProofs(liars: readonly number[]): TestGroup {
  const group = copyOf(session);
  for (const at of liars) {
    const { sid, self, root } = parseUnmask(group.payload('group-unmask', at));
    const bare = (shares: typeof self) => shares.map(one => ({ ...one, proof: [] }));
    const payload = encodeGroupMessage({ sid, self: bare(self), root: bare(root) });
    group.sent.set(`group-unmask ${at}`, group.sign(at, 'group-unmask', payload));
  }
  return group;
}

test('whatever shares are false and in whichever order they come, the sum is right or there is none, and the same members are blamed', async () => {
  const outcome = ({ stage, why, blamed, opening }: GroupState) => ({ stage, why, blamed, opening });
  const cases = fc.record({
    kind: fc.constantFrom('self', 'root'),
    liars: fc.subarray(survivors),
    come: fc.shuffledSubarray(survivors, { minLength: t - 1 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ kind, liars, come }) => {
      const group = withFalseShares(kind, liars);
      const agreed = coordinated(group, 'group-agree');
      const state = closed(agreed, group, 'group-unmask', come);
      const inOrder = come.toSorted((a, b) => a - b);
      assert.deepEqual(outcome(state), outcome(closed(agreed, group, 'group-unmask', inOrder)));
      assert.deepEqual(
        state.blamed.map(({ at }) => at),
        inOrder.filter(at => liars.includes(at)),
      );
      const good = come.filter(at => !liars.includes(at)).length;
      assert.equal(state.stage, good < t ? 'void' : 'opened');
      if (state.opening !== null) assert.deepEqual(await opened(state, group), total);
      assert.equal(
        isAnswered(taken(agreed, group, 'group-unmask', come)),
        good >= t || come.length === survivors.length,
      );
    }),
    { numRuns: 40 },
  );
});

test('a coordinator waits for as many more shares as were false, and for none whose proofs alone are', async () => {
  const quorum = [liar, ...survivors.filter(at => at !== liar)];
  const group = withFalseShares('root', [liar]);
  const agreed = coordinated(group, 'group-agree');
  assert.equal(isAnswered(taken(agreed, group, 'group-unmask', quorum.slice(0, t))), false);
  const more = taken(agreed, group, 'group-unmask', quorum.slice(0, t + 1));
  assert.equal(isAnswered(more), true);

  const bare = withoutProofs([liar]);
  const few = closed(coordinated(bare, 'group-agree'), bare, 'group-unmask', quorum.slice(0, t));
  assert.deepEqual([few.stage, few.blamed], ['opened', []]);
  assert.deepEqual(await opened(few, bare), total);
});

/** A session in which one member's machine runs on primitives that lie. */
async function sessionOf(lie: Lie): Promise<{ group: TestGroup; vectors: Int32Array[] }> {
  const group = new TestGroup({ size });
  const { primitives } = group;
  const lying = lyingPrimitives(lie, primitives);
  const asLiar = (act: () => void) => {
    Object.assign(group, { primitives: lying });
    act();
    Object.assign(group, { primitives });
  };
  const inTurn = (act: (at: number) => void) => {
    for (const at of all) at === liar ? asLiar(() => act(at)) : act(at);
  };
  inTurn(at => {
    const { state, actions } = beginMember(group.sessions[at], group.secrets(at), group.primitives);
    group.states[at] = state;
    const [action] = actions;
    assert.ok(action.kind === 'send');
    group.sent.set(`group-keys ${at}`, group.sign(at, 'group-keys', action.payload));
    group.sent.set(`group-keys ${at} payload`, action.payload);
  });
  group.present = all;
  group.sharers = all;
  const members = group.membersEvent();
  inTurn(at => group.tell(at, members));
  inTurn(at => group.tell(at, { kind: 'boxes', message: group.boxesMessage(at) }));
  // The liar is lost, so that its root has to open what it masked.
  const left = all.filter(at => at !== liar);
  const sent = await vectorsOf(group, left);
  group.input(left);
  group.agree();
  group.unmask(left);
  return { group, vectors: sent };
}

for (const [kind, shown] of [
  ['other-key', 'bad-key'],
  ['other-coins', 'bad-ciphertext'],
] as const) {
  test(`a root that does not make what was sent with it (${kind}) is shown to be false, and opens nothing`, async () => {
    const { group } = await sessionOf({ kind });
    const state = coordinated(group, 'group-unmask');
    assert.equal(state.stage, 'void');
    assert.deepEqual(
      state.blamed.map(({ at, evidence }) => [at, evidence.kind]),
      [[liar, shown]],
    );
    assertShown(state.blamed[0], group);
  });
}

test('boxes with shares that were not committed to are complained of, the dealer is shown to lie, and nothing opens what it masked', async () => {
  const { group } = await sessionOf({ kind: 'false-boxes' });
  const state = coordinated(group, 'group-input');
  assert.deepEqual(
    state.blamed.map(({ at, evidence }) => [at, evidence.kind]),
    [[liar, 'bad-box']],
  );
  assertShown(state.blamed[0], group);
  for (const at of all.slice(2)) assert.equal(group.inputOf(at).complaints.length, 1);
  assert.equal(coordinated(group, 'group-unmask').stage, 'void');
});

test('a complaint of a box that is in order speaks against who complains', async () => {
  const group = new TestGroup({ size }).reach('input');
  const input = group.inputOf(liar);
  const payload = encodeGroupMessage({ ...input, complaints: [{ dealer: 0, key: hashOf('no key') }] });
  group.sent.set(`group-input ${liar}`, group.sign(liar, 'group-input', payload));
  const state = coordinated(group, 'group-input');
  assert.deepEqual(
    state.blamed.map(({ at, evidence }) => [at, evidence.kind]),
    [[liar, 'false-complaint']],
  );
  assertShown(state.blamed[0], group);
});

test('evidence that somebody altered or signed for another convinces nobody', () => {
  const group = withFalseShares('self', [liar]);
  const [blame] = coordinated(group, 'group-unmask').blamed;
  assert.ok(blame.evidence.kind === 'false-share');
  const known = { manifest: group.manifest, publicKeys: publicKeys(group) };
  const { evidence } = blame;
  const unmask = decodeEnvelope(evidence.unmask);
  const fields: Partial<EnvelopeFields>[] = [{ round: 8 }, { payload: session.payload('group-unmask', liar) }];
  for (const changes of fields) {
    const altered = encodeEnvelope({ ...unmask, ...changes });
    const framed = { ...blame, evidence: { ...evidence, unmask: altered } };
    assert.throws(() => verifyBlame(framed, known, group.primitives), { name: 'Problem' });
  }
  // An honest message shows nothing against anybody.
  const honest = { ...blame, evidence: { ...evidence, unmask: session.said('group-unmask', liar) } };
  assert.throws(() => verifyBlame(honest, known, group.primitives), { code: 'malformed' });
});

test('a share of what is not to be opened is refused, with the message it came in', () => {
  const group = copyOf(session);
  const message = parseUnmask(group.payload('group-unmask', liar));
  const [{ share, proof }] = message.self;
  const both = { ...message, root: [{ of: 0, share, proof }, ...message.root] };
  group.sent.set(`group-unmask ${liar}`, group.sign(liar, 'group-unmask', encodeGroupMessage(both)));
  const state = coordinated(group, 'group-agree');
  assert.throws(() => taken(state, group, 'group-unmask', [liar]), { code: 'malformed' });
  assert.equal(
    closed(
      state,
      group,
      'group-unmask',
      survivors.filter(at => at !== liar),
    ).stage,
    'opened',
  );
});
