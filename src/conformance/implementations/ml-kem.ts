/**
 * ML-KEM-768 (FIPS 203) of the libraries that X-Wing is built on here: OpenSSL, libsodium, noble. This build itself never takes an expanded
 * key: a key is a seed.
 */
import { createPrivateKey, decapsulate } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import sodium from 'libsodium-wrappers-sumo';
import type { Implementations } from '../case.ts';
import { answering, fromHex, hexOrRefused } from './bytes.ts';
import { agreed } from './every-port.ts';

const [expandedBytes, ciphertextBytes] = [2400, 1088];

export const mlKemFunctions: Implementations = {
  // libsodium trusts an expanded key, and is asked for none here.
  'wycheproof/ML-KEM/ML-KEM-768/MLKEMDecapsValidationTest': answering(({ dk, c }) => {
    const [key, ciphertext] = [fromHex(dk), fromHex(c)];
    if (key.length !== expandedBytes || ciphertext.length !== ciphertextBytes)
      throw new RangeError(`ml-kem: ${key.length} bytes of key, ${ciphertext.length} of ciphertext`);
    return agreed([
      () => hexOrRefused(orNull(() => decapsulate(opensslKey(key), ciphertext))),
      () => hexOrRefused(orNull(() => ml_kem768.decapsulate(ciphertext, key))),
    ]);
  }),
  'cctv/ML-KEM-768': answering(async ({ dk, ek, m, c: given }) => {
    await sodium.ready;
    const key = fromHex(dk);
    if (ek === undefined) return { K: secretOf(key, fromHex(given)) };
    const { c, K } = agreed([
      () => sodiumEncapsulation(fromHex(ek), fromHex(m)),
      () => nobleEncapsulation(fromHex(ek), fromHex(m)),
    ]) as Encapsulation;
    return { c, K: secretOf(key, fromHex(c)) === K ? K : 'decapsulates to another secret' };
  }),
};

interface Encapsulation {
  readonly c: string;
  readonly K: string;
}

/** PKCS#8 in front of an expanded key: RFC 9935. */
const expandedPrefix = fromHex('30820978020100300b06096086480165030404020482096404820960');

function opensslKey(expanded: Uint8Array) {
  return createPrivateKey({ key: Buffer.concat([expandedPrefix, expanded]), format: 'der', type: 'pkcs8' });
}

function sodiumEncapsulation(publicKey: Uint8Array, coins: Uint8Array): Encapsulation {
  const { ciphertext, sharedSecret } = sodium.crypto_kem_mlkem768_enc_deterministic(publicKey, coins);
  return { c: toHex(ciphertext), K: toHex(sharedSecret) };
}

function nobleEncapsulation(publicKey: Uint8Array, coins: Uint8Array): Encapsulation {
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, coins);
  return { c: toHex(cipherText), K: toHex(sharedSecret) };
}

function secretOf(key: Uint8Array, ciphertext: Uint8Array): unknown {
  return agreed([
    () => toHex(decapsulate(opensslKey(key), ciphertext)),
    () => toHex(sodium.crypto_kem_mlkem768_dec(ciphertext, key)),
    () => toHex(ml_kem768.decapsulate(ciphertext, key)),
  ]);
}

/** Null for a key that the library turns down: sizes are right, so that nothing else is left to throw for. */
function orNull(open: () => Uint8Array): Uint8Array | null {
  try {
    return open();
  } catch {
    return null;
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
