/** Keys and sealing on OpenSSL: key agreement, message authentication, authenticated encryption. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  timingSafeEqual,
} from 'node:crypto';

/** The AEADs in use: 32-byte key, 12-byte nonce, 16-byte tag behind the ciphertext. A nonce serves one message per key, ever. */
export type Aead = 'aes-256-gcm' | 'chacha20-poly1305';

const tagBytes = 16;

/** HMAC-SHA-256 (RFC 2104), 32 bytes. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  return Uint8Array.from(createHmac('sha256', key).update(message).digest());
}

/** True when `tag` is the HMAC of the message, or a prefix of it of at least 16 bytes. Constant in time for a given length. */
export function isHmacSha256(key: Uint8Array, message: Uint8Array, tag: Uint8Array): boolean {
  if (tag.length < tagBytes || tag.length > 32) return false;
  return timingSafeEqual(hmacSha256(key, message).subarray(0, tag.length), tag);
}

/**
 * X25519 (RFC 7748 §6.1): the secret shared by the holder of `privateKey` and of `publicKey`, 32 bytes each. Null when the peer's
 * key is of small order: the secret would be zero, known to everyone. Throws RangeError for wrong lengths.
 */
export function x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null {
  if (privateKey.length !== 32 || publicKey.length !== 32) throw new RangeError('x25519: a key has 32 bytes');
  const ours = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, privateKey]), format: 'der', type: 'pkcs8' });
  const theirs = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
  let secret: Uint8Array;
  try {
    secret = diffieHellman({ privateKey: ours, publicKey: theirs });
  } catch (error) {
    // OpenSSL refuses the zero secret itself; both keys were imported, so that nothing else is left to fail here.
    if ((error as NodeJS.ErrnoException).code?.startsWith('ERR_OSSL_')) return null;
    throw error;
  }
  return secret.every(byte => byte === 0) ? null : Uint8Array.from(secret);
}

/** Encrypts and authenticates; gives ciphertext ‖ tag. Throws RangeError for a key or nonce of another length. */
export function sealAead(
  aead: Aead,
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  checkLengths(key, nonce);
  const cipher = createCipheriv(aead as 'aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(associated, { plaintextLength: message.length });
  return Uint8Array.from(Buffer.concat([cipher.update(message), cipher.final(), cipher.getAuthTag()]));
}

/** Opens what `sealAead` sealed; null when anything was altered. Throws RangeError for a key or nonce of another length. */
export function openAead(
  aead: Aead,
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null {
  checkLengths(key, nonce);
  if (sealed.length < tagBytes) return null;
  const split = sealed.length - tagBytes;
  const decipher = createDecipheriv(aead as 'aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(associated, { plaintextLength: split });
  decipher.setAuthTag(sealed.subarray(split));
  const message = decipher.update(sealed.subarray(0, split));
  try {
    return Uint8Array.from(Buffer.concat([message, decipher.final()]));
  } catch {
    // The one thing that final() reports is a wrong tag. What was decrypted so far is dropped.
    return null;
  }
}

/** DER around a raw X25519 key (RFC 8410 §7, §4). */
const pkcs8Prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
const spkiPrefix = Buffer.from('302a300506032b656e032100', 'hex');

function checkLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== 32) throw new RangeError(`aead: a key has 32 bytes, this one has ${key.length}`);
  if (nonce.length !== 12) throw new RangeError(`aead: a nonce has 12 bytes, this one has ${nonce.length}`);
}
