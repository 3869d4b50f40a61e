/** Who wrote each digit of MNIST: the labels of QMNIST (Yadav and Bottou 2019), one line of eight numbers per digit. */
import { UserError } from '../protocol/problem.ts';

/** Columns of a line: class, HSF series, writer, digit index, NIST class, global index, and two unused. */
const columns = 8;
const classColumn = 0;
const writerColumn = 2;

const remedy = 'Use the label file of QMNIST that belongs to these images.';

/**
 * The NIST writer of each row, from the text of a QMNIST label file (tab-separated, in the order of the images).
 * Throws UserError unless there is one line for each label, and its class is that label: the file belongs to the images.
 *
 * @param labels class index per image.
 */
export function parseWriters(text: string, labels: ArrayLike<number>, file: string): Uint32Array {
  const lines = text.trimEnd().split('\n');
  if (lines.length !== labels.length) {
    throw new UserError(file, `has ${lines.length} lines for ${labels.length} images`, remedy);
  }
  return Uint32Array.from(lines, (line, row) => {
    const cells = line.trimEnd().split('\t');
    const place = `${file}:row ${row + 1}`;
    if (cells.length !== columns || !cells.every(cell => /^\d{1,9}$/.test(cell))) {
      throw new UserError(place, `is not ${columns} numbers with tabs between them`, remedy);
    }
    if (Number(cells[classColumn]) !== labels[row]) {
      throw new UserError(place, 'has another class than the image', remedy);
    }
    return Number(cells[writerColumn]);
  });
}
