/** Whether single shares and boxes are what a dealer's signed R1 commits to. */

import type { GroupPrimitives } from '../crypto/group-primitives.ts';
import { leafHash, type MerkleTree, merkleTree, verifyInclusion } from '../crypto/merkle.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { ProvenNodes } from '../crypto/proven-nodes.ts';
import { Problem } from '../protocol/problem.ts';
import { boxLeaf, openBox, shareLeaf } from './derive.ts';
import { type BoxEntry, type BoxText, parseBoxText, type SharesBody, type SharesMessage } from './group-message.ts';

type Hash = Pick<Primitives, 'sha256'>;

/** What proofs under a dealer's root have shown, as long as its message is held. */
const proven = new WeakMap<Uint8Array, { readonly size: number; readonly nodes: ProvenNodes }>();

/** The commitments of a dealer, and whom it dealt to. */
export interface Deal extends Pick<SharesMessage, 'sid' | 'shareRoot' | 'boxRoot' | 'selfCommitment'> {
  readonly dealer: number;
  /** U1, ascending. */
  readonly present: readonly number[];
}

/** The tree under `boxRoot`: leaf i is for the i-th other member of U1. */
export function boxTree(sid: Uint8Array, dealer: number, body: SharesBody, hash: Hash): MerkleTree {
  return merkleTree(
    body.map(entry => boxLeaf(sid, dealer, entry, hash)),
    hash,
  );
}

/** Whether the dealer has signed that it sends this. Takes any input. */
export function isSent(deal: Deal, entry: BoxEntry, proof: readonly Uint8Array[], hash: Hash): boolean {
  const others = deal.present.filter(at => at !== deal.dealer);
  const leaf = leafHash(boxLeaf(deal.sid, deal.dealer, entry, hash), hash);
  return verifyInclusion(deal.boxRoot, others.indexOf(entry.to), others.length, leaf, proof, hash);
}

/** Whether this is the share of its secret that the dealer has signed for member `to`. Takes any input. */
export function isShare(
  deal: Deal,
  to: number,
  kind: 'self' | 'root',
  share: Uint8Array,
  proof: readonly Uint8Array[],
  hash: Hash,
): boolean {
  const { index, leaf } = shareAt(deal, to, kind, share, hash);
  return verifyInclusion(deal.shareRoot, index, 2 * deal.present.length, leaf, proof, hash);
}

/** As `isShare`, for whoever sees many shares of a dealer: what their proofs have in common is hashed once for each received `shareRoot`. */
export function isOneOfShares(
  deal: Deal,
  to: number,
  kind: 'self' | 'root',
  share: Uint8Array,
  proof: readonly Uint8Array[],
  hash: Hash,
): boolean {
  const { index, leaf } = shareAt(deal, to, kind, share, hash);
  return provenNodes(deal, hash).verify(index, leaf, proof);
}

/** The shares in the plain text of a box for `to`, or null where they are not those that the dealer has signed. */
export function sharesInBox(deal: Deal, to: number, text: Uint8Array, hash: Hash): BoxText | null {
  const held = readBox(text);
  if (held === null) return null;
  const fits =
    isShare(deal, to, 'self', held.self, held.selfProof, hash) &&
    isShare(deal, to, 'root', held.root, held.rootProof, hash);
  return fits ? held : null;
}

/** Whether the key opens the box to something else than the recipient's shares. False for a key that does not open it. */
export function isFalseBox(deal: Deal, entry: BoxEntry, key: Uint8Array, primitives: GroupPrimitives): boolean {
  const text = openBox(entry.box, key, primitives);
  return text !== null && sharesInBox(deal, entry.to, text, primitives) === null;
}

function shareAt(
  { sid, dealer, present }: Deal,
  to: number,
  kind: 'self' | 'root',
  share: Uint8Array,
  hash: Hash,
): { readonly index: number; readonly leaf: Uint8Array } {
  const index = 2 * present.indexOf(to) + (kind === 'self' ? 0 : 1);
  return { index, leaf: leafHash(shareLeaf(sid, dealer, to, kind, share), hash) };
}

function provenNodes({ shareRoot, present }: Deal, hash: Hash): ProvenNodes {
  const size = 2 * present.length;
  const known = proven.get(shareRoot);
  if (known?.size === size) return known.nodes;
  const nodes = new ProvenNodes(shareRoot, size, hash);
  proven.set(shareRoot, { size, nodes });
  return nodes;
}

function readBox(text: Uint8Array): BoxText | null {
  try {
    return parseBoxText(text);
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    return null;
  }
}
