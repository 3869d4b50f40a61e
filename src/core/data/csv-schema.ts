/** The declared schema of a site's table: columns, types, missing-value marks, encoding, target, scaling, split. */
import { z } from 'zod';
import { levelKey } from './cell.ts';
import { wellFormed } from './well-formed.ts';

/** Scaling by the rows of all sites is `none` with the constants that `parley standardise` finds. */
const standardisations = ['none', 'local'] as const;

const name = wellFormed.min(1).max(64);

const column = z.discriminatedUnion('type', [
  /** A finite number x, used as (x − center) / spread: public constants, so the model needs no site's statistics. */
  z.strictObject({
    name,
    type: z.literal('number'),
    center: z.number().default(0),
    spread: z.number().gt(0).default(1),
  }),
  /** One of the listed levels; compared as numbers where both are numeric ("1.0" equals "1"). One-hot, in the listed order. */
  z.strictObject({
    name,
    type: z.literal('category'),
    levels: z.array(wellFormed.min(1).max(64)).min(2).max(4096),
    /** Leaves the first level out (it is the reference), as pandas get_dummies(drop_first=True) does. */
    dropFirst: z.boolean().default(false),
  }),
  /** Read past. A missing value here does not drop the row. */
  z.strictObject({ name, type: z.literal('ignore') }),
  /** The value to predict. */
  z.strictObject({ name, type: z.literal('target') }),
]);

/** Class index = place in the list. Two classes make a binary task. */
export const classesSchema = z
  .strictObject({
    type: z.literal('classes'),
    classes: z.array(wellFormed.min(1).max(64)).min(2).max(4096),
  })
  .superRefine(({ classes }, context) => {
    const same = sameLevel(classes);
    if (same !== null) context.addIssue({ code: 'custom', path: ['classes'], message: same });
  });

const target = z.discriminatedUnion('type', [
  /** Binary: label 1 when the value is above the number, else 0. */
  z.strictObject({ type: z.literal('above'), value: z.number() }),
  classesSchema,
  /** The number itself, as (y − center) / spread: public constants. */
  z.strictObject({ type: z.literal('number'), center: z.number().default(0), spread: z.number().gt(0).default(1) }),
]);

/**
 * Stratified by label; equal, row for row, to scikit-learn's train_test_split(stratify=y, train_size, random_state),
 * and to stratify=None for numbers and where a site has too few rows of a class to stratify (see `stratifiedSplit`).
 */
export const stratifiedSchema = z.strictObject({
  type: z.literal('stratified'),
  trainFraction: z.number().gt(0).lt(1),
  seed: z.number().int().min(0).max(4294967295),
});

/** Each row decides for itself by a hash of its own values (see `trainsByHash`): no row changes the side of another one. */
export const hashSchema = z.strictObject({
  type: z.literal('hash'),
  trainFraction: z.number().gt(0).lt(1),
  seed: z.number().int().min(0).max(4294967295),
});

const split = z.discriminatedUnion('type', [
  stratifiedSchema,
  hashSchema,
  /** The named column says it: rows with a value in `test` are test rows. The column is declared as `ignore`. */
  z.strictObject({ type: z.literal('column'), column: name, test: z.array(wellFormed).min(1) }),
]);

export const csvSchema = z
  .strictObject({
    format: z.literal('csv'),
    /** True: the first line names the columns, in any order, extra ones are refused. False: columns stand in the declared order. */
    header: z.boolean(),
    delimiter: z.enum([',', ';', '\t']).default(','),
    /** Cells, after trimming, that mean "no value". */
    missing: z.array(wellFormed.max(16)).max(16).default(['']),
    /** A row with a missing value in a used column: leave it out, or refuse the file. */
    onMissing: z.enum(['drop-row', 'refuse']),
    columns: z.array(column).min(2).max(100_000),
    /** The number columns, in the declared order, are so many equal groups in the order of time; null: one row is one vector. */
    sequence: z
      .strictObject({ steps: z.number().int().min(2).max(65_536) })
      .nullable()
      .default(null),
    target,
    /** `local`: each site scales by mean and sample standard deviation (ddof 1, + 1e-9) of its own training rows. */
    standardise: z.enum(standardisations),
    split,
  })
  .superRefine((schema, context) => {
    const names = new Set<string>();
    const twice = schema.columns.find(({ name }) => names.size === names.add(name).size)?.name;
    if (twice !== undefined) {
      context.addIssue({ code: 'custom', path: ['columns'], message: `column "${twice}" is declared twice; keep one` });
    }
    if (schema.columns.filter(c => c.type === 'target').length !== 1) {
      context.addIssue({ code: 'custom', path: ['columns'], message: 'declare exactly one column of type target' });
    }
    if (!schema.columns.some(c => c.type === 'number' || c.type === 'category')) {
      context.addIssue({
        code: 'custom',
        path: ['columns'],
        message: 'declare at least one feature (type number or category)',
      });
    }
    schema.columns.forEach((column, i) => {
      const same = column.type === 'category' ? sameLevel(column.levels) : null;
      if (same !== null) context.addIssue({ code: 'custom', path: ['columns', i, 'levels'], message: same });
    });
    schema.columns.forEach((column, i) => {
      if (schema.standardise === 'local' && column.type === 'number' && (column.center !== 0 || column.spread !== 1)) {
        context.addIssue({
          code: 'custom',
          path: ['columns', i],
          message: 'standardise: local undoes center and spread; remove them, or set standardise to none',
        });
      }
    });
    const breach = schema.sequence === null ? null : sequenceBreach(schema.columns, schema.sequence.steps);
    if (breach !== null) context.addIssue({ code: 'custom', path: ['sequence', 'steps'], message: breach });
    const { split } = schema;
    if (split.type === 'column' && !schema.columns.some(c => c.name === split.column && c.type === 'ignore')) {
      context.addIssue({
        code: 'custom',
        path: ['split', 'column'],
        message: `declare column "${split.column}" with type ignore`,
      });
    }
  });

export type CsvSchema = z.infer<typeof csvSchema>;

/** What to say about two levels that no cell could tell apart, or null. */
function sameLevel(levels: readonly string[]): string | null {
  const seen = new Map<string, string>();
  for (const level of levels) {
    const key = levelKey(level.trim());
    const other = seen.get(key);
    if (other !== undefined) return `"${other}" and "${level}" are the same level; keep one`;
    seen.set(key, level);
  }
  return null;
}

/** What keeps the columns from being steps in time, or null. */
function sequenceBreach(columns: readonly z.infer<typeof column>[], steps: number): string | null {
  if (columns.some(c => c.type === 'category'))
    return 'a sequence has number columns only; make numbers of the categories';
  const numbers = columns.filter(c => c.type === 'number').length;
  if (numbers % steps === 0) return null;
  return `${numbers} number columns do not make ${steps} equal steps; declare the same columns for each step`;
}
