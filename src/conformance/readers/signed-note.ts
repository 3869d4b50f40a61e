/** C2SP signed notes. */
import { z } from 'zod';
import { type Expectation, exact } from '../case.ts';
import { jsonReader } from '../reader.ts';

const format = z.looseObject({
  cases: z.array(z.looseObject({ id: z.string(), vkey: z.string(), note: z.string(), valid: z.boolean() })).min(1),
});

export const signedNoteReader = jsonReader(format, ({ cases }) =>
  cases.map(({ id, vkey, note, valid }) => {
    const expectation: Expectation = valid ? { kind: 'value', value: true, tolerance: exact } : { kind: 'refusal' };
    return { id: `c2sp/${id}`, group: 'c2sp', fn: 'c2sp/signed-note', input: { vkey, note }, expectation };
  }),
);
