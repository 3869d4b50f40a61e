/** Bounds on ε and δ of composed privacy losses. */

import { firstWhere } from '../math/bisect.ts';
import { type ComposedTail, composeTail, isVisible, tiltOf } from './composed-tail.ts';
import { type PrivacyLoss, visitAbove } from './loss.ts';
import { cumulantOf, logDeltaAt, type RepeatedLoss, saddleOf, saddleOfDelta } from './loss-cumulant.ts';
import { rangeOf } from './loss-grid.ts';

/** lower ≤ truth ≤ upper. */
export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

/** One kind of release: its loss with normal tails cut at so many standard deviations, and how often it happens. */
export interface Release {
  readonly count: number;
  lossAt(cut: number): PrivacyLoss;
}

/** What the accountant cannot compute; a caller falls back to another one. */
export class LossUnavailable extends RangeError {}

/** Points of a transform: 2^19 take about a second for both directions. */
const mostPoints = 2 ** 19;

/** Square of the step over ε, times T, beyond which a finer grid is tried. */
const tooCoarse = 1e-4;

/** Tails may add this part of δ. */
const logTailShare = Math.log(1e-9);

/**
 * ε at δ, of the composition of all releases for one direction. Upper: connect-the-dots, cut tails count as infinite loss. Lower: each
 * rounding moves a loss by less than a step, with a known mean and variance, so the sums differ by more than Bernstein's bound with
 * probability below η and by more than T·step never; δ at the moved ε, less η, is a lower bound (as Gopi, Lee and Wutschitz 2021, Thm 5.1,
 * with Hoeffding's bound). Infinity when more than δ has infinite loss. Throws LossUnavailable when the sum cannot be computed.
 */
export function composedEpsilon(releases: readonly Release[], delta: number): Bounds {
  const infinite = infiniteMass(releases.map(release => partOf(release, 40)));
  const supremum = releases.reduce((sum, { lossAt, count }) => sum + count * lossAt(40).supremum, 0);
  if (infinite > delta) return { lower: Number.POSITIVE_INFINITY, upper: Number.POSITIVE_INFINITY };
  if (delta <= infinite) return { lower: Math.max(0, supremum), upper: Math.max(0, supremum) };
  if (releases.length === 1 && releases[0].count === 1) return singleEpsilon(releases[0], delta);
  const left = delta - infinite;
  const cut = cutFor(releases, Math.log(left));
  const parts = releases.map(release => partOf(release, cut));
  const cutOff = infiniteMass(parts);
  const cumulant = cumulantOf(parts);
  const highest = highestTilt(parts);
  // So close to the largest loss that rounding errors hide the rest: the largest loss bounds it.
  const nearLargest = left < 1e-9 && Number.isFinite(supremum);
  const count = releases.reduce((sum, release) => sum + release.count, 0);
  let lower = 0;
  let finest = Number.POSITIVE_INFINITY;
  let lambda = tiltOf(cumulant, saddleOfDelta(cumulant, Math.log(left), highest), count);
  for (let attempt = 0; attempt < 6; attempt++) {
    const tail = composeTail(parts, cumulant, lambda, mostPoints, finest);
    if (tail === null) break;
    const upper = epsilonAt(tail, delta - cutOff - tail.beyond);
    if (upper !== null) lower = Math.max(lower, lowerEpsilon(tail, delta, upper));
    if (nearLargest && (upper === null || upper > supremum * (1 - 1e-6))) break;
    if (upper !== null && (upper === 0 || isVisible(cumulant, lambda, upper, Math.log(left), count))) {
      // Rounding adds up to T·step²/8 to the mean of a sum that δ may depend on at the scale of ε.
      const finer = Math.sqrt(tooCoarse / count) * upper;
      if (tail.step <= finer || tail.masses.length === mostPoints) {
        const clamped = Math.max(0, Math.min(upper, supremum));
        return { lower: Math.min(clamped, lower), upper: clamped };
      }
      finest = finer;
    }
    if (upper === null) lambda /= 4;
    else
      lambda = tiltOf(cumulant, saddleOf(cumulant, upper, highest), count, {
        epsilon: upper,
        logDelta: Math.log(left),
      });
  }
  // The largest loss is a bound of its own.
  if (Number.isFinite(supremum)) return { lower: Math.min(lower, supremum), upper: supremum };
  throw new LossUnavailable(`privacy loss: no ε at δ = ${delta}`);
}

