/**
 * Kernels of optimiser steps. Arguments as in `KernelFunctions`: byte offsets of float32 vectors. They go in whole vectors of
 * 16 bytes: tensors begin where the layout says, and the padding behind them is theirs.
 */

export interface StepKernels {
  /** gradient += decay·w + proximal·(w − anchor). */
  regularise(
    gradient: number,
    parameters: number,
    anchor: number,
    count: number,
    decay: number,
    proximal: number,
  ): void;
  /** w −= rate·g. */
  sgdStep(parameters: number, gradient: number, count: number, rate: number): void;
  /** v = momentum·v + g; w −= rate·v. */
  momentumStep(
    parameters: number,
    gradient: number,
    velocity: number,
    count: number,
    rate: number,
    momentum: number,
  ): void;
  /** v = momentum·v + g; w −= rate·(g + momentum·v). */
  nesterovStep(
    parameters: number,
    gradient: number,
    velocity: number,
    count: number,
    rate: number,
    momentum: number,
  ): void;
  /** m = β1·m + rest1·g; v = β2·v + rest2·g²; w = kept·w − rate·m / (√v·scale + ε). rest is 1 − β, rounded from float64. */
  adamStep(
    parameters: number,
    gradient: number,
    first: number,
    second: number,
    count: number,
    rate: number,
    scale: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    epsilon: number,
    kept: number,
  ): void;
}
