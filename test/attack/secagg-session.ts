/**
 * Sessions of real members under a coordinator that lies. The coordinator is the test: it crafts what it tells each member, and does the arithmetic of
 * its attack with what comes back. A *naive* member is one that does as it is told: what it would give away is read out of the state of the real one.
 */
import assert from 'node:assert/strict';
import { decodeEnvelope } from '../../src/core/crypto/envelope.ts';
import { applyMasks } from '../../src/core/secagg/apply-masks.ts';
import { encapsulates, maskCoins, maskKeyPair, pairSeed, selfSeed } from '../../src/core/secagg/derive.ts';
import { beginGroup, type GroupState, stepGroup } from '../../src/core/secagg/group-machine.ts';
import { encodeGroupMessage, type MemberLabel, parseKeys } from '../../src/core/secagg/group-message.ts';
import type { Mask } from '../../src/core/secagg/mask.ts';
import { type MemberAction, type MemberEvent, stepMember } from '../../src/core/secagg/member-machine.ts';
import { makeAgree } from '../../src/core/secagg/member-unmask.ts';
import { combine } from '../../src/core/secagg/shamir.ts';
import { nodeKeystream } from '../../src/node/keystream.ts';
import { hashOf, TestGroup } from '../core/secagg/member-group.ts';

export { assertAborts, bytesFrom, hashOf, places, TestGroup } from '../core/secagg/member-group.ts';

/** Words of an input here. */
export const words = 6;
export const segment = { label: 'update', length: words, bits: 32 } as const;

export type SecretKind = 'self' | 'root';
/** Shares of one secret, by the place of who gave them. */
export type Shares = ReadonlyMap<number, Uint8Array>;

/** The secret input of a member: what an attack has to bring to light. */
export function inputOf(at: number): Int32Array {
  return Int32Array.from(new Int32Array(hashOf(`input of ${at}`).buffer.slice(0, 4 * words)));
}

/** Σ modulo 2^32. */
export function sum(vectors: readonly Int32Array[]): Int32Array {
  return Int32Array.from({ length: words }, (_, i) => vectors.reduce((total, vector) => (total + vector[i]) | 0, 0));
}

export function difference(a: Int32Array, b: Int32Array): Int32Array {
  return a.map((word, i) => (word - b[i]) | 0);
}

/** What a member sends in R2: its input under the masks of its machine. */
export function vectorOf(group: TestGroup, at: number, masks = group.masks.get(at), input = inputOf(at)) {
  assert.ok(masks, `member ${at} has masked nothing`);
  return added(input, masks, group);
}

export async function vectorsOf(group: TestGroup, members: readonly number[]): Promise<Int32Array[]> {
  return Promise.all(members.map(at => vectorOf(group, at)));
}

/** vector + masks. */
export async function added(vector: Int32Array, masks: readonly Mask[], group: TestGroup): Promise<Int32Array> {
  const out = Int32Array.from(vector);
  await applyMasks(masks, { ...segment, length: out.length }, out, nodeKeystream, group.primitives);
  return out;
}

/** vector − masks. */
export function stripped(vector: Int32Array, masks: readonly Mask[], group: TestGroup): Promise<Int32Array> {
  const inverted = masks.map(({ seed, sign }): Mask => ({ seed, sign: sign === 1 ? -1 : 1 }));
  return added(vector, inverted, group);
}

/** A share of any secret that a member holds: what a naive or colluding one gives for the asking. */
export function heldShare(group: TestGroup, by: number, kind: SecretKind, of: number): Uint8Array {
  const state = group.states[by];
  assert.ok('held' in state, `member ${by} holds no shares in the stage ${state.stage}`);
  const held = state.held.find(({ dealer }) => dealer === of);
  assert.ok(held, `member ${by} was dealt nothing by ${of}`);
  return held[kind];
}

export function heldShares(group: TestGroup, by: readonly number[], kind: SecretKind, of: number): Shares {
  return new Map(by.map(at => [at, heldShare(group, at, kind, of).slice()]));
}

/** Shares of one secret in the R4 that members have sent. */
export function openedShares(group: TestGroup, by: readonly number[], kind: SecretKind, of: number): Shares {
  return new Map(
    by.flatMap(at => {
      const found = group.unmaskOf(at)[kind].find(one => one.of === of);
      return found === undefined ? [] : [[at, found.share] as const];
    }),
  );
}

/** The secret from the first t of the shares. Throws RangeError for fewer. */
export function recover(group: TestGroup, shares: Shares): Uint8Array {
  const { t } = group.manifest.thresholds;
  const some = [...shares].slice(0, t).map(([at, value]) => ({ x: at + 1, value }));
  return combine(some, t);
}

/** A member's own mask. */
export function selfMask(group: TestGroup, at: number, self: Uint8Array): Mask {
  return { seed: selfSeed(self, group.sid, at, group.primitives), sign: 1 };
}

