/** Merkle trees of RFC 9162 §2.1: one hash commits to a list, and short proofs show what stands in it and that it only grew. */
import { sameBytes } from '../bytes/floats.ts';
import type { Primitives } from './primitives.ts';

type Hash = Pick<Primitives, 'sha256'>;

/** Every hash of a tree: kept, so that each proof is read off. */
export interface MerkleTree {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** `levels[l][i]` is over the leaves from i·2^l on, 2^l of them or as many as there are; the last level is the root alone. None for no leaves. */
  readonly levels: readonly (readonly Uint8Array[])[];
}

/** The hash of a leaf. Its first byte keeps leaves and nodes apart: no inner node can be passed off as a leaf. */
export function leafHash(leaf: Uint8Array, { sha256 }: Hash): Uint8Array {
  const bytes = new Uint8Array(1 + leaf.length);
  bytes.set(leaf, 1);
  return sha256(bytes);
}

/** The hash of a node over its two children. */
export function nodeHash(left: Uint8Array, right: Uint8Array, { sha256 }: Hash): Uint8Array {
  const node = new Uint8Array(1 + left.length + right.length);
  node[0] = 1;
  node.set(left, 1);
  node.set(right, 1 + left.length);
  return sha256(node);
}

/** The tree of the leaves, in their order. */
export function merkleTree(leaves: readonly Uint8Array[], hash: Hash): MerkleTree {
  if (leaves.length === 0) return { size: 0, root: hash.sha256(new Uint8Array(0)), levels: [] };
  const levels = [leaves.map(leaf => leafHash(leaf, hash))];
  for (let below = levels[0]; below.length > 1; ) {
    const above: Uint8Array[] = [];
    for (let i = 0; i + 1 < below.length; i += 2) above.push(nodeHash(below[i], below[i + 1], hash));
    // A node without a neighbour moves up as it is.
    if (below.length % 2 === 1) above.push(below[below.length - 1]);
    levels.push(above);
    below = above;
  }
  return { size: leaves.length, root: levels[levels.length - 1][0], levels };
}

/** The root of the tree of the leaves, 32 bytes. */
export function merkleRoot(leaves: readonly Uint8Array[], hash: Hash): Uint8Array {
  return merkleTree(leaves, hash).root;
}

/** What `verifyInclusion` needs for the leaf at `index`, from the bottom up: RFC 9162 §2.1.3.1. Throws RangeError for a leaf that is not there. */
export function inclusionProof({ size, levels }: MerkleTree, index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= size)
    throw new RangeError(`merkle: leaf ${index} of a tree of ${size}`);
  const proof: Uint8Array[] = [];
  for (const [l, level] of levels.entries()) {
    const neighbour = Math.floor(index / 2 ** l) ^ 1;
    if (neighbour < level.length) proof.push(level[neighbour]);
  }
  return proof;
}

/** True when the tree of `size` leaves under `root` has the leaf with this hash at `index`: RFC 9162 §2.1.3.2. Takes any input. */
export function verifyInclusion(
  root: Uint8Array,
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  hash: Hash,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([root, leaf, ...proof])) return false;
  const place = new Climb(index, size - 1);
  let reached = leaf;
  for (const sibling of proof) {
    if (place.atTop) return false;
    reached = place.isRight ? nodeHash(sibling, reached, hash) : nodeHash(reached, sibling, hash);
    place.up();
  }
  return place.atTop && sameBytes(reached, root);
}

/**
 * What `verifyConsistency` needs for the first `size` leaves of the tree: RFC 9162 §2.1.4.1. Throws RangeError unless
 * 1 ≤ size ≤ leaves.
 */
export function consistencyProof(tree: MerkleTree, size: number): Uint8Array[] {
  if (!Number.isInteger(size) || size < 1 || size > tree.size)
    throw new RangeError(`merkle: ${size} first leaves of a tree of ${tree.size}`);
  return between(tree, size, 0, tree.size, true);
}

/**
 * True when the tree of `size` leaves under `root` begins with the `firstSize` leaves of `firstRoot`: RFC 9162 §2.1.4.2. An empty tree is
 * a beginning of every other and proves nothing: false. Takes any input.
 */
export function verifyConsistency(
  firstRoot: Uint8Array,
  firstSize: number,
  root: Uint8Array,
  size: number,
  proof: readonly Uint8Array[],
  hash: Hash,
): boolean {
  if (!isCount(firstSize) || !isCount(size) || firstSize === 0 || firstSize > size) return false;
  if (firstSize === size) return proof.length === 0 && sameBytes(firstRoot, root);
  if (proof.length === 0 || !areHashes([firstRoot, root, ...proof])) return false;
  // A first tree that is one whole node of the other is known to the reader.
  const path = Number.isInteger(Math.log2(firstSize)) ? [firstRoot, ...proof] : proof;
  const place = new Climb(firstSize - 1, size - 1);
  while (place.isOdd) place.halve();
  let [first, second] = [path[0], path[0]];
  for (const sibling of path.slice(1)) {
    if (place.atTop) return false;
    if (place.isRight) first = nodeHash(sibling, first, hash);
    second = place.isRight ? nodeHash(sibling, second, hash) : nodeHash(second, sibling, hash);
    place.up();
  }
  return place.atTop && sameBytes(first, firstRoot) && sameBytes(second, root);
}

/** SUBPROOF of RFC 9162 §2.1.4.1 for the first `size` of the leaves from `begin` to `end`; `known`: the reader has their hash. */
function between(tree: MerkleTree, size: number, begin: number, end: number, known: boolean): Uint8Array[] {
  if (begin + size === end) return known ? [] : [nodeOver(tree, begin, end)];
  const middle = begin + 2 ** (levelOf(end - begin) - 1);
  if (begin + size <= middle) return [...between(tree, size, begin, middle, known), nodeOver(tree, middle, end)];
  return [...between(tree, begin + size - middle, middle, end, false), nodeOver(tree, begin, middle)];
}

/** The hash over leaves that are one node of the tree. */
function nodeOver({ levels }: MerkleTree, begin: number, end: number): Uint8Array {
  const level = levelOf(end - begin);
  return levels[level][begin / 2 ** level];
}

/** Height of the tree of so many leaves. */
function levelOf(leaves: number): number {
  return Math.ceil(Math.log2(leaves));
}

/** A node on its way to the root, and the last node of its level: `fn` and `sn` of the RFC, of up to 2^53 leaves. */
class Climb {
  #own: number;
  #last: number;

  constructor(own: number, last: number) {
    this.#own = own;
    this.#last = last;
  }

  get atTop(): boolean {
    return this.#last === 0;
  }

  get isOdd(): boolean {
    return this.#own % 2 === 1;
  }

  /** Its next sibling stands on its left: it is odd, or has none on the right and moves up until it is. */
  get isRight(): boolean {
    return this.isOdd || this.#own === this.#last;
  }

  up(): void {
    if (this.isRight) while (!this.isOdd && this.#own !== 0) this.halve();
    this.halve();
  }

  halve(): void {
    this.#own = Math.floor(this.#own / 2);
    this.#last = Math.floor(this.#last / 2);
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(values: readonly Uint8Array[]): boolean {
  return values.every(({ length }) => length === 32);
}
