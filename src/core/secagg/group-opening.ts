/**
 * R4 at the coordinator: secrets out of shares, and out of the secrets the masks that the sum still holds. Every secret is held against what its
 * member committed to, so that a sum opens rightly or not at all.
 *
 * A secret that fits shows that its shares were good. So the first t are combined as they are, and only where that gives none that fits are
 * proofs looked at: of all shares of this secret, to find the false ones and t good ones.
 *
 * Not protected: the input of a member that lies. What it masks with another seed than it agreed on with a member that then drops out is, to
 * everybody, part of its input. Nor is a good share with a proof that is none blamed on its sender when the secret fits.
 */
import { sameBytes } from '../bytes/floats.ts';
import type { GroupPrimitives, KemKeyPair } from '../crypto/group-primitives.ts';
import type { Blame, Evidence, ProvenShare, SecretKind } from './blame.ts';
import { isOneOfShares } from './dealt.ts';
import { maskCoins, maskKeyPair, pairSeed, selfCommitment, selfSeed } from './derive.ts';
import { blameFalse, type FalseShare } from './group-faults.ts';
import { toOpen } from './group-intake.ts';
import {
  dealOf,
  dealtBy,
  type Found,
  type GroupState,
  keysOf,
  nameOf,
  sentBox,
  signedDeal,
  type Trial,
} from './group-state.ts';
import type { Mask } from './mask.ts';
import { Recovery } from './recover.ts';

/** Why a secret cannot be opened, in words, and whose fault that is where signed messages show it. */
export interface Obstacle {
  readonly why: string;
  readonly blame: Blame | null;
}

const kinds = ['self', 'root'] as const;

/**
 * The masks that open the sum over U3, in the order of members, or all that stands against it; and whom false shares speak against. All of it
 * follows from which messages have come, not from their order.
 */
export function openGroup(
  state: GroupState,
  primitives: GroupPrimitives,
): {
  readonly masks: readonly Mask[];
  readonly falseShares: readonly Blame[];
  readonly obstacles: readonly Obstacle[];
} {
  const context = contextOf(state, primitives);
  const opened = kinds.flatMap(kind => toOpen(state, kind).map(dealer => openSecret(kind, dealer, context)));
  const obstacles = opened.flatMap(({ result }) => ('why' in result ? [result] : []));
  const masks = obstacles.length > 0 ? [] : opened.flatMap(({ result }) => ('why' in result ? [] : result.masks));
  const falseOnes = opened.flatMap(one => one.falseShares);
  return { masks, falseShares: blameFalse(state, falseOnes), obstacles };
}

/** The state with all secrets tried that have t shares now, while R4 is open. */
export function tried(state: GroupState, primitives: GroupPrimitives): GroupState {
  if (state.unmasked.size < state.manifest.thresholds.t) return state;
  const context = contextOf(state, primitives);
  const trialsOf = (kind: SecretKind) => {
    const trials = new Map(state.trials[kind]);
    for (const dealer of toOpen(state, kind)) {
      const before = trials.get(dealer);
      const trial = before === undefined || before === 'doubted' ? attempt(kind, dealer, before, context) : before;
      if (trial !== undefined) trials.set(dealer, trial);
    }
    return trials;
  };
  return { ...state, trials: { self: trialsOf('self'), root: trialsOf('root') } };
}

/** Whether no further share is needed: each secret is found, or cannot be found from any more of them. */
export function canOpen(state: GroupState): boolean {
  return kinds.every(kind =>
    toOpen(state, kind).every(dealer => {
      const trial = state.trials[kind].get(dealer);
      return trial !== undefined && trial !== 'doubted';
    }),
  );
}

interface Context {
  readonly state: GroupState;
  readonly primitives: GroupPrimitives;
  readonly recovery: Recovery;
  /** Who has sent R4, ascending. */
  readonly senders: readonly number[];
}

function contextOf(state: GroupState, primitives: GroupPrimitives): Context {
  const senders = [...state.unmasked.keys()].sort((a, b) => a - b);
  return { state, primitives, recovery: new Recovery(state.manifest.thresholds.t), senders };
}

/** Undefined while there are fewer than t shares. */
function attempt(kind: SecretKind, dealer: number, before: 'doubted' | undefined, context: Context): Trial | undefined {
  const { t } = context.state.manifest.thresholds;
  const shares = sharesOf(kind, dealer, context);
  if (shares.length < t) return before;
  if (before === undefined) {
    const found = find(kind, dealer, shares.slice(0, t), context);
    if ('masks' in found) return found;
  }
  const good = shares.filter(share => isGood(kind, dealer, share, context));
  return good.length < t ? 'doubted' : 'settled';
}

