/** RDP of sums with Gaussian noise that a record moves by one of several lengths, at random. */
import { type GaussianMixture, mixtureRatio } from './gaussian-loss.ts';
import { requireOrder } from './ranges.ts';
import { logConvexGap } from './rdp-sampled-gaussian.ts';

/** Points at which the ratio is kept; beyond them the largest length bounds the divergence. */
const mostPoints = 2 ** 18;

export interface MixtureNoise {
  readonly noiseMultiplier: number;
  readonly sensitivities: readonly number[];
  readonly probabilities: readonly number[];
}

/**
 * The curve of Σ_j p_j·N(s_j, z²) against N(0, z²), the larger of both directions at each order: E_{N(0,z²)}[f^α] and E[f^{1−α}] for their
 * ratio f, by the trapezoid rule. What is larger than the divergence of max s_j, a bound by convexity, is replaced by it.
 */
export function rdpGaussianMixture(noise: MixtureNoise): (order: number) => number {
  const moves = noise.sensitivities.flatMap((s, j) => (s > 0 && noise.probabilities[j] > 0 ? [j] : []));
  if (moves.length === 0) return () => 0;
  const z = noise.noiseMultiplier;
  if (z ** 2 === 0) return () => Number.POSITIVE_INFINITY;
  const kept = noise.probabilities.flatMap((p, j) => (p > 0 ? [j] : []));
  const largest = Math.max(...moves.map(j => noise.sensitivities[j]));
  // Lengths in units of the largest.
  const mixture: GaussianMixture = {
    sigma: z / largest,
    sensitivities: kept.map(j => noise.sensitivities[j] / largest),
    probabilities: kept.map(j => noise.probabilities[j]),
  };
  const logs = new RatioTable(mixture);
  return order => {
    requireOrder(order);
    const bound = order / (2 * mixture.sigma ** 2);
    if (mixture.probabilities.length === 1 || order === Number.POSITIVE_INFINITY) return bound;
    // Just above 1 the moment less 1 is all cancellation; RDP grows with the order.
    const at = Math.max(order, 1.0001);
    const [remove, add] = [logs.momentLessOne(at), logs.momentLessOne(1 - at)];
    if (remove === null || add === null) return bound;
    const log = Math.max(remove, add);
    return Math.min(bound, (log > 30 ? log : Math.log1p(Math.exp(log))) / (at - 1));
  };
}

/** ln f on a grid that grows as orders ask for it. */
class RatioTable {
  readonly #ratio: (x: number) => number;
  readonly #sigma: number;
  readonly #step: number;
  readonly #known = new Map<number, number>();

  constructor(mixture: GaussianMixture) {
    this.#ratio = mixtureRatio(mixture);
    this.#sigma = mixture.sigma;
    this.#step = mixture.sigma < 0.06 ? mixture.sigma / 8 : Math.min(mixture.sigma / 8, mixture.sigma ** 2 / 2);
  }

  /** ln E[f^a − 1 − a(f − 1)], which is ln(E[f^a] − 1), for a above 1 or below 0; null where it takes too many points. */
  momentLessOne(a: number): number | null {
    const [sigma, step] = [this.#sigma, this.#step];
    const from = Math.floor((Math.min(a, 0) - 14 * sigma - 1) / step);
    const to = Math.ceil((Math.max(a, 1) + 14 * sigma + 1) / step);
    if (!(to - from < mostPoints)) return null;
    let [high, sum] = [Number.NEGATIVE_INFINITY, 0];
    for (let i = from; i <= to; i++) {
      const x = i * step;
      const term = logConvexGap(this.#at(i), a) - (x * x) / (2 * sigma * sigma);
      if (term > high) [high, sum] = [term, sum * Math.exp(high - term) + 1];
      else if (term > high - 50) sum += Math.exp(term - high);
    }
    return high + Math.log(sum * (step / (sigma * Math.sqrt(2 * Math.PI))));
  }

  #at(index: number): number {
    let log = this.#known.get(index);
    if (log === undefined) {
      log = this.#ratio(index * this.#step);
      this.#known.set(index, log);
    }
    return log;
  }
}
