/**
 * Kernels of layer and group normalisation. Arguments as in `KernelFunctions`: byte offsets, float32 unless said otherwise.
 * A row holds `groups` runs of channels × positions values, side by side; each run is normalised by itself. γ and β have one
 * value per channel of a row. Statistics are float64.
 */

export interface NormaliseKernels {
  /**
   * normalised = (x − mean) / √(variance + ε) of each run, output = γ·normalised + β; 1 / √(variance + ε) of each run goes to
   * `inverses` (float64). The variance is that of the run itself (divided by its size). `normalised` may be `output`.
   */
  normalise(
    input: number,
    gamma: number,
    beta: number,
    normalised: number,
    output: number,
    inverses: number,
    rows: number,
    groups: number,
    channels: number,
    positions: number,
    epsilon: number,
  ): void;
  /** inputGradient = inverse·(h − mean(h) − normalised·mean(h·normalised)) of each run, h = γ·gradient. */
  normaliseGradient(
    gradient: number,
    gamma: number,
    normalised: number,
    inverses: number,
    inputGradient: number,
    rows: number,
    groups: number,
    channels: number,
    positions: number,
  ): void;
  /** target += Σ over rows and positions of gradient·normalised per channel (by γ), then of the gradient (by β). Channels of all groups. */
  addScaleGradient(
    gradient: number,
    normalised: number,
    target: number,
    rows: number,
    channels: number,
    positions: number,
  ): void;
}
