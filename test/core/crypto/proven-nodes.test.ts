import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inclusionProof, leafHash, merkleTree, verifyInclusion } from '../../../src/core/crypto/merkle.ts';
import { ProvenNodes } from '../../../src/core/crypto/proven-nodes.ts';
import { nodePrimitives as hash } from '../../../src/node/primitives.ts';

const leavesOf = (size: number) => Array.from({ length: size }, (_, i) => Uint8Array.of(i & 255, i >> 8));

/** What may be wrong with a proof. */
const faults = ['none', 'none', 'none', 'leaf', 'place', 'node', 'order', 'short', 'long', 'width'] as const;

test('every proof is judged as it would be alone, whatever was shown before it', () => {
  const cases = fc.record({
    size: fc.integer({ min: 1, max: 40 }),
    claims: fc.array(fc.record({ at: fc.nat(39), fault: fc.constantFrom(...faults), where: fc.nat(9) }), {
      minLength: 1,
      maxLength: 30,
    }),
  });
  fc.assert(
    fc.property(cases, ({ size, claims }) => {
      const leaves = leavesOf(size);
      const tree = merkleTree(leaves, hash);
      const proven = new ProvenNodes(tree.root, size, hash);
      for (const { at, fault, where } of claims) {
        const place = at % size;
        let index = place;
        let leaf: Uint8Array = leafHash(leaves[place], hash);
        let proof: Uint8Array[] = inclusionProof(tree, place).map(node => Uint8Array.from(node));
        if (fault === 'leaf') leaf = hash.sha256(leaf);
        if (fault === 'place') index = where;
        if (fault === 'node' && proof.length > 0) proof[where % proof.length][where] ^= 1;
        if (fault === 'order') proof = proof.toReversed();
        if (fault === 'short') proof = proof.slice(0, -1);
        if (fault === 'long') proof = [...proof, tree.root];
        if (fault === 'width' && proof.length > 0) proof[where % proof.length] = new Uint8Array(31);
        assert.equal(
          proven.verify(index, leaf, proof),
          verifyInclusion(tree.root, index, size, leaf, proof, hash),
          `${size} leaves, ${fault} at ${place}`,
        );
      }
    }),
    { numRuns: 400 },
  );
});

test('a second proof of a tree of 1000 leaves hashes less than a first one', () => {
  let hashed = 0;
  const counting = {
    sha256: (bytes: Uint8Array) => {
      hashed++;
      return hash.sha256(bytes);
    },
  };
  const leaves = leavesOf(1000);
  const tree = merkleTree(leaves, hash);
  const proven = new ProvenNodes(tree.root, 1000, counting);
  for (const [at, leaf] of leaves.entries())
    assert.ok(proven.verify(at, leafHash(leaf, hash), inclusionProof(tree, at)));
  assert.equal(hashed, 999);
});
