import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../../../src/core/bytes/floats.ts';
import { applyMasks } from '../../../src/core/secagg/apply-masks.ts';
import { encapsulates, maskCoins, maskKeyPair, pairSeed, selfSeed } from '../../../src/core/secagg/derive.ts';
import { parseKeys } from '../../../src/core/secagg/group-message.ts';
import type { Mask } from '../../../src/core/secagg/mask.ts';
import { beginMember, type MemberEvent, stepMember } from '../../../src/core/secagg/member-machine.ts';
import { combine } from '../../../src/core/secagg/shamir.ts';
import { groupThresholds } from '../../../src/core/secagg/thresholds.ts';
import { nodeKeystream } from '../../../src/node/keystream.ts';
import { assertAborts, hashOf, places, stages, TestGroup } from './member-group.ts';

/** Stages in which a member waits for the coordinator, and for what. */
const inOrder = [
  ['keys', 'members'],
  ['shares', 'boxes'],
  ['input', 'survivors'],
  ['agree', 'quorum'],
] as const;

/** What the coordinator tells member 1. */
function eventOf(
  group: TestGroup,
  kind: (typeof inOrder)[number][1],
): Exclude<MemberEvent, { kind: 'masked' | 'end' | 'abort' }> {
  switch (kind) {
    case 'members':
      return group.membersEvent();
    case 'boxes':
      return { kind, message: group.boxesMessage(1) };
    case 'survivors':
      return { kind, message: group.survivorsMessage(), memory: null };
    case 'quorum':
      return { kind, message: group.quorumMessage() };
  }
}

const segment = { label: 'update', length: 5, bits: 32 } as const;

/** x + masks, of 5 words. */
async function masked(words: readonly number[], masks: readonly Mask[], group: TestGroup): Promise<Int32Array> {
  const vector = Int32Array.from(words);
  await applyMasks(masks, segment, vector, nodeKeystream, group.primitives);
  return vector;
}

function sum(vectors: readonly Int32Array[]): number[] {
  return vectors.reduce<number[]>((total, vector) => total.map((word, i) => (word + vector[i]) | 0), [0, 0, 0, 0, 0]);
}

/** The masks left in the sum of U3, from the shares of the first t of `by`: what an honest coordinator takes away. */
function opening(group: TestGroup, by: readonly number[]): Mask[] {
  const { primitives, sid, manifest } = group;
  const secretOf = (kind: 'self' | 'root', of: number) => recovered(group, by, kind, of);
  const own = group.survivors.map(at => ({
    seed: selfSeed(secretOf('self', at), sid, at, primitives),
    sign: -1 as const,
  }));
  const dropped = group.sharers.filter(at => !group.survivors.includes(at));
  const left = dropped.flatMap(u => {
    const root = secretOf('root', u);
    return group.survivors.map(v => {
      const secret = encapsulates(u, v) ? sentSecret(group, root, v) : receivedSecret(group, root, v, u);
      const pair = u < v ? ([u, v] as const) : ([v, u] as const);
      const seed = pairSeed(secret, sid, pair, manifest.model, primitives);
      return { seed, sign: u < v ? (1 as const) : (-1 as const) };
    });
  });
  return [...own, ...left];
}

function recovered(group: TestGroup, by: readonly number[], kind: 'self' | 'root', of: number): Uint8Array {
  const { t } = group.manifest.thresholds;
  const shares = by.slice(0, t).map(at => {
    const found = group.unmaskOf(at)[kind].find(one => one.of === of);
    assert.ok(found, `member ${at} opens no ${kind} of ${of}`);
    return { x: at + 1, value: found.share };
  });
  return combine(shares, t);
}

/** What the member with this root encapsulated for member `to`. */
function sentSecret(group: TestGroup, root: Uint8Array, to: number): Uint8Array {
  const { primitives, sid } = group;
  const { maskKey } = parseKeys(group.payload('group-keys', to));
  return primitives.kem.encapsulate(maskKey, maskCoins(root, sid, to, primitives)).secret;
}

/** What member `from` encapsulated for the member at `at` with this root. */
function receivedSecret({ bodies, primitives }: TestGroup, root: Uint8Array, from: number, at: number): Uint8Array {
  const entry = bodies.get(from)?.find(({ to }) => to === at);
  assert.ok(entry?.mask);
  return primitives.kem.decapsulate(entry.mask, maskKeyPair(root, primitives));
}

