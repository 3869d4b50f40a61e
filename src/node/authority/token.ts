/** Invitation tokens: 32 random bytes, then the fingerprint of the root that the invited may trust. */
import { createHash, randomBytes } from 'node:crypto';
import { UserError } from '../../core/protocol/problem.ts';

export interface Token {
  /** All 64 bytes: what the authority is shown. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the root certificate, 32 bytes. */
  readonly fingerprint: Uint8Array;
}

/** A new token, base64url without padding (86 characters). Only its hash is ever stored. */
export function createToken(fingerprint: Uint8Array): string {
  if (fingerprint.length !== 32) throw new RangeError(`token: the fingerprint has ${fingerprint.length} bytes, not 32`);
  return Buffer.concat([randomBytes(32), fingerprint]).toString('base64url');
}

/** Reads a token as people paste it: space around it is ignored. Throws UserError; the message does not repeat the token. */
export function parseToken(text: string): Token {
  const bytes = Buffer.from(text.trim(), 'base64url');
  // Node's decoder skips what it does not know; encoding again shows it.
  if (bytes.length !== 64 || bytes.toString('base64url') !== text.trim()) {
    throw new UserError(
      'token',
      'this is not an invitation',
      'Copy the whole token that parley invite printed, or ask for a new one.',
    );
  }
  return { bytes: new Uint8Array(bytes), fingerprint: new Uint8Array(bytes.subarray(32)) };
}

/** What the registry keeps of a token. */
export function tokenHash(token: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest());
}
