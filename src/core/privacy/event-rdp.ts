/** Rényi divergences of events: what a ledger adds up and a filter decides by. Every figure is an upper bound. */
import { ddgRdp, ddgTau, roundedL1Bound } from './distributed-noise.ts';
import { flatten, type PrivacyEvent } from './event.ts';
import { laplaceRdp } from './laplace.ts';
import { rrRdp } from './randomized-response.ts';
import { requireOrder, requireProbability } from './ranges.ts';
import { type BestOrder, bestOrder } from './rdp-conversion.ts';
import { rdpGaussianMixture } from './rdp-mixture.ts';
import { defaultOrders, integerOrders } from './rdp-orders.ts';
import { rdpPure } from './rdp-pure.ts';
import { betweenWholeOrders, rdpPoissonGeneric, rdpSampledWithoutReplacement } from './rdp-sampled.ts';
import { rdpSampledGaussian } from './rdp-sampled-gaussian.ts';
import { rdpTruncatedGaussian } from './rdp-truncated.ts';
import { treeAggregationRdp } from './tree-aggregation.ts';

type Leaf = ReturnType<typeof flatten>[number]['event'];

/** The orders at which a curve of this event is kept: whole ones where integer noise or shared noise is Poisson-sampled. */
export function eventOrders(event: PrivacyEvent): readonly number[] {
  return flatten(event).some(({ event: leaf }) => isExactAtWholeOrders(leaf)) ? integerOrders : defaultOrders;
}

function isExactAtWholeOrders(leaf: Leaf): boolean {
  if (leaf.kind === 'sampled') return leaf.q < 1 && leaf.of.kind !== 'gaussian';
  return leaf.kind === 'shared' && (leaf.q ?? 1) < 1;
}

/**
 * RDP of the event at each order (from 1), for the relation its kinds are stated for, given that none of its releases slips: `eventSlip`
 * is to be taken off δ first. Curves of events add up. Where a bound is known at whole orders only, (α − 1)·RDP is interpolated, which
 * bounds it, being convex. Throws RangeError for an unknown kind.
 */
export function eventRdp(event: PrivacyEvent, orders: readonly number[] = eventOrders(event)): Float64Array {
  orders.forEach(requireOrder);
  const total = new Float64Array(orders.length);
  for (const { leaf, count } of equalLeaves(event)) {
    const curve = leafCurve(leaf);
    for (const [i, order] of orders.entries()) {
      const rdp = curve(order);
      if (rdp > 0) total[i] += count * rdp;
    }
  }
  return total;
}

/**
 * What the slips of the event take of δ altogether: 1 − Π(1 − slip). The δ of a stated (ε, δ) counts as a slip: every such release is a
 * mixture of one that is ε-private and, with probability δ, any other (Kairouz, Oh and Viswanath 2015, Theorem 3.3).
 */
export function eventSlip(event: PrivacyEvent): number {
  let logKept = 0;
  for (const { event: leaf, count } of flatten(event)) {
    const slip = slipOf(leaf);
    if (slip > 0) logKept += count * Math.log1p(-slip);
  }
  return logKept === 0 ? 0 : -Math.expm1(logKept);
}

/**
 * ε at δ of the event, with its order: what a budget is checked with. Infinity when slips alone take more than δ. Valid only when all
 * of it was fixed before the first release; see filters.ts otherwise.
 */
export function eventEpsilon(event: PrivacyEvent, delta: number, orders = eventOrders(event)): BestOrder {
  const left = deltaLeft(delta, eventSlip(event));
  if (left === null) return { epsilon: Number.POSITIVE_INFINITY, order: orders[orders.length - 1], atEnd: true };
  return bestOrder(orders, eventRdp(event, orders), left);
}

/** What is left of δ when slips take so much: δ = slip + (1 − slip)·left. Null when they take more than there is. */
export function deltaLeft(delta: number, slip: number): number | null {
  requireProbability('delta', delta);
  requireProbability('slip', slip);
  if (slip === 0 || delta === 1) return delta;
  return slip > delta ? null : (delta - slip) / (1 - slip);
}

/** Leaves that are the same but for their count, once. */
function equalLeaves(event: PrivacyEvent): Iterable<{ leaf: Leaf; count: number }> {
  const leaves = new Map<string, { leaf: Leaf; count: number }>();
  for (const { event: leaf, count } of flatten(event)) {
    const key = JSON.stringify({ ...leaf, count: 1 });
    leaves.set(key, { leaf, count: count + (leaves.get(key)?.count ?? 0) });
  }
  return leaves.values();
}

