/**
 * The primitives of secure aggregation on noble: where WebAssembly is not allowed, and as a second opinion on the other ports. Ten times
 * slower than libsodium, its lattices not audited, and not constant in time.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { checkedBoxes } from './chacha-box.ts';
import type { GroupPrimitives } from './group-primitives.ts';
import { nobleHkdf } from './noble-hkdf.ts';
import type { Primitives } from './primitives.ts';
import { checkedKem } from './xwing.ts';

/** The port on noble, with the digests, signatures and random bytes of `primitives`. */
export function nobleGroupPrimitives(primitives: Primitives): GroupPrimitives {
  return {
    ...primitives,
    hkdf: nobleHkdf,
    kem: nobleKem,
    ...nobleBoxes,
  };
}

const nobleBoxes = checkedBoxes({
  seal: (key, nonce, plaintext, associated) => chacha20poly1305(key, nonce, associated).encrypt(plaintext),
  open: (key, nonce, sealed, associated) => chacha20poly1305(key, nonce, associated).decrypt(sealed),
});

const nobleKem = checkedKem({
  keyPair: seed => ({ publicKey: ml_kem768_x25519.keygen(seed).publicKey, secretKey: seed }),
  encapsulate(publicKey, coins) {
    const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey, coins);
    return { ciphertext: cipherText, secret: sharedSecret };
  },
  decapsulate: (ciphertext, { secretKey }) => ml_kem768_x25519.decapsulate(ciphertext, secretKey),
});
