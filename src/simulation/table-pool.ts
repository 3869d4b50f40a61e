/** The rows of tables as a pool. */
import type { CsvSchema } from '../core/data/csv-schema.ts';
import type { EncodedRows } from '../core/data/encoded-rows.ts';
import { tableSite } from '../core/data/table.ts';
import type { Pool } from './pool.ts';

/** Each client's rows are split, and scaled where the task says so, as if they were a file of their own. */
export function tablePool(schema: CsvSchema, rows: EncodedRows, name: string): Pool {
  return {
    name,
    rows: rows.count,
    classes: schema.target.type === 'number' ? null : rows.labels,
    sitesOf: parts =>
      parts.map(({ name: client, rows: own }) => ({ name: client, data: tableSite(schema, rows, own, client) })),
  };
}
