/**
 * Stand-ins for the primitives of group sessions, for simulations of very many of them: they have the sizes and the behaviour of the real
 * ones towards honest parties and damaged bytes, and protect NOTHING. Anybody can read what they seal and sign what they verify.
 */
import type { GroupPrimitives, Kem } from '../core/crypto/group-primitives.ts';
import type { Signer } from '../core/crypto/primitives.ts';

type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** A port whose digests are real and whose everything else is a digest. @param randomBytes seeded: it is asked for secrets. */
export function standInPrimitives(sha256: Sha256, randomBytes: (count: number) => Uint8Array): GroupPrimitives {
  const tag = (key: Uint8Array, nonce: Uint8Array, text: Uint8Array, associated: Uint8Array): Uint8Array =>
    hashOf(sha256, 'tag', key, nonce, text, associated).subarray(0, 16);
  const veil = (key: Uint8Array, text: Uint8Array): Uint8Array => {
    const stream = expanded(sha256, hashOf(sha256, 'veil', key), text.length);
    return text.map((byte, i) => byte ^ stream[i]);
  };
  return {
    sha256,
    sha256Large: bytes => Promise.resolve(sha256(bytes)),
    createSha256() {
      const chunks: Uint8Array[] = [];
      return {
        update: chunk => void chunks.push(chunk.slice()),
        digest: () => sha256(joined(chunks)),
      };
    },
    verify: (publicKey, message, signature) =>
      hashOf(sha256, 'signature', publicKey, message).every((byte, i) => byte === signature[i]) &&
      signature.length === 64 &&
      signature.subarray(32).every(byte => byte === 0),
    randomBytes,
    hkdf: (key, salt, info, length) => expanded(sha256, hashOf(sha256, 'hkdf', key, salt, info), length),
    kem: standInKem(sha256),
    seal: (key, nonce, plaintext, associated) => {
      const text = veil(key, plaintext);
      return joined([text, tag(key, nonce, text, associated)]);
    },
    open(key, nonce, sealed, associated) {
      if (sealed.length < 16) return null;
      const text = sealed.subarray(0, -16);
      const expected = tag(key, nonce, text, associated);
      return expected.every((byte, i) => byte === sealed[text.length + i]) ? veil(key, text) : null;
    },
  };
}

/** A signer whose signatures the stand-in verifies. */
export function standInSigner(sha256: Sha256, seed: Uint8Array): Signer {
  const publicKey = hashOf(sha256, 'signer', seed);
  return {
    publicKey,
    sign: message => joined([hashOf(sha256, 'signature', publicKey, message), new Uint8Array(32)]),
  };
}

/** The secret follows from public key and ciphertext alone: a damaged ciphertext, or another key, gives another one. */
function standInKem(sha256: Sha256): Kem {
  // Without the highest bit of every four, so that coefficients are within the field of ML-KEM.
  const publicKeyOf = (seed: Uint8Array): Uint8Array =>
    expanded(sha256, hashOf(sha256, 'key', seed), 1216).map(byte => byte & 0x77);
  const secretOf = (publicKey: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
    hashOf(sha256, 'secret', publicKey, ciphertext);
  return {
    keyPair: seed => ({ publicKey: publicKeyOf(expectBytes(seed, 32)), secretKey: seed.slice() }),
    encapsulate(publicKey, coins) {
      expectBytes(publicKey, 1216);
      const ciphertext = expanded(sha256, hashOf(sha256, 'coins', publicKey, expectBytes(coins, 64)), 1120);
      return { ciphertext, secret: secretOf(publicKey, ciphertext) };
    },
    decapsulate: (ciphertext, { publicKey }) => secretOf(publicKey, expectBytes(ciphertext, 1120)),
  };
}

function expectBytes(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`stand-in: ${bytes.length} bytes, not ${length}`);
  return bytes;
}

/** Digest of a purpose and parts, each with its length before it. */
function hashOf(sha256: Sha256, purpose: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const framed = parts.flatMap(part => [new Uint8Array(Uint32Array.of(part.length).buffer), part]);
  return sha256(joined([new TextEncoder().encode(`${purpose}\n`), ...framed]));
}

/** A digest repeated: long enough, as different as the digests are, and quick. */
function expanded(sha256: Sha256, seed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  const block = length <= seed.length ? seed : sha256(seed);
  for (let at = 0; at < length; at += block.length) out.set(block.subarray(0, length - at), at);
  return out;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
