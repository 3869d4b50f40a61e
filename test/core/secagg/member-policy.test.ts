import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Problem, type ProblemCode } from '../../../src/core/protocol/problem.ts';
import { type GroupManifest, sessionId } from '../../../src/core/secagg/manifest.ts';
import { beginMember, type MemberPolicy } from '../../../src/core/secagg/member-machine.ts';
import { checkEnough } from '../../../src/core/secagg/member-policy.ts';
import { groupThresholds, mostColluders } from '../../../src/core/secagg/thresholds.ts';
import { assertAborts, hashOf, places, TestGroup } from './member-group.ts';

/** What a member of a group of 8 does when it hears this manifest under this policy: the problem, or null where it sends its keys. */
function problemOf(
  changes: Partial<GroupManifest>,
  policy: Partial<MemberPolicy> = {},
  certificate?: Uint8Array,
): ProblemCode | null {
  const group = new TestGroup({ size: 8, policy });
  const manifest = { ...group.manifest, ...changes };
  const sid = sessionId(manifest, group.primitives);
  const session = { ...group.sessions[2], manifest, sid };
  const secrets = group.secrets(2);
  const named = certificate === undefined ? session : { ...session, certificate };
  const [action, ...more] = beginMember(named, secrets, group.primitives).actions;
  assert.deepEqual(more, []);
  if (action.kind === 'send') return null;
  assert.ok(action.kind === 'aborted');
  assert.ok(
    Object.values(secrets).every(secret => secret.every((byte: number) => byte === 0)),
    'secrets are left',
  );
  return action.problem;
}

test('a member takes part where the manifest promises what its site asks for', () => {
  assert.equal(problemOf({}), null);
  assert.equal(
    problemOf({ thresholds: groupThresholds(8, { honest: 5, colluders: 2 }) }, { honest: 5, colluders: 2 }),
    null,
  );
});

test('low-threshold: no manifest lowers what a site asks for', () => {
  const asked = { honest: 5, colluders: 2 };
  const low = [
    { honest: 4, colluders: 2 },
    { honest: 5, colluders: 1 },
    { honest: 3, colluders: 0 },
  ];
  for (const thresholds of low) {
    assert.equal(problemOf({ thresholds: groupThresholds(8, thresholds) }, asked), 'group-refused');
    assert.equal(problemOf({ thresholds: groupThresholds(8, thresholds) }), null);
  }
});

test('low-threshold: thresholds that do not follow from the size of the group are refused', () => {
  const { thresholds } = new TestGroup({ size: 8 }).manifest;
  fc.assert(
    fc.property(
      fc.constantFrom('members', 't', 'colluders', 'honest', 'least'),
      fc.oneof(fc.integer({ min: -2, max: 12 }), fc.constant(1.5)),
      (name, value) => {
        const changed = { ...thresholds, [name]: value };
        const isRight =
          changed.members === 8 &&
          changed.t === 6 &&
          Number.isInteger(changed.honest) &&
          Number.isInteger(changed.colluders) &&
          changed.honest >= 3 &&
          changed.colluders >= 0 &&
          changed.colluders <= mostColluders(8) &&
          changed.honest + changed.colluders <= 8 &&
          changed.least === Math.max(6, changed.honest + changed.colluders);
        assert.equal(problemOf({ thresholds: changed }), isRight ? null : 'group-refused');
      },
    ),
    { numRuns: 60 },
  );
});

test('small-cohort: no policy goes below three honest inputs', () => {
  const { thresholds } = new TestGroup({ size: 8 }).manifest;
  assert.equal(
    problemOf({ thresholds: { ...thresholds, honest: 2, colluders: 0, least: 6 } }, { honest: 0 }),
    'group-refused',
  );
});

test('a list of members that is out of order, or names one twice, is none', () => {
  const { members } = new TestGroup({ size: 8 }).manifest;
  const swapped = [...members.slice(0, 6), members[7], members[6]];
  assert.equal(problemOf({ members: swapped }), 'group-altered');
  assert.equal(problemOf({ members: [...members.slice(0, 7), members[6]] }), 'group-altered');
  assert.equal(problemOf({ members: [...members.slice(0, 7), new Uint8Array(31).fill(255)] }), 'group-altered');
});

