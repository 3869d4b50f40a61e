/** privacy.json: mechanisms, accountants, calibration, filters, audit. */
import { z } from 'zod';
import type { Case, Expectation } from '../case.ts';
import { jsonReader, withNumbers } from '../reader.ts';

const bound = z.union([z.number(), z.literal(['Infinity', '-Infinity'])]);

const vector = z.looseObject({
  id: z.string(),
  group: z.string(),
  fn: z.string(),
  input: z.record(z.string(), z.unknown()),
  expect: z.unknown().optional(),
  lower: bound.optional(),
  upper: bound.optional(),
  tol: z
    .looseObject({ abs: z.number().optional(), rel: z.number().optional(), sigmas: z.number().optional() })
    .optional(),
  note: z.string().optional(),
});

const format = z.looseObject({ vectors: z.array(vector).min(1) });

export const privacyReader = jsonReader(format, ({ vectors }) =>
  vectors.map(
    (given): Case => ({
      id: given.id,
      group: given.group,
      fn: `privacy/${given.fn}`,
      input: withNumbers(given.input) as Record<string, unknown>,
      expectation: expectation(given),
    }),
  ),
);

function expectation({ expect, lower, upper, tol, note }: z.infer<typeof vector>): Expectation {
  const value = withNumbers(expect);
  const tolerance = { absolute: tol?.abs ?? 0, relative: tol?.rel ?? 0 };
  if (lower !== undefined || upper !== undefined) {
    return {
      kind: 'range',
      lower: Number(lower ?? Number.NEGATIVE_INFINITY),
      upper: Number(upper ?? Number.POSITIVE_INFINITY),
      // With hard bounds and no tolerance the value only says where between them the truth lies.
      near: typeof value === 'number' && tol !== undefined ? { value, tolerance } : null,
    };
  }
  if (tol?.sigmas !== undefined) return { kind: 'estimate', value, sigmas: tol.sigmas };
  if (expect === undefined || note?.startsWith('must throw')) return { kind: 'refusal' };
  if (typeof value === 'string') return { kind: 'statement', statement: value };
  return { kind: 'value', value, tolerance };
}
