/** Privacy losses of sums with Gaussian noise whose sensitivity is random: sampling, several records of one person. */
import { logSumExp } from '../math/log-domain.ts';
import type { LossCurve, PrivacyLoss } from './loss.ts';
import { sampledRatio } from './sampled-loss.ts';

/** `remove`: P has the record, Q has not. `add`: the other way. `replace`: each has one, they pull in opposite directions. */
export type Direction = 'add' | 'remove' | 'replace';

/** With probability `probabilities[j]` the record moves the sum by `sensitivities[j]` ≥ 0; the noise has standard deviation `sigma`. */
export interface GaussianMixture {
  readonly sigma: number;
  readonly sensitivities: readonly number[];
  readonly probabilities: readonly number[];
}

/** A sum of Poisson-sampled records, each drawn with probability q, of sensitivity 1 unless stated. */
export function sampledGaussian(q: number, sigma: number, sensitivity = 1): GaussianMixture {
  if (q === 1) return { sigma, sensitivities: [sensitivity], probabilities: [1] };
  return { sigma, sensitivities: [0, sensitivity], probabilities: [1 - q, q] };
}

/** A sum in which one person has k records, each Poisson-sampled with probability q (Ganesh 2024, mixtures of Gaussians). */
export function groupGaussian(q: number, sigma: number, k: number): GaussianMixture {
  if (q === 1) return { sigma, sensitivities: [k], probabilities: [1] };
  const probabilities: number[] = [];
  let logChoose = 0;
  for (let j = 0; j <= k; j++) {
    probabilities.push(Math.exp(logChoose + j * Math.log(q) + (k - j) * Math.log1p(-q)));
    logChoose += Math.log((k - j) / (j + 1));
  }
  return { sigma, sensitivities: probabilities.map((_, j) => j), probabilities };
}

/**
 * Loss of Σ_j p_j·N(s_j, σ²) against N(0, σ²) (`remove`), the reverse (`add`), or against Σ_j p_j·N(−s_j, σ²) (`replace`); x beyond
 * `cut` standard deviations counts as infinite loss. Remove and add: Zhu, Dong and Wang 2022, §4; replace: no hidden sampling of another
 * record is assumed.
 */
export function gaussianMixtureLoss(mixture: GaussianMixture, direction: Direction, cut: number): PrivacyLoss {
  const { sigma, sensitivities, probabilities } = mixture;
  const largest = Math.max(...sensitivities);
  const ratio = mixtureRatio(mixture);
  const normal = (x: number) => Math.exp((-x * x) / (2 * sigma * sigma)) / (sigma * Math.sqrt(2 * Math.PI));
  const mixed = (x: number) => sensitivities.reduce((sum, s, j) => sum + probabilities[j] * normal(x - s), 0);
  const shape = { panel: sigma / 8, from: -cut * sigma, to: cut * sigma };
  const curves: Record<Direction, LossCurve> = {
    remove: { ...shape, to: largest + cut * sigma, density: mixed, loss: ratio },
    add: { ...shape, density: normal, loss: x => -ratio(x) },
    replace: { ...shape, to: largest + cut * sigma, density: mixed, loss: x => ratio(x) - ratio(-x) },
  };
  const none = probabilities.reduce((sum, p, j) => (sensitivities[j] === 0 ? sum + p : sum), 0);
  return {
    atoms: [],
    curves: [curves[direction]],
    infinite: Math.exp((-cut * cut) / 2),
    // The ratio never falls below the chance that the record moves nothing.
    supremum: direction === 'add' && none > 0 ? -Math.log(none) : Number.POSITIVE_INFINITY,
  };
}

/** x ↦ ln of the mixture's density over that of N(0, σ²), exact near 0. */
export function mixtureRatio({ sigma, sensitivities, probabilities }: GaussianMixture): (x: number) => number {
  const twice = 2 * sigma * sigma;
  if (sensitivities.length === 1) {
    const [s] = sensitivities;
    return x => (s * (2 * x - s)) / twice;
  }
  if (sensitivities.length === 2 && sensitivities[0] === 0) {
    const [, s] = sensitivities;
    const [, q] = probabilities;
    return x => sampledRatio(q, (s * (2 * x - s)) / twice);
  }
  const logs = probabilities.map(Math.log);
  return x => {
    let small = 0;
    for (let j = 0; j < sensitivities.length; j++) {
      const s = sensitivities[j];
      small += probabilities[j] * Math.expm1((s * (2 * x - s)) / twice);
    }
    if (Math.abs(small) < 0.5) return Math.log1p(small);
    return logSumExp(sensitivities.map((s, j) => logs[j] + (s * (2 * x - s)) / twice));
  };
}