/** A group of 3 to 12, and who is left after each step: never fewer than must stay. */
const courses = fc
  .record({
    size: fc.integer({ min: 3, max: 12 }),
    order: fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
    drops: fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)),
    seed: fc.nat(),
  })
  .map(({ size, order, drops, seed }) => {
    const { least, t } = groupThresholds(size, { honest: 3, colluders: null });
    const shuffled = places(size).sort((a, b) => order[a] - order[b] || a - b);
    const left = (count: number) => shuffled.slice(0, count).sort((a, b) => a - b);
    const spare = size - least;
    const gone = drops.map(drop => drop % (spare + 1)).sort((a, b) => a - b);
    const quorum = Math.max(t, size - gone[2] - (drops[2] % 3));
    const [present, sharers, survivors] = gone.map(drop => left(size - drop));
    return { size, seed: `course ${seed}`, present, sharers, survivors, quorum: left(quorum) };
  });

type Course = typeof courses extends fc.Arbitrary<infer T> ? T : never;

function run({ size, seed, present, sharers, survivors, quorum }: Course): TestGroup {
  const group = new TestGroup({ size, seed });
  group.begin(present);
  group.share(sharers);
  group.open();
  group.input(survivors);
  group.agree();
  group.unmask(quorum);
  return group;
}

test('whoever drops out at whichever step, the sum of those left opens to the sum of their inputs', async () => {
  await fc.assert(
    fc.asyncProperty(courses, async course => {
      const group = run(course);
      const inputs = new Map(course.sharers.map(at => [at, [at, -at, 2 ** 31 - 1, 1000 * at, -7]]));
      const sent = await Promise.all(
        course.survivors.map(at => masked(inputs.get(at) ?? [], group.masks.get(at) ?? [], group)),
      );
      const opened = await masked(sum(sent), opening(group, course.quorum), group);
      assert.deepEqual([...opened], sum(course.survivors.map(at => Int32Array.from(inputs.get(at) ?? []))));
    }),
    { numRuns: 12 },
  );
});

test("of one member every other opens its self seed or its root, never both, and exactly the survivors' self seeds", () => {
  fc.assert(
    fc.property(courses, course => {
      const group = run(course);
      for (const at of course.quorum) {
        const { self, root } = group.unmaskOf(at);
        assert.deepEqual(
          self.map(({ of }) => of),
          course.survivors,
        );
        assert.deepEqual(
          root.map(({ of }) => of),
          course.sharers.filter(of => !course.survivors.includes(of)),
        );
      }
    }),
    { numRuns: 4 },
  );
});

test('whoever trained from another model has masks that cancel with nobody', () => {
  const group = new TestGroup({ size: 5 }).reach('masking');
  const other = new TestGroup({ size: 5, model: hashOf('another model') });
  // The same session otherwise: masks are derived from the model of the manifest that the member has.
  const split = { ...group.sessions[1], manifest: other.manifest };
  const before = new TestGroup({ size: 5 }).reach('shares');
  const state = before.states[1];
  assert.ok(state.stage === 'shares');
  const { actions } = stepMember(
    { ...state, session: split },
    { kind: 'boxes', message: before.boxesMessage(1) },
    group.primitives,
  );
  const [action] = actions;
  assert.ok(action.kind === 'mask');
  const seeds = (masks: readonly Mask[]) => new Set(masks.map(({ seed }) => toHex(seed)));
  const splitSeeds = seeds(action.masks);
  const [all0, all1] = [seeds(group.masks.get(0) ?? []), seeds(group.masks.get(1) ?? [])];
  assert.equal([...all1].filter(seed => all0.has(seed)).length, 1, 'members of one model share the seed of their pair');
  assert.equal([...splitSeeds].filter(seed => all0.has(seed)).length, 0);
});

test('a message again gives nothing, another one for the same step aborts', () => {
  for (const [before, kind] of inOrder) {
    const group = new TestGroup({ size: 4 }).reach(before);
    const event = eventOf(group, kind);
    group.tell(1, event);
    assert.deepEqual(group.tell(1, event), [], kind);
    const other = { ...event, message: { ...event.message, sid: hashOf('another') } } as MemberEvent;
    assertAborts(group, 1, other, 'equivocation', new RegExp(`another list of ${kind}`));
  }
});

test('a message again gives nothing in any later stage', () => {
  const group = new TestGroup({ size: 4 }).reach('keys');
  const said: MemberEvent[] = [];
  for (const [before, kind] of inOrder) {
    group.reach(before);
    const event = eventOf(group, kind);
    said.push(event);
    group.tell(1, event);
    for (const again of said) assert.deepEqual(group.tell(1, again), []);
  }
});

