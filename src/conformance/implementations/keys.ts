/** Cryptographic functions of this build, as the vectors call them. Bytes stand in hexadecimal. */
import { type Aead, hkdfSha256, isHmacSha256, openAead, sealAead, x25519 } from '../../node/key-primitives.ts';
import { nodePrimitives } from '../../node/primitives.ts';
import { type Implementations, refused } from '../case.ts';
import { answering, fromHex, hexOrRefused } from './bytes.ts';

export const keyFunctions: Implementations = {
  'wycheproof/EDDSA/edwards25519': answering(({ publicKey, msg, sig }) => {
    const { pk } = publicKey as { pk: string };
    return nodePrimitives.verify(fromHex(pk), fromHex(msg), fromHex(sig)) || refused;
  }),
  'wycheproof/XDH/curve25519': answering(({ private: own, public: peer }) =>
    hexOrRefused(x25519(fromHex(own), fromHex(peer))),
  ),
  'wycheproof/AES-GCM/256': answering(input => open('aes-256-gcm', input)),
  'wycheproof/CHACHA20-POLY1305': answering(input => open('chacha20-poly1305', input)),
  'wycheproof/HKDF-SHA-256': answering(({ ikm, salt, info, size }) =>
    hexOrRefused(hkdfSha256(fromHex(ikm), fromHex(salt), fromHex(info), Number(size))),
  ),
  'wycheproof/HMACSHA256': answering(({ key, msg, tag, tagSize }) => {
    const expected = fromHex(tag);
    return (expected.length * 8 === tagSize && isHmacSha256(fromHex(key), fromHex(msg), expected)) || refused;
  }),
};

/** Opens the ciphertext; what opens must also seal to the same bytes. */
function open(aead: Aead, input: Readonly<Record<string, unknown>>): unknown {
  const [key, nonce, associated] = [fromHex(input.key), fromHex(input.iv), fromHex(input.aad)];
  const sealed = fromHex(`${input.ct}${input.tag}`);
  const message = openAead(aead, key, nonce, associated, sealed);
  if (message === null) return refused;
  const again = sealAead(aead, key, nonce, associated, message);
  return Buffer.compare(again, sealed) === 0 ? hexOrRefused(message) : 'opens, but seals to other bytes';
}
