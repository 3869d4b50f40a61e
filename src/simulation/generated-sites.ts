/**
 * Invented tables for any declared schema, where there are no data to simulate with. Nobody's data.
 *
 * Numbers are N(site's own mean, 1) once scaled by the task, categories uniform; every feature has a weight of its own, the same at
 * all sites, and the target follows from the weighted sum and logistic noise. So sites differ in their rows and have one relation to learn.
 */
import type { CsvSchema } from '../core/data/csv-schema.ts';
import { onlyTable } from '../core/data/only-table.ts';
import type { DataSchema } from '../core/data/schema.ts';
import { loadSite } from '../core/data/table.ts';
import type { RandomStream } from '../core/math/random.ts';
import type { NamedSite } from './deal-sites.ts';
import { streamOf } from './stream.ts';

const rowsPerSite = 150;
/** Rows marked for testing, one in so many, where a column says it. */
const testEvery = 3;

/** So many sites of the schema; the same seed (0 to 2^53 − 1) gives the same rows. */
export async function generateSites(data: DataSchema, sites: number, seed: number): Promise<NamedSite[]> {
  const schema = onlyTable(data, 'simulate without --data', 'Name a folder with the data of the sites: --data DIR.');
  const weights = drawWeights(schema, streamOf(seed, 'weights'));
  return Promise.all(
    Array.from({ length: sites }, async (_, i) => {
      const name = `site-${i + 1}`;
      const text = tableText(schema, weights, streamOf(seed, `rows/${i}`));
      return { name, data: await loadSite(schema, { name: `${name} (generated)`, chunks: once(text) }) };
    }),
  );
}

/** What a cell adds to the score of each class. */
type Weights = readonly { readonly ofClass: readonly number[] }[][];

function tableText(schema: CsvSchema, weights: Weights, random: RandomStream): string {
  const means = schema.columns.map(() => random.normal());
  const rows = Array.from({ length: rowsPerSite }, (_, row) => rowCells(schema, weights, means, random, row));
  const header = schema.header ? [schema.columns.map(column => column.name)] : [];
  const lines = [...header, ...rows].map(cells =>
    cells.map(cell => quoted(cell, schema.delimiter)).join(schema.delimiter),
  );
  return `${lines.join('\n')}\n`;
}

function rowCells(
  schema: CsvSchema,
  weights: Weights,
  means: readonly number[],
  random: RandomStream,
  row: number,
): string[] {
  const scores = classesOf(schema).map(() => logistic(random));
  const add = (column: number, level: number, factor: number): void => {
    weights[column][level].ofClass.forEach((weight, c) => {
      scores[c] += factor * weight;
    });
  };
  const cells = schema.columns.map((column, i) => {
    if (column.type === 'number') {
      const value = means[i] + random.normal();
      add(i, 0, value);
      return numberCell(column, value);
    }
    if (column.type !== 'category') return markCell(schema, column.name, row);
    const level = random.below(column.levels.length);
    add(i, level, 1);
    return column.levels[level];
  });
  return cells.map((cell, i) => (schema.columns[i].type === 'target' ? answerCell(schema, scores) : cell));
}

/** One weight for a number, one for each level of a category, for each class: N(0, 1.5²). */
function drawWeights(schema: CsvSchema, random: RandomStream): Weights {
  return schema.columns.map(column =>
    Array.from({ length: column.type === 'category' ? column.levels.length : 1 }, () => ({
      ofClass: classesOf(schema).map(() => 1.5 * random.normal()),
    })),
  );
}

function classesOf({ target }: CsvSchema): readonly string[] {
  if (target.type === 'number') return ['the number'];
  return target.type === 'classes' ? target.classes : ['below', 'above'];
}

/** The class of the greatest score; for numbers the one score there is. */
function answerCell({ target }: CsvSchema, scores: readonly number[]): string {
  if (target.type === 'number') return numberCell(target, scores[0]);
  const klass = scores.indexOf(Math.max(...scores));
  return target.type === 'classes' ? target.classes[klass] : String(target.value + klass);
}

/** What the task scales to `value`. */
function numberCell({ center, spread }: { center: number; spread: number }, value: number): string {
  return (center + spread * value).toPrecision(9);
}

/** What stands in a column that is not a feature: the mark of test rows, or nothing. */
function markCell({ split }: CsvSchema, column: string, row: number): string {
  return split.type === 'column' && split.column === column && row % testEvery === 0 ? split.test[0] : '';
}

/** Standard logistic, by inversion. */
function logistic(random: RandomStream): number {
  const u = (random.uint32() + 0.5) * 2 ** -32;
  return Math.log(u / (1 - u));
}

function quoted(cell: string, delimiter: string): string {
  return cell.includes(delimiter) || cell.includes('"') || cell.includes('\n')
    ? `"${cell.replaceAll('"', '""')}"`
    : cell;
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}
