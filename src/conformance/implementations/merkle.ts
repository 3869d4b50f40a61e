/** The Merkle trees of this build, as the vectors call them. */
import { merkleRoot, verifyConsistency, verifyInclusion } from '../../core/crypto/merkle.ts';
import { nodePrimitives } from '../../node/primitives.ts';
import { type Implementations, refused } from '../case.ts';
import { answering, fromHex, hexOrRefused } from './bytes.ts';

export const merkleFunctions: Implementations = {
  'merkle/inclusion': answering(
    ({ root, leafIdx, treeSize, leafHash: leaf, proof }) =>
      verifyInclusion(
        fromBase64(root),
        Number(leafIdx),
        Number(treeSize),
        fromBase64(leaf),
        hashes(proof),
        nodePrimitives,
      ) || refused,
  ),
  'merkle/consistency': answering(
    ({ root1, size1, root2, size2, proof }) =>
      verifyConsistency(
        fromBase64(root1),
        Number(size1),
        fromBase64(root2),
        Number(size2),
        hashes(proof),
        nodePrimitives,
      ) || refused,
  ),
  'merkle/root': answering(({ leaves }) => hexOrRefused(merkleRoot((leaves as string[]).map(fromHex), nodePrimitives))),
};

/** What stands there; no root and no proof are written as null. */
function fromBase64(text: unknown): Uint8Array {
  return Uint8Array.from(Buffer.from(String(text ?? ''), 'base64'));
}

function hashes(proof: unknown): Uint8Array[] {
  return ((proof ?? []) as unknown[]).map(fromBase64);
}
