/** Loads a site's table by its declared schema: CSV in, train and test features and labels out. */
import { UserError } from '../protocol/problem.ts';
import type { TableSource } from './csv.ts';
import type { CsvSchema } from './csv-schema.ts';
import { classCount } from './data-shape.ts';
import type { Dataset, Scaler, SiteData } from './dataset.ts';
import type { EncodedRows } from './encoded-rows.ts';
import { featureMatrix, rowFiller } from './feature-matrix.ts';
import { trainsByHash } from './hash-split.ts';
import { fitScaler } from './scaling.ts';
import { featureNames } from './schema.ts';
import { shuffledSplit, stratifiedSplit } from './stratified-split.ts';
import { cellError, rowError } from './table-error.ts';
import { type RefusedRow, readRows } from './table-rows.ts';

/** A table to predict, encoded. */
export interface FeatureTable {
  readonly rows: number;
  readonly width: number;
  /** rows × width values, scaled, row-major, in the order of the file. */
  readonly features: Float32Array;
  /** Line of the file per encoded row. */
  readonly lines: Uint32Array;
  /** Class index or scaled number per encoded row, NaN where the target is empty or its column absent. */
  readonly labels: Float32Array;
  /** Rows left out, in the order of the file. */
  readonly refused: readonly RefusedRow[];
}

/** What `checkTable` found. */
export interface TableCheck {
  /** Rows that encode, and rows left out because a value was missing. */
  readonly rows: number;
  readonly droppedRows: number;
  readonly featureNames: readonly string[];
  /** Complete rows per class index; empty where numbers are predicted. */
  readonly classCounts: readonly number[];
  /** The first errors, and how many there are. */
  readonly errors: readonly RefusedRow[];
  readonly errorCount: number;
}

/**
 * Loads a site: encodes every row, splits, and scales both sides by the training rows when the schema says so.
 * Train and test rows keep the order of the file. Text is dropped as it is read; the encoded numbers stay in memory.
 * A column split may leave the test side empty; the training side never is.
 * Throws UserError naming file, row and column for the first cell that does not fit, and for a table too small to split.
 */
export async function loadSite(schema: CsvSchema, source: TableSource): Promise<SiteData<Float32Array>> {
  const { rows, droppedRows } = await encodeTable(schema, source);
  const all = Array.from({ length: rows.count }, (_, row) => row);
  return { ...tableSite(schema, rows, all, source.name), droppedRows };
}

/** Encodes every row of a site's table; rows that lack a value are dropped and counted. Throws as `loadSite`. */
export async function encodeTable(
  schema: CsvSchema,
  source: TableSource,
): Promise<{ readonly rows: EncodedRows; readonly droppedRows: number }> {
  let droppedRows = 0;
  const rows = await readRows(schema, source, false, fault => {
    if (fault.kind === 'wrong' || schema.onMissing === 'refuse') throw refusal(source.name, fault);
    droppedRows++;
  });
  return { rows, droppedRows };
}

/**
 * The site that holds these rows and no others: what `loadSite` makes of a file of them.
 *
 * @param indices rows of the table, ascending. @param file names the table in errors.
 */
export function tableSite(
  schema: CsvSchema,
  rows: EncodedRows,
  indices: ArrayLike<number>,
  file: string,
): SiteData<Float32Array> {
  const { train, test } = split(schema, rows, Array.from(indices), file);
  const names = featureNames(schema);
  const fill = rowFiller(schema, rows);
  if (schema.standardise === 'local' && train.length < 2) {
    throw new UserError(
      file,
      'has one training row; scaling needs two at least',
      'Add rows, or set data.standardise to none.',
    );
  }
  const scaler = schema.standardise === 'local' ? fitScaler(train, names.length, fill) : null;
  const dataset = (side: readonly number[]): Dataset<Float32Array> => ({
    rows: side.length,
    width: names.length,
    features: featureMatrix(side, names, fill, scaler, rows.lines, file),
    labelWidth: 1,
    labels: Float32Array.from(side, index => rows.labels[index]),
  });
  return {
    train: dataset(train),
    test: dataset(test),
    featureNames: names,
    classes: classCount(schema),
    scaler,
    droppedRows: 0,
  };
}

