/**
 * R4 at the coordinator: secrets out of shares that fit their commitments, and out of the secrets the masks that the sum still holds. Every
 * secret is held against what its member committed to, so that a sum opens rightly or not at all.
 *
 * Not protected: the input of a member that lies. What it masks with another seed than it agreed on with a member that then drops out is, to
 * everybody, part of its input.
 */
import { sameBytes } from '../bytes/floats.ts';
import type { GroupPrimitives, KemKeyPair } from '../crypto/group-primitives.ts';
import type { Blame, Evidence, ProvenShare, SecretKind } from './blame.ts';
import { maskCoins, maskKeyPair, pairSeed, selfCommitment, selfSeed } from './derive.ts';
import { toOpen } from './group-intake.ts';
import { dealtBy, type GroupState, keysOf, nameOf, type ReceivedUnmask, sentBox, signedDeal } from './group-state.ts';
import type { Mask } from './mask.ts';
import { Recovery } from './recover.ts';

/** Why a secret cannot be opened, in words, and whose fault that is where signed messages show it. */
export interface Obstacle {
  readonly why: string;
  readonly blame: Blame | null;
}

/** The masks that open the sum over U3, in the order of members, or all that stands against it. */
export function openGroup(
  state: GroupState,
  primitives: GroupPrimitives,
): { readonly masks: readonly Mask[]; readonly obstacles: readonly Obstacle[] } {
  const context = {
    state,
    primitives,
    recovery: new Recovery(state.manifest.thresholds.t),
    unmasked: inOrder(state),
  };
  const opened = [
    ...toOpen(state, 'self').map(at => selfMask(at, context)),
    ...toOpen(state, 'root').map(at => pairMasks(at, context)),
  ];
  const obstacles = opened.flatMap(one => ('why' in one ? [one] : []));
  return { masks: obstacles.length > 0 ? [] : opened.flatMap(one => ('why' in one ? [] : one)), obstacles };
}

/** How many shares of this secret fit. */
export function countShares({ unmasked }: GroupState, kind: SecretKind, dealer: number): number {
  let count = 0;
  for (const received of unmasked.values()) if (received[kind].has(dealer)) count++;
  return count;
}

interface Context {
  readonly state: GroupState;
  readonly primitives: GroupPrimitives;
  readonly recovery: Recovery;
  /** R4 by the place of who sent it, ascending. */
  readonly unmasked: readonly (readonly [at: number, received: ReceivedUnmask])[];
}

function inOrder({ unmasked }: GroupState): Context['unmasked'] {
  return [...unmasked].sort(([a], [b]) => a - b);
}

/** t shares of this secret that fit, lowest places first; fewer where there are no more. */
function sharesOf(
  kind: SecretKind,
  dealer: number,
  { state, unmasked }: Context,
): { readonly at: number; readonly share: Uint8Array }[] {
  const shares: { at: number; share: Uint8Array }[] = [];
  for (const [at, received] of unmasked) {
    if (shares.length === state.manifest.thresholds.t) break;
    const share = received[kind].get(dealer);
    if (share !== undefined) shares.push({ at, share });
  }
  return shares;
}

function selfMask(at: number, context: Context): readonly Mask[] | Obstacle {
  const { state, primitives } = context;
  const { sid, manifest } = state;
  const shares = sharesOf('self', at, context);
  if (shares.length < manifest.thresholds.t) return tooFew(at, shares.length, state);
  const self = context.recovery.secret(shares);
  const { message } = dealtBy(state, at);
  if (self === null || !sameBytes(selfCommitment(self, sid, at, primitives), message.selfCommitment)) {
    const evidence: Evidence = {
      kind: 'bad-self',
      deal: signedDeal(state, at),
      held: proven(state, 'self', at, shares),
    };
    return dealtBadly(at, state, `dealt shares that do not give its self seed`, evidence);
  }
  return [{ seed: selfSeed(self, sid, at, primitives), sign: -1 }];
}

/** What survivors have masked with the dropped member `at`: they all added what it would have taken off, or the other way round. */
function pairMasks(at: number, context: Context): readonly Mask[] | Obstacle {
  const { state, primitives } = context;
  const shares = sharesOf('root', at, context);
  if (shares.length < state.manifest.thresholds.t) return tooFew(at, shares.length, state);
  const root = context.recovery.secret(shares);
  const deal = signedDeal(state, at);
  const held = () => proven(state, 'root', at, shares);
  const keys = keysOf(state, at);
  const pair = root === null ? null : maskKeyPair(root, primitives);
  if (root === null || pair === null || !sameBytes(pair.publicKey, keys.message.maskKey)) {
    const evidence: Evidence = { kind: 'bad-key', deal, held: held(), keys: keys.envelope };
    return dealtBadly(at, state, 'dealt shares that do not give the root of its mask key', evidence);
  }
  const sent = encapsulated(at, root, context);
  const bad = sent.find(({ fits }) => !fits);
  if (bad !== undefined) {
    const evidence: Evidence = {
      kind: 'bad-ciphertext',
      deal,
      held: held(),
      sent: sentBox(state, at, bad.to),
      keys: keysOf(state, bad.to).envelope,
    };
    return dealtBadly(at, state, `sent ${nameOf(state, bad.to)} a mask that its root does not make`, evidence);
  }
  const secrets = new Map(sent.map(({ to, secret }) => [to, secret]));
  return state.survivors.map((survivor): Mask => {
    const secret = secrets.get(survivor) ?? received(survivor, at, pair, context);
    const order = survivor < at ? ([survivor, at] as const) : ([at, survivor] as const);
    const seed = pairSeed(secret, state.sid, order, state.manifest.model, primitives);
    return { seed, sign: survivor < at ? -1 : 1 };
  });
}

/** The ciphertexts that member `at` has sent for pair masks, made anew from its root. */
function encapsulated(
  at: number,
  root: Uint8Array,
  { state, primitives }: Context,
): { readonly to: number; readonly secret: Uint8Array; readonly fits: boolean }[] {
  return dealtBy(state, at).body.flatMap(({ to, mask }) => {
    if (mask === null) return [];
    const coins = maskCoins(root, state.sid, to, primitives);
    const made = primitives.kem.encapsulate(keysOf(state, to).message.maskKey, coins);
    return [{ to, secret: made.secret, fits: sameBytes(made.ciphertext, mask) }];
  });
}

/** The secret that another member has sent to member `at`. */
function received(from: number, at: number, pair: KemKeyPair, { state, primitives }: Context): Uint8Array {
  const mask = dealtBy(state, from).body.find(({ to }) => to === at)?.mask;
  if (!mask) throw new RangeError(`group: member ${from} has sent no mask to ${at}`);
  return primitives.kem.decapsulate(mask, pair);
}

function proven(
  state: GroupState,
  kind: SecretKind,
  dealer: number,
  shares: readonly { readonly at: number; readonly share: Uint8Array }[],
): ProvenShare[] {
  return shares.map(({ at, share }) => {
    const entry = state.unmasked.get(at)?.message[kind].find(({ of }) => of === dealer);
    return { at, share, proof: entry?.proof ?? [] };
  });
}

function tooFew(at: number, shares: number, state: GroupState): Obstacle {
  const { t } = state.manifest.thresholds;
  const why = `${shares} shares of what ${nameOf(state, at)} masked with have come; ${t} open it`;
  return { why, blame: null };
}

function dealtBadly(at: number, state: GroupState, what: string, evidence: Evidence): Obstacle {
  const why = `${nameOf(state, at)} ${what}`;
  return { why, blame: { at, why, evidence } };
}
