/** Lays encoded rows out as the model's inputs: one-hot, scaled, float32. */

import type { CsvSchema } from './csv-schema.ts';
import type { Scaler } from './dataset.ts';
import type { EncodedRows } from './encoded-rows.ts';
import { cellError } from './table-error.ts';

/** Writes the features of a row: numbers in column order, then the one-hot levels (the order of `featureNames`). */
export function rowFiller(schema: CsvSchema, rows: EncodedRows): (row: number, out: Float64Array) => void {
  let next = schema.columns.filter(column => column.type === 'number').length;
  const blocks = schema.columns.flatMap(column => {
    if (column.type !== 'category') return [];
    const hidden = column.dropFirst ? 1 : 0;
    const start = next;
    next += column.levels.length - hidden;
    return [{ start, hidden }];
  });
  return (row, out) => {
    out.fill(0);
    out.set(rows.numbersOf(row));
    const levels = rows.levelsOf(row);
    blocks.forEach(({ start, hidden }, i) => {
      if (levels[i] >= hidden) out[start + levels[i] - hidden] = 1;
    });
  };
}

/** The rows as float32, scaled. A value that leaves float32 by scaling is refused: training could only fail on it. */
export function featureMatrix(
  indices: readonly number[],
  names: readonly string[],
  fill: (row: number, out: Float64Array) => void,
  scaler: Scaler | null,
  lines: Uint32Array,
  file: string,
): Float32Array {
  const width = names.length;
  const out = new Float32Array(indices.length * width);
  const row = new Float64Array(width);
  indices.forEach((index, at) => {
    fill(index, row);
    for (let i = 0; i < width; i++) {
      const value = scaler === null ? row[i] : (row[i] - scaler.center[i]) / scaler.spread[i];
      out[at * width + i] = value;
      if (!Number.isFinite(out[at * width + i])) {
        throw cellError(
          file,
          lines[index],
          names[i],
          'the scaled value is too large',
          'Check the cell, or ignore a column that is constant in training.',
        );
      }
    }
  });
  return out;
}
