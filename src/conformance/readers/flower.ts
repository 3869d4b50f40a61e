/** flower.json and must-not.json: what a peer's tests and runs give, and behaviour of it that must not occur here. */
import { z } from 'zod';
import type { Case, Expectation } from '../case.ts';
import { jsonReader, withNumbers } from '../reader.ts';

const one = z.looseObject({
  id: z.string(),
  kind: z.string(),
  op: z.string(),
  input: z.unknown().optional(),
  expected: z.unknown().optional(),
  required: z.unknown().optional(),
  tol: z.number().optional(),
});

const format = z.looseObject({ cases: z.array(one).min(1) });

export const flowerReader = jsonReader(format, ({ cases }) =>
  cases.map((given): Case => {
    const family = given.kind === 'anti_vector' ? 'must-not' : 'flower';
    return {
      id: given.id,
      group: `${family}/${given.op}`,
      // Each must-not case, and each input that is told in words, is a test of its own: its id names the behaviour.
      fn: `${family}/${family === 'flower' && !isTold(given.input) ? given.op : given.id}`,
      input: { given: withNumbers(given.input) },
      expectation: expectation(given),
    };
  }),
);

function isTold(input: unknown): boolean {
  return typeof input === 'object' && input !== null && 'do' in input;
}

function expectation(given: z.infer<typeof one>): Expectation {
  const { expected, required, tol } = given;
  if (required !== undefined) return { kind: 'statement', statement: String(required) };
  // Of "an error or another result" ours is the error.
  if (expected === 'error' || expected === 'error or result != secret') return { kind: 'refusal' };
  return {
    kind: 'value',
    value: given.op === 'stage_machine' ? { valid: moves(expected) } : withNumbers(ours(expected)),
    tolerance: { absolute: tol ?? 1e-12, relative: tol ?? 1e-9 },
  };
}

/** Where a case tells what several algorithms of one name give, the paper's is ours (Bulyan: El Mhamdi et al. 2018). */
function ours(expected: unknown): unknown {
  const paper = 'iterative_krum_paper_version';
  return typeof expected === 'object' && expected !== null && paper in expected ? expected[paper] : expected;
}

const transitions = z.looseObject({ valid: z.array(z.tuple([z.string(), z.string()])) });

/** All moves between stages that are valid, in a fixed order: every other pair is not. */
function moves(expected: unknown): string[] {
  return transitions
    .parse(expected)
    .valid.map(([from, to]) => `${from} → ${to}`)
    .sort();
}