/** True when Chernoff's bound alone keeps δ(ε) within 0.99·δ: more than the quadrature of its moments may be wrong by. */
export function isPrivateByMoments(releases: readonly Release[], epsilon: number, delta: number): boolean {
  const parts = releases.map(release => partOf(release, 38));
  const left = 0.99 * delta - infiniteMass(parts);
  if (!(left > 0)) return false;
  const cumulant = cumulantOf(parts);
  const lambda = saddleOf(cumulant, epsilon, highestTilt(parts));
  if (!(lambda > 0)) return false;
  // The most that (1 − e^{ε−y})·e^{−λ(y−ε)} can be.
  const payoff = lambda * Math.log(lambda) - (1 + lambda) * Math.log1p(lambda);
  return cumulant.value(lambda) - lambda * epsilon + payoff <= Math.log(left);
}

/** δ at ε, like `composedEpsilon`. */
export function composedDelta(releases: readonly Release[], epsilon: number): Bounds {
  const wide = releases.map(release => partOf(release, 30));
  const infinite = infiniteMass(releases.map(release => partOf(release, 40)));
  const supremum = releases.reduce((sum, { lossAt, count }) => sum + count * lossAt(40).supremum, 0);
  if (epsilon >= supremum) return { lower: infinite, upper: infinite };
  if (releases.length === 1 && releases[0].count === 1) {
    const delta = singleDelta(releases[0].lossAt(38), epsilon);
    return { lower: delta * (1 - 1e-8), upper: Math.min(1, delta * (1 + 1e-9)) };
  }
  const count = releases.reduce((sum, release) => sum + release.count, 0);
  const planned = cumulantOf(wide);
  const highest = highestTilt(wide);
  const estimate = logDeltaAt(planned, saddleOf(planned, epsilon, highest));
  const parts = releases.map(release => partOf(release, cutFor(releases, Math.max(estimate, -600))));
  const cutOff = infiniteMass(parts);
  const cumulant = cumulantOf(parts);
  const tail = composeTail(parts, cumulant, tiltOf(cumulant, saddleOf(cumulant, epsilon, highest), count), mostPoints);
  if (tail === null) throw new LossUnavailable(`privacy loss: no δ at ε = ${epsilon}`);
  const finite = deltaAt(tail, epsilon);
  const upper = Math.min(1, (finite + tail.beyond) * roundingOf(tail) + cutOff);
  return { lower: Math.min(upper, Math.max(infinite, lowerDelta(tail, epsilon) + infinite)), upper };
}

/** The same for one release, exact to about 1e-9 of δ. */
function singleEpsilon(release: Release, delta: number): Bounds {
  const cut = cutFor([release], Math.log(delta));
  const loss = release.lossAt(cut);
  if (singleDelta(loss, 0) <= delta) return { lower: 0, upper: 0 };
  const [, highest] = rangeOf(loss);
  const upper = firstWhere(epsilon => singleDelta(loss, epsilon) <= delta * (1 - 1e-9), 0, highest, 1e-10);
  const lower = firstWhere(epsilon => singleDelta(loss, epsilon) <= delta * (1 + 1e-8), 0, highest, 1e-10);
  return { lower: lower * (1 - 1e-9), upper };
}

