/** Nodes and weights of Gauss–Legendre quadrature. */

export interface QuadratureRule {
  /** In [−1, 1], rising. */
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
}

/** The rule of n points on [−1, 1], exact for polynomials of degree 2n − 1: the roots of P_n by Newton's method (DLMF 3.5.19). */
export function gaussLegendre(n: number): QuadratureRule {
  if (!Number.isInteger(n) || n < 1 || n > 256)
    throw new RangeError(`gaussLegendre: expected an integer from 1 to 256, got ${n}`);
  const nodes: number[] = [];
  const weights: number[] = [];
  for (let i = 0; i < n; i++) {
    let x = -Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 0;
    for (let round = 0; round < 20; round++) {
      let [before, value] = [1, x];
      for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      slope = (n * (x * value - before)) / (x * x - 1);
      x -= value / slope;
      if (Math.abs(value / slope) < 1e-16) break;
    }
    nodes.push(x);
    weights.push(2 / ((1 - x * x) * slope * slope));
  }
  return { nodes, weights };
}
