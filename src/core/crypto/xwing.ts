/** Sizes of X-Wing (draft-connolly-cfrg-xwing-kem §5), and the checks that every port makes of what it is given. */
import type { Kem } from './group-primitives.ts';
import { hasLowOrder } from './low-order.ts';

const seedBytes = 32;
const coinsBytes = 64;
/** ML-KEM-768 encapsulation key (FIPS 203 §8), then X25519 public key. */
export const latticeKeyBytes = 1184;
const publicKeyBytes = latticeKeyBytes + 32;
/** ML-KEM-768 ciphertext, then X25519 public key of the sender. */
export const latticeCiphertextBytes = 1088;
const ciphertextBytes = latticeCiphertextBytes + 32;
/** The field of ML-KEM (FIPS 203 §2.3). */
const fieldSize = 3329;

/**
 * Whether every port encapsulates to these bytes, found out without doing it: coefficients within the field (FIPS 203 §7.2) and a point of
 * X25519 that is not of low order. Takes any input.
 */
export function isEncapsulationKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== publicKeyBytes || hasLowOrder(publicKey)) return false;
  // Three bytes hold two coefficients of 12 bits; the last 32 bytes of the lattice's half are a seed.
  for (let at = 0; at < latticeKeyBytes - 32; at += 3) {
    const low = publicKey[at] | ((publicKey[at + 1] & 15) << 8);
    const high = (publicKey[at + 1] >> 4) | (publicKey[at + 2] << 4);
    if (low >= fieldSize || high >= fieldSize) return false;
  }
  return true;
}

/** What `Kem` promises, around a library that throws whatever it likes. Sizes are right when `library` is called; seeds are copies. */
export function checkedKem(library: Kem): Kem {
  return {
    keyPair(seed) {
      expectBytes('seed', seed, seedBytes);
      return library.keyPair(Uint8Array.from(seed));
    },
    encapsulate(publicKey, coins) {
      expectBytes('public key', publicKey, publicKeyBytes);
      expectBytes('string of coins', coins, coinsBytes);
      return refusing('public key', () => library.encapsulate(publicKey, coins));
    },
    decapsulate(ciphertext, keyPair) {
      expectBytes('ciphertext', ciphertext, ciphertextBytes);
      expectBytes('seed', keyPair.secretKey, seedBytes);
      return refusing('ciphertext', () => library.decapsulate(ciphertext, keyPair));
    },
  };
}

function expectBytes(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`X-Wing: a ${what} has ${length} bytes, this one ${bytes.length}`);
}

/** Sizes were right, so what a library throws is about a key outside the field or a point of low order. */
function refusing<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw new RangeError(`X-Wing: no valid ${what}`, { cause });
  }
}
