/** Token buckets per address: how often one neighbour may ask. */

export interface RateLimit {
  /** Takes one token of the address; false when there is none left. */
  take(address: string, nowMs: number): boolean;
}

/**
 * Buckets of `burst` tokens that refill at `perSecond`. IPv6 addresses count by their /64. At most `maxAddresses` are remembered,
 * the longest idle forgotten first, so that a flood from many addresses costs bounded memory.
 */
export function createRateLimit({
  burst,
  perSecond,
  maxAddresses,
}: {
  burst: number;
  perSecond: number;
  maxAddresses: number;
}): RateLimit {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    take(address, nowMs) {
      const key = networkOf(address);
      const last = buckets.get(key) ?? { tokens: burst, atMs: nowMs };
      // A clock that jumps back refills nothing.
      const tokens = Math.min(burst, last.tokens + (Math.max(0, nowMs - last.atMs) / 1000) * perSecond);
      buckets.delete(key); // a Map keeps the order of insertion: the first key is the longest idle
      buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
      if (buckets.size > maxAddresses) buckets.delete(buckets.keys().next().value ?? '');
      return tokens >= 1;
    },
  };
}

function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1];
  if (!address.includes(':')) return address;
  const [before, after = ''] = address.split('%')[0].split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === '' ? [] : after.split(':');
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}