test('a member takes part in its own place only', () => {
  const group = new TestGroup({ size: 8 });
  assert.equal(problemOf({}, {}, group.members[3].peer.certificate), 'group-altered');
  assert.equal(problemOf({}, {}, hashOf('somebody else')), 'group-altered');
  assert.equal(problemOf({ members: group.manifest.members.slice(0, 2) }), 'group-altered');
});

test('key-substitution: members of one organisation count once, however many certificates it has', () => {
  // Eight members, of which one may collude and three must be honest.
  const of = (organisations: number) => (at: number) => `site-${at % organisations}`;
  const enough = new TestGroup({ size: 8, colluders: 1, organisation: of(4) });
  enough.reach('unmask');
  const few = new TestGroup({ size: 8, colluders: 1, organisation: of(3) }).reach('keys');
  assertAborts(few, 0, few.membersEvent(), 'group-small', /3 organisations, of which 1 may collude: not 3 honest ones/);
});

test('split-sets: the organisations that may collude are in no quorum by themselves', () => {
  // Two sets of six of eight members have four in common.
  const sizes = (list: readonly number[]) => list.flatMap((count, i) => new Array<string>(count).fill(`site-${i}`));
  const group = (colluders: number, ...list: number[]) => {
    const names = sizes(list);
    return new TestGroup({ size: 8, colluders, organisation: at => names[at] }).reach('keys');
  };
  for (const fine of [group(1, 3, 2, 1, 1, 1), group(2, 2, 1, 1, 1, 1, 1, 1), group(0, 5, 1, 1, 1)])
    fine.reach('unmask');
  for (const [refused, held] of [
    [group(1, 4, 1, 1, 1, 1), 4],
    [group(2, 4, 1, 1, 1, 1), 5],
    [group(2, 2, 2, 1, 1, 1, 1), 4],
  ] as const)
    assertAborts(refused, 0, refused.membersEvent(), 'group-refused', new RegExp(`hold ${held} of 8 places`));
});

test('under privacy every sum holds the noise of as many members as were counted on, whatever one organisation knows', () => {
  // Ten members bear one colluder, eight must stay: the noise of seven is counted on.
  const thresholds = groupThresholds(10, { honest: 7, colluders: 1 });
  const { manifest } = new TestGroup({ size: 8 });
  const peers = (...sizes: readonly number[]) =>
    sizes.flatMap((count, i) => new Array<{ organisation: string }>(count).fill({ organisation: `site-${i}` }));
  const noisy = { ...manifest, thresholds, plan: 'ab' };
  checkEnough(noisy, peers(1, 1, 1, 1, 1, 1, 1, 1));
  checkEnough(noisy, peers(2, 1, 1, 1, 1, 1, 1, 1));
  const few = peers(3, 1, 1, 1, 1, 1, 1);
  const isSmall = (error: unknown): boolean => error instanceof Problem && error.code === 'group-small';
  const lenient = { ...thresholds, honest: 5 };
  assert.throws(() => checkEnough({ ...noisy, thresholds: lenient }, few), isSmall);
  checkEnough({ ...noisy, thresholds: lenient, plan: null }, few);
  // Each member knows its own noise: one counts where none is expected to collude.
  const none = { ...groupThresholds(10, { honest: 5, colluders: 0 }) };
  assert.throws(() => checkEnough({ ...noisy, thresholds: none }, peers(2, 1, 1, 1, 1, 1)), isSmall);
  checkEnough({ ...noisy, thresholds: none }, peers(1, 1, 1, 1, 1, 1, 1));
});

test('key-substitution: organisations are counted again when members drop out', () => {
  const organisation = (at: number) => `site-${Math.min(at, 5)}`;
  const group = new TestGroup({ size: 8, honest: 5, colluders: 1, organisation }).reach('keys');
  group.share(places(8));
  group.sharers = places(8).filter(at => at !== 1);
  assertAborts(group, 0, { kind: 'boxes', message: group.boxesMessage(0) }, 'group-small', /5 organisations/);
  group.sharers = places(8);
  group.open();
  group.input(places(8));
  group.survivors = places(8).filter(at => at !== 1);
  const event = { kind: 'survivors', message: group.survivorsMessage(), memory: null } as const;
  assertAborts(group, 0, event, 'group-small', /5 organisations/);
});
