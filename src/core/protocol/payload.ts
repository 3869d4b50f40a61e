/** Reading a payload: deterministic CBOR of a declared form, and nothing else. */
import type { z } from 'zod';
import { type Cbor, CborError, decodeCbor, viewCbor } from '../bytes/cbor.ts';
import { Problem } from './problem.ts';

/** Throws Problem with `code` for bytes of another form. */
export function parsePayload<T>(schema: z.ZodType<T>, bytes: Uint8Array, code: 'bad-request' | 'malformed'): T {
  return parsed(schema, bytes, decodeCbor, code);
}

/** As `parsePayload`, with views of `bytes` for byte strings: for long lists, and bytes that do not change any more. */
export function viewPayload<T>(schema: z.ZodType<T>, bytes: Uint8Array, code: 'bad-request' | 'malformed'): T {
  return parsed(schema, bytes, viewCbor, code);
}

function parsed<T>(
  schema: z.ZodType<T>,
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => Cbor,
  code: 'bad-request' | 'malformed',
): T {
  let value: unknown;
  try {
    value = decode(bytes);
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
