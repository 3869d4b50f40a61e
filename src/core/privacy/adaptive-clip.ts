/**
 * A clip bound that follows a quantile of the update norms (Andrew, Thakkar, McMahan and Ramaswamy 2021). A client reports one bit, 1
 * when its norm is at most C; the bits are summed with noise. The noise of a round uses the C that clipped it.
 */
import { requireCount, requireFinite, requireNonNegative, requirePositive, requireProbability } from './ranges.ts';

/** C·e^{−η(b̃ − γ)}: falls when more than the wished share γ was within the bound. b̃ is noisy and may leave [0, 1]. */
export function adaptiveClipUpdate(
  clip: number,
  unclippedFraction: number,
  targetQuantile: number,
  learningRate: number,
): number {
  checkRule(clip, targetQuantile, learningRate);
  requireFinite('unclipped fraction', unclippedFraction);
  return clip * Math.exp(-learningRate * (unclippedFraction - targetQuantile));
}

/** The same with steps of equal length, C − η(b̃ − γ), never below 0. The paper prefers the geometric one. */
export function adaptiveClipLinearUpdate(
  clip: number,
  unclippedFraction: number,
  targetQuantile: number,
  learningRate: number,
): number {
  checkRule(clip, targetQuantile, learningRate);
  requireFinite('unclipped fraction', unclippedFraction);
  return Math.max(0, clip - learningRate * (unclippedFraction - targetQuantile));
}

function checkRule(clip: number, targetQuantile: number, learningRate: number): void {
  requireNonNegative('clip', clip);
  requireProbability('target quantile', targetQuantile);
  requireNonNegative('learning rate', learningRate);
}

/** The share of norms at most C. A norm that is not finite is never within the bound. */
export function unclippedFraction(norms: ArrayLike<number>, clip: number): number {
  if (norms.length === 0) throw new RangeError('norms: expected at least one');
  let within = 0;
  for (let i = 0; i < norms.length; i++) if (norms[i] <= clip) within++;
  return within / norms.length;
}

/** C₁, C₂, … when the same norms come every round and no noise is added. Not private: for tests of the rule. */
export function adaptiveClipSequence(
  norms: ArrayLike<number>,
  initialClip: number,
  targetQuantile: number,
  learningRate: number,
  rounds: number,
  update: typeof adaptiveClipUpdate = adaptiveClipUpdate,
): number[] {
  requireCount('rounds', rounds);
  const clips: number[] = [];
  for (let clip = initialClip; clips.length < rounds; clips.push(clip))
    clip = update(clip, unclippedFraction(norms, clip), targetQuantile, learningRate);
  return clips;
}

/**
 * The noise multiplier of the update sum that, together with noise σ_b on the sum of bits (centred, so of sensitivity ½), costs what z
 * alone would: (z⁻² − (2σ_b)⁻²)^{−½} (Andrew et al. 2021, Theorem 1). Throws RangeError when z ≥ 2σ_b: no noise would be enough.
 */
export function adaptiveClipNoiseMultiplier(noiseMultiplier: number, bitSumStddev: number): number {
  requireNonNegative('noise multiplier', noiseMultiplier);
  requirePositive('stddev of the bit sum', bitSumStddev);
  if (noiseMultiplier === 0) return 0;
  if (noiseMultiplier >= 2 * bitSumStddev)
    throw new RangeError(
      `noise multiplier ${noiseMultiplier} is not below twice the stddev ${bitSumStddev} of the bit sum`,
    );
  const ratio = noiseMultiplier / (2 * bitSumStddev);
  return noiseMultiplier / Math.sqrt(1 - ratio * ratio);
}

/**
 * The size ±C_b at which a bit stands beside an update of norm C in one vector, so that noise of multiplier σ on both gives the bit
 * σ_b: C·r/√(1 − r²) with r = σ/σ_b. Throws RangeError when σ ≥ σ_b.
 */
export function adaptiveClipIndicatorScale(clip: number, sigma: number, sigmaIndicator: number): number {
  requireNonNegative('clip', clip);
  requireNonNegative('sigma', sigma);
  requirePositive('indicator sigma', sigmaIndicator);
  const ratio = sigma / sigmaIndicator;
  if (ratio >= 1) throw new RangeError(`sigma ${sigma} is not below the ${sigmaIndicator} of the indicator`);
  return (clip * ratio) / Math.sqrt(1 - ratio * ratio);
}
