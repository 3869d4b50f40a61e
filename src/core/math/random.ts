/**
 * Random streams for learning: initial weights, minibatches, cohorts. A seed fixes every number, on every platform.
 *
 * NOT for keys, masks, nonces or the noise of differential privacy: whoever sees some outputs can compute the others.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { logAtLeastOne } from './elementary.ts';

const seedLength = 32;
const splitLabel = 'parley/v1/random-stream/';

/** xoshiro128** 1.1 (Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators"): period 2^128 − 1. */
export class RandomStream {
  readonly #seed: Uint8Array;
  readonly #state: Uint32Array;
  #spare: number | null = null;

  /** @param seed 32 bytes; the state is the first half of their SHA-256. Throws RangeError for another length. */
  constructor(seed: Uint8Array) {
    if (seed.length !== seedLength)
      throw new RangeError(`RandomStream: expected a seed of 32 bytes, got ${seed.length}`);
    this.#seed = seed.slice();
    const digest = new DataView(sha256(seed).buffer);
    this.#state = Uint32Array.from({ length: 4 }, (_, i) => digest.getUint32(4 * i, true));
  }

  /** An independent stream, fixed by this stream's seed and the label alone: how much was drawn from this one does not matter. */
  split(label: string): RandomStream {
    const text = new TextEncoder().encode(splitLabel + label);
    const input = new Uint8Array(seedLength + text.length);
    input.set(this.#seed);
    input.set(text, seedLength);
    return new RandomStream(sha256(input));
  }

  /** Uniform integer, 0 to 2^32 − 1. */
  uint32(): number {
    return nextXoshiro128(this.#state);
  }

  /** Uniform integer from 0 to n − 1, unbiased by rejection. `n` is an integer from 1 to 2^32; RangeError otherwise. */
  below(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError(`below: expected 1 to 2^32, got ${n}`);
    const limit = 2 ** 32 - (2 ** 32 % n);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % n;
  }

  /** Uniform multiple of 2^−24 in [0, 1): exact in float32. */
  float32(): number {
    return (this.uint32() >>> 8) * 2 ** -24;
  }

  /** Uniform multiple of 2^−53 in [0, 1). */
  float64(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) * 2 ** -53;
  }

  /** Standard normal, by Marsaglia's polar method (1964). */
  normal(): number {
    if (this.#spare !== null) {
      const spare = this.#spare;
      this.#spare = null;
      return spare;
    }
    for (;;) {
      const u = 2 * this.float64() - 1;
      const v = 2 * this.float64() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((2 * logAtLeastOne(1 / s)) / s);
      this.#spare = v * scale;
      return u * scale;
    }
  }

  /** Shuffles in place (Fisher–Yates): every order is equally likely. */
  shuffle(values: { readonly length: number; [index: number]: number }): void {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const value = values[i];
      values[i] = values[j];
      values[j] = value;
    }
  }
}

/** The next 32 bits of xoshiro128**; advances `state`, four words that are not all zero. */
export function nextXoshiro128(state: Uint32Array): number {
  const s1 = state[1];
  const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
  state[2] ^= state[0];
  state[3] ^= s1;
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= s1 << 9;
  state[3] = rotateLeft(state[3], 11);
  return scrambled;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
