/** The primitives of secure aggregation on libsodium in WebAssembly: for browsers, and for what OpenSSL does not offer or starts slowly. */
import sodium from 'libsodium-wrappers-sumo';
import { checkedBoxes } from './chacha-box.ts';
import type { GroupPrimitives } from './group-primitives.ts';
import { nobleHkdf } from './noble-hkdf.ts';
import type { Primitives } from './primitives.ts';
import { checkedKem } from './xwing.ts';

/** The port on libsodium, with the digests, signatures and random bytes of `primitives`. Rejects where WebAssembly cannot run. */
export async function sodiumGroupPrimitives(primitives: Primitives): Promise<GroupPrimitives> {
  await sodium.ready;
  return {
    ...primitives,
    hkdf: nobleHkdf,
    kem: sodiumKem,
    ...sodiumBoxes,
  };
}

const sodiumBoxes = checkedBoxes({
  seal: (key, nonce, plaintext, associated) =>
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, associated, null, nonce, key),
  open: (key, nonce, sealed, associated) =>
    sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, associated, nonce, key),
});

const sodiumKem = checkedKem({
  keyPair: seed => ({ publicKey: sodium.crypto_kem_xwing_seed_keypair(seed).publicKey, secretKey: seed }),
  encapsulate(publicKey, coins) {
    const { ciphertext, sharedSecret } = sodium.crypto_kem_xwing_enc_deterministic(publicKey, coins);
    return { ciphertext, secret: sharedSecret };
  },
  decapsulate: (ciphertext, { secretKey }) => sodium.crypto_kem_xwing_dec(ciphertext, secretKey),
});
