/** The primitives that secure aggregation in groups needs beyond `Primitives`, as ports: OpenSSL and libsodium in Node, noble elsewhere. */
import type { Primitives } from './primitives.ts';

/** A pair of X-Wing. */
export interface KemKeyPair {
  /** 1216 bytes: ML-KEM-768 encapsulation key (1184), X25519 public key (32). */
  readonly publicKey: Uint8Array;
  /** The 32-byte seed that everything else is derived from. */
  readonly secretKey: Uint8Array;
}

/**
 * X-Wing, the hybrid of X25519 and ML-KEM-768 (draft-connolly-cfrg-xwing-kem §5): secret as long as either half holds. Every port throws
 * RangeError for input of another length, for an encapsulation key with a coefficient outside the field (FIPS 203 §7.2) and where
 * X25519 gives zero (a point of low order, RFC 7748 §6.1).
 */
export interface Kem {
  /** The pair of a 32-byte seed. The seed is copied. */
  keyPair(seed: Uint8Array): KemKeyPair;
  /**
   * A secret of 32 bytes for the holder of `publicKey`, and the 1120 bytes that carry it. `coins` are 64 bytes, used once: the same key and
   * coins give the same ciphertext, so that whoever learns them can check it.
   */
  encapsulate(
    publicKey: Uint8Array,
    coins: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array };
  /**
   * The secret of a ciphertext. One made for another key, or changed on the way, gives a secret that nobody else has (implicit rejection),
   * not an error. Quick for the pairs that `keyPair` returned: a port may keep what it derived beside them.
   */
  decapsulate(ciphertext: Uint8Array, keyPair: KemKeyPair): Uint8Array;
}

export interface GroupPrimitives extends Primitives {
  /** HKDF-SHA256 (RFC 5869): `length` bytes, 1–8160, of key material `key`, extracted with `salt` (may be empty) and bound to `info`. */
  hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  readonly kem: Kem;
  /** ChaCha20-Poly1305 (RFC 8439 §2.8): `key` 32 bytes, `nonce` 12 bytes, once for each key. Returns ciphertext and tag, 16 bytes longer. */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array;
  /** What was sealed, or null when any part of it is not what was sealed. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null;
}

/** Keystream of AES-256-CTR with IV 0: a key has 32 bytes and is used for one stream only. */
export interface Keystream {
  /** A reader of the stream of `key` from byte `fromByte` on (default 0). The key is copied. Throws RangeError for another length. */
  open(
    key: Uint8Array,
    fromByte?: number,
  ): {
    /**
     * Overwrites `target` with the next bytes of the stream. One call at a time: where it answers a promise, the target is full, and the next
     * call due, when that resolves.
     */
    fill(target: Uint8Array): void | Promise<void>;
  };
}
