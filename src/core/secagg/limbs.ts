/**
 * Counts and reals in 32-bit words whose sums over many clients never wrap: a number is cut into limbs, and these add up one by one.
 *
 * Not protected: the sums of limbs tell more than the sum of numbers, namely what adding carried from one limb to the next: of n clients
 * log₂ n bits at most per limb. Counts below 2^20 have one limb, and tell nothing beside their sum.
 */
import { Problem } from '../protocol/problem.ts';

/** So many contributors at most: sums of their limbs stay below 2^32 unsigned, and below 2^31 signed. */
export const mostContributors = 4096;

/** A count is below 2^40: two limbs of 20 bits, unsigned. */
export const countWords = 2;
const countLimb = 2 ** 20;

/** A real is a multiple of 2^-64, below 2^335 in magnitude: 21 limbs of 19 bits, all with the sign of the number. */
export const realWords = 21;
const realLimbBits = 19n;
const realLimb = 2 ** 19;
const realFractionBits = 64;
const realMagnitude = 2 ** 335;

/** Writes numbers one behind the other. */
export class LimbWriter {
  readonly words: Int32Array<ArrayBuffer>;
  #at = 0;

  constructor(words: number) {
    this.words = new Int32Array(words);
  }

  /** Throws Problem `malformed` for anything but an integer from 0 to 2^40 − 1. */
  count(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= countLimb ** 2)
      throw new Problem('malformed', 'a figure is no count below 2^40');
    this.words[this.#at++] = value % countLimb;
    this.words[this.#at++] = Math.floor(value / countLimb);
  }

  /** Rounded to a multiple of 2^-64. Throws Problem `malformed` for a number that is not finite, or 2^335 and larger. */
  real(value: number): void {
    if (!(Math.abs(value) < realMagnitude)) throw new Problem('malformed', 'a figure is not below 2^335');
    let rest = BigInt(Math.round(Math.abs(value) * 2 ** realFractionBits));
    for (let i = 0; i < realWords; i++) {
      const limb = Number(BigInt.asUintN(Number(realLimbBits), rest));
      this.words[this.#at++] = value < 0 ? -limb : limb;
      rest >>= realLimbBits;
    }
  }

  /** Leaves out so many words: they stay 0, and add nothing. */
  skip(words: number): void {
    this.#at += words;
  }
}

/** Reads the sums of numbers that so many contributors have written, modulo 2^32, in the same order. */
export class LimbReader {
  readonly #words: Int32Array;
  readonly #contributors: number;
  #at = 0;

  constructor(words: Int32Array, contributors: number) {
    this.#words = words;
    this.#contributors = contributors;
  }

  /** Exact: below 2^52. Throws Problem `malformed` for a sum that counts do not have. */
  count(): number {
    return this.#countLimb() + countLimb * this.#countLimb();
  }

  /** The float64 nearest to the exact sum. Throws Problem `malformed` for a sum that reals do not have. */
  real(): number {
    let total = 0n;
    const most = this.#contributors * (realLimb - 1);
    for (let i = 0n; i < realWords; i++) {
      const limb = this.#words[this.#at++];
      if (Math.abs(limb) > most) throw outside();
      total += BigInt(limb) << (realLimbBits * i);
    }
    return Number(total) / 2 ** realFractionBits;
  }

  #countLimb(): number {
    const limb = this.#words[this.#at++] >>> 0;
    if (limb > this.#contributors * (countLimb - 1)) throw outside();
    return limb;
  }
}

function outside(): Problem {
  return new Problem('malformed', 'a figure is more than honest clients sum to');
}
