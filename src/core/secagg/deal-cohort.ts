/** The groups of an epoch: a cohort dealt by its coin, the same for everybody who deals it. */
import type { GroupPrimitives, Keystream } from '../crypto/group-primitives.ts';
import { dealBytes, dealGroups, dealKey } from './deal-groups.ts';
import { groupCount } from './thresholds.ts';

/**
 * Places in `cohort` of the members of each group, ascending (`dealGroups`).
 *
 * @param cohort certificate hashes, ascending and each once.
 * @param size clients of a group, at least, where there are so many.
 * @param coin 32 bytes.
 */
export async function dealCohort(
  cohort: readonly Uint8Array[],
  size: number,
  coin: Uint8Array,
  { primitives, keystream }: { readonly primitives: Pick<GroupPrimitives, 'hkdf'>; readonly keystream: Keystream },
): Promise<number[][]> {
  const bytes = new Uint8Array(dealBytes(cohort.length));
  await keystream.open(dealKey(coin, primitives)).fill(bytes);
  let at = 0;
  return dealGroups(cohort, groupCount(cohort.length, size), count => {
    if (at + count > bytes.length) throw new RangeError('deal: the keystream ended before the deal');
    at += count;
    return bytes.subarray(at - count, at);
  });
}