function openSecret(
  kind: SecretKind,
  dealer: number,
  context: Context,
): { readonly result: Found | Obstacle; readonly falseShares: readonly FalseShare[] } {
  const { state } = context;
  const { t } = state.manifest.thresholds;
  const shares = sharesOf(kind, dealer, context);
  const isFalse = (share: ProvenShare) => !isGood(kind, dealer, share, context);
  const falseOnes = (among: readonly ProvenShare[]) =>
    among.filter(isFalse).map((share): FalseShare => ({ ...share, dealer, secret: kind }));
  if (shares.length >= t) {
    const result = find(kind, dealer, shares.slice(0, t), context);
    if ('masks' in result) return { result, falseShares: falseOnes(shares.slice(t)) };
  }
  const falseShares = falseOnes(shares);
  const good = shares.filter(share => !isFalse(share));
  if (good.length < t) return { result: tooFew(dealer, good.length, state), falseShares };
  const result = find(kind, dealer, good.slice(0, t), context);
  if ('masks' in result) return { result, falseShares };
  const why = `${nameOf(state, dealer)} ${result.what}`;
  const evidence = result.evidence(good.slice(0, t));
  return { result: { why, blame: { at: dealer, why, evidence } }, falseShares };
}

/** What has come of this secret, lowest places first. */
function sharesOf(kind: SecretKind, dealer: number, { state, senders }: Context): ProvenShare[] {
  return senders.flatMap(at => state.unmasked.get(at)?.[kind].get(dealer) ?? []);
}

/** What the proof of a share has shown, as long as the message is held. */
const shown = new WeakMap<ProvenShare, boolean>();

/** Whether the share is the one that the dealer committed to. @param share of a message of this group. */
function isGood(kind: SecretKind, dealer: number, share: ProvenShare, { state, primitives }: Context): boolean {
  const known = shown.get(share);
  if (known !== undefined) return known;
  const fits = isOneOfShares(dealOf(state, dealer), share.at, kind, share.share, share.proof, primitives);
  shown.set(share, fits);
  return fits;
}

/** A secret that is not what its dealer committed to: the dealer's fault, with evidence, if the shares are good. */
interface Misfit {
  readonly what: string;
  readonly evidence: (held: readonly ProvenShare[]) => Evidence;
}

/** Shares that give another secret than was committed to, or none. */
const noSecret: { readonly [kind in SecretKind]: (at: number, state: GroupState) => Misfit } = {
  self: (at, state) => ({
    what: 'dealt shares that do not give its self seed',
    evidence: held => ({ kind: 'bad-self', deal: signedDeal(state, at), held }),
  }),
  root: (at, state) => ({
    what: 'dealt shares that do not give the root of its mask key',
    evidence: held => ({ kind: 'bad-key', deal: signedDeal(state, at), held, keys: keysOf(state, at).envelope }),
  }),
};

/** The secret that t shares give, if it fits. */
function find(kind: SecretKind, dealer: number, from: readonly ProvenShare[], context: Context): Found | Misfit {
  const trial = context.state.trials[kind].get(dealer);
  const known = trial === undefined || typeof trial === 'string' ? null : trial;
  if (known?.from.every((share, i) => share === from[i])) return known;
  const secret = context.recovery.secret(from);
  if (known !== null && secret !== null && sameBytes(known.secret, secret)) return { ...known, from };
  if (secret === null) return noSecret[kind](dealer, context.state);
  const masks = (kind === 'self' ? selfMask : pairMasks)(dealer, secret, context);
  return 'what' in masks ? masks : { secret, from, masks };
}

function selfMask(at: number, self: Uint8Array, { state, primitives }: Context): readonly Mask[] | Misfit {
  const commitment = selfCommitment(self, state.sid, at, primitives);
  if (!sameBytes(commitment, dealtBy(state, at).message.selfCommitment)) return noSecret.self(at, state);
  return [{ seed: selfSeed(self, state.sid, at, primitives), sign: -1 }];
}

/** What survivors have masked with the dropped member `at`: they all added what it would have taken off, or the other way round. */
function pairMasks(at: number, root: Uint8Array, context: Context): readonly Mask[] | Misfit {
  const { state, primitives } = context;
  const pair = maskKeyPair(root, primitives);
  if (!sameBytes(pair.publicKey, keysOf(state, at).message.maskKey)) return noSecret.root(at, state);
  const sent = encapsulated(at, root, context);
  const bad = sent.find(({ fits }) => !fits);
  if (bad !== undefined)
    return {
      what: `sent ${nameOf(state, bad.to)} a mask that its root does not make`,
      evidence: held => ({
        kind: 'bad-ciphertext',
        deal: signedDeal(state, at),
        held,
        sent: sentBox(state, at, bad.to),
        keys: keysOf(state, bad.to).envelope,
      }),
    };
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

function tooFew(at: number, shares: number, state: GroupState): Obstacle {
  const { t } = state.manifest.thresholds;
  const why = `${shares} shares of what ${nameOf(state, at)} masked with have come; ${t} open it`;
  return { why, blame: null };
}
