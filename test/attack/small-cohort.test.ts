/** A sum of so few inputs that the coordinator and its friends take off their own and are left with the victim's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepGroup } from '../../src/core/secagg/group-machine.ts';
import type { GroupManifest } from '../../src/core/secagg/manifest.ts';
import { sessionId } from '../../src/core/secagg/manifest.ts';
import { beginMember, type MemberPolicy } from '../../src/core/secagg/member-machine.ts';
import { groupThresholds } from '../../src/core/secagg/thresholds.ts';
import {
  added,
  assertAborts,
  closed,
  coordinated,
  difference,
  heldShares,
  honestCoordinator,
  inputOf,
  pairMasks,
  places,
  recover,
  selfMask,
  sum,
  survivorsEvent,
  TestGroup,
  vectorsOf,
} from './secagg-session.ts';

const size = 8;
const all = places(size);
const { least, colluders } = groupThresholds(size, { honest: 5, colluders: null });
const [victim, ...friends] = [3, 6, 7];

test('a group of the victim and colluders gives the input of the victim to naive members', async () => {
  const few = [victim, ...friends].sort((a, b) => a - b);
  assert.ok(friends.length <= colluders && few.length < least);
  const group = new TestGroup({ size, honest: 5 }).reach('masking');
  const vectors = await vectorsOf(group, few);
  group.input(all);
  // Naive members open what they are told: the self seeds of the few, the roots of all others.
  const self = few.map(at => selfMask(group, at, recover(group, heldShares(group, all, 'self', at))));
  const lost = all.filter(at => !few.includes(at));
  const left = lost.flatMap(at => {
    const root = recover(group, heldShares(group, all, 'root', at));
    // In the vector of a survivor the mask with a lost member stands with the other sign.
    const others = group.sharers.filter(other => other !== at);
    return pairMasks(group, at, root).filter((_, i) => few.includes(others[i]));
  });
  const inverted = self.map(({ seed }) => ({ seed, sign: -1 as const }));
  const total = await added(sum(vectors), [...inverted, ...left], group);
  assert.deepEqual(total, sum(few.map(inputOf)));
  assert.deepEqual(difference(total, sum(friends.map(inputOf))), inputOf(victim));
});

test('every list with fewer than the least ends the session of all who hear it', () => {
  const few = all.slice(0, least - 1);
  const start = new TestGroup({ size, honest: 5 });
  start.begin(few);
  for (const at of few) assertAborts(start, at, start.membersEvent(), 'group-small', /where 7 must stay/);

  const shared = new TestGroup({ size, honest: 5 }).reach('shares');
  shared.sharers = few;
  for (const at of few)
    assertAborts(shared, at, { kind: 'boxes', message: shared.boxesMessage(at) }, 'group-small', /where 7 must stay/);

  const sent = new TestGroup({ size, honest: 5 }).reach('input');
  for (const at of few) assertAborts(sent, at, survivorsEvent(sent, few), 'group-small', /where 7 must stay/);
});

test('an honest coordinator gives up as well, at whichever step too many are lost', () => {
  const group = new TestGroup({ size, honest: 5 }).reach('agree');
  const few = all.slice(0, least - 1);
  const started = honestCoordinator(group);
  assert.equal(closed(started, group, 'group-keys', few).stage, 'void');
  const shared = closed(closed(started, group, 'group-keys', all), group, 'group-shares', few);
  assert.equal(shared.stage, 'void');
  const sent = closed(coordinated(group, 'group-shares'), group, 'group-input', few);
  assert.equal(sent.stage, 'void');
  assert.match(sent.why ?? '', /6 of 8 members sent their input; the group needs 7/);
  const { t } = group.manifest.thresholds;
  const agreed = closed(coordinated(group, 'group-input'), group, 'group-agree', all.slice(0, t - 1));
  assert.equal(agreed.stage, 'void');
  assert.equal(stepGroup(sent, { kind: 'close' }, group.primitives), sent);
});

/** What the policy of one site says to a manifest that is right in itself. */
function refusal(thresholds: GroupManifest['thresholds'], policy: MemberPolicy): string | null {
  const group = new TestGroup({ size: thresholds.members });
  const manifest = { ...group.manifest, thresholds };
  const session = { ...group.sessions[0], manifest, sid: sessionId(manifest, group.primitives), policy };
  const { actions } = beginMember(session, group.secrets(0), group.primitives);
  return actions[0].kind === 'aborted' ? actions[0].problem : null;
}

test('a site that asks for more honest inputs than the task takes no part, whatever the coordinator says', () => {
  const shrink = { setChanges: 'shrink' } as const;
  const three = groupThresholds(size, { honest: 3, colluders: null });
  assert.equal(refusal(three, { honest: 5, colluders: 0, ...shrink }), 'group-refused');
  assert.equal(refusal(three, { honest: 3, colluders: 3, ...shrink }), 'group-refused');
  assert.equal(refusal(three, { honest: 3, colluders: 2, ...shrink }), null);
  assert.equal(
    refusal(groupThresholds(size, { honest: 5, colluders: 0 }), { honest: 5, colluders: 1, ...shrink }),
    'group-refused',
  );
});

test('three honest inputs are the least that any policy can ask for, so two members never open to each other', () => {
  const policy = { honest: 0, colluders: 0, setChanges: 'shrink' } as const;
  for (const honest of [0, 1, 2]) {
    const thresholds = { ...groupThresholds(size, { honest: 3, colluders: 0 }), honest };
    assert.equal(refusal(thresholds, policy), 'group-refused');
  }
  assert.throws(() => groupThresholds(2, { honest: 3, colluders: 0 }), RangeError);
});

test('of every group up to 60, what colluders cannot take off is as much as was promised', () => {
  for (let members = 3; members <= 60; members++)
    for (let honest = 3; honest <= members; honest++) {
      const { least: stay, colluders: borne } = groupThresholds(members, { honest, colluders: null });
      assert.ok(stay - borne >= honest && stay <= members);
    }
});
