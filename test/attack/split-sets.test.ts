/** Different members hear of different sets: with sums over two of them, their difference is what single members sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setHash } from '../../src/core/secagg/derive.ts';
import { parseShares } from '../../src/core/secagg/group-message.ts';
import {
  added,
  assertAborts,
  copyOf,
  difference,
  heldShares,
  inputOf,
  pairMasks,
  places,
  quorumEvent,
  reaction,
  recover,
  selfMask,
  signedFor,
  stripped,
  sum,
  survivorsEvent,
  TestGroup,
  vectorsOf,
} from './secagg-session.ts';

const [size, victim] = [8, 3];
const all = places(size);
const without = all.filter(at => at !== victim);
const session = new TestGroup({ size }).reach('masking');
const vectors = await vectorsOf(session, all);
session.reach('input');
const { t, colluders } = session.manifest.thresholds;

test('naive members open two sums of one session, and so the input that one of them lacks', async () => {
  const selfMasks = all.map(at => selfMask(session, at, recover(session, heldShares(session, all, 'self', at))));
  const one = await stripped(sum(vectors), selfMasks, session);
  assert.deepEqual(one, sum(all.map(inputOf)));
  // The second sum lacks the victim: what the others masked with it comes from its root.
  const root = recover(session, heldShares(session, without, 'root', victim));
  const rest = sum(vectors.filter((_, at) => at !== victim));
  const ownMasks = selfMasks.filter((_, at) => at !== victim);
  const two = await stripped(await added(rest, pairMasks(session, victim, root), session), ownMasks, session);
  assert.deepEqual(two, sum(without.map(inputOf)));
  assert.deepEqual(difference(one, two), inputOf(victim));
});

/** How many lists come to an opening, for each way to show the honest members one of two. */
function openings(colluding: readonly number[]): number[] {
  const honest = all.filter(at => !colluding.includes(at) && at !== victim);
  return Array.from({ length: 2 ** honest.length }, (_, split) => {
    const group = copyOf(session);
    const first = [victim, ...honest.filter((_, i) => ((split >> i) & 1) === 0)];
    const second = honest.filter(at => !first.includes(at));
    const opens = [
      [all, first],
      [without, second],
    ].map(([list, by]) => {
      for (const at of by) group.tell(at, survivorsEvent(group, list));
      const own = by.map(at => ({ at, agree: group.said('group-agree', at) }));
      const event = quorumEvent(group, [...own, ...colluding.map(at => signedFor(group, at, list))]);
      return by.filter(at => reaction(group, at, event)[0].kind === 'send').length + colluding.length >= t;
    });
    return opens.filter(Boolean).length;
  });
}

test('of all ways to show two lists of survivors, none brings both to an opening', () => {
  const opened = openings(all.slice(-colluders));
  assert.equal(Math.max(...opened), 1, 'some splits leave one side with enough, and none both');
});

test('with too many places one front brings both to an opening: such a group is refused', () => {
  const front = [4, 5, 6, 7];
  assert.equal(Math.max(...openings([2, ...front])), 2);
  // Two organisations may collude; there are three others.
  const organisation = (at: number) => (front.includes(at) ? 'front' : `site-${at}`);
  const group = new TestGroup({ size, organisation, seed: 'front' }).reach('keys');
  assertAborts(group, victim, group.membersEvent(), 'group-refused', /hold 5 of 8 places/);
});

test('a signature for another list of sharers does not count', () => {
  const group = copyOf(session);
  group.agree(all);
  const other = all.slice(0, -1).map(at => signedFor(group, at, all, all.slice(0, -1)));
  assertAborts(group, 0, quorumEvent(group, other), 'no-quorum', /0 members agreed/);
});

test('members that were shown different first lists do not take each other for sharers', () => {
  const group = new TestGroup({ size }).reach('keys');
  const event = group.membersEvent();
  const few = all.slice(0, -1);
  // The last member is kept from half of the group.
  const cut = {
    ...event,
    message: { ...event.message, present: event.message.present.slice(0, -1) },
    peers: event.peers.slice(0, -1),
  };
  for (const at of [0, 1, 2, 3]) group.tell(at, cut);
  for (const at of [4, 5, 6, 7]) group.tell(at, event);
  const { present } = parseShares(group.payload('group-shares', 0));
  assert.deepEqual(present, setHash('present', group.sid, few, group.primitives));
  group.sharers = few;
  // The boxes are right for each pair, the headers name different sets.
  const message = group.boxesMessage(4);
  assertAborts(group, 4, { kind: 'boxes', message }, 'group-altered', /was shown other members than this one/);
  assertAborts(group, 0, { kind: 'boxes', message: group.boxesMessage(0) }, 'group-altered', /was shown other members/);
});

test('members that were shown different sharers agree on nothing', () => {
  const group = new TestGroup({ size }).reach('shares');
  group.sharers = without;
  for (const at of [0, 1, 2]) group.tell(at, { kind: 'boxes', message: group.boxesMessage(at) });
  group.sharers = all;
  for (const at of [3, 4, 5, 6, 7]) group.tell(at, { kind: 'boxes', message: group.boxesMessage(at) });
  for (const at of all) group.tell(at, { kind: 'masked', vector: new Uint8Array(32), bytes: 24 });
  for (const at of all) if (at !== victim) group.tell(at, survivorsEvent(group, without));
  const agreed = without.map(at => ({ at, agree: group.said('group-agree', at) }));
  for (const at of without) assertAborts(group, at, quorumEvent(group, agreed), 'no-quorum');
});

test('every list of the coordinator stands once: the second of a step ends the session', () => {
  const group = copyOf(session);
  group.tell(0, survivorsEvent(group, all));
  assertAborts(group, 0, survivorsEvent(group, without), 'equivocation');
});
