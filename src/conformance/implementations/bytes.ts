/** Bytes as the vectors write them. */
import { type Implementation, refused } from '../case.ts';

/** An implementation whose result is compared exactly. */
export function answering(run: Implementation['run']): Implementation {
  return { precision: 'exact', run };
}

/** The bytes of hexadecimal digits. Throws TypeError for anything else: a broken vector is no refusal. */
export function fromHex(hex: unknown): Uint8Array {
  if (typeof hex !== 'string' || !/^(?:[0-9a-f]{2})*$/i.test(hex))
    throw new TypeError(`conformance: "${String(hex)}" is not hexadecimal`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** The digits of the bytes; null stands for what was turned down. */
export function hexOrRefused(value: Uint8Array | null): unknown {
  return value === null ? refused : Buffer.from(value).toString('hex');
}
