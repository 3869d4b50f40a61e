/** Kernels of embeddings. Arguments as in `KernelFunctions`: byte offsets, float32 unless said otherwise; tokens are whole numbers held as float32. */

export interface TokenKernels {
  /** output[i] = table[tokens[i]]: rows of `width` values. */
  gatherTokens(tokens: number, table: number, output: number, count: number, width: number): void;
  /** table[tokens[i]] += values[i], i ascending. */
  scatterTokens(tokens: number, values: number, table: number, count: number, width: number): void;
  /**
   * norms[row] (float64) += Σ over the distinct tokens of the row of ‖Σ of the values where the token stands‖²: the squared norm
   * of what `scatterTokens` of this row alone adds to a table of zeros, without the table.
   *
   * @param slots one 32-bit word per token of the vocabulary: 0 before and after.
   * @param sums scratch of steps × width values.
   */
  addTokenSquares(
    tokens: number,
    values: number,
    norms: number,
    slots: number,
    sums: number,
    rows: number,
    steps: number,
    width: number,
  ): void;
}
