/**
 * RDP of the Poisson-sampled Gaussian mechanism, exact at every order (Mironov, Talwar and Zhang 2019, eq. 3; the larger direction is
 * the removal). z is the noise multiplier, q the sampling rate, relation add-remove (or zero-out).
 */
import { logAddExp, logExpm1 } from '../math/log-domain.ts';
import { requireNonNegative, requireOrder, requireProbability } from './ranges.ts';

const nearOne = 1.0001;

/** RDP of one step. Infinity without noise, or at order Infinity; 0 at q = 0. The KL divergence at order 1. */
export function rdpSampledGaussian(samplingRate: number, noiseMultiplier: number, order: number): number {
  requireProbability('q', samplingRate);
  requireNonNegative('sigma', noiseMultiplier);
  requireOrder(order);
  if (samplingRate === 0) return 0;
  if (noiseMultiplier ** 2 === 0 || order === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  if (samplingRate === 1) return order / (2 * noiseMultiplier ** 2);
  if (order < nearOne) {
    // Just above 1 the moment less 1 is all cancellation; the divergence itself is smooth there.
    const kl = klByQuadrature(samplingRate, noiseMultiplier);
    if (order === 1) return kl;
    return kl + ((order - 1) / (nearOne - 1)) * (rdpSampledGaussian(samplingRate, noiseMultiplier, nearOne) - kl);
  }
  const logMoment = Number.isInteger(order)
    ? integerMoment(samplingRate, noiseMultiplier, order)
    : fractionalMoment(samplingRate, noiseMultiplier, order);
  return log1pOfExp(logMoment) / (order - 1);
}

/**
 * ln(E[f^α] − 1) as a sum of positive terms: Σ_{k≥2} C(α,k)(1−q)^{α−k}q^k·(e^{k(k−1)/2z²} − 1), for the weights of a binomial add up
 * to 1.
 */
function integerMoment(q: number, z: number, order: number): number {
  const [odds, half] = [Math.log(q) - Math.log1p(-q), 1 / (2 * z * z)];
  let weight = order * Math.log1p(-q);
  let log = Number.NEGATIVE_INFINITY;
  for (let k = 1; k <= order; k++) {
    weight += Math.log((order - k + 1) / k) + odds;
    if (k >= 2) log = logAddExp(log, weight + logExpm1(k * (k - 1) * half));
  }
  return log;
}

/**
 * ln E_{N(0,z²)}[f^α − 1 − α(f − 1)] with f = 1 − q + q·e^{(2x−1)/2z²}: the same number, as E[f] = 1, and nowhere negative. The trapezoid
 * rule on an analytic function that dies out at both ends: the step keeps its error below 1e-13.
 */
function fractionalMoment(q: number, z: number, order: number): number {
  if (z < apart) {
    const power = order * Math.log(q) + (order * (order - 1)) / (2 * z * z);
    return power > 50 ? power : Math.log(Math.exp(power) + Math.expm1(order * Math.log1p(-q)));
  }
  const step = quadratureStep(z);
  const nodes = Math.ceil((28 * z + order + 2) / step);
  let [high, sum] = [Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i <= nodes; i++) {
    const x = -14 * z - 1 + i * step;
    const term = logConvexGap(logRatio(q, z, x), order) - (x * x) / (2 * z * z);
    if (term > high) [high, sum] = [term, sum * Math.exp(high - term) + 1];
    else if (term > high - 50) sum += Math.exp(term - high);
  }
  return high + Math.log(sum * (step / (z * Math.sqrt(2 * Math.PI))));
}

/**
 * Below this z the two bells have nothing in common: E[f^α] = (1 − q)^α + q^α·e^{α(α−1)/2z²} to e^{−1/8z²} of itself, and steps along both
 * would be too many.
 */
const apart = 0.01;

/** Below z = 0.06 the bend of f, of width z², lies where the density is below 1e-15: only the two bells count. */
function quadratureStep(z: number): number {
  return z < 0.06 ? z / 8 : Math.min(z / 8, (z * z) / 2);
}

/** ln f(x). */
function logRatio(q: number, z: number, x: number): number {
  const exponent = (2 * x - 1) / (2 * z * z);
  if (exponent < 30) return Math.log1p(q * Math.expm1(exponent));
  return logAddExp(Math.log1p(-q), Math.log(q) + exponent);
}

/** ln(e^{αl} − 1 − α(e^l − 1)) for α above 1 or below 0: e^… is 0 at l = 0 and positive elsewhere. */
export function logConvexGap(l: number, order: number): number {
  if (Math.max(Math.abs(order), 1) * Math.abs(l) < 1e-2) {
    // Σ_{k≥2} (α^k − α)·l^k/k!
    let [power, term, sum] = [order, l, 0];
    for (let k = 2; k < 9; k++) {
      power *= order;
      term *= l / k;
      sum += (power - order) * term;
    }
    return Math.log(sum);
  }
  // Of a falling power only the straight part is left.
  if (order < 0 && l > 600) return Math.log(-order) + l;
  if (order * l < 600) return Math.log(Math.expm1(order * l) - order * Math.expm1(l));
  // e^{αl} is beyond the rest by e^{(α−1)l}.
  return order * l + Math.log1p((order - 1) * Math.exp(-order * l) - order * Math.exp((1 - order) * l));
}

/** E[f·ln f], by the same rule on f·ln f − f + 1 ≥ 0. */
function klByQuadrature(q: number, z: number): number {
  if (z < apart) return (1 - q) * Math.log1p(-q) + q * (Math.log(q) + 1 / (2 * z * z));
  const step = quadratureStep(z);
  let sum = 0;
  for (let x = -14 * z - 1; x <= 14 * z + 2; x += step) {
    const l = logRatio(q, z, x);
    const density = (-x * x) / (2 * z * z);
    if (l > 300) sum += (l - 1) * Math.exp(l + density);
    else if (Math.abs(l) > 1e-3) sum += (l * Math.exp(l) - Math.expm1(l)) * Math.exp(density);
    else sum += l * l * (0.5 + l * (1 / 3 + l / 8)) * Math.exp(density);
  }
  return sum * (step / (z * Math.sqrt(2 * Math.PI)));
}

function log1pOfExp(log: number): number {
  return log > 30 ? log : Math.log1p(Math.exp(log));
}