/** All pair masks in a member's vector, from its root: with every other member of U2. */
export function pairMasks(group: TestGroup, at: number, root: Uint8Array, model = group.manifest.model): Mask[] {
  const { primitives, sid, sharers } = group;
  return sharers
    .filter(other => other !== at)
    .map(other => {
      const order = at < other ? ([at, other] as const) : ([other, at] as const);
      const secret = encapsulates(at, other) ? sentSecret(group, root, other) : receivedSecret(group, root, other, at);
      return { seed: pairSeed(secret, sid, order, model, primitives), sign: at < other ? 1 : -1 };
    });
}

export function survivorsEvent(
  { sid }: TestGroup,
  survivors: readonly number[],
  memory: Extract<MemberEvent, { kind: 'survivors' }>['memory'] = null,
): Extract<MemberEvent, { kind: 'survivors' }> {
  return { kind: 'survivors', message: { sid, survivors: [...survivors] }, memory };
}

/** The R3 of a colluder, who signs what it is asked to. */
export function signedFor(
  group: TestGroup,
  at: number,
  survivors: readonly number[],
  sharers: readonly number[] = group.sharers,
): { at: number; agree: Uint8Array } {
  const message = makeAgree(group, sharers, survivors, group.primitives);
  return { at, agree: group.sign(at, 'group-agree', encodeGroupMessage(message)) };
}

export function quorumEvent(
  { sid }: TestGroup,
  agreed: readonly { at: number; agree: Uint8Array }[],
): Extract<MemberEvent, { kind: 'quorum' }> {
  return { kind: 'quorum', message: { sid, agreed: agreed.toSorted((a, b) => a.at - b.at) } };
}

/** The same session as far as it has come: what happens to one does not happen to the other. */
export function copyOf(group: TestGroup): TestGroup {
  const copy = new TestGroup(group.options);
  const { present, sharers, survivors } = group;
  const lists = { present: [...present], sharers: [...sharers], survivors: [...survivors] };
  const said = { sent: new Map(group.sent), bodies: new Map(group.bodies), masks: new Map(group.masks) };
  return Object.assign(copy, lists, said, { states: structuredClone(group.states) });
}

/** What the real member does, on a copy of its state: the group stays as it is. */
export function reaction(group: TestGroup, at: number, event: MemberEvent): readonly MemberAction[] {
  return stepMember(structuredClone(group.states[at]), event, group.primitives).actions;
}

/** The machine of an honest coordinator for this group. */
export function honestCoordinator({ manifest, members, primitives }: TestGroup): GroupState {
  const known = members.map(({ certificate, peer: { at, name, publicKey } }) => ({ at, name, certificate, publicKey }));
  return beginGroup(manifest, known, primitives);
}

/** It takes what these members have said under a label. */
export function taken(state: GroupState, group: TestGroup, label: MemberLabel, by: readonly number[]): GroupState {
  return by.reduce((now, at) => {
    const boxes = label === 'group-shares' ? group.bodies.get(at) : undefined;
    const envelope = decodeEnvelope(group.said(label, at));
    const body = boxes === undefined ? null : encodeGroupMessage(boxes);
    return stepGroup(now, { kind: 'message', at, envelope, body }, group.primitives);
  }, state);
}

/** The same, and the step ends. */
export function closed(state: GroupState, group: TestGroup, label: MemberLabel, by: readonly number[]): GroupState {
  return stepGroup(taken(state, group, label, by), { kind: 'close' }, group.primitives);
}

/** An honest coordinator over the steps that members have been through so far. */
export function coordinated(group: TestGroup, until: MemberLabel): GroupState {
  const steps = [
    ['group-keys', group.present],
    ['group-shares', group.sharers],
    ['group-input', group.survivors],
    ['group-agree', group.survivors],
    ['group-unmask', group.survivors],
  ] as const;
  let state = honestCoordinator(group);
  for (const [label, by] of steps) {
    state = closed(state, group, label, by);
    if (label === until) break;
  }
  return state;
}

export function publicKeys({ members }: TestGroup): Uint8Array[] {
  return members.map(({ peer }) => peer.publicKey);
}

function sentSecret(group: TestGroup, root: Uint8Array, to: number): Uint8Array {
  const { primitives, sid } = group;
  const { maskKey } = parseKeys(group.payload('group-keys', to));
  return primitives.kem.encapsulate(maskKey, maskCoins(root, sid, to, primitives)).secret;
}

function receivedSecret({ bodies, primitives }: TestGroup, root: Uint8Array, from: number, to: number): Uint8Array {
  const mask = bodies.get(from)?.find(entry => entry.to === to)?.mask;
  assert.ok(mask);
  return primitives.kem.decapsulate(mask, maskKeyPair(root, primitives));
}
