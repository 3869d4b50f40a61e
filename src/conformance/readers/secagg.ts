/** Transcripts of group sessions (test/vectors/secagg): one case for each part of a session. */
import { z } from 'zod';
import { type Case, exact } from '../case.ts';
import { transcriptInput, transcriptParts } from '../implementations/transcript.ts';
import { jsonReader } from '../reader.ts';

const session = z.strictObject({
  format: z.literal('parley/v1/secagg-session'),
  about: z.string(),
  input: transcriptInput,
  expected: z.strictObject(Object.fromEntries(transcriptParts.map(part => [part, z.unknown()]))),
});

const deal = z.strictObject({
  format: z.literal('parley/v1/secagg-deal'),
  about: z.string(),
  input: z.looseObject({ cohort: z.array(z.string()), groups: z.number() }),
  expected: z.unknown(),
});

export const secaggSessionReader = jsonReader(session, ({ input, expected }, { stem }) =>
  transcriptParts.map(part => readPart(`secagg/${part}`, stem, input, expected[part])),
);

export const secaggDealReader = jsonReader(deal, ({ input, expected }, { stem }) => [
  readPart('secagg/deal', stem, input, expected),
]);

function readPart(fn: string, stem: string, input: Case['input'], value: unknown): Case {
  return { id: `${fn}/${stem}`, group: fn, fn, input, expectation: { kind: 'value', value, tolerance: exact } };
}
