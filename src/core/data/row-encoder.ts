/** Turns the cells of a row into numbers by the declared schema, and says what is wrong with a cell that does not fit. */
import { levelReader, parseNumber } from './cell.ts';
import type { CsvSchema } from './csv-schema.ts';
import type { EncodedRow } from './encoded-rows.ts';
import type { Layout } from './layout.ts';

/** Why a row cannot be encoded. It describes the cell without repeating it. */
export interface CellFault {
  readonly kind: 'missing' | 'wrong';
  readonly column: string;
  readonly what: string;
  readonly remedy: string;
}

type NumberColumn = Extract<CsvSchema['columns'][number], { type: 'number' }>;

/** Reads a cell into the row; null when it fits. */
type CellReader = (cell: string, row: EncodedRow) => CellFault | null;

/** What encodes the rows of one table. `row` is overwritten by every call of `encode`. */
export interface RowEncoder {
  readonly row: EncodedRow;
  /** Reads the cells; a wrong cell is reported before a missing one, so that an incomplete row hides no error. */
  encode(cells: readonly string[]): CellFault | null;
}

/**
 * @param layout where the columns stand. A feature column must be there; without a target the label is NaN.
 * @param isTargetOptional true: an empty target is NaN as well; false: it is a missing value.
 */
export function rowEncoder(schema: CsvSchema, layout: Layout, isTargetOptional: boolean): RowEncoder {
  const numberWidth = schema.columns.filter(column => column.type === 'number').length;
  const levelWidth = schema.columns.filter(column => column.type === 'category').length;
  const row: EncodedRow = {
    numbers: new Float64Array(numberWidth),
    levels: new Uint16Array(levelWidth),
    label: Number.NaN,
    isTest: false,
  };
  const missing = new Set(schema.missing);
  const steps = cellReaders(schema, missing, isTargetOptional).flatMap(([column, read]) => {
    const place = layout.places.get(column);
    return place === undefined ? [] : [{ place, read }];
  });
  return {
    row,
    encode(cells) {
      let absent: CellFault | null = null;
      for (const { place, read } of steps) {
        const fault = read(cells[place].trim(), row);
        if (fault?.kind === 'wrong') return fault;
        absent ??= fault;
      }
      return absent;
    },
  };
}

function cellReaders(
  schema: CsvSchema,
  missing: ReadonlySet<string>,
  isTargetOptional: boolean,
): (readonly [column: string, CellReader])[] {
  let numbers = 0;
  let levels = 0;
  const { split } = schema;
  return schema.columns.flatMap((column): (readonly [string, CellReader])[] => {
    const { name } = column;
    if (column.type === 'number') return [[name, unlessMissing(name, missing, numberCell(column, numbers++))]];
    if (column.type === 'category')
      return [[name, unlessMissing(name, missing, levelCell(name, column.levels, levels++))]];
    if (column.type === 'target') {
      const read = targetCell(name, schema.target);
      return [[name, isTargetOptional ? optionalTarget(missing, read) : unlessMissing(name, missing, read)]];
    }
    return split.type === 'column' && split.column === name ? [[name, splitCell(split.test)]] : [];
  });
}

function unlessMissing(column: string, missing: ReadonlySet<string>, read: CellReader): CellReader {
  const fault: CellFault = {
    kind: 'missing',
    column,
    what: 'the value is missing',
    remedy: 'Fill it in, or set data.onMissing to drop-row.',
  };
  return (cell, row) => (missing.has(cell) ? fault : read(cell, row));
}

function optionalTarget(missing: ReadonlySet<string>, read: CellReader): CellReader {
  return (cell, row) => {
    row.label = Number.NaN;
    return cell === '' || missing.has(cell) ? null : read(cell, row);
  };
}

function numberCell({ name, center, spread }: NumberColumn, at: number): CellReader {
  const fault = notNumber(name);
  return (cell, row) => {
    const value = parseNumber(cell);
    if (value === null) return fault;
    row.numbers[at] = (value - center) / spread;
    return null;
  };
}

function levelCell(column: string, levels: readonly string[], at: number): CellReader {
  const indexOf = levelReader(levels);
  const fault = notListed(column, levels, 'add the level to the task');
  return (cell, row) => {
    const index = indexOf(cell);
    if (index < 0) return fault;
    row.levels[at] = index;
    return null;
  };
}

function targetCell(column: string, target: CsvSchema['target']): CellReader {
  if (target.type === 'above') {
    const fault = notNumber(column);
    return (cell, row) => {
      const value = parseNumber(cell);
      if (value === null) return fault;
      row.label = value > target.value ? 1 : 0;
      return null;
    };
  }
  if (target.type === 'number') {
    const fault = notNumber(column);
    const excess = tooLarge(column);
    const { center, spread } = target;
    return (cell, row) => {
      const value = parseNumber(cell);
      if (value === null) return fault;
      row.label = (value - center) / spread;
      return Number.isFinite(Math.fround(row.label)) ? null : excess;
    };
  }
  const indexOf = levelReader(target.classes);
  const fault = notListed(column, target.classes, 'add the class to the task');
  return (cell, row) => {
    const index = indexOf(cell);
    if (index < 0) return fault;
    row.label = index;
    return null;
  };
}

function splitCell(tests: readonly string[]): CellReader {
  const marks = new Set(tests.map(mark => mark.trim()));
  return (cell, row) => {
    row.isTest = marks.has(cell);
    return null;
  };
}

function notNumber(column: string): CellFault {
  return {
    kind: 'wrong',
    column,
    what: 'expected a number',
    remedy: 'Write it with digits and a decimal point, or declare its spelling in data.missing.',
  };
}

/** Training could only fail on a label that is not finite as float32. */
function tooLarge(column: string): CellFault {
  return {
    kind: 'wrong',
    column,
    what: 'the scaled value is too large',
    remedy: 'Check the cell, or let the task use a greater data.target.spread.',
  };
}

function notListed(column: string, levels: readonly string[], otherwise: string): CellFault {
  const shown = levels.length > 12 ? `${levels.slice(0, 12).join(', ')}, … (${levels.length})` : levels.join(', ');
  return { kind: 'wrong', column, what: `expected one of ${shown}`, remedy: `Correct the cell, or ${otherwise}.` };
}
