/** The upper tail of a sum of privacy losses, by Fourier transform of exponentially tilted grids. */
import { type FourierPlan, planFourier } from '../math/fft.ts';
import { type Cumulant, logDeltaAt, type RepeatedLoss, reach } from './loss-cumulant.ts';
import { gridOf, type LossGrid, rangeOf } from './loss-grid.ts';

/** Masses of the sum at the losses (first + i)·step, i from 0. */
export interface ComposedTail {
  readonly step: number;
  readonly first: number;
  readonly masses: Float64Array;
  /** At most this much mass lies above the window. */
  readonly beyond: number;
  /** At most this much mass above ε came there by wrapping around. */
  wrappedAbove(epsilon: number): number;
  /** Releases in the sum: each moved by less than a step, all by `shift` on average with at most this variance. */
  readonly releases: number;
  readonly shift: number;
  readonly variance: number;
}

/** ln of the tilted mass that may fall outside the window, on either side. */
const logOutside = -34;

/** Cells of one release. */
const mostCells = 2 ** 20;

/** Grid points per standard deviation of an average release: the rounding adds about 1/(6·fineness²) of its variance. */
const fineness = 128;

/**
 * Composes the losses around the point the tilt λ ≥ 0 makes the mean. Tilting by e^{λ·loss} before and back after the transform keeps the
 * relative accuracy of masses far out (Koskela, Jälkö, Prediger and Honkela 2021 compose untilted; the tilt is Esscher's): rounding errors
 * are about 1e-16·T relative to δ, not to 1. T-fold composition is a T-th power in the frequency domain. The grid has steps of `finest` or
 * less where `mostPoints` allow it. Null when it cannot be computed.
 */
export function composeTail(
  parts: readonly RepeatedLoss[],
  cumulant: Cumulant,
  lambda: number,
  mostPoints: number,
  finest = Number.POSITIVE_INFINITY,
): ComposedTail | null {
  const { value, mean, variance } = cumulant.derivatives(lambda);
  const releases = parts.reduce((sum, { count }) => sum + count, 0);
  const spread = Math.max(Math.sqrt(variance), 1e-12, 1e-6 * Math.abs(mean));
  const perRelease = spread / Math.sqrt(releases);
  const above = reach(cumulant, lambda, mean, spread, 1, logOutside);
  const below = reach(cumulant, lambda, mean, spread, -1, logOutside);
  if (!(Number.isFinite(above) && Number.isFinite(below))) return null;
  const width = 1.02 * (above + below) + 1e-9 * spread;
  const wanted = width * Math.max(fineness / perRelease, 1 / finest);
  const length = Math.min(mostPoints, Math.max(2 ** 16, 2 ** Math.ceil(Math.log2(wanted))));
  const widest = Math.max(...parts.map(({ loss }) => rangeOf(loss)[1] - rangeOf(loss)[0]));
  const step = Math.max(width / length, widest / mostCells);
  const first = Math.floor((mean - below) / step);
  const plan = planOf(length);
  const sum = { re: new Float64Array(length).fill(1), im: new Float64Array(length) };
  let [shift, rounding] = [0, 0];
  for (const [i, { loss, count }] of parts.entries()) {
    const grid = gridOf(loss, step);
    if (grid === null) return null;
    shift += count * grid.shift;
    rounding += count * grid.squaredShift;
    multiplyByPower(sum, spectrumOf(grid, step, lambda, cumulant.single(i, lambda), plan), count);
  }
  // The conjugate of the conjugate's transform is the inverse transform.
  for (let k = 1; k < length / 2; k++) {
    sum.re[length - k] = sum.re[k];
    sum.im[length - k] = -sum.im[k];
  }
  plan.transform(sum.im, sum.re);
  const masses = new Float64Array(length);
  const start = ((first % length) + length) % length;
  for (let i = 0; i < length; i++) {
    const tilted = sum.re[(start + i) % length] / length;
    if (tilted > 0) masses[i] = tilted * Math.exp(value - lambda * (first + i) * step);
  }
  const outside = Math.exp(logOutside + 1);
  return {
    step,
    first,
    masses,
    beyond: outside * Math.exp(value - lambda * (first + length) * step),
    wrappedAbove: epsilon => outside * Math.exp(value - lambda * epsilon),
    releases,
    shift,
    variance: rounding,
  };
}

