/** Moments of the privacy loss of one Poisson-sampled Gaussian release at real and complex exponents, by quadrature; no grid of losses. */
import { gaussLegendre } from '../math/gauss-legendre.ts';
import { sampledRatio } from './sampled-loss.ts';

export interface SampledGaussianLoss {
  readonly q: number;
  /** Noise multiplier (z). */
  readonly sigma: number;
  readonly direction: 'add' | 'remove';
}

/** ln E[e^{λ·loss}], and mean and variance of the loss weighted by e^{λ·loss}. */
export interface TiltedMoments {
  readonly logMoment: number;
  readonly mean: number;
  readonly variance: number;
}

const rule = gaussLegendre(16);

/** By how much exponent or phase may change over one panel of 16 nodes. */
const changePerPanel = 12;

/** ln of the part of the largest weight below which nodes do not count. */
const leastLog = -42;

const mostPoints = 2 ** 20;

/**
 * E[r^{1+λ}] (remove) or E[r^{−λ}] (add) over the noise x of N(0, z²), with r = 1 − q + q·e^{(2x−1)/2z²}. Throws RangeError where λ reaches
 * too far for a quadrature.
 */
export function tiltedMoments(loss: SampledGaussianLoss, lambda: number): TiltedMoments {
  const { q, sigma, direction } = loss;
  const power = direction === 'remove' ? 1 + lambda : -lambda;
  const sign = direction === 'remove' ? 1 : -1;
  const square = sigma * sigma;
  const ratioAt = (x: number): number => sampledRatio(q, (2 * x - 1) / (2 * square));
  let [top, total, first, second] = [Number.NEGATIVE_INFINITY, 0, 0, 0];
  // Deviations from the loss at the first node, so that tiny losses keep their digits.
  let origin = Number.NaN;
  visit(
    loss,
    power,
    x => power * ratioAt(x) - (x * x) / (2 * square),
    x => Math.abs(power * slopeAt(q, (2 * x - 1) / (2 * square)) - x) / square,
    (x, weight) => {
      const ratio = ratioAt(x);
      const log = power * ratio - (x * x) / (2 * square);
      if (Number.isNaN(origin)) origin = ratio;
      if (log > top) {
        const shrink = Math.exp(top - log);
        [top, total, first, second] = [log, total * shrink, first * shrink, second * shrink];
      }
      const mass = weight * Math.exp(log - top);
      total += mass;
      first += mass * (ratio - origin);
      second += mass * (ratio - origin) ** 2;
    },
  );
  const offset = first / total;
  return {
    logMoment: top + Math.log(total) - Math.log(sigma * Math.sqrt(2 * Math.PI)),
    mean: sign * (origin + offset),
    variance: Math.max(0, second / total - offset * offset),
  };
}

/**
 * E[e^{(λ+iu)·loss}]/e^{logMoment} for each of some rising u > 0: real parts, then imaginary parts. The line of x is moved to
 * Im x = ±min(πz²/2, 2z), which r has no zero on the way to: there e^{iu·loss} falls where it would oscillate, so the number of nodes
 * hardly grows with u. The move makes weights larger by at most e².
 */
