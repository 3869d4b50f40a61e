/** Requests and answers of a simulated session as bytes. */
import { decodeCbor, encodeCbor } from '../core/bytes/cbor.ts';
import type { ProblemCode } from '../core/protocol/problem.ts';

export type GroupRequest =
  /** An encoded envelope, and what follows it. */
  | { readonly kind: 'send'; readonly head: Uint8Array; readonly body: Uint8Array }
  /** What comes after the message with this label? */
  | { readonly kind: 'next'; readonly after: string };

export type GroupReply =
  /** Of `send`: digest of the head that is stored. */
  | { readonly kind: 'receipt'; readonly of: Uint8Array }
  /** Of `next`: an encoded envelope; or nothing yet. */
  | { readonly kind: 'told'; readonly envelope: Uint8Array }
  | { readonly kind: 'empty' }
  | { readonly kind: 'problem'; readonly code: ProblemCode };

export const encodeWire = (message: GroupRequest | GroupReply): Uint8Array => encodeCbor(message);

/** Null for bytes that are no message: what TLS keeps from arriving at all. Fields are not checked further: signatures do that. */
export function decodeWire<T extends GroupRequest | GroupReply>(bytes: Uint8Array): T | null {
  try {
    const value = decodeCbor(bytes);
    return isMessage(value) ? (value as T) : null;
  } catch {
    return null;
  }
}

function isMessage(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  const form = forms[value.kind as keyof typeof forms];
  const fields = Object.entries(value);
  return (
    form !== undefined &&
    fields.length === Object.keys(form).length &&
    fields.every(([name, field]) => {
      const expected = form[name as keyof typeof form] as 'text' | 'bytes' | undefined;
      return expected === 'text' ? typeof field === 'string' : expected === 'bytes' && field instanceof Uint8Array;
    })
  );
}

const forms = {
  send: { kind: 'text', head: 'bytes', body: 'bytes' },
  next: { kind: 'text', after: 'text' },
  receipt: { kind: 'text', of: 'bytes' },
  told: { kind: 'text', envelope: 'bytes' },
  empty: { kind: 'text' },
  problem: { kind: 'text', code: 'text' },
} as const;
