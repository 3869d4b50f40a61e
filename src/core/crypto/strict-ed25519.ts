/**
 * What every port checks around Ed25519, so that all of them accept the same signatures (RFC 8032 leaves the choice between the
 * equation with and without the cofactor; a peer who can find a signature that splits verifiers can make honest parties disagree).
 * Keys outside the prime-order subgroup are refused: there the two equations agree.
 */
import { ed25519 } from '@noble/curves/ed25519.js';

/** Order of the base point, 2^252 + 27742317777372353535851937790883648493, little-endian (RFC 8032 §5.1). */
const groupOrder = Uint8Array.of(
  0xed,
  0xd3,
  0xf5,
  0x5c,
  0x1a,
  0x63,
  0x12,
  0x58,
  0xd6,
  0x9c,
  0xf7,
  0xa2,
  0xde,
  0xf9,
  0xde,
  0x14,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0x10,
);

/** True for the canonical encoding of a point of prime order (RFC 8032 §5.1.3): no small order, no torsion component. About 0.3 ms. */
export function isPrimeOrderPoint(encoded: Uint8Array): boolean {
  if (encoded.length !== 32) return false;
  try {
    const point = ed25519.Point.fromBytes(encoded, false);
    return !point.is0() && point.isTorsionFree();
  } catch {
    // noble answers an encoding that is no point by throwing; there is nothing else to learn from it.
    return false;
  }
}

/** True when the second half of a 64-byte signature is a canonical scalar, S < L (RFC 8032 §5.1.7): no second signature by adding L. */
export function hasCanonicalScalar(signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  for (let i = 31; i >= 0; i--) {
    if (signature[32 + i] !== groupOrder[i]) return signature[32 + i] < groupOrder[i];
  }
  return false;
}
