/** Dirichlet and gamma draws for dealing rows to clients: the same seed gives the same bits on every platform. */
import { expNegative, logPositive } from './elementary.ts';
import type { RandomStream } from './random.ts';

/**
 * Proportions of so many parts, drawn from the symmetric Dirichlet(α, …, α): gamma draws over their sum. They are at
 * least 0 and sum to 1 up to rounding. Computed from logarithms, so that a small α does not underflow to 0 / 0.
 *
 * @param parts at least 1. @param alpha above 0: near 0 one part has nearly all, at infinity all have the same.
 */
export function drawDirichlet(parts: number, alpha: number, random: RandomStream): Float64Array {
  if (!Number.isInteger(parts) || parts < 1) throw new RangeError(`drawDirichlet: ${parts} parts`);
  const logs = Float64Array.from({ length: parts }, () => drawLogGamma(alpha, random));
  const top = logs.reduce((a, b) => Math.max(a, b));
  const shares = logs.map(log => expNegative(log - top));
  const total = shares.reduce((a, b) => a + b, 0);
  return shares.map(share => share / total);
}

/**
 * The logarithm of a draw from Gamma(shape, 1). Marsaglia and Tsang 2000, "A simple method for generating gamma
 * variables", §4; below shape 1 by their §8 remark: Gamma(shape + 1) · U^(1 / shape).
 * Throws RangeError unless `shape` is a finite number above 0.
 */
export function drawLogGamma(shape: number, random: RandomStream): number {
  if (!(shape > 0 && Number.isFinite(shape))) throw new RangeError(`drawLogGamma: the shape is ${shape}`);
  if (shape < 1) return drawLogGamma(shape + 1, random) + logPositive(1 - random.float64()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const square = x * x;
    const u = 1 - random.float64();
    if (u < 1 - 0.0331 * square * square) return logPositive(d * v);
    if (logPositive(u) < 0.5 * square + d * (1 - v + logPositive(v))) return logPositive(d * v);
  }
}
