/** The same masks on two inputs: their difference is that of the inputs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionId } from '../../src/core/secagg/manifest.ts';
import { beginMember, stepMember } from '../../src/core/secagg/member-machine.ts';
import { difference, hashOf, inputOf, TestGroup, vectorOf } from './secagg-session.ts';

const victim = 2;
const group = new TestGroup({ size: 5 }).reach('masking');
const [first, second] = [inputOf(victim), inputOf(99)];

test('two inputs under the same masks give away how they differ, and one that is known the other', async () => {
  const masks = group.masks.get(victim);
  const [one, two] = [await vectorOf(group, victim, masks, first), await vectorOf(group, victim, masks, second)];
  assert.deepEqual(difference(one, two), difference(first, second));
});

test('a member masks once: its machine has no way back, and its masks are gone', () => {
  const member = new TestGroup({ size: 5 }).reach('masking');
  const state = member.states[victim];
  assert.ok(state.stage === 'masking');
  const event = { kind: 'masked', vector: hashOf('vector'), bytes: 24 } as const;
  member.tell(victim, event);
  assert.throws(() => stepMember(state, event, member.primitives), /a state is used once/);
  assert.throws(() => member.tell(victim, event), /nothing is to be masked/);
  for (const { seed } of state.masks) assert.ok(seed.every(byte => byte === 0));
  const boxes = { kind: 'boxes', message: member.boxesMessage(victim) } as const;
  assert.deepEqual(member.tell(victim, boxes), [], 'the boxes again give nothing');
});

test('a second session of the round has other masks, even with the same secrets and the same members', () => {
  // Secrets that came again would be a broken generator, or a machine that was set back.
  const again = new TestGroup({ size: 5 });
  const manifest = { ...again.manifest, stepMs: again.manifest.stepMs + 1 };
  const sid = sessionId(manifest, again.primitives);
  for (const at of again.sessions.keys()) again.sessions[at] = { ...again.sessions[at], manifest, sid };
  Object.assign(again, { manifest, sid });
  again.reach('masking');
  const seeds = (of: TestGroup) => (of.masks.get(victim) ?? []).map(({ seed }) => Buffer.from(seed).toString('hex'));
  assert.equal(new Set([...seeds(group), ...seeds(again)]).size, 10);
});

test('a member does not begin with secrets that were used: the machine has overwritten them', () => {
  const member = new TestGroup({ size: 5 });
  const secrets = member.secrets(victim);
  const { state } = beginMember(member.sessions[victim], secrets, member.primitives);
  stepMember(state, { kind: 'abort' }, member.primitives);
  assert.throws(() => beginMember(member.sessions[victim], secrets, member.primitives), RangeError);
});
