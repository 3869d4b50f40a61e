/** RDP bounds for sampling where the exact divergence is out of reach: any mechanism under Poisson sampling, Gaussians in batches of fixed size. */
import { logBinomial } from '../math/gamma.ts';
import { log1mExp, log1pExp, logAddExp } from '../math/log-domain.ts';
import { requireCount, requireNonNegative, requireProbability } from './ranges.ts';

/**
 * RDP at an integer order from 2 of any mechanism under Poisson sampling with rate q, from its own RDP at the orders 2 … α (Zhu and
 * Wang 2019, Theorem 5). Looser than rdpSampledGaussian. Relation add-remove.
 */
export function rdpPoissonGeneric(order: number, samplingRate: number, base: (order: number) => number): number {
  requireCount('order', order, 2);
  requireProbability('q', samplingRate);
  if (samplingRate === 0) return 0;
  if (samplingRate === 1) return base(order);
  const [inside, outside] = [Math.log(samplingRate), Math.log1p(-samplingRate)];
  let log = (order - 1) * outside + Math.log1p((order - 1) * samplingRate);
  for (let l = 2; l <= order; l++) {
    const term = logBinomial(order, l) + (order - l) * outside + l * inside + (l - 1) * base(l);
    log = logAddExp(log, l === 2 ? term : term + Math.log(3));
  }
  return Math.max(0, Math.min(base(order), log / (order - 1)));
}

/**
 * A bound at every order from 1 of a divergence that `atWhole` bounds at the whole ones from 2: (α − 1)·RDP is convex, 0 at order 1 and
 * interpolated between. Infinity at order Infinity.
 */
export function betweenWholeOrders(atWhole: (order: number) => number): (order: number) => number {
  return order => {
    if (order === Number.POSITIVE_INFINITY) return order;
    if (order <= 2) return atWhole(2);
    const below = Math.floor(order);
    if (below === order) return atWhole(order);
    const [lower, upper] = [(below - 1) * atWhole(below), below * atWhole(below + 1)];
    return (lower + (order - below) * (upper - lower)) / (order - 1);
  };
}

/** Forward differences are taken exactly up to here; beyond it only the simpler bound of the theorem is used. */
const exactUpTo = 256;

/**
 * RDP of the Gaussian mechanism on batches of m out of n drawn without replacement (Wang, Balle and Kasiviswanathan 2019, Theorem 27).
 * Relation replace-one; z is relative to the sensitivity of that relation. Between integer orders (α − 1)·RDP is interpolated, which
 * bounds it, being convex.
 */
export function rdpSampledWithoutReplacement(n: number, m: number, noiseMultiplier: number, order: number): number {
  requireCount('n', n, 1);
  requireCount('m', m);
  requireNonNegative('sigma', noiseMultiplier);
  if (!(order > 1)) throw new RangeError(`order: expected a Rényi order above 1, got ${order}`);
  if (m > n) throw new RangeError(`m: expected a batch of at most ${n}, got ${m}`);
  if (m === 0) return 0;
  if (noiseMultiplier ** 2 === 0 || order === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  const unsampled = order / (2 * noiseMultiplier ** 2);
  if (m === n) return unsampled;
  const [below, above] = [Math.floor(order), Math.ceil(order)];
  const lower = fixedSizeMoment(m / n, noiseMultiplier, below);
  const upper = above === below ? lower : fixedSizeMoment(m / n, noiseMultiplier, above);
  const moment = lower + (order - below) * (upper - lower);
  return Math.min(unsampled, moment / (order - 1));
}

/** (α − 1)·RDP at an integer order: ln(1 + Σ_{j≥2} q^j·C(α,j)·ζ_j). */
function fixedSizeMoment(q: number, z: number, order: number): number {
  if (order < 2) return 0;
  const atTwo = 1 / (z * z);
  const differences = order <= exactUpTo ? evenDifferences(z, order + 1) : null;
  let log = Number.NEGATIVE_INFINITY;
  for (let j = 2; j <= order; j++) {
    let factor: number;
    if (j === 2) factor = Math.min(Math.log(4) + atTwo + log1mExp(-atTwo), atTwo + Math.LN2);
    else {
      factor = Math.LN2 + (j * (j - 1)) / (2 * z * z);
      if (differences !== null) {
        const pair = differences[Math.floor(j / 2)] + differences[Math.ceil(j / 2)];
        factor = Math.min(factor, Math.log(4) + pair / 2);
      }
    }
    log = logAddExp(log, factor + j * Math.log(q) + logBinomial(order, j));
  }
  return log1pExp(log);
}

/**
 * ln of the 2i-th forward difference at 0 of l ↦ E[r^l], r = e^{(2x−1)/2z²} under N(0, z²), at index i: that is E[(r − 1)^{2i}], taken
 * by the trapezoid rule, where the alternating sum would cancel.
 */
function evenDifferences(z: number, order: number): Float64Array {
  const step = z / 8;
  const logs = new Float64Array(Math.floor(order / 2) + 1);
  const scale = Math.log(step / (z * Math.sqrt(2 * Math.PI)));
  for (let i = 1; i < logs.length; i++) {
    let [high, sum] = [Number.NEGATIVE_INFINITY, 0];
    for (let x = -14 * z; x <= 2 * i + 14 * z; x += step) {
      const y = (2 * x - 1) / (2 * z * z);
      const size = y > 0 ? y + log1mExp(-y) : log1mExp(y);
      const term = 2 * i * size - (x * x) / (2 * z * z);
      if (term > high) [high, sum] = [term, sum * Math.exp(high - term) + 1];
      else if (term > high - 50) sum += Math.exp(term - high);
    }
    logs[i] = high + Math.log(sum) + scale;
  }
  return logs;
}
