/** The cells of one column of a table, by line: what a table is divided by. */
import { UserError } from '../protocol/problem.ts';
import { readCsv, type TableSource } from './csv.ts';
import type { CsvSchema } from './csv-schema.ts';
import { cellError } from './table-error.ts';

/**
 * The trimmed cells of a column by the line on which their row begins; rows of another width are left out.
 * Throws UserError where the task does not declare the column or the file lacks it, for a cell that means "no value", and
 * as `readCsv`.
 */
export async function columnCells(
  schema: CsvSchema,
  source: TableSource,
  column: string,
): Promise<ReadonlyMap<number, string>> {
  let place = schema.columns.findIndex(({ name }) => name === column);
  if (place < 0) {
    const names = schema.columns.map(({ name }) => name).join(', ');
    throw new UserError(`column "${column}"`, 'is not declared by the task', `Use one of ${names}.`);
  }
  const cells = new Map<number, string>();
  let width = schema.header ? null : schema.columns.length;
  for await (const rows of readCsv(source, schema.delimiter)) {
    for (const row of rows) {
      if (width === null) {
        width = row.cells.length;
        place = row.cells.findIndex(cell => cell.trim() === column);
        if (place < 0) throw new UserError(source.name, `has no column "${column}"`, 'Add it to the file.');
      } else if (row.cells.length === width) {
        const cell = row.cells[place].trim();
        if (schema.missing.includes(cell)) {
          throw cellError(source.name, row.line, column, 'says nothing, so the row belongs nowhere', 'Fill it in.');
        }
        cells.set(row.line, cell);
      }
    }
  }
  return cells;
}
