/** A manifest with thresholds so low that the coordinator, alone or with friends, opens what it likes (Flower takes a threshold of 1). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GroupManifest, sessionId } from '../../src/core/secagg/manifest.ts';
import { beginMember, type MemberStep } from '../../src/core/secagg/member-machine.ts';
import { combine, split } from '../../src/core/secagg/shamir.ts';
import { groupThresholds, type Thresholds } from '../../src/core/secagg/thresholds.ts';
import {
  bytesFrom,
  hashOf,
  places,
  quorumEvent,
  reaction,
  signedFor,
  survivorsEvent,
  TestGroup,
} from './secagg-session.ts';

const size = 10;
const right = groupThresholds(size, { honest: 5, colluders: null });

function begun(thresholds: Thresholds, changes: Partial<GroupManifest> = {}): MemberStep {
  const group = new TestGroup({ size, honest: 5 });
  const manifest = { ...group.manifest, thresholds, ...changes };
  const policy = { honest: 5, colluders: 3, setChanges: 'shrink' } as const;
  const session = { ...group.sessions[0], manifest, sid: sessionId(manifest, group.primitives), policy };
  return beginMember(session, group.secrets(0), group.primitives);
}

test('with a threshold of 1 every share is the secret itself', () => {
  const secret = hashOf('the root of the victim');
  const shares = split(secret, 1, size, bytesFrom('polynomial'));
  for (const [i, value] of shares.entries()) assert.deepEqual(combine([{ x: i + 1, value }], 1), secret);
});

test('with a threshold of half two sets are opened to two halves of a group; with ours an honest member would have to sign both', () => {
  for (let members = 3; members <= 200; members++) {
    const { t, colluders } = groupThresholds(members, { honest: 3, colluders: null });
    // Colluders sign for both sides of the honest ones.
    const smaller = Math.floor((members - colluders) / 2) + colluders;
    assert.ok(smaller < t, `${members}`);
    if (colluders > 0) assert.ok(smaller >= members / 2, 'under a threshold of half both sides open');
  }
});

const lowered: Record<string, Thresholds> = {
  'one share opens all': { ...right, t: 1 },
  'one share and one member are enough': { ...right, t: 1, least: 1 },
  'one share fewer opens all': { ...right, t: right.t - 1 },
  'half of the shares open all': { ...right, t: size / 2 },
  'fewer must stay': { ...right, least: right.least - 1 },
  'fewer are honest': { ...right, honest: 3, least: Math.max(right.t, 3 + right.colluders) },
  'none is honest': { ...right, honest: 0 },
  'the group is smaller than it is': { ...right, members: 4 },
  'thresholds are those of a smaller group': groupThresholds(6, { honest: 5, colluders: null }),
  'no colluders are borne': groupThresholds(size, { honest: 5, colluders: 0 }),
  'more colluders than it can bear': { ...right, colluders: 9 },
  'a share too many is asked for': { ...right, t: right.t + 1 },
};

for (const [name, thresholds] of Object.entries(lowered)) {
  test(`a member says nothing under a manifest in which ${name}`, () => {
    const { state, actions } = begun(thresholds);
    assert.deepEqual(state, { stage: 'aborted' });
    assert.deepEqual(
      actions.map(action => action.kind === 'aborted' && action.problem),
      ['group-refused'],
    );
  });
}

test('under the right ones it begins', () => {
  assert.equal(begun(right).state.stage, 'keys');
});

test('a manifest that names a member twice, or in another order, is refused', () => {
  const { members } = new TestGroup({ size, honest: 5 }).manifest;
  for (const altered of [
    [members[0], ...members.slice(0, -1)],
    [...members].reverse(),
    [...members.slice(0, -1), hashOf('x').subarray(1)],
    members.slice(1),
  ]) {
    const { actions } = begun(right, { members: altered });
    assert.ok(actions[0].kind === 'aborted' && /group-/.test(actions[0].problem));
  }
});

test('fewer signatures than the threshold open nothing, and none counts twice', () => {
  const group = new TestGroup({ size }).reach('agree');
  const { t } = group.manifest.thresholds;
  const some = places(size)
    .slice(0, t - 1)
    .map(at => ({ at, agree: group.said('group-agree', at) }));
  for (const agreed of [[], some, [...some, some[0]], [...some, ...some]]) {
    const [action] = reaction(group, 0, quorumEvent(group, agreed));
    assert.ok(action.kind === 'aborted' && action.problem === 'no-quorum');
  }
  const [action] = reaction(group, 0, quorumEvent(group, [...some, signedFor(group, t, group.survivors)]));
  assert.equal(action.kind, 'send');
});

test('the same holds of a list of survivors at the threshold but below the least', () => {
  const group = new TestGroup({ size, honest: 6, colluders: 3 }).reach('input');
  const { t, least } = group.manifest.thresholds;
  assert.ok(t < least);
  const [action] = reaction(group, 0, survivorsEvent(group, places(t)));
  assert.ok(action.kind === 'aborted' && action.problem === 'group-small');
});
