/** Ciphertexts of X-Wing that nobody can decapsulate: their X25519 half is a point of low order, so that every secret key gives zero. */

/**
 * u-coordinates below 2^255 of the points whose order divides 8, on the curve or its twist (RFC 7748 §6.1; Langley and Hamburg's list):
 * 0, 1, p − 1, two of order 8, and those of the first two plus p.
 */
const lowOrder = new Set([
  0n,
  1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  (1n << 255n) - 20n,
  (1n << 255n) - 19n,
  (1n << 255n) - 18n,
]);

/** Whether decapsulation of these bytes of a ciphertext, or of an X25519 public key, would be refused under every key. */
export function hasLowOrder(ciphertext: Uint8Array): boolean {
  let u = 0n;
  for (const byte of ciphertext.subarray(-32).toReversed()) u = (u << 8n) | BigInt(byte);
  // The highest bit is not looked at (RFC 7748 §5).
  return lowOrder.has(BigInt.asUintN(255, u));
}
