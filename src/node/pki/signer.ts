/** Ed25519 keys of this process: making them, reading them, and the Signer port over them. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { Signer } from '../../core/crypto/primitives.ts';

/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410 §4). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** A new Ed25519 private key from the operating system's CSPRNG. */
export function createKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

/** PKCS #8 PEM of a private key. */
export function privateKeyPem(key: KeyObject): string {
  // A PEM export is text.
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** The Ed25519 private key in a PKCS #8 PEM text. Throws TypeError for any other kind of key. */
export function parsePrivateKey(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new TypeError(`expected an Ed25519 key, found ${key.asymmetricKeyType}`);
  return key;
}

/** The Signer of an Ed25519 private key. */
export function signerOf(key: KeyObject): Signer {
  const publicKey = rawPublicKey(key);
  return { publicKey, sign: message => new Uint8Array(sign(null, message, key)) };
}

/** The 32 bytes of an Ed25519 public key, from either half. Throws TypeError for other kinds of key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const raw = rawFromSpki(publicKey.export({ type: 'spki', format: 'der' }));
  if (raw === null) throw new TypeError(`expected an Ed25519 key, found ${key.asymmetricKeyType}`);
  return raw;
}

/** The 32 bytes inside the SubjectPublicKeyInfo of an Ed25519 key, or null for any other encoding. */
export function rawFromSpki(spki: Uint8Array): Uint8Array | null {
  if (spki.length !== spkiPrefix.length + 32 || !spkiPrefix.equals(spki.subarray(0, spkiPrefix.length))) return null;
  return new Uint8Array(spki.subarray(spkiPrefix.length));
}

/** The public key object of 32 raw bytes. */
export function publicKeyFromRaw(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiPrefix, raw]), format: 'der', type: 'spki' });
}
