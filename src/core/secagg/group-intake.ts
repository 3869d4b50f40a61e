/** What the coordinator checks of a member's message, step by step, before it counts. Everything here throws Problem for what does not hold. */
import { sameBytes } from '../bytes/floats.ts';
import { type Envelope, encodeEnvelope } from '../crypto/envelope.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import { hasLowOrder } from '../crypto/low-order.ts';
import { isEncapsulationKey } from '../crypto/xwing.ts';
import { Problem } from '../protocol/problem.ts';
import type { ProvenShare, SecretKind } from './blame.ts';
import { boxTree } from './dealt.ts';
import { encapsulates, setHash } from './derive.ts';
import {
  type AgreeMessage,
  type InputMessage,
  type KeysMessage,
  parseAgree,
  parseInput,
  parseKeys,
  parseShares,
  parseSharesBody,
  parseUnmask,
  type SharesBody,
} from './group-message.ts';
import type { GroupState, Received, ReceivedShares, ReceivedUnmask } from './group-state.ts';
import { packedBytes } from './packing.ts';

/** R0: keys that others can encapsulate to, and that nobody else has sent. */
export function takeKeys(state: GroupState, envelope: Envelope): Received<KeysMessage> {
  const message = parseKeys(envelope.payload);
  expectSession(state, message.sid);
  const own = [message.channelKey, message.maskKey];
  const taken = [...state.keys.values()].flatMap(({ message: { channelKey, maskKey } }) => [channelKey, maskKey]);
  if (sameBytes(own[0], own[1]) || own.some(key => taken.some(other => sameBytes(key, other))))
    throw new Problem('malformed', 'group: a key was sent before');
  // All others use them: one that cannot be used would stop them.
  if (!own.every(isEncapsulationKey)) throw new Problem('malformed', 'group: not a key of X-Wing');
  return { message, envelope: encodeEnvelope(envelope) };
}

/** R1: dealt to U1 as it was shown, with all that its `boxRoot` is over. */
export function takeShares(
  state: GroupState,
  at: number,
  envelope: Envelope,
  bytes: Uint8Array | null,
  primitives: GroupPrimitives,
): ReceivedShares {
  const message = parseShares(envelope.payload);
  expectSession(state, message.sid);
  expectSet(state, 'present', message.present, primitives);
  if (bytes === null) throw new Problem('malformed', 'group: the boxes are missing');
  const body = parseSharesBody(bytes);
  expectBoxes(state, at, body);
  const boxes = boxTree(state.sid, at, body, primitives);
  if (!sameBytes(boxes.root, message.boxRoot)) throw new Problem('bad-digest', 'group: other boxes than those signed');
  return { message, envelope: encodeEnvelope(envelope), body, boxes };
}

/** R2: among U2 as it was shown, as long as the segments of the manifest. */
export function takeInput(
  state: GroupState,
  at: number,
  envelope: Envelope,
  primitives: GroupPrimitives,
): Received<InputMessage> {
  const message = parseInput(envelope.payload);
  expectSession(state, message.sid);
  expectSet(state, 'sharers', message.sharers, primitives);
  const bytes = state.manifest.segments.reduce((sum, { words, bits }) => sum + packedBytes(words, bits), 0);
  if (message.bytes !== bytes)
    throw new Problem('malformed', `group: an input of ${message.bytes} bytes, not ${bytes}`);
  const others = state.sharers.filter(other => other !== at);
  expectAmong(
    others,
    message.complaints.map(({ dealer }) => dealer),
  );
  return { message, envelope: encodeEnvelope(envelope) };
}

/** R3: the sets that it was shown, and no others. */
export function takeAgree(state: GroupState, envelope: Envelope, primitives: GroupPrimitives): Received<AgreeMessage> {
  const message = parseAgree(envelope.payload);
  expectSession(state, message.sid);
  expectSet(state, 'sharers', message.sharers, primitives);
  expectSet(state, 'survivors', message.survivors, primitives);
  return { message, envelope: encodeEnvelope(envelope) };
}

/** R4: shares of nothing but what is to be opened. Whether they are what was dealt shows when they are used. */
export function takeUnmask(state: GroupState, at: number, envelope: Envelope): ReceivedUnmask {
  const message = parseUnmask(envelope.payload);
  expectSession(state, message.sid);
  for (const kind of ['self', 'root'] as const)
    expectAmong(
      toOpen(state, kind),
      message[kind].map(({ of }) => of),
    );
  const byDealer = (kind: SecretKind) =>
    new Map(message[kind].map(({ of, share, proof }): [number, ProvenShare] => [of, { at, share, proof }]));
  return { message, envelope: encodeEnvelope(envelope), self: byDealer('self'), root: byDealer('root') };
}

/** Whose secret of this kind is to be opened: of U3 the self seed, of U2∖U3 the root. */
export function toOpen({ sharers, survivors }: GroupState, kind: SecretKind): readonly number[] {
  return kind === 'self' ? survivors : sharers.filter(at => !survivors.includes(at));
}

function expectSession({ sid }: GroupState, named: Uint8Array): void {
  if (!sameBytes(named, sid)) throw new Problem('wrong-round', 'group: the message names another session');
}

function expectSet(
  state: GroupState,
  name: 'present' | 'sharers' | 'survivors',
  hash: Uint8Array,
  primitives: GroupPrimitives,
): void {
  if (!sameBytes(setHash(name, state.sid, state[name], primitives), hash))
    throw new Problem('malformed', `group: another set of ${name} than the one it was shown`);
}

/** One for each other member of U1, in order; a mask ciphertext for those that it encapsulates to. */
function expectBoxes({ present }: GroupState, at: number, body: SharesBody): void {
  const others = present.filter(other => other !== at);
  const areForOthers =
    body.length === others.length &&
    body.every(({ to, mask }, i) => to === others[i] && (mask !== null) === encapsulates(at, to));
  if (!areForOthers) throw new Problem('malformed', 'group: not one box for each other member');
  if (body.some(({ mask, channel }) => hasLowOrder(channel) || (mask !== null && hasLowOrder(mask))))
    throw new Problem('malformed', 'group: a ciphertext of low order');
}

/** Places out of `allowed`, ascending, each once. */
function expectAmong(allowed: readonly number[], places: readonly number[]): void {
  const all = new Set(allowed);
  const fit = places.every((at, i) => all.has(at) && (i === 0 || at > places[i - 1]));
  if (!fit) throw new Problem('malformed', 'group: a member that is not asked for');
}
