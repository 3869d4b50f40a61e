/** MT19937 as numpy's legacy RandomState drives it: reproduces a published split; never for secrets. */

const size = 624;
const middle = 397;

/** The generator of numpy.random.RandomState(seed), as far as a shuffle needs it. */
export class MersenneTwister {
  readonly #state = new Uint32Array(size);
  #at = size;

  /** @param seed 0 to 2^32 − 1. Matsumoto and Nishimura 2002, init_genrand. */
  constructor(seed: number) {
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new RangeError(`MersenneTwister: expected a seed from 0 to 4294967295, got ${seed}`);
    }
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < size; i++) {
      const last = state[i - 1] ^ (state[i - 1] >>> 30);
      state[i] = Math.imul(1812433253, last) + i;
    }
  }

  /** The next 32 bits, 0 to 2^32 − 1. */
  next(): number {
    if (this.#at === size) this.#twist();
    let y = this.#state[this.#at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A number in [0, 1) of 53 bits (RandomState.random_sample). */
  fraction(): number {
    const high = this.next() >>> 5;
    return (high * 67108864 + (this.next() >>> 6)) / 9007199254740992;
  }

  /** A whole number from 0 to `max`, both possible, by masked rejection (numpy's legacy random_interval). */
  upTo(max: number): number {
    if (max === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(max);
    for (;;) {
      const value = (this.next() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  /** A shuffled copy of `items` (RandomState.permutation). */
  permutation(items: readonly number[]): number[] {
    const shuffled = items.slice();
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.upTo(i);
      const item = shuffled[i];
      shuffled[i] = shuffled[j];
      shuffled[j] = item;
    }
    return shuffled;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < size; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff);
      state[i] = state[(i + middle) % size] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#at = 0;
  }
}
