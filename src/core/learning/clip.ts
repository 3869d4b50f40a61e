/** Clipping to an L2 ball, norm and scaling in float64. */
import { scanUpdate } from '../aggregation/weighted-mean.ts';

/**
 * Returns `update` unchanged when ‖update‖₂ ≤ clipNorm, else a new vector scaled to that norm.
 * A zero vector passes (scale 1). Throws RangeError when a value is not finite: non-finite is never clipped into shape.
 *
 * @param clipNorm bound, > 0.
 */
export function clipToNorm(update: Float32Array, clipNorm: number): Float32Array {
  if (!(clipNorm > 0)) throw new RangeError(`clipToNorm: the bound is ${clipNorm}, expected > 0`);
  const { finite, sumOfSquares } = scanUpdate(update);
  if (!finite) throw new RangeError('clipToNorm: the update holds a value that is not finite');
  const norm = Math.sqrt(sumOfSquares);
  if (norm <= clipNorm) return update;
  const scale = clipNorm / norm;
  return update.map(value => value * scale);
}
