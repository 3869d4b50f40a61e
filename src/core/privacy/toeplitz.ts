/** The square-root factorisation of prefix sums, A = C·C with C lower triangular Toeplitz (Fichtenberger, Henzinger and Upadhyay 2023). Accounting only. */
import { requireCount } from './ranges.ts';

/** c_k = C(2k, k)/4^k for k < n: 1, ½, ⅜, … */
export function sqrtToeplitzCoefs(n: number): Float64Array {
  requireCount('n', n, 1);
  const coefs = new Float64Array(n);
  coefs[0] = 1;
  for (let k = 1; k < n; k++) coefs[k] = coefs[k - 1] * ((2 * k - 1) / (2 * k));
  return coefs;
}

/** L2 sensitivity of the noisy matrix when every unit takes part once: the norm of the first column. */
export function sqrtToeplitzSensitivity(n: number): number {
  return Math.sqrt(sumOfSquares(sqrtToeplitzCoefs(n)));
}

/** The greatest squared error of a prefix sum at sensitivity 1: both factors are C, so (Σc²)². */
export function sqrtToeplitzMaxLoss(n: number): number {
  return sumOfSquares(sqrtToeplitzCoefs(n)) ** 2;
}

/** The mean squared error over all n prefix sums at sensitivity 1. */
export function sqrtToeplitzMeanLoss(n: number): number {
  let [row, sum] = [0, 0];
  for (const coefficient of sqrtToeplitzCoefs(n)) {
    row += coefficient * coefficient;
    sum += row;
  }
  return row * (sum / n);
}

/** How often a unit can take part in n steps that lie at least `minSeparation` apart, given the most that are allowed (null: no limit). */
export function minSepTrueMaxParticipations(
  n: number,
  minSeparation: number,
  maxParticipations: number | null = null,
): number {
  requireCount('n', n, 1);
  requireCount('min separation', minSeparation, 1);
  const possible = Math.ceil(n / minSeparation);
  if (maxParticipations === null) return possible;
  requireCount('max participations', maxParticipations, 1);
  return Math.min(possible, maxParticipations);
}

/**
 * The squared sensitivity when a unit takes part several times, `minSeparation` steps apart or more: for coefficients that are not
 * negative and do not rise the worst case is exactly that far apart from the first step on (Kalinin and Lampert 2024, Theorem 2).
 * Throws RangeError for other coefficients.
 */
export function toeplitzMinSepSensitivitySquared(
  coefs: ArrayLike<number>,
  n: number,
  minSeparation: number,
  maxParticipations: number | null = null,
): number {
  const times = minSepTrueMaxParticipations(n, minSeparation, maxParticipations);
  for (let k = 0; k < coefs.length; k++)
    if (!(coefs[k] >= 0 && (k === 0 || coefs[k] <= coefs[k - 1])))
      throw new RangeError(`coefs: expected numbers from 0 that do not rise, got ${coefs[k]} at ${k}`);
  const column = new Float64Array(n);
  for (let i = 0; i < times; i++)
    for (let k = 0; k < coefs.length && i * minSeparation + k < n; k++) column[i * minSeparation + k] += coefs[k];
  return sumOfSquares(column);
}

/** The squared error of each query: the squared norms of the rows of B = A·C⁻¹, all in row-major lists of rows. */
export function perQueryError(
  queries: readonly (readonly number[])[],
  inverse: readonly (readonly number[])[],
): number[] {
  if (queries.some(row => row.length !== inverse.length))
    throw new RangeError(`perQueryError: expected queries over ${inverse.length} columns`);
  return queries.map(row =>
    sumOfSquares(inverse[0].map((_, j) => row.reduce((sum, x, k) => sum + x * inverse[k][j], 0))),
  );
}

/**
 * The matrix that undoes this one from the left: its inverse where it is square, else the pseudo-inverse (CᵀC)⁻¹Cᵀ of more rows than
 * columns. Throws RangeError when its columns are not independent.
 */
export function leftInverse(matrix: readonly (readonly number[])[]): number[][] {
  const [rows, columns] = [matrix.length, matrix[0]?.length ?? 0];
  if (columns === 0 || rows < columns || matrix.some(row => row.length !== columns || !row.every(Number.isFinite)))
    throw notInvertible();
  const transposed = Array.from({ length: columns }, (_, j) => matrix.map(row => row[j]));
  if (rows === columns) return solved(matrix, identity(rows));
  const gram = transposed.map(a => transposed.map(b => a.reduce((sum, x, k) => sum + x * b[k], 0)));
  return solved(gram, transposed);
}

/** The X with AX = B: elimination with the largest pivot of each column (Gauss and Jordan). */
function solved(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] {
  const work = a.map((row, i) => [...row, ...b[i]]);
  for (let column = 0; column < a.length; column++) {
    let pivot = column;
    for (let i = column + 1; i < a.length; i++)
      if (Math.abs(work[i][column]) > Math.abs(work[pivot][column])) pivot = i;
    const largest = a.reduce((most, row) => Math.max(most, Math.abs(row[column])), 0);
    if (!(Math.abs(work[pivot][column]) > 1e-13 * largest)) throw notInvertible();
    [work[column], work[pivot]] = [work[pivot], work[column]];
    const [leading, divisor] = [work[column], work[column][column]];
    for (let k = column; k < leading.length; k++) leading[k] /= divisor;
    for (const row of work) {
      const factor = row[column];
      if (row !== leading && factor !== 0) for (let k = column; k < row.length; k++) row[k] -= factor * leading[k];
    }
  }
  return work.map(row => row.slice(a.length));
}

function identity(n: number): number[][] {
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)));
}

function notInvertible(): RangeError {
  return new RangeError('expected a matrix of numbers with independent columns');
}

function sumOfSquares(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return sum;
}
