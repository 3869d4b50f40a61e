/** Kernels of losses. Arguments as in `KernelFunctions`: byte offsets, float32 unless said otherwise. The arithmetic is float64. */

export interface LossKernels {
  /** Returns Σ log(1 + exp z) − y·z over rows, writes gradient = (σ(z) − y) / batch. Labels are 0 or 1. */
  logisticLoss(logits: number, labels: number, gradient: number, rows: number, batch: number): number;
  /** Returns Σ −log softmax(z)[y] over rows, writes gradient = (softmax(z) − onehot(y)) / batch. Labels are class indices. */
  softmaxLoss(logits: number, labels: number, gradient: number, rows: number, classes: number, batch: number): number;
  /** Returns Σ (z − y)², writes gradient = 2(z − y) / batch, over `count` outputs z with a label each. */
  squaredLoss(outputs: number, labels: number, gradient: number, count: number, batch: number): number;
  /** Returns Σ ½d² where |d| ≤ delta, else delta·(|d| − ½delta), with d = z − y; writes gradient = d / batch, or ±delta / batch. */
  huberLoss(outputs: number, labels: number, gradient: number, count: number, batch: number, delta: number): number;
  /**
   * Returns Σ max(q·d, (q − 1)·d) with d = y − z, writes gradient = (d > 0 ? −q : 1 − q) / batch, 0 at d = 0. Outputs and
   * gradient lie `stride` bytes apart: one quantile level of several, innermost. Labels lie side by side.
   */
  pinballLoss(
    outputs: number,
    labels: number,
    gradient: number,
    count: number,
    stride: number,
    batch: number,
    level: number,
  ): number;
}
