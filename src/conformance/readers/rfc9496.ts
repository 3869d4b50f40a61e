/** RFC 9496 (ristretto255), appendix A. */
import { z } from 'zod';
import { type Case, type Expectation, exact } from '../case.ts';
import { jsonReader } from '../reader.ts';

const format = z.looseObject({
  multiples_of_generator_0_15: z.array(z.string()),
  invalid_encodings: z.array(z.string()),
  sha512_label_to_point: z.array(z.looseObject({ label: z.string(), point: z.string() })),
  one_way_map: z.array(z.looseObject({ input: z.string() })),
});

export const ristrettoReader = jsonReader(format, file => [
  ...file.multiples_of_generator_0_15.map((point, i) => one('multiple', i, { factor: i }, value(point))),
  ...file.invalid_encodings.map((encoding, i) => one('decode', i, { encoding }, { kind: 'refusal' })),
  ...file.sha512_label_to_point.map(({ label, point }, i) => one('label', i, { label }, value(point))),
  ...file.one_way_map.map(({ input, ...outputs }, i) => one('map', i, { input }, value(Object.values(outputs)[0]))),
]);

function one(fn: string, index: number, input: Record<string, unknown>, expectation: Expectation): Case {
  return { id: `rfc9496/${fn}/${index}`, group: 'rfc9496', fn: `rfc9496/${fn}`, input, expectation };
}

function value(expected: unknown): Expectation {
  return { kind: 'value', value: expected, tolerance: exact };
}
