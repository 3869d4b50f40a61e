/** Sums over the training rows of sites from which everyone's scaling follows: exact whole numbers, so that sites add up. */
import { Problem } from '../protocol/problem.ts';
import type { CsvSchema } from './csv-schema.ts';
import type { Dataset } from './dataset.ts';
import { copyRows } from './rows.ts';

/**
 * What the rows of one site, or of several together, add up to. This is also all that a site tells by it: its row count, and
 * of every number column the mean and the variance. Of a site with one row that is the row itself, of one with two rows both
 * values of each column.
 */
export interface Moments {
  readonly rows: bigint;
  /** One per number column, in the declared order. */
  readonly columns: readonly ColumnMoments[];
}

/** Over the values k = round(u · 2^20), u the encoded value, clipped to |u| ≤ 2^20. */
export interface ColumnMoments {
  /** Σk. */
  readonly sum: bigint;
  /** Σk². */
  readonly squares: bigint;
}

export type NumberColumn = Extract<CsvSchema['columns'][number], { type: 'number' }>;

/** The constants of one column, in its own units, for the columns of a task. */
export interface ColumnScaling {
  readonly name: string;
  /** Mean over all training rows. */
  readonly center: number;
  /** Sample standard deviation (ddof 1) over all training rows; the declared spread where the column is constant. */
  readonly spread: number;
  /**
   * What speaks against using them: `constant`, all rows hold one value; `coarse`, the deviation is below 2^-6 of the declared
   * spread, so that rounding to 2^-20 shows; `clipped`, values beyond 2^20 declared spreads are possible, and would have been
   * clipped. A better declared center and spread removes the last two.
   */
  readonly doubt: 'constant' | 'coarse' | 'clipped' | null;
}

/** Steps of k in 1 of the encoded value, and where that value is clipped. */
const scale = 2 ** 20;
const largest = 2 ** 20;
/** Sums of so many terms below 2^41 stay exact in float64. */
const blockRows = 4096;
/** Where rounding to a step begins to show: an error of half a step is 3·10⁻⁵ of this deviation. */
const coarseSpread = 2 ** -6;

/** The columns that are counted. */
export function numberColumns(schema: CsvSchema): NumberColumn[] {
  return schema.columns.filter(column => column.type === 'number');
}

/**
 * The sums over all rows of a data set, whatever their order. Its first `columns` features are the number columns
 * (`featureNames`). Throws RangeError for fewer features.
 */
export function momentsOf(data: Dataset, columns: number): Moments {
  if (columns > data.width) throw new RangeError(`momentsOf: ${columns} number columns among ${data.width} features`);
  const row = new Float32Array(data.width);
  const sums = Array.from({ length: columns }, () => new ColumnSums());
  for (let at = 0; at < data.rows; at++) {
    copyRows(data, at, 1, row, 0);
    for (let i = 0; i < columns; i++) sums[i].add(row[i]);
    if (at % blockRows === blockRows - 1) for (const sum of sums) sum.carry();
  }
  return { rows: BigInt(data.rows), columns: sums.map(sum => sum.total()) };
}

/** The sums over the rows of both. Throws RangeError for other numbers of columns. */
export function addMoments(a: Moments, b: Moments): Moments {
  if (a.columns.length !== b.columns.length) {
    throw new RangeError(`addMoments: ${a.columns.length} columns and ${b.columns.length}`);
  }
  return {
    rows: a.rows + b.rows,
    columns: a.columns.map(({ sum, squares }, i) => ({
      sum: sum + b.columns[i].sum,
      squares: squares + b.columns[i].squares,
    })),
  };
}

/**
 * Mean and sample standard deviation of every column, in its own units. The difference of the large numbers is taken in whole
 * numbers; only the results are rounded: the same for any order and number of sites.
 *
 * @param columns those of the task that the sums were made with.
 * Throws RangeError for other columns, and Problem `malformed` for sums that no rows have, or fewer than two rows. A site that lies
 * within what is possible shifts the scaling unnoticed: look at the constants before training.
 */
export function scalingOf({ rows, columns: sums }: Moments, columns: readonly NumberColumn[]): ColumnScaling[] {
  if (columns.length !== sums.length) throw new RangeError(`scalingOf: ${sums.length} sums, ${columns.length} columns`);
  if (rows < 2n) throw new Problem('malformed', `a standard deviation needs two rows, there are ${rows}`);
  return sums.map(({ sum, squares }, i) => {
    const { name, center, spread } = columns[i];
    const above = rows * squares - sum * sum;
    const isPossible = above >= 0n && squares <= rows * BigInt(scale * largest) ** 2n;
    if (!isPossible) throw new Problem('malformed', `no rows have the sums of column "${name}"`);
    const mean = Number(sum) / Number(rows) / scale;
    const deviation = Math.sqrt(Number(above) / Number(rows * (rows - 1n))) / scale;
    return {
      name,
      center: center + spread * mean,
      spread: above === 0n ? spread : spread * deviation,
      doubt: doubtOf(above, squares, deviation),
    };
  });
}

/** A value that was clipped gives (2^40)² by itself: below that none was. */
function doubtOf(above: bigint, squares: bigint, deviation: number): ColumnScaling['doubt'] {
  if (squares >= BigInt(scale * largest) ** 2n) return 'clipped';
  if (above === 0n) return 'constant';
  return deviation < coarseSpread ? 'coarse' : null;
}

/** The sums of one column. k is taken apart as high · 2^20 + low, so that squares of a block add up exactly in float64. */
class ColumnSums {
  #sum = 0;
  #highSquares = 0;
  #mixed = 0;
  #lowSquares = 0;
  #moments: ColumnMoments = { sum: 0n, squares: 0n };

  add(value: number): void {
    const k = Math.round(Math.min(Math.max(value, -largest), largest) * scale);
    const high = Math.floor(k / 2 ** 20);
    const low = k - high * 2 ** 20;
    this.#sum += k;
    this.#highSquares += high * high;
    this.#mixed += high * low;
    this.#lowSquares += low * low;
  }

  /** Moves the block's sums to those of the column. */
  carry(): void {
    const { sum, squares } = this.#moments;
    this.#moments = {
      sum: sum + BigInt(this.#sum),
      squares: squares + (BigInt(this.#highSquares) << 40n) + (BigInt(this.#mixed) << 21n) + BigInt(this.#lowSquares),
    };
    this.#sum = 0;
    this.#highSquares = 0;
    this.#mixed = 0;
    this.#lowSquares = 0;
  }

  total(): ColumnMoments {
    this.carry();
    return this.#moments;
  }
}
