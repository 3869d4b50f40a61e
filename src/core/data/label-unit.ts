/** What 1 in the labels stands for. */
import type { DataSchema } from './schema.ts';

/** How much of the target column 1 in a label stands for: the declared spread of a number, 1 for classes. */
export function labelUnit(schema: DataSchema): number {
  return schema.format === 'csv' && schema.target.type === 'number' ? schema.target.spread : 1;
}
