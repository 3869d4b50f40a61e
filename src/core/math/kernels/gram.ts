/** Kernel for Gram matrices. Arguments as in `KernelFunctions`: byte offsets of float32. */

export interface GramKernels {
  /**
   * gram[t][s] = start + x_t·x_s for `count` vectors of `width` values, `stride` bytes apart; in float32, in 4 lanes. The
   * vectors are copied to `copy`, `gramCopyCount` values: they may lie far apart, and each is read many times.
   */
  gram(values: number, stride: number, copy: number, gram: number, count: number, width: number, start: number): void;
}

/** Values that `gram` copies to. */
export function gramCopyCount(count: number, width: number): number {
  return count * Math.ceil(width / 4) * 4;
}
