/** Many inclusion proofs under one root: what one proof has shown, the next need not hash again. */
import { nodeHash } from './merkle.ts';
import type { Primitives } from './primitives.ts';

const hashBytes = 32;

/** The nodes of a Merkle tree that proofs have shown so far. */
export class ProvenNodes {
  readonly #size: number;
  readonly #hash: Pick<Primitives, 'sha256'>;
  /** Hashes level by level, from the leaves up. */
  readonly #hashes: Uint8Array;
  readonly #isKnown: Uint8Array;
  /** Where each level begins, in nodes. */
  readonly #levels: number[] = [];

  /** @param size leaves, 1 or more; `root` 32 bytes. */
  constructor(root: Uint8Array, size: number, hash: Pick<Primitives, 'sha256'>) {
    this.#size = size;
    this.#hash = hash;
    let nodes = 0;
    for (let width = size; ; width = Math.ceil(width / 2)) {
      this.#levels.push(nodes);
      nodes += width;
      if (width === 1) break;
    }
    this.#hashes = new Uint8Array(hashBytes * nodes);
    this.#isKnown = new Uint8Array(nodes);
    this.#learn(nodes - 1, root);
  }

  /**
   * As `verifyInclusion` (RFC 9162 §2.1.3.2), and remembers the nodes of a proof that holds. A known node stands for all above it: two different
   * ways from it to the root would be a collision of the hash.
   */
  verify(index: number, leaf: Uint8Array, proof: readonly Uint8Array[]): boolean {
    if (!Number.isSafeInteger(index) || index < 0 || index >= this.#size || leaf.length !== hashBytes) return false;
    if (!proof.every(({ length }) => length === hashBytes)) return false;
    const shown: [node: number, hash: Uint8Array][] = [];
    let [own, last, used] = [index, this.#size - 1, 0];
    let reached: Uint8Array | null = leaf;
    for (const begin of this.#levels) {
      if (reached !== null && this.#isKnown[begin + own] === 1) {
        if (!this.#is(begin + own, reached)) return false;
        reached = null;
      } else if (reached !== null) shown.push([begin + own, reached]);
      const isAlone = own === last && own % 2 === 0;
      // A node without a sibling moves up as it is; so does the root.
      if (!isAlone) {
        const sibling = proof[used++];
        if (sibling === undefined) return false;
        const node = begin + (own ^ 1);
        // Whatever stands beside and above a known node is known.
        if (reached === null && !this.#is(node, sibling)) return false;
        if (reached !== null) {
          shown.push([node, sibling]);
          reached = own % 2 === 1 ? nodeHash(sibling, reached, this.#hash) : nodeHash(reached, sibling, this.#hash);
        }
      }
      own >>>= 1;
      last >>>= 1;
    }
    if (reached !== null || used !== proof.length) return false;
    for (const [node, hash] of shown) this.#learn(node, hash);
    return true;
  }

  #is(node: number, hash: Uint8Array): boolean {
    const from = hashBytes * node;
    for (let i = 0; i < hashBytes; i++) if (this.#hashes[from + i] !== hash[i]) return false;
    return true;
  }

  #learn(node: number, hash: Uint8Array): void {
    this.#hashes.set(hash, hashBytes * node);
    this.#isKnown[node] = 1;
  }
}
