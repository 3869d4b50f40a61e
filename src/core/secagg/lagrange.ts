/** Interpolation at zero: the weights of a set of places, found once and used for every secret that the same set returns. */
import { invertAll, reduce } from './field.ts';

/** Places of shares are 1 … 65,535. */
export const maxPlace = 65_535;

/**
 * λ with f(0) = Σ λᵢ·f(xᵢ) for every polynomial f of degree below the number of places: λᵢ = Π_{j≠i} xⱼ/(xⱼ − xᵢ) (Shamir 1979).
 * Quadratic in the number of places. Throws RangeError for none, for a place out of range, and for one that stands twice.
 */
export function lagrangeAtZero(xs: readonly number[]): readonly bigint[] {
  if (xs.length === 0) throw new RangeError('shamir: no places to interpolate from');
  for (const x of xs) {
    if (!Number.isInteger(x) || x < 1 || x > maxPlace)
      throw new RangeError(`shamir: place ${x} is not one of 1…${maxPlace}`);
  }
  if (new Set(xs).size !== xs.length) throw new RangeError('shamir: a place stands twice');
  const places = xs.map(BigInt);
  const product = places.reduce((total, x) => reduce(total * x), 1n);
  // Π_{j≠i} xⱼ = product/xᵢ, so that one denominator serves both.
  const denominators = places.map(own =>
    places.reduce((total, x) => (x === own ? total : reduce(total * (x - own))), own),
  );
  return invertAll(denominators).map(inverse => reduce(product * inverse));
}
