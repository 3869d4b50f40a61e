/** The same masks on two inputs: their difference is that of the inputs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Step } from '../../src/core/protocol/ports.ts';
import { sessionId } from '../../src/core/secagg/manifest.ts';
import { beginMember, stepMember } from '../../src/core/secagg/member-machine.ts';
import { clients, GroupHost, type PlayerSettings, player } from '../client/group-host.ts';
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

/** A client that dies in a session, right after this step; and one that the same disk is given to. */
async function crashedAfter(step: Step, host: GroupHost) {
  const never = new Promise<void>(() => undefined);
  const first = player(host, 0, { step: now => (now === step ? never : undefined) });
  void first.run();
  while (!first.steps.includes(step)) await new Promise(resolve => setImmediate(resolve));
  return { outbox: first.outbox.crash(), blobs: first.blobs, steps: first.steps };
}

test('that a session begins is on disk before the first key leaves', async () => {
  const host = new GroupHost();
  await crashedAfter('group-session-stored', host);
  assert.equal(host.sent.length, 0);
});

test('a client that died in a session sends nothing under a second one, whichever manifest it is shown', async () => {
  for (const step of ['group-session-stored', 'group-keys-sent'] as const) {
    const host = new GroupHost();
    const { outbox, blobs } = await crashedAfter(step, host);
    const other = new GroupHost({ model: host.model.map(value => value + 1) });
    for (const shown of [host, other, new GroupHost({ evaluate: true })]) {
      const sent = shown.sent.length;
      const again = player(shown, 0, { outbox, blobs });
      await assert.rejects(again.run(), { code: 'replayed' });
      assert.deepEqual(again.steps, []);
      assert.equal(shown.sent.length, sent);
    }
    const next = player(new GroupHost({ round: 2 }), 0, { outbox, blobs, step: halted });
    await assert.rejects(next.run(), /halted/);
    assert.deepEqual(next.steps.slice(-1), ['group-session-stored']);
  }
});

/** Ends a client where its next session would begin. */
function halted(step: Step): void {
  if (step === 'group-session-stored') throw new Error('halted');
}

test('a line that breaks is given the same bytes again, not a second message', async () => {
  const host = new GroupHost();
  let breaks = 5;
  const breaking: PlayerSettings['channel'] = line => ({
    ...line,
    async sendGroup(...message) {
      const receipt = await line.sendGroup(...message);
      if (breaks-- > 0) throw new Error('the line broke');
      return receipt;
    },
  });
  await Promise.all(clients.map((_, at) => player(host, at, at === 0 ? { channel: breaking } : {}).run()));
  const own = host.sent.filter(({ at }) => at === 0);
  assert.ok(own.length > 5);
  assert.equal(new Set(own.map(({ bytes }) => bytes)).size, new Set(own.map(({ label }) => label)).size);
  assert.equal(host.state.stage, 'opened');
});
