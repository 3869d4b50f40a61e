/**
 * The primitives port on noble, for browsers. Slower than OpenSSL (Ed25519 by a factor of 14–20) and, being JavaScript with BigInt, not
 * constant in time: a signer made here must not share a process with code that can time it.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Primitives, Signer } from './primitives.ts';
import { hasCanonicalScalar, isPrimeOrderPoint } from './strict-ed25519.ts';

/** The port on noble. `randomBytes` reaches the platform's CSPRNG (crypto.getRandomValues). */
export function noblePrimitives(randomBytes: (count: number) => Uint8Array): Primitives {
  return {
    sha256: bytes => sha256(bytes),
    sha256Large: async bytes => sha256(bytes),
    createSha256() {
      const hash = sha256.create();
      return { update: chunk => void hash.update(chunk), digest: () => hash.digest() };
    },
    verify(publicKey, message, signature) {
      if (publicKey.length !== 32 || !hasCanonicalScalar(signature)) return false;
      // noble checks the equation with the cofactor; with A and R of prime order the one without it holds as well.
      if (!isPrimeOrderPoint(publicKey) || !isPrimeOrderPoint(signature.subarray(0, 32))) return false;
      return ed25519.verify(signature, message, publicKey, { zip215: false });
    },
    randomBytes,
  };
}

/** A signer for a 32-byte Ed25519 seed (RFC 8032 §5.1.5). The seed is copied. Throws RangeError for another length. */
export function nobleSigner(seed: Uint8Array): Signer {
  if (seed.length !== 32) throw new RangeError(`signer: a seed has 32 bytes, this one has ${seed.length}`);
  const own = Uint8Array.from(seed);
  const publicKey = ed25519.getPublicKey(own);
  return { publicKey, sign: message => ed25519.sign(message, own) };
}
