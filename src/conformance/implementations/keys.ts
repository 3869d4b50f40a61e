/** Cryptographic functions of this build, as the vectors call them. Bytes stand in hexadecimal. */
import { type Aead, hkdfSha256, isHmacSha256, openAead, sealAead, x25519 } from '../../node/key-primitives.ts';
import { nodePrimitives } from '../../node/primitives.ts';
import { type Implementation, type Implementations, refused } from '../case.ts';

export const keyFunctions: Implementations = {
  'wycheproof/EDDSA/edwards25519': answering(({ publicKey, msg, sig }) => {
    const { pk } = publicKey as { pk: string };
    return nodePrimitives.verify(bytes(pk), bytes(msg), bytes(sig)) || refused;
  }),
  'wycheproof/XDH/curve25519': answering(({ private: own, public: peer }) =>
    hexOrRefused(x25519(bytes(own), bytes(peer))),
  ),
  'wycheproof/AES-GCM/256': answering(input => open('aes-256-gcm', input)),
  'wycheproof/CHACHA20-POLY1305': answering(input => open('chacha20-poly1305', input)),
  'wycheproof/HKDF-SHA-256': answering(({ ikm, salt, info, size }) =>
    hexOrRefused(hkdfSha256(bytes(ikm), bytes(salt), bytes(info), Number(size))),
  ),
  'wycheproof/HMACSHA256': answering(({ key, msg, tag, tagSize }) => {
    const expected = bytes(tag);
    return (expected.length * 8 === tagSize && isHmacSha256(bytes(key), bytes(msg), expected)) || refused;
  }),
};

function answering(run: Implementation['run']): Implementation {
  return { precision: 'exact', run };
}

/** Opens the ciphertext; what opens must also seal to the same bytes. */
function open(aead: Aead, input: Readonly<Record<string, unknown>>): unknown {
  const [key, nonce, associated] = [bytes(input.key), bytes(input.iv), bytes(input.aad)];
  const sealed = bytes(`${input.ct}${input.tag}`);
  const message = openAead(aead, key, nonce, associated, sealed);
  if (message === null) return refused;
  const again = sealAead(aead, key, nonce, associated, message);
  return Buffer.compare(again, sealed) === 0 ? hexOrRefused(message) : 'opens, but seals to other bytes';
}

function bytes(hex: unknown): Uint8Array {
  if (typeof hex !== 'string' || !/^(?:[0-9a-f]{2})*$/i.test(hex))
    throw new TypeError(`conformance: "${String(hex)}" is not hexadecimal`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

function hexOrRefused(value: Uint8Array | null): unknown {
  return value === null ? refused : Buffer.from(value).toString('hex');
}
