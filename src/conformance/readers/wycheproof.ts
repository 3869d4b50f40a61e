/** Wycheproof: published attacks on implementations of signatures, key agreement, AEAD, MAC, KDF, tokens, KEM. */
import { z } from 'zod';
import type { Case, Expectation } from '../case.ts';
import { jsonReader, type VectorFile } from '../reader.ts';

const test = z.looseObject({
  tcId: z.number(),
  flags: z.array(z.string()).default([]),
  result: z.enum(['valid', 'invalid', 'acceptable']),
});

const format = z.looseObject({
  algorithm: z.string().optional(),
  schema: z.string(),
  testGroups: z.array(z.looseObject({ type: z.string(), tests: z.array(test) })).min(1),
});

type Group = z.infer<typeof format>['testGroups'][number];
type Test = z.infer<typeof test>;

export const wycheproofReader = jsonReader(format, ({ algorithm, testGroups }, file) =>
  testGroups.flatMap(group => group.tests.map(one => readTest(algorithm ?? group.type, group, one, file))),
);

function readTest(algorithm: string, group: Group, one: Test, file: VectorFile): Case {
  const { tests: _, ...settings } = group;
  const name = `wycheproof/${file.stem.replace(/_test$/, '')}`;
  return {
    id: `${name}/tc${one.tcId}`,
    group: name,
    fn: functionName(algorithm, settings),
    input: { ...settings, ...one },
    expectation: expectation(group, one),
  };
}

/** The algorithm, with the parameters that make it another function for an implementation. */
function functionName(algorithm: string, group: Omit<Group, 'tests'>): string {
  const parameters =
    algorithm === 'AES-GCM'
      ? [group.keySize]
      : algorithm === 'XDH'
        ? [group.curve]
        : algorithm === 'EDDSA'
          ? [curveOf(group)]
          : algorithm === 'ML-KEM'
            ? [group.parameterSet, group.type]
            : [];
  return ['wycheproof', algorithm, ...parameters].join('/');
}

function curveOf(group: Omit<Group, 'tests'>): unknown {
  return z.looseObject({ curve: z.string() }).safeParse(group.publicKey).data?.curve;
}

/** What the file calls the output of a computation; tags, signatures and tokens are only accepted or refused. */
const outputs: Readonly<Record<string, string>> = {
  AeadTest: 'msg',
  HkdfTest: 'okm',
  XdhComp: 'shared',
  MLKEMDecapsValidationTest: 'K',
};

function expectation(group: Group, one: Test): Expectation {
  const output = Object.hasOwn(outputs, group.type) ? outputs[group.type] : null;
  const value = output === null ? true : one[output];
  if (one.result === 'invalid') return { kind: 'refusal' };
  // Every implementation here takes 96-bit nonces only; other lengths are refused, not supported.
  if (one.result === 'valid' && group.type === 'AeadTest' && group.ivSize !== 96) return { kind: 'refusal' };
  // An all-zero shared secret says that the peer sent a point of small order: refused (RFC 7748 §6.1).
  if (one.flags.includes('ZeroSharedSecret')) return { kind: 'refusal' };
  if (one.result === 'acceptable') return { kind: 'value-or-refusal', value };
  return { kind: 'value', value, tolerance: { absolute: 0, relative: 0 } };
}
