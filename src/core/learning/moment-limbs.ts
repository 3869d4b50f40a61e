/** Exact sums as the "parameters" of a model: whole numbers in limbs of 12 bits, which a mean in float32 keeps exact. */
import type { Moments } from '../data/moments.ts';
import { Problem } from '../protocol/problem.ts';
import { type Manifest, parameterCount } from './parameters.ts';

const limbBits = 12n;
const largestLimb = 2 ** 12 - 1;
/** Limbs of the row count, of Σk + rows · 2^40 (never below 0), and of Σk². */
const countLimbs = 3;
const sumLimbs = 6;
const squareLimbs = 9;
/** Added per row, so that the sum is not negative: |k| ≤ 2^40. */
const offset = 1n << 40n;

/** So many updates at most can be added up exactly: see `momentsOfMean`. */
export const mostClients = 4096;

/** The tensors of a statistics task over so many number columns. Limbs stand in ascending order of their worth. */
export function momentsManifest(columns: number): Manifest {
  return [
    { name: 'moments.count', shape: [countLimbs] },
    { name: 'moments.sum', shape: [columns, sumLimbs] },
    { name: 'moments.squares', shape: [columns, squareLimbs] },
  ];
}

/** The longest update that sums over so many columns can be (L2). */
export function largestNorm(columns: number): number {
  return largestLimb * Math.sqrt(parameterCount(momentsManifest(columns)));
}

/** The limbs of the sums of one site. Throws RangeError for 2^28 rows and more, whose squares may not fit. */
export function limbsOf({ rows, columns }: Moments): Float32Array<ArrayBuffer> {
  if (rows >= 1n << 28n) throw new RangeError(`limbsOf: ${rows} rows, expected fewer than 2^28`);
  const limbs = new Float32Array(parameterCount(momentsManifest(columns.length)));
  let at = 0;
  const put = (value: bigint, count: number): void => {
    for (let i = 0n; i < count; i++) limbs[at++] = Number((value >> (limbBits * i)) & BigInt(largestLimb));
  };
  put(rows, countLimbs);
  for (const { sum } of columns) put(sum + rows * offset, sumLimbs);
  for (const { squares } of columns) put(squares, squareLimbs);
  return limbs;
}

/**
 * The sums over all sites, from the unweighted mean in float32 of their limbs.
 *
 * Exact for m ≤ 4096 sites: a sum of limbs S ≤ 4095·m is exact in float64. The mean S/m ≤ 4095 lies below 2^12, where neighbouring
 * float32 are at most 2^-12 apart, so it is off by at most 2^-13 (and 2^-41 by the division in float64 before). Times m that is
 * below ½ for m ≤ 4095, and rounding gives S. For m = 4096 the mean itself is exact: S has 24 bits, and the division only
 * shifts them.
 *
 * @param clients m, the number of sites that were combined.
 * Throws RangeError for another number of values than the columns have, or of clients; Problem `malformed` for a mean that no m
 * sites' limbs have: some site sent something else.
 */
export function momentsOfMean(mean: Float32Array, clients: number, columns: number): Moments {
  const length = parameterCount(momentsManifest(columns));
  if (mean.length !== length) throw new RangeError(`momentsOfMean: ${mean.length} values, expected ${length}`);
  if (!(Number.isInteger(clients) && clients >= 1 && clients <= mostClients)) {
    throw new RangeError(`momentsOfMean: ${clients} clients, expected 1 to ${mostClients}`);
  }
  let at = 0;
  const take = (count: number): bigint => {
    let value = 0n;
    for (let i = 0n; i < count; i++) value += wholeSum(mean[at++], clients) << (limbBits * i);
    return value;
  };
  const rows = take(countLimbs);
  const sums = Array.from({ length: columns }, () => take(sumLimbs) - rows * offset);
  const squares = Array.from({ length: columns }, () => take(squareLimbs));
  return { rows, columns: sums.map((sum, i) => ({ sum, squares: squares[i] })) };
}

function wholeSum(mean: number, clients: number): bigint {
  const sum = mean * clients;
  const whole = Math.round(sum);
  // A little more than what the rounding of an honest mean may leave.
  const slack = clients * 2 ** -13 + 2 ** -24;
  if (!(mean >= 0 && mean <= largestLimb && Math.abs(sum - whole) <= slack)) {
    throw new Problem(
      'malformed',
      'the mean is not that of whole numbers: some site sent something else than its sums',
    );
  }
  return BigInt(whole);
}
