/**
 * Every key, seed and hash of a group session, each derived in one place. A member has three secrets of 32 bytes: `root` opens its pair masks
 * (and all it sent for them), `self` its own mask, `channel` the boxes sent to it. The first two are shared among the group; of one member
 * at most one of the two is ever opened.
 */
import { encodeCbor } from '../bytes/cbor.ts';
import type { GroupPrimitives, KemKeyPair } from '../crypto/group-primitives.ts';
import type { Primitives } from '../crypto/primitives.ts';
import type { BoxEntry } from './group-message.ts';

const noSalt = new Uint8Array(0);
/** A box key seals one box. */
const zeroNonce = new Uint8Array(12);

type Hash = Pick<Primitives, 'sha256'>;

/** X-Wing pair whose shared secrets seed pair masks: its member's root reproduces it. */
export function maskKeyPair(root: Uint8Array, primitives: GroupPrimitives): KemKeyPair {
  return primitives.kem.keyPair(primitives.hkdf(root, noSalt, encodeCbor(['parley/v1/mask-key']), 32));
}

/** X-Wing pair that boxes are sealed to: independent of the root. */
export function channelKeyPair(channel: Uint8Array, primitives: GroupPrimitives): KemKeyPair {
  return primitives.kem.keyPair(primitives.hkdf(channel, noSalt, encodeCbor(['parley/v1/channel-key']), 32));
}

/** The coins of the encapsulation to member `to`'s mask key, 64 bytes: the root reproduces the ciphertext. */
export function maskCoins(root: Uint8Array, sid: Uint8Array, to: number, primitives: GroupPrimitives): Uint8Array {
  return primitives.hkdf(root, sid, encodeCbor(['parley/v1/mask-coins', to]), 64);
}

/**
 * Whether, of two members, it is `from` that encapsulates the secret of their pair mask to the other: the one that comes first where the sum of
 * their places is odd, else the other, so that all send about as many ciphertexts.
 */
export function encapsulates(from: number, to: number): boolean {
  return from < to === ((from + to) % 2 === 1);
}

/** Seed of the mask of members u < v. Who trained from another model has another one, so that their masks never cancel. */
export function pairSeed(
  secret: Uint8Array,
  sid: Uint8Array,
  [u, v]: readonly [number, number],
  model: Uint8Array,
  primitives: GroupPrimitives,
): Uint8Array {
  if (!(u < v)) throw new RangeError(`pair seed: member ${u} does not come before ${v}`);
  return primitives.hkdf(secret, sid, encodeCbor(['parley/v1/pair-seed', u, v, model]), 32);
}

/** Seed of a member's own mask. */
export function selfSeed(own: Uint8Array, sid: Uint8Array, at: number, primitives: GroupPrimitives): Uint8Array {
  return primitives.hkdf(own, sid, encodeCbor(['parley/v1/self-seed', at]), 32);
}

export function selfCommitment(own: Uint8Array, sid: Uint8Array, at: number, { sha256 }: Hash): Uint8Array {
  return sha256(encodeCbor(['parley/v1/self-commitment', sid, at, own]));
}

/** A leaf under `shareRoot`: the share that `dealer` gives member `to`. */
export function shareLeaf(
  sid: Uint8Array,
  dealer: number,
  to: number,
  kind: 'self' | 'root',
  share: Uint8Array,
): Uint8Array {
  return encodeCbor(['parley/v1/share', sid, dealer, to, kind, share]);
}

/** A leaf under `boxRoot`. */
export function boxLeaf(sid: Uint8Array, dealer: number, entry: BoxEntry, { sha256 }: Hash): Uint8Array {
  const { to, mask, channel, box } = entry;
  return sha256(encodeCbor(['parley/v1/box', sid, dealer, to, mask, channel, box]));
}

/** Which box: of which session, from whom, to whom, and the ciphertext of its secret. */
export interface BoxPlace {
  readonly sid: Uint8Array;
  readonly dealer: number;
  readonly to: number;
  readonly channel: Uint8Array;
}

/**
 * The key of one box, from the secret that `channel` encapsulates. A member that complains about a box reveals this and never the secret:
 * a dealer that copies another's ciphertext into a false box would be given the key of that one's box too.
 */
export function boxKey(
  secret: Uint8Array,
  { sid, dealer, to, channel }: BoxPlace,
  primitives: GroupPrimitives,
): Uint8Array {
  const info = encodeCbor(['parley/v1/box-key', dealer, to, primitives.sha256(channel)]);
  return primitives.hkdf(secret, sid, info, 32);
}

/** Seals a box under its `boxKey`, 16 bytes longer than the text. */
export function sealBox(text: Uint8Array, key: Uint8Array, { seal }: Pick<GroupPrimitives, 'seal'>): Uint8Array {
  return seal(key, zeroNonce, text, noSalt);
}

/** Null for a box that was sealed under another key. */
export function openBox(box: Uint8Array, key: Uint8Array, { open }: Pick<GroupPrimitives, 'open'>): Uint8Array | null {
  return open(key, zeroNonce, box, noSalt);
}

/** Hash of a set of members, for what they sign about it. `places` ascending. */
export function setHash(
  name: 'present' | 'sharers' | 'survivors',
  sid: Uint8Array,
  places: readonly number[],
  { sha256 }: Hash,
): Uint8Array {
  return sha256(encodeCbor(['parley/v1/set', name, sid, places]));
}
