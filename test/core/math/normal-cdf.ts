/** The standard normal distribution, computed apart from the sources under test. */

/** Φ(x): the series of Marsaglia 2004 in the middle, the continued fraction of the tail beyond; within 1e-13. */
export function normalCdf(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (Math.abs(x) < 3) {
    let [sum, term] = [x, x];
    for (let odd = 3; Math.abs(term) > 1e-17; odd += 2) {
      term *= (x * x) / odd;
      sum += term;
    }
    return 0.5 + sum * density;
  }
  let fraction = Math.abs(x);
  for (let k = 60; k >= 1; k--) fraction = Math.abs(x) + k / fraction;
  const beyond = density / fraction;
  return x < 0 ? beyond : 1 - beyond;
}
