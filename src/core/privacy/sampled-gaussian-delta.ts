/** δ(ε) of one sum of Poisson-sampled records with Gaussian noise. */
import { log1mExp } from '../math/log-domain.ts';
import { gaussianDelta } from './gaussian.ts';
import type { Direction } from './gaussian-loss.ts';
import { sampledDelta } from './laplace.ts';
import { requireFinite, requireNonNegative, requireProbability } from './ranges.ts';

/**
 * δ at ε of (1 − q)·N(0, σ²) + q·N(Δ, σ²) against N(0, σ²) (`remove`), the reverse (`add`), or against (1 − q)·N(0, σ²) + q·N(−Δ, σ²)
 * (`replace`, where the record before and the one after are drawn alike). Closed forms (Balle, Barthe and Gaboardi 2018, Thm 2, with Balle
 * and Wang 2018, Thm 8).
 */
export function sampledGaussianDelta(
  q: number,
  sigma: number,
  sensitivity: number,
  adjacency: Direction,
  epsilon: number,
): number {
  requireProbability('q', q);
  requireNonNegative('sigma', sigma);
  requireNonNegative('sensitivity', sensitivity);
  requireFinite('epsilon', epsilon);
  if (adjacency !== 'replace')
    return sampledDelta(q, adjacency, epsilon, inner => gaussianDelta(sigma, inner, sensitivity));
  if (q === 0 || sensitivity === 0) return Math.max(0, -Math.expm1(epsilon));
  // The pair is its own mirror image: δ(ε) = 1 − e^ε·(1 − δ(−ε)).
  if (epsilon < 0)
    return -Math.expm1(epsilon) + Math.exp(epsilon) * sampledGaussianDelta(q, sigma, sensitivity, adjacency, -epsilon);
  const mu = sensitivity / sigma;
  return mu > mostMu ? q : Math.min(1, q * replaceDelta(q, mu, epsilon));
}

/** Here and beyond, the two tails have nothing in common that a double would show. */
const mostMu = 1e100;

/**
 * δ/q of replacing, ε ≥ 0. The ratio of the pair rises with x; it is e^ε at t, where 2·sinh(μt − ε/2) = 2·sinh(ε/2)·e^{μ²/2}·(1 − q)/q. With
 * ε₁ and ε₂, the losses at t of N(μ, 1) against N(0, 1) and of N(0, 1) against N(−μ, 1), δ/q is the δ of the one at ε₁ and
 * e^{ε − ε₂} times that of the other at ε₂: sums of positive numbers.
 */
function replaceDelta(q: number, mu: number, epsilon: number): number {
  const square = mu * mu;
  // ln of the right side over 2, without μ²/2.
  const odds = Math.log1p(-q) - Math.log(q) + epsilon / 2 + log1mExp(-epsilon) - Math.LN2;
  const log = odds + square / 2;
  const first = epsilon / 2 + (log > 20 ? odds + Math.LN2 : Math.asinh(Math.exp(log)) - square / 2);
  const second = first + square;
  return gaussianDelta(1, first, mu) + Math.exp(epsilon - second) * gaussianDelta(1, second, mu);
}
