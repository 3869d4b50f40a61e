/** δ of composed sampled Gaussian releases by a contour integral: an independent check of the loss distributions. */
import { doubleUntil, firstWhere } from '../math/bisect.ts';
import { type DeltaAt, InversionLine } from './integral-line.ts';
import { type SampledGaussianLoss, tiltedMoments } from './integral-moment.ts';
import { requireCount, requireNonNegative, requirePositive, requireProbability } from './ranges.ts';
import { sampledGaussianDelta } from './sampled-gaussian-delta.ts';

export interface SampledGaussianSteps {
  readonly q: number;
  readonly noiseMultiplier: number;
  readonly steps: number;
}

/**
 * δ(ε) = (1/2π)·∫ e^{T·K(w) − w·ε} / (w(1 + w)) du along w = λ + iu (Fourier inversion of (1 − e^{ε−Y})⁺; Koskela and Honkela 2021 use
 * the same transform), K the cumulant generating function of one loss: E_{N(0,z²)}[r^{1+w}] for remove and E[r^{−w}] for add,
 * r = 1 − q + q·e^{(2x−1)/2z²}; the larger of the two, and in closed form for one release. Quadratures that converge exponentially both
 * ways, no grid of losses: an estimate to about 1e-8 of δ, not a bound. Throws RangeError where the sums do not settle.
 */
export function integralDelta(release: SampledGaussianSteps, epsilon: number): number {
  requireRelease(release);
  requireNonNegative('epsilon', epsilon);
  if (release.q === 0 || release.steps === 0) return 0;
  if (release.steps === 1) return oneDelta(release, epsilon);
  const remove = new Composition(release, 'remove').deltaAt(epsilon);
  if (release.q === 1) return remove;
  const add = new Composition(release, 'add');
  return add.isWithin(epsilon, Math.log(remove)) ? remove : Math.max(remove, add.deltaAt(epsilon));
}

/** The ε ≥ 0 at δ, to about 1e-8 of itself where δ depends on it; as `integralDelta`. */
export function integralEpsilon(release: SampledGaussianSteps, delta: number): number {
  requireRelease(release);
  requirePositive('delta', delta);
  requireProbability('delta', delta);
  if (release.q === 0 || release.steps === 0 || delta === 1) return 0;
  if (release.steps === 1) {
    const holds = (epsilon: number): boolean => oneDelta(release, epsilon) <= delta;
    const bracket = holds(0) ? null : doubleUntil(holds, 1e-9);
    return bracket === null ? 0 : firstWhere(holds, bracket.low, bracket.high, 1e-12);
  }
  const remove = new Composition(release, 'remove').epsilonAt(delta);
  if (release.q === 1) return remove;
  const add = new Composition(release, 'add');
  if (add.isWithin(remove, Math.log(delta)) || add.deltaAt(remove) <= delta * (1 + 1e-9)) return remove;
  return Math.max(remove, add.epsilonAt(delta));
}

/** One release needs no integral. */
function oneDelta({ q, noiseMultiplier }: SampledGaussianSteps, epsilon: number): number {
  const at = (direction: 'add' | 'remove') => sampledGaussianDelta(q, noiseMultiplier, 1, direction, epsilon);
  return Math.max(at('remove'), at('add'));
}

/** Below it ε of one step is above 500, and the moments would take minutes. */
const leastNoise = 2 ** -5;

function requireRelease({ q, noiseMultiplier, steps }: SampledGaussianSteps): void {
  requireProbability('q', q);
  requirePositive('noise multiplier', noiseMultiplier);
  if (noiseMultiplier < leastNoise)
    throw new RangeError(`integral: noise ${noiseMultiplier} is below ${leastNoise}, its moments take too many steps`);
  requireCount('steps', steps);
}

/** By how much of δ a line that is cut may still change. */
const settledAt = 1e-7;

interface Cumulants {
  readonly value: number;
  readonly mean: number;
  readonly variance: number;
}

/** The sum Y of T losses in one direction. */
class Composition {
  readonly #loss: SampledGaussianLoss;
  readonly #steps: number;
  /** Y lies above it under `remove`, below it under `add`, and its distribution may be sharp there. */
  readonly #edge: number;
  readonly #known = new Map<number, Cumulants>();

  constructor({ q, noiseMultiplier, steps }: SampledGaussianSteps, direction: 'add' | 'remove') {
    this.#loss = { q, sigma: noiseMultiplier, direction };
    this.#steps = steps;
    this.#edge = steps * (direction === 'remove' ? Math.log1p(-q) : -Math.log1p(-q));
  }

