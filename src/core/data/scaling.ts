/** Standardising features: the mean and the sample standard deviation of training rows. */
import type { Scaler } from './dataset.ts';

/** Added to every spread, so that a constant feature divides by something (FLamby's 1e-9). */
const spreadFloor = 1e-9;

/**
 * Fits the scaling on rows in double precision: center = mean, spread = standard deviation (ddof 1) + 1e-9.
 *
 * @param rowAt writes the features of a row into the array it is given. Called twice for each row.
 * @param rows row numbers, two at least. Throws RangeError for fewer.
 */
export function fitScaler(
  rows: readonly number[],
  width: number,
  rowAt: (row: number, out: Float64Array) => void,
): Scaler {
  if (rows.length < 2) throw new RangeError(`fitScaler: a standard deviation needs two rows, got ${rows.length}`);
  const row = new Float64Array(width);
  const center = new Float64Array(width);
  for (const index of rows) {
    rowAt(index, row);
    for (let i = 0; i < width; i++) center[i] += row[i];
  }
  for (let i = 0; i < width; i++) center[i] /= rows.length;
  const squares = new Float64Array(width);
  for (const index of rows) {
    rowAt(index, row);
    for (let i = 0; i < width; i++) squares[i] += (row[i] - center[i]) ** 2;
  }
  return { center, spread: squares.map(square => Math.sqrt(square / (rows.length - 1)) + spreadFloor) };
}
