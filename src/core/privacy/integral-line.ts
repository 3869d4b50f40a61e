/** The inversion integral of composed privacy losses along a line of complex tilts. */
import { gaussLegendre } from '../math/gauss-legendre.ts';
import { erfc } from '../math/normal-distribution.ts';
import { complexMoments, type SampledGaussianLoss, tiltedMoments } from './integral-moment.ts';

export interface Line {
  readonly loss: SampledGaussianLoss;
  /** Releases in the sum (T). */
  readonly steps: number;
  /** Where the line crosses the real axis (λ > 0). */
  readonly lambda: number;
  /** The ε the line is laid for: it serves others nearby. */
  readonly epsilon: number;
}

/** δ at one ε, and its derivative there. */
export interface DeltaAt {
  readonly delta: number;
  readonly slope: number;
  /** Rounding errors of δ, about. */
  readonly noise: number;
  /** By how much of itself δ changes when the line is cut at two thirds. */
  readonly unsettled: number;
}

const rule = gaussLegendre(16);
/** Normalised Legendre polynomials P_14 and P_15 at the nodes, times weights: the last coefficients of what 16 values show. */
const lastCoefficients = [14, 15].map(degree =>
  rule.nodes.map((x, i) => rule.weights[i] * (degree + 0.5) * legendre(degree, x)),
);

/** What 16 values may leave of a panel's largest value in its last coefficients: the error of the rule is about its square. */
const unresolved = 1e-8;

/** Of values along the line, relative to the first. */
const roundingErrors = 1e-14;

const mostPanels = 4000;

interface Point {
  readonly u: number;
  readonly weight: number;
  /** E[e^{(λ+iu)·Y}]/E[e^{λY}]/(w(1 + w)), w = λ + iu. */
  readonly re: number;
  readonly im: number;
}

/** Values of the transform of Y, the sum of T losses, as far along the line as they are asked for; they do not depend on ε. */
export class InversionLine {
  readonly #line: Line;
  readonly #logMoment: number;
  readonly #points: Point[] = [];
  #end = 0;
  #width: number;
  #hasDied = false;
  #quiet = 0;
  #panels = 0;

  constructor(line: Line) {
    this.#line = line;
    const { logMoment, variance } = tiltedMoments(line.loss, line.lambda);
    this.#logMoment = logMoment;
    this.#width = Math.min(line.lambda, 1 / Math.sqrt(line.steps * variance));
  }

  get lambda(): number {
    return this.#line.lambda;
  }

  /** True when the integrand is negligible from where the line ends. */
  get hasDied(): boolean {
    return this.#hasDied;
  }

  /**
   * δ(ε) by the integral up to |u| = `end`, or to where the integrand has died out. A cut is smoothed by an error function: what is left
   * beyond it oscillates as e^{iu·distance}, with `distance` from ε to the sharp edge of the distribution, and averages out when
   * end·distance is some hundreds: the smoothed integral has no error in any power of 1/end.
   */
  deltaAt(epsilon: number, end: number): DeltaAt {
    const { steps, lambda } = this.#line;
    this.#extendTo(end);
    const scale = Math.exp(steps * this.#logMoment - lambda * epsilon) / Math.PI;
    const { delta, slope, size } = this.#integral(epsilon, this.#hasDied ? Number.POSITIVE_INFINITY : end);
    const shorter = this.#hasDied ? delta : this.#integral(epsilon, (2 / 3) * end).delta;
    const noise = 1e-14 * steps ** 0.5 * size * scale;
    return { delta: delta * scale, slope: slope * scale, noise, unsettled: Math.abs(shorter / delta - 1) };
  }

  #integral(epsilon: number, end: number): { delta: number; slope: number; size: number } {
    const { lambda } = this.#line;
    let [delta, slope, size] = [0, 0, 0];
    for (const { u, weight, re, im } of this.#points) {
      if (u > end) break;
      const kept = end === Number.POSITIVE_INFINITY ? weight : (weight * erfc((12 * u) / end - 6)) / 2;
      const [cos, sin] = [kept * Math.cos(u * epsilon), -kept * Math.sin(u * epsilon)];
      const [a, b] = [re * cos - im * sin, re * sin + im * cos];
      delta += a;
      size += kept * Math.hypot(re, im);
      // Times −w.
      slope -= lambda * a - u * b;
    }
    return { delta, slope, size };
  }

  #extendTo(end: number): void {
    const { lambda } = this.#line;
    while (!this.#hasDied && this.#end < end) {
      if (++this.#panels > mostPanels) throw new RangeError('integral: does not settle');
      const points = this.#panel(this.#end, this.#width);
      const sizes = points.map(({ re, im }) => Math.hypot(re, im));
      const largest = Math.max(...sizes);
      if (largest > 1e-16 / (lambda * (1 + lambda)) && this.#isCoarse(points, largest)) {
        this.#width /= 2;
        continue;
      }
      this.#points.push(...points);
      this.#end += this.#width;
      this.#width *= 1.5;
      // What is left is at most u times the largest value, for values fall as 1/u² at least.
      const rest = largest * this.#end;
      this.#quiet = rest < 1e-14 * this.#first() ? this.#quiet + 1 : 0;
      this.#hasDied = this.#quiet >= 3;
    }
  }

  #first(): number {
    const { lambda } = this.#line;
    return Math.min(lambda, this.#end) / (lambda * (1 + lambda));
  }

  #panel(start: number, width: number): Point[] {
    const { loss, steps, lambda } = this.#line;
    const frequencies = rule.nodes.map(node => start + (width * (1 + node)) / 2);
    const moments = complexMoments(loss, lambda, frequencies, this.#logMoment);
    return frequencies.map((u, i) => {
      const [re, im] = [moments.re[i], moments.im[i]];
      const size = Math.exp((steps / 2) * Math.log(re * re + im * im));
      const angle = steps * Math.atan2(im, re);
      const [a, b] = [lambda * (1 + lambda) - u * u, -u * (1 + 2 * lambda)];
      const norm = a * a + b * b;
      const [x, y] = [(size * Math.cos(angle)) / norm, (size * Math.sin(angle)) / norm];
      return { u, weight: (rule.weights[i] * width) / 2, re: x * a - y * b, im: x * b + y * a };
    });
  }

  #isCoarse(points: readonly Point[], largest: number): boolean {
    const { epsilon, lambda, steps } = this.#line;
    return lastCoefficients.some(coefficients => {
      let [a, b] = [0, 0];
      for (const [i, { u, re, im }] of points.entries()) {
        const [cos, sin] = [Math.cos(u * epsilon), -Math.sin(u * epsilon)];
        a += coefficients[i] * (re * cos - im * sin);
        b += coefficients[i] * (re * sin + im * cos);
      }
      return (
        Math.hypot(a, b) > Math.max(unresolved * largest, (roundingErrors * Math.sqrt(steps)) / (lambda * (1 + lambda)))
      );
    });
  }
}

function legendre(degree: number, x: number): number {
  let [before, value] = [1, x];
  for (let k = 2; k <= degree; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
  return value;
}
