import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  merkleRoot,
  merkleTree,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/core/crypto/merkle.ts';

const hash = { sha256: (bytes: Uint8Array) => Uint8Array.from(createHash('sha256').update(bytes).digest()) };
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const leavesOf = (count: number) => Array.from({ length: count }, (_, i) => Uint8Array.of(i, i >> 8));

/** RFC 9162 §2.1.1, word for word. */
function plainRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return hash.sha256(new Uint8Array(0));
  if (leaves.length === 1) return hash.sha256(Uint8Array.of(0, ...leaves[0]));
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return hash.sha256(Uint8Array.of(1, ...plainRoot(leaves.slice(0, k)), ...plainRoot(leaves.slice(k))));
}

test('the reference tree of Certificate Transparency has its roots', () => {
  // transparency-dev/merkle, testonly/constants.go
  const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  const bytes = leaves.map(leaf => Uint8Array.from(Buffer.from(leaf, 'hex')));
  assert.deepEqual(
    roots.map((_, size) => hex(merkleRoot(bytes.slice(0, size), hash))),
    roots,
  );
});

test('the root is that of the recursive definition, for every size', () => {
  for (let size = 0; size <= 70; size++)
    assert.equal(hex(merkleRoot(leavesOf(size), hash)), hex(plainRoot(leavesOf(size))));
});

test('every leaf of every tree has a proof that verifies, for that leaf, place and size only', () => {
  for (let size = 1; size <= 33; size++) {
    const tree = merkleTree(leavesOf(size), hash);
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(tree, index);
      const leaf = leafHash(leavesOf(size)[index], hash);
      assert.equal(verifyInclusion(tree.root, index, size, leaf, proof, hash), true);
      for (let other = 0; other < size + 2; other++)
        if (other !== index) assert.equal(verifyInclusion(tree.root, other, size, leaf, proof, hash), false);
      assert.equal(verifyInclusion(tree.root, index, size, leafHash(Uint8Array.of(9), hash), proof, hash), false);
    }
  }
});

test('every first part of every tree has a proof that verifies, for that part only', () => {
  for (let size = 1; size <= 33; size++) {
    const tree = merkleTree(leavesOf(size), hash);
    for (let first = 1; first <= size; first++) {
      const proof = consistencyProof(tree, first);
      const firstRoot = plainRoot(leavesOf(first));
      assert.equal(verifyConsistency(firstRoot, first, tree.root, size, proof, hash), true);
      const grown = plainRoot([...leavesOf(first - 1), Uint8Array.of(77)]);
      assert.equal(verifyConsistency(grown, first, tree.root, size, proof, hash), false);
      if (first < size) {
        assert.equal(verifyConsistency(firstRoot, first, firstRoot, size, proof, hash), false);
        assert.equal(verifyConsistency(tree.root, size, firstRoot, first, proof, hash), false);
      }
    }
  }
});

test('altered, missing and additional hashes fail', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 60 }), fc.nat(), fc.nat(), fc.nat(255), (size, place, at, bits) => {
      const tree = merkleTree(leavesOf(size), hash);
      const [index, first] = [place % size, 1 + (place % (size - 1))];
      const leaf = tree.levels[0][index];
      const firstRoot = plainRoot(leavesOf(first));
      for (const [proof, verify] of [
        [inclusionProof(tree, index), p => verifyInclusion(tree.root, index, size, leaf, p, hash)],
        [consistencyProof(tree, first), p => verifyConsistency(firstRoot, first, tree.root, size, p, hash)],
      ] as [Uint8Array[], (proof: readonly Uint8Array[]) => boolean][]) {
        assert.equal(verify(proof), true);
        const altered = proof.map(one => Uint8Array.from(one));
        altered[at % proof.length][at % 32] ^= 1 + (bits % 255);
        const without = proof.filter((_, i) => i !== at % proof.length);
        for (const bad of [
          altered,
          without,
          [...proof, tree.root],
          [tree.root, ...proof],
          [...proof, leaf.slice(1)],
          [],
        ])
          assert.equal(verify(bad), false);
      }
    }),
  );
});

test('a node is not accepted as a leaf', () => {
  const tree = merkleTree(leavesOf(4), hash);
  const [left, right] = tree.levels[1];
  const forged = Uint8Array.of(...tree.levels[0][0], ...tree.levels[0][1]);
  assert.equal(verifyInclusion(tree.root, 0, 2, leafHash(forged, hash), [right], hash), false);
  assert.equal(hex(nodeHash(left, right, hash)), hex(tree.root));
});

test('numbers that are no sizes are refused, and leaves that are not there have no proof', () => {
  const tree = merkleTree(leavesOf(3), hash);
  const leaf = tree.levels[0][0];
  const proof = inclusionProof(tree, 0);
  for (const bad of [-1, 0.5, Number.NaN, 2 ** 64]) {
    assert.equal(verifyInclusion(tree.root, bad, 3, leaf, proof, hash), false);
    assert.equal(verifyInclusion(tree.root, 0, bad, leaf, proof, hash), false);
    assert.equal(verifyConsistency(tree.root, bad, tree.root, 3, [], hash), false);
    assert.equal(verifyConsistency(tree.root, 3, tree.root, bad, [], hash), false);
    assert.throws(() => inclusionProof(tree, bad), RangeError);
    assert.throws(() => consistencyProof(tree, bad), RangeError);
  }
  assert.throws(() => inclusionProof(tree, 3), RangeError);
  assert.throws(() => consistencyProof(tree, 0), RangeError);
  assert.throws(() => consistencyProof(tree, 4), RangeError);
  const empty = merkleRoot([], hash);
  assert.equal(verifyConsistency(empty, 0, tree.root, 3, [], hash), false);
  assert.equal(verifyConsistency(empty, 0, empty, 0, [], hash), false);
});

test('a proof of a tree beyond 2^32 leaves is climbed to the top', () => {
  // The last leaf of 2^40 + 1 stands alone under the root.
  const [left, leaf] = [hash.sha256(Uint8Array.of(1)), hash.sha256(Uint8Array.of(2))];
  const root = nodeHash(left, leaf, hash);
  assert.equal(verifyInclusion(root, 2 ** 40, 2 ** 40 + 1, leaf, [left], hash), true);
  assert.equal(verifyInclusion(root, 2 ** 40 - 1, 2 ** 40 + 1, leaf, [left], hash), false);
  assert.equal(verifyConsistency(left, 2 ** 40, root, 2 ** 40 + 1, [leaf], hash), true);
});
