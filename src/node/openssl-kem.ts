/** X-Wing with the halves of OpenSSL 3.5, through node:crypto. */
import { createPrivateKey, createPublicKey, decapsulate, diffieHellman, hash, type KeyObject } from 'node:crypto';
import type { Kem, KemKeyPair } from '../core/crypto/group-primitives.ts';
import { checkedKem, latticeCiphertextBytes } from '../core/crypto/xwing.ts';

/** What a seed expands to (§5.2). Node cannot wipe these keys: they go with the last reference to their pair. */
interface Expanded {
  readonly lattice: KeyObject;
  readonly curve: KeyObject;
  readonly curvePublicKey: Uint8Array;
}

/** `\.//^\` (§5.3). */
const label = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c);
/** PKCS#8 in front of the seed of an ML-KEM-768 key (RFC 9935 §6). */
const seedPrefix = Buffer.from('3054020100300b060960864801650304040204428040', 'hex');

/** True where node:crypto has ML-KEM: Node 24.7 and later, built with OpenSSL 3.5. */
export function opensslHasLattices(): boolean {
  try {
    expand(new Uint8Array(32));
    return typeof decapsulate === 'function';
  } catch {
    return false;
  }
}

/**
 * The port on OpenSSL; `encapsulate` comes from elsewhere, since OpenSSL draws its own coins. A pair keeps its expanded keys as long as it
 * lives, so that decapsulating does not expand them each time.
 */
export function opensslKem(encapsulate: Kem['encapsulate']): Kem {
  const expanded = new WeakMap<KemKeyPair, Expanded>();
  return checkedKem({
    keyPair(seed) {
      const keys = expand(seed);
      const pair = { publicKey: joined(jwkBytes(keys.lattice, 'pub'), keys.curvePublicKey), secretKey: seed };
      expanded.set(pair, keys);
      return pair;
    },
    encapsulate,
    decapsulate(ciphertext, keyPair) {
      let keys = expanded.get(keyPair);
      if (keys === undefined) {
        keys = expand(keyPair.secretKey);
        expanded.set(keyPair, keys);
      }
      const sender = ciphertext.subarray(latticeCiphertextBytes);
      // OpenSSL refuses a secret of zeros.
      const curveSecret = diffieHellman({ privateKey: keys.curve, publicKey: curvePublicKey(sender) });
      const latticeSecret = decapsulate(keys.lattice, ciphertext.subarray(0, latticeCiphertextBytes));
      return Uint8Array.from(
        hash('sha3-256', joined(latticeSecret, curveSecret, sender, keys.curvePublicKey, label), 'buffer'),
      );
    },
  });
}

function expand(seed: Uint8Array): Expanded {
  const bytes = hash('shake256', seed, { outputEncoding: 'buffer', outputLength: 96 });
  const key = Buffer.concat([seedPrefix, bytes.subarray(0, 64)]);
  const curve = curvePrivateKey(bytes.subarray(64));
  return {
    // Twice as fast as the format raw-seed.
    lattice: createPrivateKey({ key, format: 'der', type: 'pkcs8' }),
    curve,
    curvePublicKey: jwkBytes(curve, 'x'),
  };
}

function curvePrivateKey(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(bytes), format: 'raw-private', asymmetricKeyType: 'x25519' });
}

function curvePublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(bytes), format: 'raw-public', asymmetricKeyType: 'x25519' });
}

function jwkBytes(key: KeyObject, field: 'pub' | 'x'): Uint8Array {
  const text = key.export({ format: 'jwk' })[field];
  if (typeof text !== 'string') throw new TypeError(`X-Wing: the key has no ${field}`);
  return Buffer.from(text, 'base64url');
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
