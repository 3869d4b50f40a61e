/** Where only tables will do. */
import { UserError } from '../protocol/problem.ts';
import type { CsvSchema } from './csv-schema.ts';
import type { DataSchema } from './schema.ts';

/** The schema, if it is that of a table. Throws UserError naming who needs one and what to do instead. */
export function onlyTable(schema: DataSchema, who: string, remedy: string): CsvSchema {
  if (schema.format === 'csv') return schema;
  throw new UserError(who, `works on tables, and the task has ${schema.format}`, remedy);
}
