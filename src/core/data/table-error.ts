/** Errors of a table: each names file, row and column, and says what to do. */
import { UserError } from '../protocol/problem.ts';

/** The error of one cell: file, row and column. It does not repeat the cell: the message may be logged, and a cell is private. */
export function cellError(file: string, row: number, column: string | number, what: string, remedy: string): UserError {
  const place = typeof column === 'number' ? `column ${column}` : `column "${column}"`;
  return new UserError(`${file}:row ${row}, ${place}`, what, remedy);
}

/** The error of a whole row. */
export function rowError(file: string, row: number, what: string, remedy: string): UserError {
  return new UserError(`${file}:row ${row}`, what, remedy);
}