function slipOf(leaf: Leaf): number {
  if (leaf.kind === 'discrete-gaussian') return leaf.slip ?? 0;
  if (leaf.kind === 'epsilon-delta') return leaf.delta;
  if (leaf.kind !== 'sampled' || leaf.of.kind !== 'discrete-gaussian' || leaf.q === 0) return 0;
  // Every use of one sample may slip.
  return -Math.expm1((leaf.of.count ?? 1) * Math.log1p(-(leaf.of.slip ?? 0)));
}

function leafCurve(leaf: Leaf): (order: number) => number {
  switch (leaf.kind) {
    case 'gaussian':
      return order => rdpSampledGaussian(1, leaf.noiseMultiplier, order);
    case 'discrete-gaussian':
      // Canonne, Kamath and Steinke 2020, Theorem 14: at every order what continuous noise has.
      return order => rdpSampledGaussian(1, leaf.noiseSteps / leaf.sensitivitySteps, order);
    case 'laplace':
      return order => laplaceRdp(1 / leaf.scale, order);
    case 'randomized-response': {
      const relation = leaf.relation === 'replace' ? 'replace-one' : 'replace-special';
      return order => rrRdp(leaf.noise, leaf.categories, relation, order);
    }
    case 'epsilon-delta':
      return order => rdpPure(leaf.epsilon, order);
    case 'zcdp':
      return order => (leaf.rho === 0 ? 0 : leaf.rho * order);
    case 'sampled':
      return sampledCurve(leaf);
    case 'sampled-fixed': {
      const { n, m } = leaf;
      // The divergence wants the multiplier relative to what replacing one record moves: twice as much.
      const multiplier = together(leaf.of.noiseMultiplier, leaf.of.count) / 2;
      if (leaf.of.count === 0) return () => 0;
      return order => rdpSampledWithoutReplacement(n, m, multiplier, Math.max(order, 1 + 1e-6));
    }
    case 'truncated':
      return order => rdpTruncatedGaussian(leaf, order);
    case 'shared':
      return sharedCurve(leaf);
    case 'mixture':
      return rdpGaussianMixture(leaf);
    case 'tree':
      return order => treeAggregationRdp(leaf.noiseMultiplier, leaf.steps, order);
    case 'not-private':
      return () => Number.POSITIVE_INFINITY;
    default:
      throw new RangeError(`privacy event: unknown kind ${String((leaf as { kind: unknown }).kind)}`);
  }
}

/**
 * Noise of the same sample several times is one release of less noise. Integer noise has the moments of the continuous one at whole orders:
 * shifts by integers keep them, and x → Δ − x swaps the pair.
 */
function sampledCurve({ q, of }: Extract<Leaf, { kind: 'sampled' }>): (order: number) => number {
  if (q === 0 || of.count === 0) return () => 0;
  switch (of.kind) {
    case 'gaussian': {
      const multiplier = together(of.noiseMultiplier, of.count);
      return order => rdpSampledGaussian(q, multiplier, order);
    }
    case 'discrete-gaussian': {
      const multiplier = together(of.noiseSteps / of.sensitivitySteps, of.count);
      if (q === 1) return order => rdpSampledGaussian(1, multiplier, order);
      return betweenWholeOrders(order => rdpSampledGaussian(q, multiplier, order));
    }
    case 'laplace': {
      const base = (order: number): number => (of.count ?? 1) * laplaceRdp(1 / of.scale, order);
      return sampledGenerically(q, base);
    }
    default:
      throw new RangeError(`privacy event: ${String((of as { kind: unknown }).kind)} cannot be sampled`);
  }
}

function sharedCurve(leaf: Extract<Leaf, { kind: 'shared' }>): (order: number) => number {
  const { clients, noiseSteps, sensitivitySteps, dimension, q = 1 } = leaf;
  if (q === 0) return () => 0;
  // The theorem holds from half a step on.
  if (noiseSteps < 0.5) return () => Number.POSITIVE_INFINITY;
  const sigma = noiseSteps * Math.sqrt(clients);
  const sum = {
    l1OverSigma: roundedL1Bound(sensitivitySteps, dimension) / sigma,
    l2OverSigma: sensitivitySteps / sigma,
    tau: ddgTau(noiseSteps, clients),
    dimension,
  };
  return sampledGenerically(q, order => ddgRdp(order, sum));
}

function sampledGenerically(q: number, base: (order: number) => number): (order: number) => number {
  if (q === 1) return base;
  const sampled = betweenWholeOrders(order => rdpPoissonGeneric(order, q, base));
  return order => Math.min(base(order), order === Number.POSITIVE_INFINITY ? base(order) : sampled(order));
}

function together(noiseMultiplier: number, count = 1): number {
  return noiseMultiplier / Math.sqrt(count);
}
