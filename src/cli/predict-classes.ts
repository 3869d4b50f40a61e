/** Predictions of classes, one line per row: the class and the probability of each. */
import { csvText } from './csv-output.ts';

/** What `parley predict` prints: lines of text, or fields of its JSON document. */
export interface Predicted {
  readonly text: string;
  readonly document: object;
}

/** One row of the output. */
export interface PredictedRow {
  /** What the row is called in the data: its line, or its number from 1. */
  readonly row: number;
  readonly cells: readonly (string | number)[];
  readonly document: object;
}

/** @param fields columns after the row. */
export function predictedRows(fields: readonly string[], rows: readonly PredictedRow[]): Predicted {
  return {
    text: csvText([['row', ...fields], ...rows.map(({ row, cells }) => [row, ...cells])]),
    document: { predictions: rows.map(({ row, document }) => ({ row, ...document })) },
  };
}

/** @param probabilities rows × classes. The class predicted is the most probable, the first of equals. */
export function predictedClasses(
  classes: readonly string[],
  probabilities: Float32Array,
  rows: ArrayLike<number>,
): Predicted {
  const lines = Array.from(rows, (row, i): PredictedRow => {
    const values = [...probabilities.subarray(i * classes.length, (i + 1) * classes.length)];
    const prediction = classes[values.indexOf(Math.max(...values))];
    return { row, cells: [prediction, ...values], document: { prediction, probabilities: values } };
  });
  const { text, document } = predictedRows(['prediction', ...classes.map(name => `p_${name}`)], lines);
  return { text, document: { classes, ...document } };
}
