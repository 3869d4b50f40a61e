/** HKDF-SHA256 on noble. */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';

/** `length` bytes, 1–8160, of key material `key`, extracted with `salt` and bound to `info` (RFC 5869 §2). Throws RangeError for another length. */
export function nobleHkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 1 || length > 255 * 32)
    throw new RangeError(`HKDF: 1 to 8160 bytes, not ${length}`);
  return hkdf(sha256, key, salt, info, length);
}
