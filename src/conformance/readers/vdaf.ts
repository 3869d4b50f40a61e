/** Verifiable distributed aggregation (Prio3, PINE) and its extendable-output functions. */
import { z } from 'zod';
import { exact } from '../case.ts';
import { jsonReader, type VectorFile } from '../reader.ts';

const aggregation = z.looseObject({
  verify_key: z.string(),
  agg_shares: z.array(z.unknown()),
  agg_result: z.unknown(),
});
const pine = aggregation.extend({ l2_norm_bound: z.number() });
const xof = z.looseObject({ binder: z.string(), derived_seed: z.string(), dst: z.string(), seed: z.string() });

/** Prio3Count_0 → Prio3Count, XofTurboShake128 → XofTurboShake128: the files name the instance only in their own name. */
const instance = (file: VectorFile): string => file.stem.replace(/_(?:\d+|bad_.*)$/, '');

export const pineReader = jsonReader(pine, ({ agg_result, ...input }, file) => [
  {
    id: `pine/${file.stem}`,
    group: 'pine',
    fn: 'pine',
    input,
    expectation: { kind: 'value', value: agg_result, tolerance: exact },
  },
]);

export const vdafReader = jsonReader(aggregation, ({ agg_result, ...input }, file) => [
  {
    id: `vdaf/${file.stem}`,
    group: 'vdaf',
    fn: `vdaf/${instance(file)}`,
    input: { ...input, agg_result },
    expectation: {
      kind: 'statement',
      statement: 'every listed operation succeeds or fails as marked, with the listed shares and result',
    },
  },
]);

export const xofReader = jsonReader(xof, ({ derived_seed, ...input }, file) => [
  {
    id: `vdaf/${file.stem}`,
    group: 'vdaf',
    fn: `vdaf/${instance(file)}`,
    input,
    expectation: {
      kind: 'value',
      value: { derived_seed, expanded_vec_field128: input.expanded_vec_field128 },
      tolerance: exact,
    },
  },
]);
