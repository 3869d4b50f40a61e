/** The declared schema of a site's data. */
import { z } from 'zod';
import { type CsvSchema, csvSchema } from './csv-schema.ts';
import { imageSchema } from './image-schema.ts';
import { textSchema } from './text-schema.ts';

export const dataSchema = z.discriminatedUnion('format', [csvSchema, imageSchema, textSchema]);

export type DataSchema = z.infer<typeof dataSchema>;

/** Names of a table's features in the order of the model's inputs: numbers in column order, then the one-hot levels `column=level`. */
export function featureNames(schema: CsvSchema): string[] {
  const numbers = schema.columns.filter(c => c.type === 'number').map(c => c.name);
  const levels = schema.columns.flatMap(c =>
    c.type === 'category' ? (c.dropFirst ? c.levels.slice(1) : c.levels).map(level => `${c.name}=${level}`) : [],
  );
  return [...numbers, ...levels];
}
