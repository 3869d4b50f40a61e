/** Kernels over rows of matrices. Arguments as in `KernelFunctions`: byte offsets, float32 unless said otherwise. */

export interface RowKernels {
  /** sums[row] (float64) += Σ x² over the row, `stride` bytes between rows; not finite exactly when a value is not. */
  addRowSquares(values: number, stride: number, sums: number, rows: number, width: number): void;
  /** Σ a·b in float64. */
  dotProduct(a: number, b: number, count: number): number;
  /** Row i of values (rows × width) *= weights[i]; 0 where the weight is 0, also in place of values that are not finite. */
  scaleRows(values: number, rows: number, width: number, weights: number): void;
  /** target += scale·values. */
  addScaled(values: number, target: number, count: number, scale: number): void;
}
