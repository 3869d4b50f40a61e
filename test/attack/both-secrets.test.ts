/** Both secrets of one member, whose input then lies open: the coordinator calls it a survivor to some and lost to others (Flower SecAgg+). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCbor } from '../../src/core/bytes/cbor.ts';
import { parseSurvivors } from '../../src/core/secagg/group-message.ts';
import {
  assertAborts,
  copyOf,
  heldShares,
  inputOf,
  openedShares,
  pairMasks,
  places,
  quorumEvent,
  reaction,
  recover,
  selfMask,
  signedFor,
  stripped,
  survivorsEvent,
  TestGroup,
  vectorOf,
} from './secagg-session.ts';

const [size, victim] = [7, 3];
const all = places(size);
const without = all.filter(at => at !== victim);
const session = new TestGroup({ size }).reach('masking');
const vector = await vectorOf(session, victim);
session.reach('input');
const reached = () => copyOf(session);

test('members that open whatever they are told of give away the input of the victim', async () => {
  const group = reached();
  const self = recover(group, heldShares(group, without, 'self', victim));
  const root = recover(group, heldShares(group, without, 'root', victim));
  const masks = [selfMask(group, victim, self), ...pairMasks(group, victim, root)];
  assert.deepEqual(await stripped(vector, masks, group), inputOf(victim));
  assert.notDeepEqual(await stripped(vector, masks.slice(1), group), inputOf(victim), 'the root alone is not enough');
  assert.notDeepEqual(await stripped(vector, masks.slice(0, 1), group), inputOf(victim), 'nor is the self seed');
});

test('however the coordinator splits the members, and whatever colluders sign, one of the two secrets stays closed', () => {
  const { t, colluders } = new TestGroup({ size }).manifest.thresholds;
  const colluding = without.slice(-colluders);
  const honest = all.filter(at => !colluding.includes(at));
  const opens: SecretShares[] = [];
  for (let split = 0; split < 2 ** honest.length; split++) {
    const shown = honest.filter((_, i) => ((split >> i) & 1) === 0);
    const hidden = honest.filter(at => !shown.includes(at));
    if (hidden.includes(victim)) continue;
    const group = reached();
    const self = opened(group, all, shown, colluding).length + colluding.length;
    const root = opened(group, without, hidden, colluding).length + colluding.length;
    opens.push({ self, root });
  }
  assert.equal(opens.length, 2 ** (honest.length - 1));
  for (const { self, root } of opens) assert.ok(self < t || root < t, `${self} and ${root} of ${t}`);
  assert.ok(opens.some(({ self }) => self >= t) && opens.some(({ root }) => root >= t - 1), 'each alone can come');
});

interface SecretShares {
  readonly self: number;
  readonly root: number;
}

/** Honest members that open their shares when they are shown this list, with all signatures that can be had for it. */
function opened(group: TestGroup, list: readonly number[], by: readonly number[], colluding: readonly number[]) {
  for (const at of by) group.tell(at, survivorsEvent(group, list));
  const signatures = [
    ...by.map(at => ({ at, agree: group.said('group-agree', at) })),
    ...colluding.map(at => signedFor(group, at, list)),
  ];
  const event = quorumEvent(group, signatures);
  return by.filter(at => reaction(group, at, event)[0].kind === 'send');
}

test('a member that has agreed to one list is not talked into another', () => {
  const group = reached();
  group.agree(all);
  assertAborts(group, 0, survivorsEvent(group, without), 'equivocation', /another list of survivors/);
  const foreign = without.map(at => signedFor(group, at, without));
  assertAborts(group, 0, quorumEvent(group, foreign), 'no-quorum', /0 members agreed/);
  assertAborts(reached(), victim, survivorsEvent(group, without), 'group-altered', /is not among the survivors/);
});

test('no message can name the lost beside the survivors, nor one member twice', () => {
  const { sid } = reached();
  for (const message of [
    { sid, survivors: all, dropped: [victim] },
    { sid, survivors: [...all, victim] },
    { sid, survivors: [0, 1, 2, 3, 3, 4, 5, 6] },
  ])
    assert.throws(() => parseSurvivors(encodeCbor(message)), { code: 'bad-request' });
});

test('what honest members open of one another is one secret of each, in every session', () => {
  const group = reached();
  group.survivors = without;
  group.agree(without);
  group.unmask(without);
  for (const of of all) {
    const [self, root] = (['self', 'root'] as const).map(kind => openedShares(group, without, kind, of).size);
    assert.deepEqual([self, root], of === victim ? [0, 6] : [6, 0]);
  }
});
