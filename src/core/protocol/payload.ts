/** Reading a payload: deterministic CBOR of a declared form, and nothing else. */
import type { z } from 'zod';
import { CborError, decodeCbor } from '../bytes/cbor.ts';
import { Problem } from './problem.ts';

/** Throws Problem with `code` for bytes of another form. */
export function parsePayload<T>(schema: z.ZodType<T>, bytes: Uint8Array, code: 'bad-request' | 'malformed'): T {
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw new Problem(code, 'the payload is not deterministic CBOR', { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  // The names of unknown fields are the sender's text, which belongs in no log.
  const what = issue.code === 'unrecognized_keys' ? 'unknown fields' : issue.message;
  throw new Problem(code, `payload ${issue.path.join('.')}: ${what}`);
}
