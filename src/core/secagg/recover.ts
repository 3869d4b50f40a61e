/** Secrets of a group out of the shares of its members: the weights of a set of places are found once. */
import { lagrangeAtZero } from './lagrange.ts';
import { combineWith } from './shamir.ts';

/** A share and the place in the manifest of the member that holds it. */
export interface MemberShare {
  readonly at: number;
  readonly share: Uint8Array;
}

/** Combines shares; remembers the weights of the sets that it has seen. */
export class Recovery {
  readonly #threshold: number;
  readonly #weights = new Map<string, readonly bigint[]>();

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /**
   * The 32-byte secret that exactly `threshold` shares of distinct members give; null where they give none, which an honest dealer's never
   * do. Throws RangeError for another number of shares.
   */
  secret(held: readonly MemberShare[]): Uint8Array | null {
    if (held.length !== this.#threshold)
      throw new RangeError(`recovery: ${held.length} shares, not ${this.#threshold}`);
    const places = held.map(({ at }) => at + 1);
    const key = places.join();
    const weights = this.#weights.get(key) ?? lagrangeAtZero(places);
    this.#weights.set(key, weights);
    try {
      return combineWith(
        weights,
        held.map(({ share }) => share),
      );
    } catch (cause) {
      // The one secret in 2^247 that has no encoding: nobody deals it by accident.
      if (!(cause instanceof RangeError)) throw cause;
      return null;
    }
  }
}
