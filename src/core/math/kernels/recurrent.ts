/** Kernels of recurrent layers: one step in time over all rows. Arguments as in `KernelFunctions`: byte offsets of float32. */

/**
 * Gates are [rows, 4·hidden]: four blocks of `hidden` values per row. Everything else is [rows, hidden]. "Before" is what
 * the step before left.
 */
export interface RecurrentKernels {
  /** to[j][i] = from[i][j], runs of `width` values: from is outer × inner runs, to is inner × outer of them; they do not overlap. */
  swapOuter(from: number, to: number, outer: number, inner: number, width: number): void;
  /**
   * Blocks i, f, g, o before their activation are replaced by i = σ(i), f = σ(f), g = tanh(g), o = σ(o);
   * cell = f·cellBefore + i·g; output = o·tanh(cell) (Gers et al. 2000, as PyTorch's LSTM).
   */
  lstmForward(gates: number, cellBefore: number, cell: number, output: number, rows: number, hidden: number): void;
  /**
   * After `lstmForward`: the gates are replaced by the gradients before their activation. cellGradient is read as what the
   * step after left, and replaced by the gradient by cellBefore.
   */
  lstmBackward(
    gates: number,
    cellBefore: number,
    cell: number,
    outputGradient: number,
    cellGradient: number,
    rows: number,
    hidden: number,
  ): void;
  /**
   * Blocks r and z before their activation, U = W_hn·before + b_hn and V = W_in·x + b_in are replaced by r = σ(r), z = σ(z),
   * U and n = tanh(V + r·U); output = (1 − z)·n + z·before (Cho et al. 2014 with PyTorch's place of the reset gate).
   */
  gruForward(gates: number, before: number, output: number, rows: number, hidden: number): void;
  /**
   * After `gruForward`: the gates are replaced by the gradients before the activation of r and z, by U and by V;
   * gradientBefore += outputGradient·z, what reaches `before` past the gates.
   */
  gruBackward(
    gates: number,
    before: number,
    outputGradient: number,
    gradientBefore: number,
    rows: number,
    hidden: number,
  ): void;
}
