/** Privacy loss of Poisson sampling with a largest batch. */
import { logBinomial } from '../math/gamma.ts';
import { gaussianMixtureLoss, sampledGaussian } from './gaussian-loss.ts';
import type { PrivacyLoss } from './loss.ts';

export interface TruncatedSampling {
  /** Records; each is drawn with probability q, and of more than `cap` drawn ones `cap` are kept at random. */
  readonly n: number;
  readonly q: number;
  readonly cap: number;
  readonly noiseMultiplier: number;
}

/**
 * An upper bound of the loss: where the others alone fill the batch, a record pushes another out and the sum moves by up to 2 (a replace);
 * elsewhere it is Poisson sampling (Chua, Ghazi, Harrison, Leeman, Kamath, Kumar, Manurangsi, Sinha and Zhang 2024, Scalable DP-SGD).
 * Which of the two happened counts as seen.
 */
export function truncatedLoss(sampling: TruncatedSampling, direction: 'add' | 'remove', cut: number): PrivacyLoss {
  const { q, noiseMultiplier } = sampling;
  const { full, drawn } = fullBatches(sampling);
  const poisson = gaussianMixtureLoss(sampledGaussian(q, noiseMultiplier), direction, cut);
  if (full === 0) return poisson;
  const replaced = gaussianMixtureLoss(sampledGaussian(drawn, noiseMultiplier / 2), 'replace', cut);
  return {
    atoms: [],
    curves: [...scaled(poisson, 1 - full), ...scaled(replaced, full)],
    infinite: (1 - full) * poisson.infinite + full * replaced.infinite,
    supremum: Math.max(poisson.supremum, replaced.supremum),
  };
}

/** The chance that the others alone fill the batch, and that the record is then kept in it. */
export function fullBatches({ n, q, cap }: Omit<TruncatedSampling, 'noiseMultiplier'>): {
  full: number;
  drawn: number;
} {
  const full = binomialTail(n - 1, q, cap);
  return { full, drawn: full === 0 ? 0 : Math.min(1, (binomialTail(n, q, cap + 1) * cap) / full / n) };
}

function scaled({ curves }: PrivacyLoss, by: number): PrivacyLoss['curves'] {
  return curves.map(curve => ({ ...curve, density: (x: number) => by * curve.density(x) }));
}

/** P(Binomial(n, q) ≥ least). */
function binomialTail(n: number, q: number, least: number): number {
  if (least <= 0) return 1;
  if (least > n) return 0;
  if (q === 1) return 1;
  let sum = 0;
  const peak = n * q;
  for (let k = least; k <= n; k++) {
    const term = Math.exp(logBinomial(n, k) + k * Math.log(q) + (n - k) * Math.log1p(-q));
    sum += term;
    if (k > peak && term < 1e-18 * sum) break;
  }
  return Math.min(1, sum);
}
