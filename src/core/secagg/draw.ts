/** What a round's groups were dealt from, as one hash that every manifest of the round names. */
import { encodeCbor } from '../bytes/cbor.ts';
import type { Primitives } from '../crypto/primitives.ts';

/**
 * SHA-256 of the whole cohort and the coin, 32 bytes.
 *
 * @param cohort certificate hashes of all that were dealt into groups, ascending.
 * @param coin what the assignment tells of it; null where there is one group, and so nothing to deal.
 */
export function drawHash(
  cohort: readonly Uint8Array[],
  coin: Uint8Array | null,
  { sha256 }: Pick<Primitives, 'sha256'>,
): Uint8Array {
  return sha256(encodeCbor(['parley/v1/draw', cohort, coin]));
}
