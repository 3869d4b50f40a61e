import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeCbor } from '../../../src/core/bytes/cbor.ts';
import { Problem } from '../../../src/core/protocol/problem.ts';
import { type Blame, type Evidence, parseEvidence } from '../../../src/core/secagg/blame.ts';
import { sentBox, signedDeal } from '../../../src/core/secagg/group-state.ts';
import { verifyBlame } from '../../../src/core/secagg/verify-blame.ts';
import { noFaults } from '../../../src/simulation/secagg-faults.ts';
import { lies } from '../../../src/simulation/secagg-lies.ts';
import type { SessionResult } from '../../../src/simulation/secagg-session.ts';
import { planOf, realPorts, survive } from '../../simulation/secagg-rounds.ts';
import { upTo } from './group-coordinator.ts';
import { hashOf, places, TestGroup } from './member-group.ts';

const ports = await realPorts();
const { primitives } = ports;
const seed = Array.from({ length: 100 }, (_, i) => i).find(one => planOf(one).inputs.length === 7) ?? 0;
const liar = 2;

/** A real session in which member 2 lies so, and drops out before its input where that shows it. */
async function caught(kind: string, drops: boolean): Promise<{ blame: Blame; result: SessionResult }> {
  const lie = lies.find(one => one.kind === kind || ('label' in one && one.kind === 'alter' && one.label === kind));
  assert.ok(lie);
  const crashes = drops ? [{ at: liar, label: 'group-input' as const, when: 'before' as const }] : [];
  const result = await survive(seed, ports, { ...noFaults, liars: new Map([[liar, lie]]), crashes });
  assert.equal(result.blamed.length, 1);
  return { blame: result.blamed[0], result };
}

const cases: readonly [Evidence['kind'], string, boolean][] = [
  ['bad-box', 'false-boxes', false],
  ['false-complaint', 'group-input', false],
  ['false-share', 'group-unmask', false],
  ['bad-self', 'other-commitment', false],
  ['bad-key', 'other-key', true],
  ['bad-ciphertext', 'other-coins', true],
];

for (const [kind, lie, drops] of cases) {
  describe(`evidence of ${kind}`, async () => {
    const { blame, result } = await caught(lie, drops);
    const { manifest, members } = result;
    const group = { manifest, publicKeys: members.map(({ publicKey }) => publicKey) };
    const refused = (changed: Blame, context = group) =>
      assert.throws(() => verifyBlame(changed, context, primitives), Problem);

    test('convinces anybody, of the member that lied', () => {
      assert.equal(blame.at, liar);
      assert.equal(blame.evidence.kind, kind);
      assert.ok(blame.why.includes(members[liar].name));
      verifyBlame({ ...blame, evidence: parseEvidence(encodeCbor(blame.evidence)) }, group, primitives);
    });

    test('says nothing about another member, in another session, or under other keys', () => {
      for (const at of [0, 1, 3, 6, 7, 600]) refused({ ...blame, at });
      refused(blame, { ...group, manifest: { ...manifest, group: 1 } });
      refused(blame, { ...group, manifest: { ...manifest, round: 2 } });
      refused(blame, { ...group, publicKeys: group.publicKeys.toReversed() });
    });

    test('does not hold when any byte string in it is another', () => {
      let count = 0;
      for (const changed of damaged(blame.evidence)) {
        refused({ ...blame, evidence: changed as Evidence });
        count++;
      }
      assert.ok(count >= 2);
    });
  });
}

/** The value once for every byte string in it, with one bit of that flipped. */
function* damaged(value: unknown): Generator<unknown> {
  if (value instanceof Uint8Array) {
    // The last byte of an envelope is of its signature, that of a share decides its value.
    yield value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte));
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) for (const other of damaged(item)) yield value.with(i, other);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value))
      for (const other of damaged(item)) yield { ...value, [name]: other };
  }
}

describe('an honest member', () => {
  /** Member 5 drops out before its input. */
  const group = new TestGroup({ size: 7 });
  group.begin(places(7));
  group.share(places(7));
  group.open();
  group.input([0, 1, 2, 3, 4, 6]);
  group.agree();
  group.unmask(group.survivors);
  const state = upTo(group, null);
  const blamed = { manifest: group.manifest, publicKeys: group.members.map(({ peer }) => peer.publicKey) };
  const { t } = group.manifest.thresholds;

  function clears(at: number, evidence: Evidence): void {
    assert.throws(() => verifyBlame({ at, why: '', evidence }, blamed, group.primitives), Problem, evidence.kind);
  }

  function heldOf(kind: 'self' | 'root', dealer: number) {
    return [...state.unmasked].flatMap(([at, { message }]) =>
      message[kind].filter(({ of }) => of === dealer).map(({ share, proof }) => ({ at, share, proof })),
    );
  }

  test('is not blamed by what it has sent', () => {
    assert.equal(state.stage, 'opened');
    const deal = signedDeal(state, 1);
    const sent = sentBox(state, 1, 4);
    for (const key of [hashOf('a key'), new Uint8Array(32)]) clears(1, { kind: 'bad-box', deal, sent, key });
    for (const secret of ['self', 'root'] as const)
      clears(4, { kind: 'false-share', deal, secret, unmask: group.said('group-unmask', 4) });
    clears(4, { kind: 'false-complaint', deal, sent, input: group.said('group-input', 4) });
    clears(1, { kind: 'bad-self', deal, held: heldOf('self', 1).slice(0, t) });
    const dropped = signedDeal(state, 5);
    const held = heldOf('root', 5).slice(0, t);
    clears(5, { kind: 'bad-key', deal: dropped, held, keys: group.said('group-keys', 5) });
    clears(5, {
      kind: 'bad-ciphertext',
      deal: dropped,
      held,
      sent: sentBox(state, 5, 6),
      keys: group.said('group-keys', 6),
    });
  });

  test('is not blamed by too few shares, by one that stands twice, or by those of another secret', () => {
    const deal = signedDeal(state, 1);
    const held = heldOf('self', 1);
    for (const other of [[], held.slice(0, t - 1), held.slice(0, t + 1), [held[0], ...held.slice(0, t - 1)]])
      clears(1, { kind: 'bad-self', deal, held: other });
    clears(1, { kind: 'bad-self', deal, held: heldOf('self', 2).slice(0, t) });
    clears(1, { kind: 'bad-key', deal, held: held.slice(0, t), keys: group.said('group-keys', 1) });
  });

  test('is not blamed for the key of another one', () => {
    const held = heldOf('root', 5).slice(0, t);
    clears(5, {
      kind: 'bad-ciphertext',
      deal: signedDeal(state, 5),
      held,
      sent: sentBox(state, 5, 6),
      keys: group.said('group-keys', 4),
    });
    clears(5, { kind: 'bad-key', deal: signedDeal(state, 5), held, keys: group.said('group-keys', 4) });
  });
});