  /** True when Chernoff's bound alone keeps δ(ε) within e^{logDelta}. */
  isWithin(epsilon: number, logDelta: number): boolean {
    if (this.#isBeyond(epsilon)) return true;
    const lambda = this.#saddle(epsilon);
    // The most that (1 − e^{ε−y})·e^{−λ(y−ε)} can be.
    const payoff = lambda * Math.log(lambda) - (1 + lambda) * Math.log1p(lambda);
    return this.#cumulants(lambda).value - lambda * epsilon + payoff <= logDelta;
  }

  deltaAt(epsilon: number): number {
    if (this.#isBeyond(epsilon)) return 0;
    return Math.min(1, Math.max(0, this.#settled(this.#lay(epsilon), epsilon).delta));
  }

  epsilonAt(delta: number): number {
    let planned = Math.min(Math.max(0, this.#guess(Math.log(delta))), this.#beforeEdge(0));
    for (let round = 0; round < 30; round++) {
      const line = this.#lay(planned);
      // Over so much of ε the line stays near the saddle, and its panels are narrow enough.
      const near = 1 / Math.hypot(line.lambda, 1 / Math.sqrt(this.#cumulants(line.lambda).variance));
      const epsilon = this.#newton(line, delta, planned, Math.max(3 * near, planned / 2));
      if (Math.abs(epsilon - planned) <= near) return epsilon;
      planned = epsilon;
    }
    throw new RangeError('integral: does not settle');
  }

  #newton(line: InversionLine, delta: number, from: number, furthest: number): number {
    const least = 1e-3 * Math.sqrt(this.#cumulants(0).variance);
    let epsilon = from;
    for (let round = 0; round < 50; round++) {
      const at = this.#settled(line, epsilon);
      if (epsilon === 0 && at.delta <= delta) return 0;
      // Too far out δ drowns in rounding errors.
      const isSeen = at.delta > at.noise && at.slope < 0;
      const move = isSeen ? (Math.log(delta / at.delta) * at.delta) / at.slope : -epsilon / 2;
      // Near 0 the answer may be 0 itself; far out steps are kept short, for ln δ is no straight line.
      if (epsilon > 0 && epsilon + move < least && this.deltaAt(0) <= delta) return 0;
      const next = Math.max(
        epsilon / 4,
        from - furthest,
        Math.min(epsilon + move, from + furthest, this.#beforeEdge(epsilon)),
      );
      if (Math.abs(next - epsilon) <= 1e-11 * epsilon) return next;
      epsilon = next;
    }
    return epsilon;
  }

  /** Most of the way to the edge of a sum that ends there. */
  #beforeEdge(epsilon: number): number {
    return this.#loss.direction === 'add' ? epsilon + 0.75 * (this.#edge - epsilon) : Number.POSITIVE_INFINITY;
  }

  #isBeyond(epsilon: number): boolean {
    return this.#loss.direction === 'add' && epsilon >= this.#edge;
  }

  #settled(line: InversionLine, epsilon: number): DeltaAt {
    const { variance } = this.#cumulants(line.lambda);
    const distance = this.#loss.q === 1 ? Number.POSITIVE_INFINITY : Math.abs(epsilon - this.#edge);
    for (let end = Math.max(160 / distance, 4 / Math.sqrt(variance)); ; end *= 2) {
      const at = line.deltaAt(epsilon, end);
      if (line.hasDied || at.unsettled < settledAt) return at;
    }
  }

  /** A little before the saddle: under heavy tails the tilt just beyond it sits on the rarest of losses. */
  #lay(epsilon: number): InversionLine {
    return new InversionLine({ loss: this.#loss, steps: this.#steps, lambda: 0.9 * this.#saddle(epsilon), epsilon });
  }

  /** Where TK(λ) − λε − ln(λ(1 + λ)) is least over λ > 0. */
  #saddle(epsilon: number): number {
    return this.#root(lambda => this.#cumulants(lambda).mean - epsilon - 1 / lambda - 1 / (1 + lambda));
  }

  /** ε at δ by the saddle-point estimate (Daniels 1987, eq. 4.1, for (1 − e^{ε−Y})⁺). */
  #guess(logDelta: number): number {
    const lambda = this.#root(lambda => logDelta - this.#logEstimate(lambda));
    return this.#cumulants(0.9 * lambda).mean;
  }

  #logEstimate(lambda: number): number {
    const { value, mean, variance } = this.#cumulants(lambda);
    const spread = Math.sqrt(2 * Math.PI * variance);
    return Math.min(0, value - lambda * mean) - Math.log(1 + lambda * (1 + lambda) * spread);
  }

  /** Where a function of λ that rises through 0 does so, to a hundredth. */
  #root(rising: (lambda: number) => number): number {
    // In standard deviations of Y.
    const unit = 1 / Math.sqrt(this.#cumulants(0).variance);
    let [low, high] = [unit, unit];
    while (rising(high) < 0 && high < 1e3 * unit) [low, high] = [high, high * 2];
    while (rising(low) > 0 && low > 1e-6 * unit) [low, high] = [low / 2, low];
    for (let round = 0; round < 12 && high > low * 1.01; round++) {
      const middle = Math.sqrt(low * high);
      if (rising(middle) < 0) low = middle;
      else high = middle;
    }
    return low;
  }

  #cumulants(lambda: number): Cumulants {
    const known = this.#known.get(lambda);
    if (known !== undefined) return known;
    const { logMoment, mean, variance } = tiltedMoments(this.#loss, lambda);
    const steps = this.#steps;
    const found = { value: steps * logMoment, mean: steps * mean, variance: steps * variance };
    this.#known.set(lambda, found);
    return found;
  }
}
