/** Kernel of the Walsh–Hadamard transform. Arguments as in `KernelFunctions`: byte offsets. */

export interface HadamardKernels {
  /**
   * values (float64) = H·values, H the Hadamard matrix with entries ±1 in Sylvester's order, in place: count·log₂(count) additions.
   * H·H = count·identity.
   *
   * @param count a power of two.
   */
  hadamard(values: number, count: number): void;
}
