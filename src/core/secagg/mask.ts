/** A mask as data: which keystream is added to a masked vector, or taken from it. */

/** Whoever has the seed can remove the mask. */
export interface Mask {
  /** 32 bytes: of `pairSeed` or `selfSeed`. */
  readonly seed: Uint8Array;
  /** 1: added; −1: subtracted. */
  readonly sign: 1 | -1;
}
