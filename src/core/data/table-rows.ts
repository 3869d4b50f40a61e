/** Reads a table row by row into numbers. */
import { UserError } from '../protocol/problem.ts';
import { readCsv, type TableSource } from './csv.ts';
import type { CsvSchema } from './csv-schema.ts';
import { EncodedRows } from './encoded-rows.ts';
import { declaredLayout, headerLayout, type Layout } from './layout.ts';
import { type CellFault, type RowEncoder, rowEncoder } from './row-encoder.ts';

/** A row that could not be encoded. */
export interface RefusedRow {
  /** Line of the file, from 1. */
  readonly line: number;
  /** The column at fault, or null where the row has a wrong number of cells. */
  readonly column: string | null;
  readonly kind: 'missing' | 'wrong';
  readonly what: string;
  readonly remedy: string;
}

/**
 * Encodes every row; those that do not fit go to `onFault`, which may throw.
 *
 * @param isTargetOptional true for a table to predict: see `loadFeatures`.
 * Throws UserError for broken CSV, a header that does not fit, and a file without rows.
 */
export async function readRows(
  schema: CsvSchema,
  source: TableSource,
  isTargetOptional: boolean,
  onFault: (fault: RefusedRow) => void,
): Promise<EncodedRows> {
  let table: { layout: Layout; encoder: RowEncoder; rows: EncodedRows } | null = null;
  const open = (layout: Layout) => {
    const encoder = rowEncoder(schema, layout, isTargetOptional);
    return { layout, encoder, rows: new EncodedRows(encoder.row.numbers.length, encoder.row.levels.length) };
  };
  for await (const batch of readCsv(source, schema.delimiter)) {
    for (const row of batch) {
      if (table === null) {
        if (schema.header) {
          table = open(headerLayout(schema, source.name, row, neededColumns(schema, isTargetOptional)));
          continue;
        }
        table = open(declaredLayout(schema, row.cells.length, isTargetOptional));
      }
      const fault =
        row.cells.length === table.layout.width
          ? table.encoder.encode(row.cells)
          : wrongWidth(table.layout.width, row.cells.length);
      if (fault === null) table.rows.push(table.encoder.row, row.line);
      else onFault({ line: row.line, ...fault });
    }
  }
  if (table === null) {
    throw new UserError(source.name, 'the file holds no rows', 'Check that the path names the right file.');
  }
  return table.rows;
}

function neededColumns(schema: CsvSchema, isTargetOptional: boolean): string[] {
  const isNeeded = (type: string): boolean => !isTargetOptional || type === 'number' || type === 'category';
  return schema.columns.filter(column => isNeeded(column.type)).map(column => column.name);
}

function wrongWidth(expected: number, found: number): Omit<CellFault, 'column'> & { column: null } {
  return {
    kind: 'wrong',
    column: null,
    what: `expected ${expected} cells, found ${found}`,
    remedy: 'Check the delimiter and the quotes of this row.',
  };
}
