/** Which cell of a row holds which declared column. */
import type { CsvRow } from './csv-scanner.ts';
import type { CsvSchema } from './csv-schema.ts';
import { cellError, rowError } from './table-error.ts';

export interface Layout {
  /** Cells per row. */
  readonly width: number;
  /** Index of the cell of a column; a column that the file does not have is absent. */
  readonly places: ReadonlyMap<string, number>;
}

/** Columns in declared order; without the target when the rows of a table to predict leave it out. */
export function declaredLayout(schema: CsvSchema, cells: number, isTargetOptional: boolean): Layout {
  const names = schema.columns.map(column => column.name);
  const untargeted = schema.columns.filter(column => column.type !== 'target').map(column => column.name);
  const present = isTargetOptional && cells === untargeted.length ? untargeted : names;
  return { width: present.length, places: new Map(present.map((name, i) => [name, i])) };
}

/**
 * Columns as the header names them, in any order. `needed` columns must be there, columns not declared and names given
 * twice are refused. Throws UserError.
 */
export function headerLayout(schema: CsvSchema, file: string, header: CsvRow, needed: readonly string[]): Layout {
  const declared = new Set(schema.columns.map(column => column.name));
  const names = header.cells.map(cell => cell.trim());
  if (!names.some(name => declared.has(name))) {
    throw rowError(
      file,
      header.line,
      `expected a header naming ${[...declared].join(', ')}; no cell is one of these names`,
      'Add the header line, or declare header: false and the delimiter the file uses.',
    );
  }
  const places = new Map<string, number>();
  names.forEach((name, at) => {
    if (!declared.has(name)) {
      throw cellError(
        file,
        header.line,
        at + 1,
        `the column "${name.slice(0, 64)}" is not declared`,
        'Remove it, or declare it with type ignore.',
      );
    }
    if (places.has(name))
      throw cellError(file, header.line, at + 1, `the column "${name}" stands twice`, 'Keep one of them.');
    places.set(name, at);
  });
  const lacking = needed.find(name => !places.has(name));
  if (lacking !== undefined) {
    throw rowError(file, header.line, `the column "${lacking}" is missing`, 'Add it to the file.');
  }
  return { width: names.length, places };
}
