/** RDP of Poisson sampling with a largest batch. */
import { log1pExp, logAddExp, logExpm1 } from '../math/log-domain.ts';
import { rdpSampledGaussian } from './rdp-sampled-gaussian.ts';
import { fullBatches, type TruncatedSampling } from './truncated-loss.ts';

/**
 * An upper bound at an order, relation add-remove. Where the others alone fill the batch, a record that is kept pushes another out: the sum
 * moves by up to 2, else by 1. Which of the two happened has the same chance with and without the record, so it may count as seen and
 * the moments e^{(α−1)·RDP} are averaged (van Erven and Harremoës 2014, Theorem 13).
 */
export function rdpTruncatedGaussian(sampling: TruncatedSampling, order: number): number {
  const { q, noiseMultiplier } = sampling;
  if (q === 0) return 0;
  const poisson = rdpSampledGaussian(q, noiseMultiplier, order);
  const { full, drawn } = fullBatches(sampling);
  if (full === 0 || poisson === Number.POSITIVE_INFINITY) return poisson;
  const pushed = rdpSampledGaussian(drawn, noiseMultiplier / 2, order);
  if (order === 1) return (1 - full) * poisson + full * pushed;
  const excess = order - 1;
  // e^{(α−1)·RDP} − 1 averages like the moment, and keeps its digits near 0.
  const log = logAddExp(Math.log1p(-full) + logExpm1(excess * poisson), Math.log(full) + logExpm1(excess * pushed));
  return log1pExp(log) / excess;
}