/**
 * Encodes a table to predict. The target may be empty, and its column absent; with a header so may ignored columns.
 * Rows that cannot be encoded (a missing value, a wrong cell, a wrong number of cells) are reported, the others kept.
 *
 * @param scaler the scaling to apply, or null for none.
 * Throws UserError where the file is not a table of this schema at all: broken CSV, or a header that does not fit.
 */
export async function loadFeatures(
  schema: CsvSchema,
  source: TableSource,
  scaler: Scaler | null,
): Promise<FeatureTable> {
  const refused: RefusedRow[] = [];
  const rows = await readRows(schema, source, true, fault => void refused.push(fault));
  const names = featureNames(schema);
  const all = Array.from({ length: rows.count }, (_, i) => i);
  return {
    rows: rows.count,
    width: names.length,
    features: featureMatrix(all, names, rowFiller(schema, rows), scaler, rows.lines, source.name),
    lines: rows.lines.slice(),
    labels: rows.labels.slice(),
    refused,
  };
}

/** Reads a table to the end and reports its size and its errors, the first `limit` of them in full. Throws as `loadFeatures`. */
export async function checkTable(schema: CsvSchema, source: TableSource, limit: number): Promise<TableCheck> {
  const errors: RefusedRow[] = [];
  let errorCount = 0;
  let droppedRows = 0;
  const rows = await readRows(schema, source, false, fault => {
    if (fault.kind === 'missing' && schema.onMissing === 'drop-row') droppedRows++;
    else if (++errorCount <= limit) errors.push(fault);
  });
  const classCounts = new Array<number>(classCount(schema)).fill(0);
  if (classCounts.length > 0) for (const label of rows.labels) classCounts[label]++;
  return { rows: rows.count, droppedRows, featureNames: featureNames(schema), classCounts, errors, errorCount };
}

function refusal(file: string, fault: RefusedRow): UserError {
  return fault.column === null
    ? rowError(file, fault.line, fault.what, fault.remedy)
    : cellError(file, fault.line, fault.column, fault.what, fault.remedy);
}

/** The rows of the two sides, each in the order given. */
function split(
  schema: CsvSchema,
  rows: EncodedRows,
  indices: readonly number[],
  file: string,
): { train: number[]; test: number[] } {
  if (schema.split.type === 'column') {
    const train = indices.filter(row => !rows.isTest(row));
    if (train.length === 0) {
      throw new UserError(
        file,
        `column "${schema.split.column}" leaves no training row`,
        'Check data.split.test against the file.',
      );
    }
    return { train, test: indices.filter(row => rows.isTest(row)) };
  }
  const { trainFraction, seed } = schema.split;
  if (schema.split.type === 'hash') {
    const trains = indices.map(row => trainsByHash(rows.valuesOf(row), trainFraction, seed));
    if (!trains.includes(true))
      throw new UserError(file, `leaves no training row when split by hash at ${trainFraction}`, 'Add rows.');
    return { train: indices.filter((_, i) => trains[i]), test: indices.filter((_, i) => !trains[i]) };
  }
  const trainCount = Math.floor(trainFraction * indices.length);
  if (trainCount < 1 || trainCount === indices.length) {
    throw new UserError(
      file,
      `has ${indices.length} complete ${indices.length === 1 ? 'row' : 'rows'}; split at ${trainFraction}, one side would be empty`,
      'Add rows, or fill in missing values.',
    );
  }
  const { train, test } =
    schema.target.type === 'number'
      ? shuffledSplit(indices.length, trainFraction, seed)
      : stratifiedSplit(
          indices.map(row => rows.labels[row]),
          trainFraction,
          seed,
        );
  const ordered = (side: readonly number[]): number[] => [...side].sort((a, b) => a - b).map(at => indices[at]);
  return { train: ordered(train), test: ordered(test) };
}
