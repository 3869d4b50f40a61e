/** How surprising a sample is if it comes from the law it is said to come from: p-values, two-sided unless stated. */
import { normalCdf } from '../math/normal-distribution.ts';
import { normalQuantile } from '../math/normal-quantile.ts';

/** The p-value of a number that is standard normal. NaN gives 0: what cannot be measured is no evidence of anything right. */
export function normalPValue(z: number): number {
  return Number.isNaN(z) ? 0 : 2 * normalCdf(-Math.abs(z));
}

/** One-sided p-value of a χ² sum: the chance of one so large or larger (Wilson and Hilferty 1931; a few per cent of itself from 30 degrees on). */
export function chiSquarePValue(sum: number, degrees: number): number {
  const spread = 2 / (9 * degrees);
  return Number.isNaN(sum) ? 0 : normalCdf((1 - spread - Math.cbrt(sum / degrees)) / Math.sqrt(spread));
}

/** Whether the mean of standard normal numbers is 0. */
export function meanPValue(values: Float64Array): number {
  return normalPValue(sumOf(values, x => x) / Math.sqrt(values.length));
}

/** Whether the variance of standard normal numbers is 1: Σx² is χ² with n degrees, close to normal for large n. */
export function variancePValue(values: Float64Array): number {
  return normalPValue((sumOf(values, x => x * x) - values.length) / Math.sqrt(2 * values.length));
}

/** Whether the variance of normal numbers is at least 1: one-sided. */
export function leastVariancePValue(values: Float64Array): number {
  const z = (sumOf(values, x => x * x) - values.length) / Math.sqrt(2 * values.length);
  return Number.isNaN(z) ? 0 : normalCdf(z);
}

/** Cells of the test of fit, equally likely under the law. */
const cells = 64;
const edges = Float64Array.from({ length: cells - 1 }, (_, i) => normalQuantile((i + 1) / cells));

/**
 * Whether standard normal numbers that lie on a grid fit the law (Pearson 1900). `step` is the distance of the grid: a cell holds the
 * points up to its edge, and what it should hold is the mass up to half a step beyond the last of them.
 */
export function fitPValue(values: Float64Array, step: number): number {
  const counts = new Float64Array(cells);
  for (const x of values) {
    let cell = 0;
    while (cell < cells - 1 && x > edges[cell]) cell++;
    counts[cell]++;
  }
  let [sum, below] = [0, 0];
  for (let cell = 0; cell < cells; cell++) {
    const last = cell === cells - 1 ? Infinity : (Math.floor(edges[cell] / step) + 0.5) * step;
    const upTo = normalCdf(last);
    const expected = values.length * (upTo - below);
    sum += (counts[cell] - expected) ** 2 / expected;
    below = upTo;
  }
  return chiSquarePValue(sum, cells - 1);
}

/** Whether two samples of standard normal numbers, place by place, have nothing to do with each other. */
export function correlationPValue(a: Float64Array, b: Float64Array): number {
  const n = Math.min(a.length, b.length);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += a[i] * b[i];
  return normalPValue(sum / Math.sqrt(n));
}

function sumOf(values: Float64Array, of: (x: number) => number): number {
  let sum = 0;
  for (const x of values) sum += of(x);
  return sum;
}
