/** A member that is lost before it has dealt shares: masks with it could never be taken off again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskCoins, pairSeed } from '../../src/core/secagg/derive.ts';
import { parseKeys } from '../../src/core/secagg/group-message.ts';
import {
  added,
  coordinated,
  inputOf,
  openedShares,
  places,
  stripped,
  sum,
  TestGroup,
  vectorsOf,
} from './secagg-session.ts';

const [size, lost] = [7, 6];
const all = places(size);
const left = all.filter(at => at !== lost);

/** All have sent keys; the last one is never heard of again. */
const session = new TestGroup({ size });
session.begin(all);
session.share(left);
session.open();
const vectors = await vectorsOf(session, left);
session.input(left);
session.agree();
session.unmask(left);

test('masks are with those alone that have dealt shares', () => {
  for (const at of left) assert.equal(session.masks.get(at)?.length, left.length);
});

test('the sum opens, and nothing of the lost member is asked for or given', async () => {
  const state = coordinated(session, 'group-unmask');
  assert.equal(state.stage, 'opened');
  assert.deepEqual(state.opening?.survivors, left);
  assert.deepEqual(await added(sum(vectors), state.opening?.masks ?? [], session), sum(left.map(inputOf)));
  for (const kind of ['self', 'root'] as const) assert.equal(openedShares(session, left, kind, lost).size, 0);
});

test('members that mask with all who have sent keys leave a sum that nobody can open', async () => {
  const { primitives, sid, manifest } = session;
  const { maskKey } = parseKeys(session.payload('group-keys', lost));
  const naive = left.map(at => {
    const { root } = session.secrets(at);
    const { secret } = primitives.kem.encapsulate(maskKey, maskCoins(root, sid, lost, primitives));
    return { seed: pairSeed(secret, sid, [at, lost], manifest.model, primitives), sign: 1 as const };
  });
  const total = await added(sum(vectors), naive, session);
  const { opening } = coordinated(session, 'group-unmask');
  const opened = await added(total, opening?.masks ?? [], session);
  assert.notDeepEqual(opened, sum(left.map(inputOf)));
  assert.deepEqual(await stripped(opened, naive, session), sum(left.map(inputOf)), 'its root is all that is missing');
  assert.ok(!session.bodies.has(lost), 'and no share of it exists');
});

test('a member that is lost after it dealt is in all masks, and its root opens them', async () => {
  const late = new TestGroup({ size }).reach('masking');
  const sent = await vectorsOf(late, left);
  late.input(left);
  late.agree();
  late.unmask(left);
  for (const at of left) assert.equal(late.masks.get(at)?.length, size);
  const state = coordinated(late, 'group-unmask');
  assert.deepEqual(await added(sum(sent), state.opening?.masks ?? [], late), sum(left.map(inputOf)));
  assert.equal(openedShares(late, left, 'root', lost).size, left.length);
});

test('whoever is lost, at whichever step, the sum of the rest opens', () => {
  for (const steps of [
    [6, 6, 6],
    [7, 6, 6],
    [7, 7, 6],
    [7, 6, 5],
    [6, 5, 5],
    [7, 7, 5],
  ]) {
    const [one, two, three] = steps.map(count => places(count));
    const group = new TestGroup({ size });
    group.begin(one);
    group.share(two);
    group.open();
    group.input(three);
    group.agree();
    group.unmask(three);
    assert.deepEqual(coordinated(group, 'group-unmask').opening?.survivors, three);
  }
});
