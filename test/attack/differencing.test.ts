/** Sums over nearly the same members: their difference is what the few sent that came or went. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSetMemory, memberId, parseSetMemory, type SetMemory } from '../../src/core/secagg/set-memory.ts';
import {
  added,
  coordinated,
  copyOf,
  difference,
  hashOf,
  inputOf,
  places,
  reaction,
  sum,
  survivorsEvent,
  TestGroup,
  vectorsOf,
} from './secagg-session.ts';

const [size, victim] = [9, 4];
const all = places(size);
const without = all.filter(at => at !== victim);
/** Round 7 from the model of this group. */
const session = new TestGroup({ size }).reach('masking');
const vectors = await vectorsOf(session, all);
session.input(all);
const ids = session.members.map(({ peer }) => memberId(peer.name, session.primitives));
const { honest, colluders } = session.manifest.thresholds;
/** So many that come or go are hidden among each other. */
const hiding = honest + colluders;

/** What a member remembers of the round before. */
function memoryOf(survivors: readonly number[], changes: Partial<SetMemory> = {}): SetMemory {
  const set = survivors.map(at => ids[at]);
  return { survivors: set, round: 6, model: hashOf('the model before'), changed: 6, deal: null, ...changes };
}

/** Why the real member does not sign a list after that, or null. */
function refusal(
  survivors: readonly number[],
  memory: SetMemory,
  { setChanges = 'shrink' as 'shrink' | 'strict', isPrivate = false } = {},
): string | null {
  const group = copyOf(session);
  const state = group.states[0];
  assert.ok(state.stage === 'input');
  const policy = { ...state.session.policy, setChanges };
  group.states[0] = { ...state, session: { ...state.session, policy, isPrivate } };
  const [action] = reaction(group, 0, survivorsEvent(group, survivors, memory));
  if (action.kind !== 'aborted') return null;
  assert.equal(action.problem, 'set-refused');
  return action.why;
}

/** The sum that an honest opening gives over these members. */
async function openedSum(survivors: readonly number[]): Promise<Int32Array> {
  const group = new TestGroup({ size }).reach('masking');
  group.input(survivors);
  group.agree();
  group.unmask(survivors);
  const { opening } = coordinated(group, 'group-unmask');
  return added(sum(survivors.map(at => vectors[at])), opening?.masks ?? [], group);
}

test('two sums from one model, with the victim and without it, differ by the input of the victim', async () => {
  assert.deepEqual(difference(await openedSum(all), await openedSum(without)), inputOf(victim));
});

test('for one model there is one set, in whichever round', () => {
  const { model } = session.manifest;
  for (const [before, now] of [
    [all, without],
    [without, all],
    [all, all.slice(0, size - honest + 1)],
  ])
    assert.match(refusal(now, memoryOf(before, { model })) ?? '', /another set for the same model/);
  assert.equal(refusal(all, memoryOf(all, { model })), null);
});

test('in one round there is one set, and no way back to an earlier round', () => {
  assert.match(refusal(without, memoryOf(all, { round: 7 })) ?? '', /another set in round 7/);
  assert.match(refusal(all, memoryOf(all, { round: 8 })) ?? '', /round 7 after round 8/);
});

test('nobody comes back: a member toggled from round to round is noticed by all others', () => {
  assert.equal(refusal(without, memoryOf(all)), null, 'drop-outs are borne');
  assert.match(refusal(all, memoryOf(without)) ?? '', /0 gone, 1 come/);
  // One for another is a change of two.
  const others = all.filter(at => at !== 8);
  assert.match(refusal(without, memoryOf(others)) ?? '', /1 gone, 1 come/);
  // When so many rounds have passed that groups are dealt anew, anybody may be in them.
  const old = memoryOf(without, { changed: session.manifest.round - session.sessions[0].redrawRounds });
  assert.equal(refusal(all, old), null);
});

test('a site that is strict lets one set stay, or so many change that they hide each other', () => {
  const strict = { setChanges: 'strict' } as const;
  assert.match(refusal(without, memoryOf(all), strict) ?? '', /neither none nor 5/);
  assert.match(refusal(all, memoryOf(without), strict) ?? '', /neither none nor 5/);
  assert.equal(refusal(all, memoryOf(all), strict), null);
  assert.equal(refusal(all, memoryOf(all.slice(hiding)), strict), null);
  assert.match(
    refusal(all, memoryOf(all.slice(hiding - 1)), strict) ?? '',
    /neither none nor 5/,
    'colluders hide nobody',
  );
});

test('with differential privacy sets change as they like: what a difference tells is within the noise', () => {
  assert.equal(refusal(all, memoryOf(without), { isPrivate: true }), null);
});

test('what was signed is remembered before the signature leaves, and outlives the process', () => {
  const group = copyOf(session);
  const actions = reaction(group, 0, survivorsEvent(group, all, memoryOf(all)));
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['remember', 'send'],
  );
  assert.ok(actions[0].kind === 'remember');
  const kept = parseSetMemory(encodeSetMemory(actions[0].memory));
  assert.deepEqual(kept.survivors, ids);
  assert.equal(kept.round, 7);
  assert.deepEqual(kept.model, session.manifest.model);
});
