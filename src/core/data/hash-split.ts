/** The split in which each row decides for itself, by a hash of its own values: no other row changes its side. */

/**
 * Whether a row of these values trains: where a hash of seed and values, as a number in [0, 1), is below the share. Equal rows stand on the same
 * side; about that share of the rows of a site trains, not exactly. The hash is public and no secret: whoever knows a row knows its side.
 *
 * @param values features and label of the row. −0 counts as 0, and every NaN as the same.
 * @param trainFraction above 0, below 1. @param seed 0 to 2^32 − 1.
 */
export function trainsByHash(values: Iterable<number>, trainFraction: number, seed: number): boolean {
  let [high, low] = [mixed(seed), mixed(seed ^ 0x9e3779b9)];
  for (const value of values) {
    bits.setFloat64(0, value + 0);
    for (const at of [0, 4]) {
      const word = bits.getUint32(at);
      high = stirred(high, word);
      low = stirred(low, word ^ 0x5bd1e995);
    }
  }
  const uniform = ((mixed(high) >>> 0) * 2 ** 21 + (mixed(low) >>> 11)) / 2 ** 53;
  return uniform < trainFraction;
}

const bits = new DataView(new ArrayBuffer(8));

/** One word into the state (MurmurHash3, 32 bits; Appleby, public domain). */
function stirred(state: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = state ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Its finalizer: every bit depends on every other one. */
function mixed(state: number): number {
  let h = state ^ (state >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
