/** Laplace noise for k uses together, from the distribution of the summed privacy loss. */
import { firstWhere } from '../math/bisect.ts';
import { requireCount, requireNonNegative, requirePositive, requireProbability } from './ranges.ts';

/** Beyond so many uses the sums here would take seconds. */
const mostUses = 4096;

/**
 * δ(ε) of k uses of the Laplace mechanism with ε₀ = Δ/b each: an upper bound, whose excess falls with the square of the grid. The
 * loss of one use is −ε₀, ε₀ or spread between them; what is spread is split onto a grid so that both data sets keep their mass, which
 * can only raise δ (connect the dots: Doroshenko et al. 2022). Throws RangeError for more than 4096 uses.
 */
export function laplaceCompositionDelta(epsilon0: number, count: number, epsilon: number): number {
  requireNonNegative('epsilon0', epsilon0);
  requireCount('k', count);
  requireNonNegative('epsilon', epsilon);
  if (count > mostUses) throw new RangeError(`k: expected at most ${mostUses} uses, got ${count}`);
  if (epsilon0 === 0 || count === 0) return 0;
  const cells = Math.min(1024, Math.max(2, Math.floor(2048 / count)));
  const losses = power(oneLoss(epsilon0, cells), count);
  const width = epsilon0 / cells;
  let delta = 0;
  for (let i = losses.length - 1; i >= 0; i--) {
    const loss = i * width - count * epsilon0;
    if (loss <= epsilon) break;
    delta -= losses[i] * Math.expm1(epsilon - loss);
  }
  return Math.min(1, Math.max(0, delta));
}

/** The least b, to 1e-7 of itself from above, at which the bound above keeps k uses (ε, δ)-DP together. kΔ/ε at δ = 0. */
export function smallestLaplaceScale(epsilon: number, delta: number, count: number, sensitivity: number): number {
  requirePositive('epsilon', epsilon);
  requireProbability('delta', delta);
  requireCount('k', count, 1);
  requirePositive('sensitivity', sensitivity);
  const pure = (count * sensitivity) / epsilon;
  if (delta === 0) return pure;
  const holds = (scale: number): boolean => laplaceCompositionDelta(sensitivity / scale, count, epsilon) <= delta;
  return firstWhere(holds, pure * 1e-6, pure, 1e-7);
}

/** The loss of one use on the grid from −ε₀ to ε₀. */
function oneLoss(epsilon0: number, cells: number): Float64Array {
  const masses = new Float64Array(2 * cells + 1);
  masses[0] = Math.exp(-epsilon0) / 2;
  masses[2 * cells] = 1 / 2;
  const width = epsilon0 / cells;
  for (let i = 0; i < 2 * cells; i++) {
    const [low, high] = [i * width - epsilon0, (i + 1) * width - epsilon0];
    const first = (Math.exp((high - epsilon0) / 2) - Math.exp((low - epsilon0) / 2)) / 2;
    const second = (Math.exp((-low - epsilon0) / 2) - Math.exp((-high - epsilon0) / 2)) / 2;
    // a + b = first and a·e^{−low} + b·e^{−high} = second.
    const below = (second * Math.exp(low) - first * Math.exp(-width)) / -Math.expm1(-width);
    const atLow = Math.min(first, Math.max(0, below));
    masses[i] += atLow;
    masses[i + 1] += first - atLow;
  }
  return masses;
}

/** The distribution of the sum of `count` independent losses. */
function power(base: Float64Array, count: number): Float64Array {
  let [result, square, left]: [Float64Array, Float64Array, number] = [Float64Array.of(1), base, count];
  for (;;) {
    if (left % 2 === 1) result = convolve(result, square);
    left = Math.floor(left / 2);
    if (left === 0) return result;
    square = convolve(square, square);
  }
}

function convolve(a: Float64Array, b: Float64Array): Float64Array {
  const sum = new Float64Array(a.length + b.length - 1);
  for (let i = 0; i < a.length; i++) {
    const x = a[i];
    if (x > 1e-40) for (let j = 0; j < b.length; j++) sum[i + j] += x * b[j];
  }
  return sum;
}
