/** The Laplace mechanism: density e^{−|x|/b}/2b, Δ the L1 sensitivity. */
import { logSumExp } from '../math/log-domain.ts';
import { requireFinite, requireNonNegative, requireOrder, requirePositive, requireProbability } from './ranges.ts';

/**
 * RDP of the mechanism that is `epsilon`-DP (ε = Δ/b) at an order (Mironov 2017, Prop. 6); the KL divergence at order 1, ε at Infinity.
 */
export function laplaceRdp(epsilon: number, order: number): number {
  requireOrder(order);
  if (!(epsilon >= 0)) throw new RangeError(`epsilon: expected a number from 0, got ${epsilon}`);
  if (epsilon === 0) return 0;
  if (epsilon === Number.POSITIVE_INFINITY || order === Number.POSITIVE_INFINITY) return epsilon;
  if (order === 1) return epsilon + Math.expm1(-epsilon);
  const [up, down] = [(order - 1) * epsilon, -order * epsilon];
  const log =
    up < 1
      ? Math.log1p((order * Math.expm1(up) + (order - 1) * Math.expm1(down)) / (2 * order - 1))
      : logSumExp([Math.log(order) + up, Math.log(order - 1) + down]) - Math.log(2 * order - 1);
  return Math.min(epsilon, Math.max(0, log / (order - 1)));
}

/** Which of two data sets is the first: the one with the record more (its removal) or the one without (its addition). */
export type Adjacency = 'add' | 'remove';

/**
 * δ(ε) of one Poisson-sampled use with rate q, against the removal or the addition of a record. ε may be negative. From the unsampled
 * pair by the algebra of the mixture (Balle, Barthe and Gaboardi 2018, Theorem 2).
 */
export function laplaceDelta(
  scale: number,
  sensitivity: number,
  samplingRate: number,
  adjacency: Adjacency,
  epsilon: number,
): number {
  requirePositive('b', scale);
  requireNonNegative('sensitivity', sensitivity);
  requireProbability('q', samplingRate);
  requireFinite('epsilon', epsilon);
  const loss = sensitivity / scale;
  return sampledDelta(samplingRate, adjacency, epsilon, inner => unsampledDelta(loss, inner));
}

function unsampledDelta(loss: number, epsilon: number): number {
  if (epsilon >= loss) return 0;
  return epsilon <= -loss ? -Math.expm1(epsilon) : -Math.expm1((epsilon - loss) / 2);
}

/**
 * δ(ε) of the sampled pair from that of the pair (P, Q) itself, which must be symmetric. Removal: (1−q)Q + qP against Q;
 * addition: Q against (1−q)Q + qP.
 */
export function sampledDelta(
  samplingRate: number,
  adjacency: Adjacency,
  epsilon: number,
  unsampled: (epsilon: number) => number,
): number {
  const without = -Math.expm1(epsilon);
  if (samplingRate === 0) return Math.max(0, without);
  if (adjacency === 'remove') {
    // (1−q) + q·r > e^ε ⟺ r > 1 + (e^ε − 1)/q.
    const excess = -without / samplingRate;
    return excess <= -1 ? without : samplingRate * unsampled(Math.log1p(excess));
  }
  if (adjacency !== 'add') throw new RangeError(`adjacency: expected add or remove, got ${String(adjacency)}`);
  const kept = without + Math.exp(epsilon) * samplingRate;
  return kept <= 0 ? 0 : kept * unsampled(epsilon + Math.log(samplingRate) - Math.log(kept));
}
