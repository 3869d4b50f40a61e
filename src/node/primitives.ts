/** The primitives port on OpenSSL, through node:crypto. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  KeyObject,
  randomFillSync,
  sign,
  verify,
  webcrypto,
} from 'node:crypto';
import type { Primitives, Signer } from '../core/crypto/primitives.ts';
import { hasCanonicalScalar, isPrimeOrderPoint } from '../core/crypto/strict-ed25519.ts';

/** Below this many bytes a digest costs less than handing the buffer to the thread pool. */
const largeBytes = 256 * 1024;
/** Imported keys kept: more than the members of any federation here; an entry is some hundred bytes. */
const cachedKeys = 4096;

/** Key in hex → imported key, or null for a key that is refused. Oldest first. */
const publicKeys = new Map<string, KeyObject | null>();

export const nodePrimitives: Primitives = {
  sha256: bytes => plain(hash('sha256', bytes, 'buffer')),

  async sha256Large(bytes) {
    if (bytes.length < largeBytes) return nodePrimitives.sha256(bytes);
    // TypeScript cannot know that the buffer is not shared; a shared one is refused by the call.
    return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  },

  createSha256() {
    const running = createHash('sha256');
    return { update: chunk => void running.update(chunk), digest: () => plain(running.digest()) };
  },

  verify(publicKey, message, signature) {
    if (publicKey.length !== 32 || !hasCanonicalScalar(signature)) return false;
    const key = importPublicKey(publicKey);
    // OpenSSL recomputes R = S·B − k·A and compares encodings, so that only the canonical R of prime order passes.
    return key !== null && verify(null, message, key, signature);
  },

  randomBytes: count => randomFillSync(new Uint8Array(count)),
};

/** A new Ed25519 key pair, with the private key for storage: PKCS#8 PEM (RFC 8410). Write it to files of mode 0600 only. */
export function generateSigner(): { signer: Signer; privateKey: KeyObject; pkcs8: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pkcs8 = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string; // PEM exports are strings
  return { signer: signerFromPrivateKey(privateKey), privateKey, pkcs8 };
}

/** A signer for an Ed25519 private key: a KeyObject, or PKCS#8 as PEM text or DER bytes. Throws TypeError for any other key. */
export function signerFromPrivateKey(key: KeyObject | string | Uint8Array): Signer {
  const privateKey = key instanceof KeyObject ? key : importPrivateKey(key);
  if (privateKey.type !== 'private' || privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(
      `signer: expected an Ed25519 private key, got ${privateKey.asymmetricKeyType ?? ''} ${privateKey.type}`,
    );
  }
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('signer: the key has no public part');
  return { publicKey: plain(Buffer.from(x, 'base64url')), sign: message => plain(sign(null, message, privateKey)) };
}

function importPrivateKey(key: string | Uint8Array): KeyObject {
  try {
    return typeof key === 'string'
      ? createPrivateKey({ key, format: 'pem' })
      : createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' });
  } catch {
    // The cause is dropped: messages of OpenSSL may quote what they read.
    throw new TypeError('signer: not a PKCS#8 private key');
  }
}

function importPublicKey(publicKey: Uint8Array): KeyObject | null {
  const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('hex');
  const known = publicKeys.get(name);
  if (known !== undefined) return known;
  const x = Buffer.from(publicKey).toString('base64url');
  const key = isPrimeOrderPoint(publicKey)
    ? createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    : null;
  if (publicKeys.size >= cachedKeys) publicKeys.delete(publicKeys.keys().next().value as string); // size > 0: there is a first key
  publicKeys.set(name, key);
  return key;
}

/** A Buffer as what the port promises: its slice() copies. Small buffers of Node share a pool, so the bytes are copied out of it. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer);
}