test('a message before its turn aborts', () => {
  const complete = new TestGroup({ size: 4 }).reach('unmask');
  for (const [i, [before]] of inOrder.entries()) {
    const group = new TestGroup({ size: 4 }).reach(before);
    for (const [, kind] of inOrder.slice(i + 1))
      assertAborts(
        group,
        1,
        eventOf(complete, kind),
        'bad-request',
        new RegExp(`sent ${kind} to a member in the stage`),
      );
  }
  const masking = new TestGroup({ size: 4 }).reach('masking');
  for (const kind of ['survivors', 'quorum'] as const)
    assertAborts(masking, 1, eventOf(complete, kind), 'bad-request', /in the stage masking/);
});

test('an abort at any stage leaves no byte of a secret, and so does the end', () => {
  for (const kind of ['abort', 'end'] as const)
    for (const stage of stages.slice(0, -1)) {
      const group = new TestGroup({ size: 4 }).reach(stage);
      const secrets = secretsIn(group.states[1]);
      assert.ok(secrets.length > 0, stage);
      const { state, actions } = stepMember(group.states[1], { kind }, group.primitives);
      assert.deepEqual(state, { stage: kind === 'abort' ? 'aborted' : 'finished' });
      assert.deepEqual(
        actions.map(action => action.kind),
        [kind === 'abort' ? 'aborted' : 'finished'],
      );
      for (const bytes of secrets)
        assert.ok(
          bytes.every(byte => byte === 0),
          stage,
        );
      assert.deepEqual(stepMember(state, eventOf(group, 'members'), group.primitives), { state, actions: [] });
    }
});

test('a secret is gone with the stage that needed it last', () => {
  const isGone = (bytes: Uint8Array) => bytes.every(byte => byte === 0);
  const group = new TestGroup({ size: 4 });
  const states = stages.map(stage => group.reach(stage).states[1]);
  const [keys, dealt, masking] = states;
  // The last state is that before the end.
  assert.deepEqual(secretsIn(states[5]), []);
  assert.ok(keys.stage === 'keys' && dealt.stage === 'shares' && masking.stage === 'masking');
  assert.ok(secretsIn([keys, dealt, masking.masks]).every(isGone));
  assert.ok(masking.held.every(({ self, root }) => isGone(self) && isGone(root)));

  const early = new TestGroup({ size: 4 }).reach('shares').states[1];
  assert.ok(!secretsIn(early).some(isGone), 'shares are dealt, secrets still needed');
  const late = new TestGroup({ size: 4 }).reach('agree').states[1];
  assert.ok(late.stage === 'agree' && !late.held.some(({ self, root }) => isGone(self) || isGone(root)));
});

test('a state is used once', () => {
  const group = new TestGroup({ size: 4 }).reach('shares');
  const before = group.states[1];
  const event = eventOf(group, 'boxes');
  group.tell(1, event);
  assert.throws(() => stepMember(before, event, group.primitives), /RangeError: member: a state is used once/);
});

test('nothing is masked twice, and nothing unasked', () => {
  const group = new TestGroup({ size: 4 }).reach('masking');
  const event = { kind: 'masked', vector: hashOf('vector'), bytes: 8 } as const;
  group.tell(1, event);
  assert.throws(() => group.tell(1, event), /RangeError: member: nothing is to be masked in the stage input/);
  const early = new TestGroup({ size: 4 }).reach('keys');
  assert.throws(() => early.tell(1, event), RangeError);
});

test('the same secrets and random bytes give the same messages', () => {
  const [one, two] = [0, 1].map(() => new TestGroup({ size: 4 }).reach('unmask'));
  assert.deepEqual(one.sent, two.sent);
  assert.deepEqual(one.bodies, two.bodies);
});

test('secrets that are none are refused', () => {
  const group = new TestGroup({ size: 4 });
  const begin = (changes: object) =>
    beginMember(group.sessions[0], { ...group.secrets(0), ...changes }, group.primitives);
  for (const name of ['root', 'self', 'channel'])
    for (const bytes of [new Uint8Array(32), new Uint8Array(16).fill(1), new Uint8Array(0)])
      assert.throws(() => begin({ [name]: bytes }), /RangeError: member: a secret is 32 bytes/);
  const session = { ...group.sessions[0], sid: hashOf('another') };
  assert.throws(() => beginMember(session, group.secrets(0), group.primitives), /RangeError: member: the session id/);
});

const secretNames = ['root', 'self', 'channel', 'secretKey', 'secret', 'seed'];

/** Secrets anywhere in a state, by the names they have there. */
function secretsIn(value: unknown): Uint8Array[] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, held]) =>
    held instanceof Uint8Array ? (secretNames.includes(name) ? [held] : []) : secretsIn(held),
  );
}
