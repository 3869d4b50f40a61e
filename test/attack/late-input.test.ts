/** An input that comes after its sender was called lost: the coordinator then has the root that opens all of its pair masks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepGroup } from '../../src/core/secagg/group-machine.ts';
import {
  assertAborts,
  closed,
  coordinated,
  copyOf,
  heldShares,
  honestCoordinator,
  inputOf,
  openedShares,
  pairMasks,
  places,
  recover,
  stripped,
  survivorsEvent,
  TestGroup,
  taken,
  vectorOf,
  words,
} from './secagg-session.ts';

const [size, victim] = [7, 3];
const all = places(size);
const others = all.filter(at => at !== victim);

/** The victim has masked and sent its input; the coordinator says that nothing came, and opens the sum of the others. */
const masking = new TestGroup({ size }).reach('masking');
const late = await vectorOf(masking, victim);
const masks = structuredClone(masking.masks.get(victim) ?? []);
masking.input(all);
masking.survivors = others;
masking.agree();
masking.unmask(others);
const session = masking;
const root = recover(session, openedShares(session, others, 'root', victim));

test('without a mask of its own, the input of a member that is called lost lies open', async () => {
  const naive = await vectorOf(session, victim, masks.slice(1));
  assert.deepEqual(await stripped(naive, pairMasks(session, victim, root), session), inputOf(victim));
});

test('with one, what is left when all pair masks are off is a keystream that nobody can open any more', async () => {
  const left = await stripped(late, pairMasks(session, victim, root), session);
  assert.equal(left.filter((word, i) => word === inputOf(victim)[i]).length, 0);
  // Exactly the victim's own mask stands between this and its input.
  assert.deepEqual(await stripped(left, masks.slice(0, 1), session), inputOf(victim));
  assert.equal(left.length, words);
  // Nobody has opened a share of it, and colluders have too few.
  const { t, colluders } = session.manifest.thresholds;
  assert.equal(openedShares(session, others, 'self', victim).size, 0);
  assert.ok(colluders < t);
});

test('shares of colluders alone do not give the mask of the late member', () => {
  const group = new TestGroup({ size }).reach('input');
  const { colluders } = group.manifest.thresholds;
  const held = heldShares(group, others.slice(0, colluders), 'self', victim);
  assert.throws(() => recover(group, held), RangeError);
});

test('members that have opened the root of one member open nothing else of it', () => {
  for (const at of others) {
    const group = copyOf(session);
    assert.equal(group.states[at].stage, 'unmask');
    assertAborts(group, at, survivorsEvent(group, all), 'equivocation');
  }
});

test('the late member itself goes no further when it hears that it was lost', () => {
  const group = new TestGroup({ size }).reach('input');
  assertAborts(group, victim, survivorsEvent(group, others), 'group-altered', /is not among the survivors/);
});

test('an honest coordinator takes no input after the step has closed', () => {
  let state = honestCoordinator(session);
  state = closed(state, session, 'group-keys', all);
  state = closed(state, session, 'group-shares', all);
  state = closed(state, session, 'group-input', others);
  assert.throws(() => taken(state, session, 'group-input', [victim]), { code: 'round-closed' });
  const after = coordinated(session, 'group-agree');
  assert.throws(() => taken(after, session, 'group-input', [victim]), { code: 'round-closed' });
  assert.equal(stepGroup(after, { kind: 'gone', at: victim }, session.primitives).stage, 'unmask');
});