/** The last plan: directions and attempts mostly have the same length, and its roots take a while. */
let lastPlan = planFourier(1);

function planOf(length: number): FourierPlan {
  if (lastPlan.length !== length) lastPlan = planFourier(length);
  return lastPlan;
}

/** ln of the tilted mass that the tail of interest must keep: the transform adds rounding errors of about 1e-16·T to each point, 2e-6 of it. */
function logKept(releases: number): number {
  return Math.max(-22, Math.min(-14, Math.log(5e-11 * releases)));
}

/**
 * A tilt from 0 to `saddle`, itself the tilt of the δ asked for: the one with the narrowest window among those that leave the tail beyond
 * the saddle's mean visible. Far-out single losses make the saddle's own window wide.
 */
export function tiltOf(
  cumulant: Cumulant,
  saddle: number,
  releases: number,
  tail = { epsilon: cumulant.derivatives(saddle).mean, logDelta: logDeltaAt(cumulant, saddle) },
): number {
  const { epsilon: mean, logDelta } = tail;
  let [best, narrowest] = [saddle, Number.POSITIVE_INFINITY];
  for (const share of [1, 0.95, 0.85, 0.7, 0.5, 0.35, 0.2, 0.1, 0]) {
    const lambda = share * saddle;
    if (!isVisible(cumulant, lambda, mean, logDelta, releases)) continue;
    const at = cumulant.derivatives(lambda);
    const spread = Math.sqrt(at.variance);
    const above = Math.max(reach(cumulant, lambda, at.mean, spread, 1, logOutside), mean - at.mean);
    const width = above + reach(cumulant, lambda, at.mean, spread, -1, logOutside);
    if (width < 0.95 * narrowest) [best, narrowest] = [lambda, width];
  }
  return best;
}

/** True when a tail of mass e^{logDelta} beyond ε has enough mass under the tilt. */
export function isVisible(
  cumulant: Cumulant,
  lambda: number,
  epsilon: number,
  logDelta: number,
  releases: number,
): boolean {
  return logDelta + lambda * epsilon - cumulant.value(lambda) >= logKept(releases);
}

interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function spectrumOf(
  { first, masses }: LossGrid,
  step: number,
  lambda: number,
  log: number,
  plan: FourierPlan,
): Spectrum {
  const re = new Float64Array(plan.length);
  const im = new Float64Array(plan.length);
  let position = ((first % plan.length) + plan.length) % plan.length;
  for (let i = 0; i < masses.length; i++) {
    if (masses[i] !== 0) re[position] += masses[i] * Math.exp(lambda * (first + i) * step - log);
    if (++position === plan.length) position = 0;
  }
  plan.transform(re, im);
  return { re, im };
}

/** Multiplies the lower half of `product` by the count-th power of `factor`. */
function multiplyByPower(product: Spectrum, factor: Spectrum, count: number): void {
  for (let k = 0; k <= product.re.length / 2; k++) {
    const [x, y] = [factor.re[k], factor.im[k]];
    const squared = x * x + y * y;
    // Below the rounding noise of the transform a power only adds noise.
    const size = squared === 0 ? 0 : Math.exp((count * Math.log(squared)) / 2);
    const angle = count * Math.atan2(y, x);
    const [a, b] = [size * Math.cos(angle), size * Math.sin(angle)];
    const [re, im] = [product.re[k], product.im[k]];
    product.re[k] = re * a - im * b;
    product.im[k] = re * b + im * a;
  }
}