export function complexMoments(
  loss: SampledGaussianLoss,
  lambda: number,
  frequencies: readonly number[],
  logMoment: number,
): { readonly re: Float64Array; readonly im: Float64Array } {
  const { q, sigma, direction } = loss;
  const sign = direction === 'remove' ? 1 : -1;
  const square = sigma * sigma;
  const height = sign * Math.min((Math.PI * square) / 2, 2 * sigma);
  const power = direction === 'remove' ? 1 + lambda : -lambda;
  const [lowest, highest] = [sign * frequencies[0], sign * frequencies[frequencies.length - 1]];
  const [cos, sin] = [Math.cos(height / square), Math.sin(height / square)];
  const scale = logMoment + Math.log(sigma * Math.sqrt(2 * Math.PI));
  const ratio = { log: 0, arg: 0 };
  const sum = { re: new Float64Array(frequencies.length), im: new Float64Array(frequencies.length) };
  const sizeAt = (x: number): number => {
    ratioAt(x);
    return power * ratio.log - (x * x - height * height) / (2 * square);
  };
  visit(
    loss,
    power,
    x => sizeAt(x) - lowest * ratio.arg,
    changeAt,
    (x, weight) => {
      const size = sizeAt(x) - scale + Math.log(weight);
      const angle = power * ratio.arg - (x * height) / square;
      for (let i = 0; i < frequencies.length; i++) {
        const turn = sign * frequencies[i];
        const log = size - turn * ratio.arg;
        if (log < -44) continue;
        const [mass, phase] = [Math.exp(log), angle + turn * ratio.log];
        sum.re[i] += mass * Math.cos(phase);
        sum.im[i] += mass * Math.sin(phase);
      }
    },
  );
  return sum;

  /** |p·r′/r − x/z²| at the highest frequency. */
  function changeAt(x: number): number {
    const odds = q === 1 ? 0 : ((1 - q) / q) * Math.exp(-(2 * x - 1) / (2 * square));
    if (!(odds < 1e150)) return Math.abs(x) / square;
    // 1/(1 + odds·(cos − i·sin))
    const [a, b] = [1 + odds * cos, -odds * sin];
    const norm = a * a + b * b;
    const [re, im] = [a / norm, -b / norm];
    return Math.hypot(power * re - highest * im - x, power * im + highest * re - height) / square;
  }

  /** ln r at x + i·height. */
  function ratioAt(x: number): void {
    const v = (2 * x - 1) / (2 * square);
    ratio.log = v;
    ratio.arg = height / square;
    if (q === 1) return;
    if (v < 30) {
      const rise = q * Math.exp(v);
      const [a, b] = [rise * cos - q, rise * sin];
      ratio.log = Math.log1p(2 * a + a * a + b * b) / 2;
      ratio.arg = Math.atan2(b, 1 + a);
    } else {
      const rest = ((1 - q) / q) * Math.exp(-v);
      ratio.log = v + Math.log(q) + Math.log1p(2 * rest * cos + rest * rest) / 2;
      ratio.arg -= Math.atan2(rest * sin, 1 + rest * cos);
    }
  }
}

/** d ln(1 − q + q·e^v)/dv. */
function slopeAt(q: number, v: number): number {
  return q === 1 ? 1 : 1 / (1 + ((1 - q) / q) * Math.exp(-v));
}

/** Calls `visitNode(x, weight)` for the nodes of a quadrature over all x where e^{logAt} counts; `changeAt` is the slope of the exponent. */
function visit(
  loss: SampledGaussianLoss,
  power: number,
  logAt: (x: number) => number,
  changeAt: (x: number) => number,
  visitNode: (x: number, weight: number) => void,
): void {
  const { sigma } = loss;
  const widest = Math.min(sigma, 2 * sigma * sigma);
  for (const [from, to] of activeIntervals(loss, power, logAt)) {
    for (let [x, change] = [from, changeAt(from)]; x < to; ) {
      let width = Math.min(widest, to - x);
      let changeAfter = changeAt(x + width);
      for (let i = 0; i < 80 && width * Math.max(change, changeAfter) > changePerPanel; i++) {
        width *= 0.7;
        changeAfter = changeAt(x + width);
      }
      for (let i = 0; i < 16; i++) visitNode(x + (width * (1 + rule.nodes[i])) / 2, (rule.weights[i] * width) / 2);
      if (!(x + width > x)) throw new RangeError('integral: panels too narrow');
      x += width;
      change = changeAfter;
    }
  }
}

/** Where the weight is not negligible, by a search in steps below the width of its bells. */
function activeIntervals(
  { q, sigma, direction }: SampledGaussianLoss,
  power: number,
  logAt: (x: number) => number,
): [number, number][] {
  const bend = q === 1 ? Number.POSITIVE_INFINITY : 1 + Math.max(0, sigma * sigma * Math.log(q / (1 - q)));
  const from = -14 * sigma - 1 + Math.max(Math.min(0, power), -bend);
  const to = 14 * sigma + Math.max(1, power);
  // A falling power makes bells of curvature up to 1/z² + |power|/4z⁴, a rising one leaves them as wide as z.
  const bell = direction === 'remove' ? sigma : Math.min(sigma, (4 * sigma * sigma) / Math.sqrt(1 - power));
  const points = Math.ceil((to - from) / Math.min(bell / 2, sigma * sigma));
  if (!(points < mostPoints)) throw new RangeError('integral: too wide a range of noise');
  const width = (to - from) / points;
  const logs = Float64Array.from({ length: points + 1 }, (_, i) => logAt(from + i * width));
  const least = logs.reduce((high, log) => Math.max(high, log), Number.NEGATIVE_INFINITY) + leastLog;
  const intervals: [number, number][] = [];
  for (let i = 0; i < points; i++) {
    if (logs[i] < least && logs[i + 1] < least) continue;
    const last = intervals.at(-1);
    const [start, end] = [from + i * width, from + (i + 1) * width];
    if (last !== undefined && start - last[1] < width / 2) last[1] = end;
    else intervals.push([start, end]);
  }
  return intervals;
}
