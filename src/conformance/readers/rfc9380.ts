/** RFC 9380 (hash to curve), appendix J as JSON. */
import { z } from 'zod';
import { exact } from '../case.ts';
import { jsonReader } from '../reader.ts';

const curve = z.looseObject({
  ciphersuite: z.string(),
  dst: z.string(),
  vectors: z.array(z.looseObject({ msg: z.string(), P: z.unknown() })).min(1),
});

export const hashToCurveReader = jsonReader(curve, ({ ciphersuite, dst, vectors }) =>
  vectors.map(({ msg, P }, i) => ({
    id: `rfc9380/${ciphersuite}/${i}`,
    group: 'rfc9380',
    fn: `rfc9380/${ciphersuite}`,
    input: { msg, dst },
    expectation: { kind: 'value', value: P, tolerance: exact },
  })),
);

const expand = z.looseObject({
  name: z.literal('expand_message_xmd'),
  hash: z.string(),
  DST: z.string(),
  tests: z.array(z.looseObject({ msg: z.string(), len_in_bytes: z.string(), uniform_bytes: z.string() })).min(1),
});

export const expandMessageReader = jsonReader(expand, ({ name, hash, DST, tests }) =>
  tests.map(({ msg, len_in_bytes, uniform_bytes }, i) => ({
    id: `rfc9380/${name}/${hash}/${i}`,
    group: 'rfc9380',
    fn: `rfc9380/${name}/${hash}`,
    input: { msg, dst: DST, length: Number(len_in_bytes) },
    expectation: { kind: 'value', value: uniform_bytes, tolerance: exact },
  })),
);
