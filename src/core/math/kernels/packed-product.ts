/** Kernels for a matrix that is multiplied many times, packed once. Arguments as in `KernelFunctions`: byte offsets of float32. */

export interface PackedProductKernels {
  /** Packs B (inner × columns; bInner and bOuter in bytes, one of them 4, as in `addProduct`) into `packedCount` values. */
  packColumns(b: number, bInner: number, bOuter: number, packed: number, inner: number, columns: number): void;
  /**
   * C += A·B for a packed B: A rows × inner, its rows aStride bytes apart, C rows × columns, its rows stride bytes apart; both
   * with adjacent columns. The bits are those of `addProduct`.
   */
  addPackedProduct(
    a: number,
    aStride: number,
    packed: number,
    c: number,
    stride: number,
    rows: number,
    inner: number,
    columns: number,
  ): void;
}

/** Values of a packed matrix. */
export function packedCount(inner: number, columns: number): number {
  return inner * Math.ceil(columns / 8) * 8;
}
