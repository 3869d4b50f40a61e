/** Dealing a cohort into groups by the public coin: every client deals them again and compares. */
import { compareBytes, encodeCbor } from '../bytes/cbor.ts';
import type { GroupPrimitives } from '../crypto/group-primitives.ts';

/** The next `count` bytes of the keystream of `dealKey`, from its start on: it must not matter in how many calls they are read. */
export type NextBytes = (count: number) => Uint8Array;

/** The key, 32 bytes, of the AES-256-CTR keystream (IV 0) that deals. @param coin of the epoch, 32 bytes. */
export function dealKey(coin: Uint8Array, { hkdf }: Pick<GroupPrimitives, 'hkdf'>): Uint8Array {
  if (coin.length !== 32) throw new RangeError(`deal: a coin has 32 bytes, got ${coin.length}`);
  return hkdf(coin, new Uint8Array(0), encodeCbor(['parley/v1/deal-groups']), 32);
}

/** Words that are read at once. */
const mostWords = 1024;

/**
 * Places in `members` (from 0) of the members of each group, ascending. Sizes differ by one at most, the larger groups first; every such
 * deal is equally likely (Fisher–Yates on 32-bit words, LE, those that would favour some places rejected). The same members and the same
 * coin give the same groups. Not protected: whoever knows the coin before the members are fixed can choose them; `coin.ts` is against that.
 *
 * @param members certificate hashes, ascending and each once: RangeError otherwise, as for fewer members than groups.
 */
export function dealGroups(members: readonly Uint8Array[], groups: number, nextBytes: NextBytes): number[][] {
  if (!Number.isSafeInteger(groups) || groups < 1 || groups > members.length)
    throw new RangeError(`deal: ${groups} groups of ${members.length} members`);
  if (members.some((member, i) => i > 0 && compareBytes(members[i - 1], member) >= 0))
    throw new RangeError('deal: the members are not in ascending order, each once');
  const order = shuffled(members.length, nextBytes);
  const [size, larger] = [Math.floor(order.length / groups), order.length % groups];
  return Array.from({ length: groups }, (_, i) => {
    const from = i * size + Math.min(i, larger);
    return order.slice(from, from + size + (i < larger ? 1 : 0)).sort((a, b) => a - b);
  });
}

/**
 * Bytes of the keystream after which a deal of `members` is not done yet with a probability below 2^−100: for whoever must have them before
 * it deals. A word is rejected with a probability below members / 2^32.
 */
export function dealBytes(members: number): number {
  return 4 * (2 * members + 128);
}

function shuffled(count: number, nextBytes: NextBytes): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  let words: DataView = new DataView(new ArrayBuffer(0));
  let at = 0;
  for (let last = count - 1; last > 0; last--) {
    // Of 2^32 words, those that are left when every place has as many.
    const limit = 2 ** 32 - (2 ** 32 % (last + 1));
    let word = limit;
    while (word >= limit) {
      if (at === words.byteLength) {
        const bytes = nextBytes(4 * Math.min(last, mostWords));
        words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        at = 0;
      }
      word = words.getUint32(at, true);
      at += 4;
    }
    const other = word % (last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
