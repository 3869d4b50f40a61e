/** Reading a privacy statement from text, as a model file holds it. */
import { z } from 'zod';
import { type PrivacyEvent, parseEvent } from './event.ts';
import type { PrivacyStatement } from './statement.ts';

const epsilon = z.number().min(0).nullable();
const count = z.number().int().min(0);
const sentences = z.array(z.string().max(2000)).max(100);
const format = z.literal('parley/v1/privacy-statement');

const open = z.strictObject({ format, private: z.literal(false), limits: sentences, build: z.string().max(200) });

const closed = z.strictObject({
  format,
  private: z.literal(true),
  unit: z.enum(['record', 'user', 'organisation']),
  relation: z.enum(['add-remove', 'replace', 'zero-out']),
  mechanism: z.enum(['dp-sgd', 'dp-fedavg']),
  noiseAt: z.enum(['client', 'shared', 'coordinator']),
  adversary: z.string().max(2000),
  delta: z.number().gt(0).lt(1),
  epsilon,
  basis: z.enum(['released', 'planned', 'limit']),
  epsilonWithoutAmplification: epsilon,
  word: z.enum(['strong', 'balanced', 'weak', 'none']),
  budget: z.strictObject({ epsilon: z.number().gt(0), delta: z.number().gt(0).lt(1) }),
  recordsPerPerson: count,
  persons: z.array(z.strictObject({ records: count, epsilon })).max(100),
  accountant: z.string().max(2000),
  samplingRate: z.number().gt(0).max(1),
  clip: z.union([z.number().gt(0), z.record(z.string(), z.number().nullable())]),
  rounds: z.strictObject({ planned: count, released: count, end: z.enum(['rounds', 'budget', 'stopped']) }),
  event: z.unknown().transform((value, context): PrivacyEvent => {
    try {
      return parseEvent(value);
    } catch {
      context.addIssue({ code: 'custom', message: 'not an event' });
      return z.NEVER;
    }
  }),
  countsEpsilon: epsilon,
  released: sentences,
  assumptions: sentences,
  limits: sentences,
  plan: z.string().regex(/^[0-9a-f]{64}$/),
  build: z.string().max(200),
});

const statement: z.ZodType<PrivacyStatement> = z.discriminatedUnion('private', [open, closed]);

/** The statement that JSON text holds. Throws RangeError for anything else; whether it is true is not looked at. */
export function parseStatement(text: string): PrivacyStatement {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RangeError('privacy statement: is not JSON', { cause });
  }
  const parsed = statement.safeParse(value);
  if (!parsed.success) throw new RangeError(`privacy statement: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
