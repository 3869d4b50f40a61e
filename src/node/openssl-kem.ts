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
/** PKCS#8 in front of a private key: RFC 9935 (ML-KEM-768, seed only) and RFC 8410 (X25519). */
const latticePrefix = Buffer.from('3054020100300b060960864801650304040204428040', 'hex');
const curvePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
/** SubjectPublicKeyInfo in front of an X25519 public key, RFC 8410. */
const curvePublicPrefix = Buffer.from('302a300506032b656e032100', 'hex');

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
      const publicKey = Uint8Array.from([...jwkBytes(keys.lattice, 'pub'), ...keys.curvePublicKey]);
      const pair = { publicKey, secretKey: seed };
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
      const input = Buffer.concat([latticeSecret, curveSecret, sender, keys.curvePublicKey, label]);
      return Uint8Array.from(hash('sha3-256', input, 'buffer'));
    },
  });
}

function expand(seed: Uint8Array): Expanded {
  const bytes = hash('shake256', seed, { outputEncoding: 'buffer', outputLength: 96 });
  const lattice = privateKey(latticePrefix, bytes.subarray(0, 64));
  const curve = privateKey(curvePrefix, bytes.subarray(64));
  return { lattice, curve, curvePublicKey: jwkBytes(curve, 'x') };
}

function privateKey(prefix: Uint8Array, bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([prefix, bytes]), format: 'der', type: 'pkcs8' });
}

function curvePublicKey(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([curvePublicPrefix, bytes]), format: 'der', type: 'spki' });
}

function jwkBytes(key: KeyObject, field: 'pub' | 'x'): Uint8Array {
  const text = key.export({ format: 'jwk' })[field];
  if (typeof text !== 'string') throw new TypeError(`X-Wing: the key has no ${field}`);
  return Buffer.from(text, 'base64url');
}
