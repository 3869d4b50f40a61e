/** Below this part of the greatest square that the norm could have, the terms cancel so far that rounding in the matrices shows. */
const leastPart = 1e-2;
/** A million times what is lost where one product of two float32 is too small to be one. */
const underflow = 2 ** -130;

/** Two Gram matrices of `count` vectors each, row-major. The second must have a constant of 1 or more in every entry. */
export interface GramPair {
  readonly errors: Float32Array;
  readonly inputs: Float32Array;
  readonly count: number;
  /** Values of each vector of errors. */
  readonly width: number;
}

/** A sum over pairs of matrices, with what bounds it. */
export class GramSum {
  #square = 0;
  #greatest = 0;
  #lost = 0;

  /** Adds Σ errors·inputs, `product`, of one pair. */
  add(product: number, { errors, inputs, count, width }: GramPair): void {
    let length = 0;
    let trace = 0;
    for (let i = 0; i < count * count; i += count + 1) {
      length += Math.sqrt(errors[i] * inputs[i]);
      trace += inputs[i];
    }
    this.#square += product;
    this.#greatest += length * length;
    this.#lost += underflow * count * count * width * trace;
  }

  /**
   * The sum; null where its root, the norm, may be wrong by more than about 5e-5 of it (the most that was seen with vectors of 1024
   * values): where terms cancel, the matrices overflowed float32, or the products in them underflowed. The norm must then be
   * computed in another way.
   */
  get square(): number | null {
    const isSound = this.#square < Infinity && this.#square >= leastPart * this.#greatest && this.#square >= this.#lost;
    return isSound ? this.#square : null;
  }
}