/** δ at ε of one release, by quadrature: no rounding of losses. */
export function singleDelta(loss: PrivacyLoss, epsilon: number): number {
  let sum = loss.infinite;
  visitAbove(loss, epsilon, (value, mass) => {
    if (value > epsilon) sum -= mass * Math.expm1(epsilon - value);
  });
  return Math.min(1, sum);
}

function partOf({ lossAt, count }: Release, cut: number): RepeatedLoss {
  return { loss: lossAt(cut), count };
}

function infiniteMass(parts: readonly RepeatedLoss[]): number {
  return -Math.expm1(parts.reduce((sum, { loss, count }) => sum + count * Math.log1p(-Math.min(1, loss.infinite)), 0));
}

function cutFor(releases: readonly Release[], logDelta: number): number {
  const count = releases.reduce((sum, release) => sum + release.count, 0);
  return Math.min(38, Math.sqrt(-2 * (logDelta + logTailShare - Math.log(count))));
}

/** Beyond it a tilted sum sits on its largest loss. */
function highestTilt(parts: readonly RepeatedLoss[]): number {
  return parts.every(({ loss }) => Number.isFinite(loss.supremum)) ? 1e4 : 1e9;
}

/** δ(y_j) from the top: δ(y_{j−1}) = δ(y_j) + (1 − e^{−step})·Σ_{y ≥ y_j} mass·e^{y_j − y}; nothing cancels. */
function epsilonAt(tail: ComposedTail, delta: number): number | null {
  const { step, first, masses } = tail;
  const target = delta / roundingOf(tail);
  if (!(target > 0)) return null;
  const shrink = Math.exp(-step);
  const part = -Math.expm1(-step);
  let [total, weighted] = [0, 0];
  for (let j = masses.length - 1; j >= 0; j--) {
    weighted = weighted * shrink + masses[j];
    const next = total + part * weighted;
    if (next > target) {
      const epsilon = (first + j) * step + Math.log1p(-(target - total) / weighted);
      return Math.max(0, epsilon);
    }
    if (first + j <= 0) return 0;
    total = next;
  }
  return null;
}

function deltaAt({ step, first, masses }: ComposedTail, epsilon: number): number {
  let sum = 0;
  for (let j = masses.length - 1; j >= 0 && (first + j) * step > epsilon; j--) {
    sum -= masses[j] * Math.expm1(epsilon - (first + j) * step);
  }
  return sum;
}

/** How far the rounded sum lies above the exact one, except with probability η: Bernstein's inequality, and never more than T steps. */
function displacement({ step, releases, shift, variance }: ComposedTail, eta: number): number {
  if (eta === 0) return releases * step;
  const log = Math.log(1 / eta);
  return Math.min(releases * step, shift + (step * log) / 3 + Math.sqrt(((step * log) / 3) ** 2 + 2 * variance * log));
}

const shares = [0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4] as const;

function lowerEpsilon(tail: ComposedTail, delta: number, upper: number): number {
  let best = 0;
  for (const share of [...shares, 0]) {
    const eta = share * delta;
    const moved = displacement(tail, eta);
    for (const room of [1, 2, 4, 8]) {
      // What wraps to above `from` is known; an answer above it is one.
      const from = upper - room * moved;
      const at = epsilonAt(tail, (delta + eta + tail.wrappedAbove(from)) * roundingOf(tail) ** 2);
      if (at === null || at < from) continue;
      best = Math.max(best, at - moved);
      break;
    }
  }
  return best;
}

function lowerDelta(tail: ComposedTail, epsilon: number): number {
  const upper = deltaAt(tail, epsilon);
  let best = 0;
  for (const share of [...shares, 0]) {
    const eta = share * upper;
    const moved = epsilon + displacement(tail, eta);
    best = Math.max(best, deltaAt(tail, moved) / roundingOf(tail) - eta - tail.wrappedAbove(moved));
  }
  return best;
}

/** Room for rounding errors of the transform and the powers. */
function roundingOf({ releases }: ComposedTail): number {
  return 1 + 1e-9 + 1e-14 * releases;
}
