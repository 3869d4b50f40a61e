/** SLIP-0039: Shamir shares as mnemonics; a list of [description, mnemonics, secret, extended key]. */
import { z } from 'zod';
import { type Expectation, exact } from '../case.ts';
import { jsonReader } from '../reader.ts';

const format = z.array(z.tuple([z.string(), z.array(z.string()), z.string()], z.unknown())).min(1);

export const slip39Reader = jsonReader(format, list =>
  list.map(([description, mnemonics, secret]) => {
    // An empty secret marks shares that must not combine.
    const expectation: Expectation =
      secret === '' ? { kind: 'refusal' } : { kind: 'value', value: secret, tolerance: exact };
    return { id: `slip39/${description}`, group: 'slip39', fn: 'slip39/combine', input: { mnemonics }, expectation };
  }),
);
